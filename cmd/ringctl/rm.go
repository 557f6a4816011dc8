package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/segment"
)

func newRm() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm NAME…",
		Short: "Remove segments",
		Long: `Remove segments, bare and damaged ones too. A segment whose writer is alive is not removed, unless
--force is given; with it a name that does not exist is no error either.

Programs that have a segment mapped keep it: a writer goes on writing, and its readers reading, what
nobody else can open any more. Whether a program from before the ring is still writing a bare
segment cannot be known.`,
		Example: `  ringctl rm /trading_data
  ringctl rm es_trades nq_trades
  ringctl rm --force /trading_data       # also while its writer runs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs at least one NAME; ringctl ls shows them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			code := 0
			for _, name := range names {
				if err := remove(name, force); err != nil {
					report(cmd, err)
					code = max(code, exitCode(err))
				}
			}
			if code != 0 {
				return exitError(code)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also if its writer is alive; a missing segment is no error")
	return cmd
}

func remove(name string, force bool) error {
	if force {
		err := segment.Unlink(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	// With the writer's lock in hand nobody becomes the writer of what is being removed.
	seg, err := segment.OpenWriter(name)
	switch {
	case err == nil:
		defer seg.Close()
	case errors.Is(err, segment.ErrWriterExists):
		return refusal(name, err)
	case errors.Is(err, segment.ErrName):
		return err
	default:
		if err := refuseWriter(name); err != nil {
			return err
		}
	}
	return segment.Unlink(name) // where nobody could open it: it is bare, damaged, another user's or not there
}

// refuseWriter refuses, for a segment that cannot be opened for writing, if it has a writer.
func refuseWriter(name string) error {
	seg, err := segment.Attach(name)
	if err != nil {
		return nil // it cannot be looked at: Unlink says what there is to say
	}
	defer seg.Close()
	alive, err := seg.WriterAlive()
	if err == nil && alive {
		err = refusal(name, &segment.Error{Op: "open as writer", Name: seg.Name(), Err: segment.ErrWriterExists})
	}
	return err
}

func refusal(name string, err error) error {
	return &advised{
		error: fmt.Errorf("not removed: %w", err),
		next:  fmt.Sprintf("stop that process first, or remove the segment under it: ringctl rm --force %s", name),
	}
}
