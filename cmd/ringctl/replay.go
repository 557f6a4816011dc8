package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func newReplay() *cobra.Command {
	r := &replay{speed: newParsed("max|FACTOR", "max", parseSpeed)}
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Publish the trades of recordings",
		Long: `Publish the trades of recordings (IEX TOPS 1.6 captures, Binance streams; plain or gzip) to a
segment, which is created, or taken over if it exists and has no writer. One that exists keeps its
slots; its record numbers go on.

At the end, however it comes, the ring is marked closed, and the last line on stdout is
"published=N volume=V": the number of records published by this run and the sum of their volumes,
breaks included. Damaged data ends the replay, with exit code 1, behind the last good record.
SIGINT, SIGTERM and SIGHUP end it with exit code 130, 143 and 129.

With --speed FACTOR records are published at the pace of their timestamps, each file from its first
one on; a timestamp before that of the first record does not wait.`,
		Example: `  ringctl replay iex_TOPS16.pcapng.gz
  ringctl replay --symbol AAPL --speed 1 iex_TOPS16.pcapng.gz    # in real time
  ringctl replay --speed max --loop 1000 --slots 64 trades.gz    # load for a test
  ringctl replay --loop 0 --speed 10 --unlink trades.gz          # until Ctrl-C; leave nothing`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs at least one FILE to replay", cmd.CommandPath())
			}
			return nil
		},
		RunE: r.run,
	}
	r.segment.register(cmd)
	cmd.Flags().Var(r.speed, "speed", "max, or how much faster than the recording: 1 is real time")
	cmd.Flags().StringVar(&r.feed.Symbol, "symbol", "", "publish the trades of this symbol only, spelled as in the recording")
	cmd.Flags().IntVar(&r.loop, "loop", 1, "how often to publish the files; 0 is until interrupted")
	cmd.Flags().BoolVar(&r.unlink, "unlink", false, "remove the segment at the end")
	cmd.Flags().Int64Var(&r.feed.VolumeScale, "volume-scale", 1, "multiply quantities by this, to keep fractions as whole units")
	cmd.Flags().BoolVar(&r.feed.Breaks, "breaks", false, "publish trade breaks too, as records that are not valid")
	return cmd
}

type replay struct {
	segment segmentFlags
	speed   *parsed[float64]
	feed    feed.Options
	loop    int
	unlink  bool
}

// run replays and, unless it was called wrongly, ends with the line that scripts read.
func (r *replay) run(cmd *cobra.Command, files []string) error {
	switch {
	case r.loop < 0:
		return usageError{fmt.Errorf("--loop %d: give 0 for no end, or how often", r.loop)}
	case r.feed.VolumeScale < 1:
		return usageError{fmt.Errorf("--volume-scale %d: give 1 or more", r.feed.VolumeScale)}
	}
	if _, err := r.segment.geometry(); err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	p := &publisher{loop: r.loop, progress: &progress{passes: r.loop}}
	if r.speed.value != maxSpeed {
		p.pace = &pacer{factor: r.speed.value}
	}
	err := r.replay(ctx, cmd, files, p)
	if isUsage(err) {
		return err
	}
	if err != nil {
		report(cmd, err)
	}
	_, lineErr := fmt.Fprintf(cmd.OutOrStdout(), "published=%d volume=%d\n", p.progress.published.Load(), p.volume)
	if err != nil {
		return exitError(exitCode(err))
	}
	return stdout(lineErr)
}

func (r *replay) replay(ctx context.Context, cmd *cobra.Command, files []string, p *publisher) error {
	readers, err := await(ctx, func() ([]*feed.Reader, error) { return openRecordings(files, r.feed) })
	if err != nil {
		return err
	}
	seg, err := r.segment.obtain(cmd)
	if err != nil {
		return err
	}
	defer seg.Close()
	err = r.publish(ctx, cmd, readers, seg, p)
	if r.unlink {
		// While this process has the writer's lock: nobody takes over what is being removed.
		err = errors.Join(err, segment.Unlink(seg.Name()))
	}
	return err
}

func (r *replay) publish(ctx context.Context, cmd *cobra.Command, readers []*feed.Reader, seg *segment.Segment, p *publisher) error {
	// The thread's cache and timers are the writer's for as long as it publishes.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := seg.Guard(func() (err error) { p.writer, err = ring.NewWriter[ring.TradingData](seg); return err })
	if err != nil {
		return about(seg, "publish to", err)
	}
	p.progress.size = inputSize(readers)
	stopShowing := p.progress.show(os.Stderr)
	err = seg.Guard(func() error { return p.run(ctx, decode(ctx, readers)) })
	elapsed := time.Since(p.progress.began)
	// Guarded by itself: after a truncation the header may still be there to say "closed".
	if closeErr := seg.Guard(p.writer.Close); err == nil {
		err = closeErr
	}
	stopShowing()

	published := p.progress.published.Load()
	w := cmd.ErrOrStderr()
	fmt.Fprintf(w, "published %d records in %v, %s\n", published, elapsed.Round(time.Microsecond), rateText(float64(published)/elapsed.Seconds()))
	r.sayLeftOut(w, p.counts)
	if err == nil && published == 0 && p.counts.filtered > 0 {
		err = fmt.Errorf("no trade of symbol %q, but %d of others: spell it as in the recording", r.feed.Symbol, p.counts.filtered)
	}
	return err
}

// sayLeftOut tells what the recordings lack, and what they have that was not published.
func (r *replay) sayLeftOut(w io.Writer, c counts) {
	if c.gaps > 0 {
		fmt.Fprintf(w, "sequence gaps in the recording: %d, messages lost in them: %d\n", c.gaps, c.lost)
	}
	if c.breaks > 0 && !r.feed.Breaks {
		fmt.Fprintf(w, "trade breaks skipped: %d (--breaks publishes them)\n", c.breaks)
	}
	if c.filtered > 0 {
		fmt.Fprintf(w, "trades of other symbols skipped: %d\n", c.filtered)
	}
	if c.unknown > 0 {
		fmt.Fprintf(w, "messages of unknown types skipped: %d\n", c.unknown)
	}
}
