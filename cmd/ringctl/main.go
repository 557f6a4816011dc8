// Command ringctl operates rings in shared memory: it makes segments, replays recordings into them,
// follows them, says how they do, lists and removes them; reserves huge pages; and says what the host lacks.
//
// Exit codes: 0 done; 1 it failed while running; 2 it was called wrongly; 3 tail --strict missed
// records; 4 doctor --strict found warnings; 5 doctor found something bad; 128 + the signal's number
// when a replay was interrupted.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/segment"
)

const (
	exitFailed   = 1
	exitUsage    = 2
	exitMissed   = 3
	exitWarnings = 4
	exitBad      = 5
)

const defaultName = "/trading_data"

func main() {
	// A write to a pipe whose reader is gone would end the process on the spot, and a replay must
	// close its ring first. Every write to stdout is checked instead.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and returns the exit code.
func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	started := false // everything that fails before a command runs is a usage error
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	cmd, err := root.ExecuteC()
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return 0
	case !started:
		err = usageError{err}
	}
	if code, said := errors.AsType[exitError](err); said {
		return int(code)
	}
	report(cmd, err)
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "ringctl",
		Short: "Operate shared-memory rings of market data",
		Long: `ringctl makes ring segments in /dev/shm, replays recordings into them, follows them,
shows how they do, and removes them. It shows and reserves the huge pages that they take, and its doctor says
what the host lacks for low latency.

A segment's name is that of a POSIX shared memory object, such as /trading_data; its slash may be
left out. Exit codes: 0 done; 1 failed; 2 wrong usage; 3 tail --strict missed records; 4 doctor --strict
found warnings; 5 doctor found something bad; 130, 143 or 129 when a replay was ended by SIGINT, SIGTERM
or SIGHUP.`,
		Example: `  ringctl create --slots 65536
  ringctl tail &
  ringctl replay --speed 10 recording.pcapng.gz
  ringctl stat
  ringctl ls
  ringctl rm /trading_data
  ringctl hugepages
  ringctl doctor`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newCreate(), newReplay(), newTail(), newStat(), newLs(), newRm(), newHugePages(), newDoctor())
	return root
}

// exitError ends the process with a code when all has been said already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a mistake in the command line that is found only while the command runs.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok || errors.Is(err, segment.ErrName)
}

func exitCode(err error) int {
	stop, stopped := errors.AsType[*interruption](err)
	switch {
	case err == nil:
		return 0
	case stopped:
		return stop.exitCode()
	case isUsage(err):
		return exitUsage
	}
	return exitFailed
}

// report says what went wrong and what to do next.
func report(cmd *cobra.Command, err error) {
	next := advice(err)
	if isUsage(err) {
		next = cmd.CommandPath() + " --help"
	}
	w := cmd.ErrOrStderr()
	fmt.Fprintf(w, "ringctl: %v\n", err)
	if next != "" {
		fmt.Fprintf(w, "  next: %s\n", next)
	}
}

// noArguments is cobra.NoArgs with a message for those who give the segment's name as an argument.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, but got %q: give a segment's name as --name %[2]s", cmd.CommandPath(), args[0])
	}
	return nil
}

func nameFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "name", "n", defaultName, "name of the segment; the slash may be left out")
}
