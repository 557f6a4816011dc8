// Command ringbench measures a ring between processes: one-way latency at a given rate, and throughput.
//
// It makes a private segment, starts its readers as processes of their own, publishes, and removes
// everything again. What it prints says on what machine, with which clock, pages and CPUs, because a
// latency means nothing without them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

const (
	exitFailed      = 1
	exitInterrupted = 130 // as a shell reports a program that Ctrl-C ended
)

var errInterrupted = errors.New("interrupted: nothing was measured")

func main() {
	err := command().Execute()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "ringbench: %v\n", err)
	if errors.Is(err, errInterrupted) {
		os.Exit(exitInterrupted)
	}
	os.Exit(exitFailed)
}

func command() *cobra.Command {
	c := defaultConfig()
	cmd := &cobra.Command{
		Use:   "ringbench",
		Short: "Measure the latency and the throughput of a ring between processes",
		Long: `ringbench measures a ring in shared memory between processes on this machine.

It makes a private segment, starts readers as processes of their own, and then

  1. measures the machine: how long a loop that only reads the clock is held up (hiccups);
  2. publishes at a fixed rate and measures the time from the moment at which a record was due to
     the moment at which a reader has it. A record that is sent late is late: its stamp stays the
     due time, so a stall shows in every record that it held up, not in one;
  3. publishes as fast as it can, one by one and in batches, and counts what the readers got.

Readers check the content of every record and account for every number: a torn or wrong record, or
one that is neither received nor reported missed, is an error.

No flags and no root are needed. It takes about 9 seconds, and keeps one CPU busy per process: run
it on an otherwise idle machine, with more CPUs than readers.`,
		Example: `  ringbench                              # one reader, 100,000 records/s, 5 s
  ringbench --rate 1M --readers 2        # two readers follow a million records/s
  ringbench --pin 2,3                    # writer on CPU 2, reader on CPU 3
  ringbench --wait block                 # readers that sleep in the kernel: what idle CPUs cost
  ringbench --feed recording.pcapng.gz   # records of a recording instead of made-up ones
  ringbench --rate max --duration 3s     # throughput only, 3 s for each way to publish
  ringbench --json > result.json         # for programs`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true, // an error says itself what is wrong
		SilenceErrors: true, // main prints it
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(); err != nil {
				return err
			}
			if runtime.GOOS != "linux" {
				return fmt.Errorf("%s: %w: a ring between processes needs Linux's shared memory", runtime.GOOS, errors.ErrUnsupported)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			r, err := run(ctx, c, progress(c))
			if err != nil {
				return err
			}
			if c.json {
				return writeJSON(os.Stdout, r)
			}
			return writeText(os.Stdout, r)
		},
	}
	cmd.SetContext(context.Background())
	cmd.CompletionOptions.DisableDefaultCmd = true
	c.flags(cmd.Flags())
	cmd.AddCommand(&cobra.Command{
		Use:    readerCommand,
		Short:  "Follow a ring as ordered on standard input (ringbench starts this itself)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return obey(os.Stdin, os.Stdout) },
	})
	return cmd
}

// progress returns what prints a line of progress: only for somebody who looks on, or asks.
func progress(c *config) func(format string, a ...any) {
	info, err := os.Stderr.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if !terminal && !c.verbose {
		return func(string, ...any) {}
	}
	return func(format string, a ...any) { fmt.Fprintf(os.Stderr, "ringbench: "+format+"\n", a...) }
}
