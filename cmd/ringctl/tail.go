package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

const (
	outputBuffer = 64 << 10 // what a pipe takes at once
	// noticePeriod is how long a notice may wait while there are always records: a reader that is
	// lapped all the time must not lose more by telling.
	noticePeriod = 100 * time.Millisecond
)

func newTail() *cobra.Command {
	t := &tail{
		from:   newParsed("POSITION", "oldest", parsePosition),
		resume: newParsed("POSITION", "oldest", parseResume),
		wait:   newParsed("HOW", "backoff", parseWait),
		format: newParsed("FORMAT", formatText, oneOf(formatText, formatJSON, formatCSV, formatRaw)),
	}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow a segment's records",
		Long: `Follow a segment's records, one a line, until the count is reached, the writer closes the ring, or
a signal comes. A writer that dies is waited for: another may take over.

Events go to stderr: each range of records that was lost because the writer was a whole lap ahead,
each takeover, and, last of all, the line "received=N missed=M". The two add up to the number of
records published from the first position on. With --strict, missed records make the exit code 3.

Formats: text is number, time, price, volume and whether the trade is valid; json is an object a
line; csv has a header line; raw is the record's bytes as they are stored. Records of other types
are decoded by the schema in their segment; their text is the number and a name=value for each field.

A segment of a program from before the ring is followed too: each change of its one record, which
is looked at each millisecond or as --wait says. It has no version, so nothing protects the record
against being read half old, half new, and losses cannot be seen.`,
		Example: `  ringctl tail                                    # all that the ring holds, then what comes
  ringctl tail --from newest --format json | jq .price
  ringctl tail --from 120 --count 17 --format csv
  ringctl tail --strict --format raw > trades.bin || echo "incomplete"
  ringctl tail --wait spin --resume newest        # lowest latency; after a loss, go on at the newest`,
		Args: noArguments,
		RunE: t.run,
	}
	nameFlag(cmd, &t.name)
	cmd.Flags().Var(t.from, "from", "first record: oldest, newest, newest-N (N before it), or a record's number")
	cmd.Flags().Uint64Var(&t.count, "count", 0, "end after this many records; 0 is no end")
	cmd.Flags().BoolVar(&t.strict, "strict", false, "exit with 3 if records were missed")
	cmd.Flags().Var(t.format, "format", "text, json, csv or raw")
	cmd.Flags().Var(t.resume, "resume", "where to go on after a loss: oldest (and a quarter of the ring ahead), newest, newest-N")
	cmd.Flags().Var(t.wait, "wait", "how to wait: spin, backoff, block (needs a doorbell), or the time between two looks such as 500us")
	return cmd
}

type tail struct {
	name   string
	count  uint64
	strict bool
	from   *parsed[ring.Position]
	resume *parsed[ring.Position]
	wait   *parsed[wait]
	format *parsed[string]

	source  source
	lines   format
	out     *bufio.Writer // records
	notes   *bufio.Writer // events
	noted   time.Time     // when notes were flushed last
	scratch []byte
}

// run follows the segment and, once it is attached, ends with the line that scripts read.
func (t *tail) run(cmd *cobra.Command, _ []string) error {
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	seg, bare, err := openSegment(t.name)
	if err != nil {
		return err
	}
	defer seg.Close()
	t.out = bufio.NewWriterSize(cmd.OutOrStdout(), outputBuffer)
	t.notes = bufio.NewWriter(cmd.ErrOrStderr())

	err = seg.Guard(func() error {
		if err := t.open(seg, bare); err != nil {
			return err
		}
		return about(seg, "follow", t.follow(ctx))
	})
	if t.source == nil {
		return about(seg, "read", err)
	}
	if flushErr := t.out.Flush(); err == nil {
		err = stdout(flushErr)
	}
	return t.end(cmd, err)
}

