package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/segment"
)

// stateDamaged is the state of what cannot be read, for whatever reason.
const stateDamaged = "unreadable"

func newLs() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List all segments",
		Long: `List all segments in /dev/shm: name, record, slots, head (records published), state, writer, size (that of
a ring file on huge pages included).

Segments that are damaged, or that this user may not read, are listed with the reason; bare ones, of
programs from before the ring, as unversioned. Other programs' objects are left out.`,
		Example: `  ringctl ls
  ringctl ls --json | jq -r '.[] | select(.state == "dead") | .name'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := segment.List()
			if err != nil {
				return err
			}
			entries := make([]entry, len(found))
			for i, e := range found {
				entries[i] = newEntry(e)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), entries)
			}
			if len(entries) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "no segments in %s\n", segment.Dir)
				return nil
			}
			return writeEntries(cmd.OutOrStdout(), entries)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	return cmd
}

// entry is a segment as ls says it.
type entry struct {
	Name         string       `json:"name"`
	Record       string       `json:"record"`
	Slots        uint64       `json:"slots"`
	Head         uint64       `json:"head"`
	State        string       `json:"state"`
	Writer       writerStatus `json:"writer"`
	SizeBytes    int64        `json:"size_bytes"`    // of the object
	RingFile     string       `json:"ring_file"`     // empty: the slots are in the object
	StorageBytes int64        `json:"storage_bytes"` // of the object and the ring file
	Error        string       `json:"error,omitempty"`
}

func newEntry(e segment.Entry) entry {
	n := entry{Name: e.Name, State: e.Status.State}
	if info, err := os.Lstat(filepath.Join(segment.Dir, e.Name)); err == nil {
		n.SizeBytes = info.Size()
	}
	n.RingFile = e.Geometry.RingFile
	file, err := ringFileSize(e.Geometry)
	n.StorageBytes = n.SizeBytes + file
	if e.Err == nil {
		e.Err = err // it cannot be read without
	}
	switch {
	case e.Err != nil:
		n.State, n.Error = stateDamaged, e.Err.Error()
	case e.Bare:
		n.State, n.Record, n.Slots = stateUnversioned, trade.Name, 1
	default:
		n.Record, n.Slots, n.Head = e.Geometry.Record.Name, e.Geometry.Slots, e.Status.Head
		n.Writer = writerStatus{PID: e.Status.PID, Alive: e.Status.Alive}
	}
	return n
}

func writeEntries(out io.Writer, entries []entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tRECORD\tSLOTS\tHEAD\tSTATE\tWRITER\tSIZE")
	for _, e := range entries {
		if e.Error != "" {
			fmt.Fprintf(w, "%s\t-\t-\t-\t%s\t-\t%d\t%s\n", e.Name, e.State, e.StorageBytes, e.Error)
			continue
		}
		writer := "-"
		if e.Writer.Alive {
			writer = fmt.Sprint(e.Writer.PID)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%d\n", e.Name, e.Record, e.Slots, e.Head, e.State, writer, e.StorageBytes)
	}
	return w.Flush()
}
