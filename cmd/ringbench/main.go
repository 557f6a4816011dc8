// Command ringbench measures a ring between processes: one-way latency, throughput, what publishing costs, and all of
// that against what else could carry the records.
//
// It makes private segments, starts the writer and the readers as processes of their own, has them play short slices of
// everything in rounds, and removes everything again. What it prints says on what machine, with which clock, pages and
// CPUs, because a latency means nothing without them.
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
	c, also := defaultConfig(), &shown{}
	all := modes()
	cmd := &cobra.Command{
		Use:   "ringbench",
		Short: "Measure the latency and the throughput of a ring between processes",
		Long: `ringbench measures a ring in shared memory between processes on this machine.

It makes private segments, starts a writer and a reader as processes of their own, in Go and, if there is a
compiler, in C++, and then plays rounds. In each it measures, for a fraction of a second and in changing order,

  1. the machine: how long a loop that only reads the clock is held up (hiccups);
  2. the limit: how long one cache line takes from the writer's CPU to the reader's, before all else and after.
     If the two differ, a virtual machine's host has moved its CPUs meanwhile, and the round does not count;
  3. latency at a fixed rate: from the moment at which a record was due to the moment at which a reader has it.
     A record that is sent late is late: its stamp stays the due time, so a stall shows in every record that
     it held up, not in one;
  4. throughput as fast as the writer can, one by one and in batches, with what the readers got;
  5. what publishing costs the writer.

What was measured in one round was measured on nearly the same machine: its ratios, and their spread over the rounds,
mean something where the figures alone do not.

Readers check the content of every record and account for every number: a torn or wrong record, or
one that is neither received nor reported missed, is an error.

No flags and no root are needed. It takes less than 15 seconds, and keeps one CPU busy per process: run
it on an otherwise idle machine, with more CPUs than readers.`,
		Example: `  ringbench                              # one reader, 100,000 records/s
  ringbench --rate 1M --readers 2        # two readers follow a million records/s
  ringbench --duration 10s               # more rounds: rarer events, narrower spreads
  ringbench --pin 2,3                    # writer on CPU 2, reader on CPU 3
  ringbench --wait block                 # readers that sleep in the kernel: what idle CPUs cost
  ringbench --feed recording.pcapng.gz --speed 10   # a recording's own bursts, ten times as fast
  ringbench --rate max --duration 3s     # throughput only
  ringbench rivals                       # against sockets, pipes, queues …
  ringbench --html report.html           # a page with charts
  ringbench --json > result.json         # for programs, report and compare`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true, // an error says itself what is wrong
		SilenceErrors: true, // main prints it
		RunE:          func(cmd *cobra.Command, _ []string) error { return measure(cmd.Context(), c, all[0], also) },
	}
	cmd.SetContext(context.Background())
	cmd.CompletionOptions.DisableDefaultCmd = true
	c.flags(cmd.Flags())
	also.flags(cmd.Flags())
	for _, m := range all[1:] {
		sub := &cobra.Command{
			Use:     m.name,
			Short:   m.short,
			Long:    m.description(),
			Example: m.example,
			Args:    cobra.NoArgs,
			RunE:    func(cmd *cobra.Command, _ []string) error { return measure(cmd.Context(), c, m, also) },
		}
		c.flags(sub.Flags())
		also.flags(sub.Flags())
		cmd.AddCommand(sub)
	}
	cmd.AddCommand(reportCommand(), compareCommand(), &cobra.Command{
		Use:    peerCommand,
		Short:  "Send or receive as ordered on standard input (ringbench starts this itself)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return obey(os.Stdin, os.Stdout) },
	})
	return cmd
}

// description is what the help of a subcommand says.
func (m mode) description() string {
	if m.long == "" {
		return m.short + "."
	}
	return m.short + ".\n\n" + m.long
}

func measure(ctx context.Context, c *config, m mode, also *shown) error {
	c.mode = m
	if err := errors.Join(c.check(), also.check()); err != nil {
		return err
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%s: %w: a ring between processes needs Linux's shared memory", runtime.GOOS, errors.ErrUnsupported)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, c, progress(c))
	if err != nil {
		return err
	}
	write := writeText
	if c.json {
		write = writeJSON
	}
	return errors.Join(write(os.Stdout, r), also.ofRun(r))
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