func (t *tail) open(seg *segment.Segment, bare bool) error {
	source, err := openSource(seg, bare, ring.ReaderOptions{Start: t.from.value, Resume: t.resume.value}, t.wait.value)
	if err != nil {
		return err
	}
	t.source = source
	schema := seg.Geometry().Record
	if bare {
		schema = trade
		t.note("%s is unversioned, made by a program from before the ring: its records are not protected against tearing, and losses cannot be seen", seg.Name())
	}
	t.lines = newFormat(t.format.value, schema)
	t.note("following %s from record %d", seg.Name(), source.Position())
	_, _ = t.out.WriteString(t.lines.header) // its error comes back with the flush
	return t.flush()
}

// follow writes records until there is a reason to end, which is nil if it is a good one.
func (t *tail) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		limit := t.remaining()
		if limit == 0 {
			return nil
		}
		n, records, err := t.source.Poll(limit)
		if len(records) == 0 && err == nil {
			if err := t.flush(); err != nil {
				return err
			}
			n, records, err = t.source.Wait(ctx)
		}
		if err != nil {
			if !t.tell(err) {
				return t.reason(ctx, err)
			}
			continue
		}
		if err := t.write(n, records); err != nil {
			return err
		}
		if t.notes.Buffered() > 0 && time.Since(t.noted) > noticePeriod {
			t.flushNotes()
		}
	}
	return nil
}

// remaining is how many records are still wanted.
func (t *tail) remaining() int {
	if t.count == 0 {
		return math.MaxInt
	}
	return int(min(t.count-t.source.Received(), math.MaxInt))
}

// tell reports an event after which there may be more records; it returns false if err is none.
func (t *tail) tell(err error) bool {
	if lap, ok := errors.AsType[*ring.LapError](err); ok {
		t.note("lost %d records: %d to %d", lap.Count(), lap.First, lap.Next-1)
		return true
	}
	if restart, ok := errors.AsType[*ring.RestartError](err); ok {
		t.note("another writer took over (epoch %d), from record %d on", restart.Epoch, restart.First)
		return true
	}
	if errors.Is(err, ring.ErrWriterDead) {
		t.note("writer is gone; waiting for one to take over")
		return true
	}
	return false
}

// reason is err, or nil if it is a good reason to end.
func (t *tail) reason(ctx context.Context, err error) error {
	if errors.Is(err, ring.ErrClosed) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// write writes records, of which the first has number n.
func (t *tail) write(n uint64, records []byte) error {
	if t.format.value == formatRaw {
		_, err := t.out.Write(records) // without a copy, if there are many
		return stdout(err)
	}
	b := t.scratch[:0]
	for ; len(records) > 0; n, records = n+1, records[t.lines.size:] {
		b = t.lines.append(b, n, records[:t.lines.size])
		if len(b) >= outputBuffer {
			if _, err := t.out.Write(b); err != nil {
				return stdout(err)
			}
			b = b[:0]
		}
	}
	_, err := t.out.Write(b)
	t.scratch = b
	return stdout(err)
}

func (t *tail) note(format string, args ...any) {
	fmt.Fprintf(t.notes, format+"\n", args...)
	if time.Since(t.noted) > noticePeriod {
		t.flushNotes()
	}
}

// flushNotes shows all notices. Nothing is to be done where they cannot be shown; the records go on.
func (t *tail) flushNotes() {
	_ = t.notes.Flush()
	t.noted = time.Now()
}

// flush lets go of all that is written when there is nothing more to write.
func (t *tail) flush() error {
	if t.notes.Buffered() > 0 {
		t.flushNotes()
	}
	return stdout(t.out.Flush())
}

// end says how it went, and with which code to exit.
func (t *tail) end(cmd *cobra.Command, err error) error {
	t.flushNotes()
	if errors.Is(err, syscall.EPIPE) {
		err = nil // whoever read stdout has enough
	}
	code := exitCode(err)
	if err != nil {
		report(cmd, err)
	}
	w := cmd.ErrOrStderr()
	received, missed := t.source.Received(), t.source.Missed()
	if t.strict && missed > 0 && code == 0 {
		code = exitMissed
		fmt.Fprintf(w, "ringctl: --strict: %d records were missed\n", missed)
	}
	fmt.Fprintf(w, "received=%d missed=%d\n", received, missed)
	if code != 0 {
		return exitError(code)
	}
	return nil
}
