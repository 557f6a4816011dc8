package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// stateUnversioned is the state of a bare segment: it has no place to keep one.
const stateUnversioned = "unversioned"

func newStat() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stat",
		Short: "Say how a segment does",
		Long: `Say how a segment does: its writer, how far it is, its memory, and its record's schema.

The state is created (no writer yet), open, closed (by its last writer), dead (the writer is gone and
did not close), or unversioned (made by a program from before the ring; layout version 0: its
record is not protected against tearing). The process number is the writer's, or the last one's.`,
		Example: `  ringctl stat
  ringctl stat --name /es_trades --json | jq -r .state
  watch -n 1 ringctl stat`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := newStatus(name)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), s)
			}
			return s.write(cmd.OutOrStdout())
		},
	}
	nameFlag(cmd, &name)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

// status is what stat says. Its JSON keys are a contract.
type status struct {
	Name           string       `json:"name"`
	LayoutVersion  uint32       `json:"layout_version"`
	Record         string       `json:"record"`
	RecordSize     int          `json:"record_size"`
	SlotStride     int          `json:"slot_stride"`
	Slots          uint64       `json:"slots"`
	Head           uint64       `json:"head"`
	Oldest         uint64       `json:"oldest"`
	Epoch          uint64       `json:"epoch"`
	State          string       `json:"state"`
	Writer         writerStatus `json:"writer"`
	Pages          pagesStatus  `json:"pages"`
	Fields         []field      `json:"fields"`
	Mode           string       `json:"mode"`
	SizeBytes      int64        `json:"size_bytes"`       // of the object
	HeartbeatAgeMS *int64       `json:"heartbeat_age_ms"` // null: never
	Created        *time.Time   `json:"created"`          // null: unknown
	Doorbell       bool         `json:"doorbell"`
	RingFile       string       `json:"ring_file"`     // empty: the slots are in the object
	StorageBytes   int64        `json:"storage_bytes"` // of the object and the ring file
	Owner          uint32       `json:"owner_uid"`     // who can rewrite the object
}

type writerStatus struct {
	PID   int  `json:"pid"`
	Alive bool `json:"alive"`
}

func (w writerStatus) String() string {
	switch {
	case w.Alive:
		return fmt.Sprintf("process %d, alive", w.PID)
	case w.PID != 0:
		return fmt.Sprintf("none; the last was process %d", w.PID)
	}
	return "none"
}

type pagesStatus struct {
	Backing   string `json:"backing"`
	PageBytes int    `json:"page_bytes"`
	Fallback  string `json:"fallback"`
}

type field struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Count  int    `json:"count"`
	Offset int    `json:"offset"`
}

func newStatus(name string) (*status, error) {
	seg, bare, err := openSegment(name)
	if err != nil {
		return nil, err
	}
	defer seg.Close()
	return statusOf(seg, bare)
}

func statusOf(seg *segment.Segment, bare bool) (_ *status, err error) {
	s := &status{Name: seg.Name()}
	if bare {
		err = s.fillBare(seg)
	} else {
		err = s.fill(seg)
	}
	if err != nil {
		return nil, err
	}
	pages, err := seg.Pages()
	if err != nil {
		return nil, err
	}
	s.Pages = pagesStatus{Backing: pages.Backing, PageBytes: pages.PageBytes, Fallback: pages.Fallback}
	info, err := os.Lstat(filepath.Join(segment.Dir, seg.Name()))
	if err != nil {
		return nil, about(seg, "stat", err)
	}
	switch replaced, err := seg.Replaced(); {
	case err != nil:
		return nil, err
	case replaced: // what was looked at may be the other one
		return nil, about(seg, "stat", segment.ErrReplaced)
	}
	s.RingFile = seg.Geometry().RingFile
	file, err := ringFileSize(seg.Geometry())
	if err != nil {
		return nil, fmt.Errorf("stat of %s: %w", seg.Name(), err)
	}
	s.Owner = seg.Owner()
	s.Mode, s.SizeBytes, s.StorageBytes = modeText(info.Mode()), info.Size(), info.Size()+file
	return s, nil
}

// ringFileSize is what the file takes in which a segment's slots lie; 0 if they are in the object.
func ringFileSize(g ring.Geometry) (int64, error) {
	if g.RingFile == "" {
		return 0, nil
	}
	info, err := os.Lstat(g.RingFile)
	if err != nil {
		return 0, fmt.Errorf("ring file: %w", err)
	}
	return info.Size(), nil
}

func (s *status) fill(seg *segment.Segment) error {
	now, err := seg.Status()
	if err != nil {
		return err
	}
	g := seg.Geometry()
	s.schema(g.Record)
	s.LayoutVersion, s.SlotStride, s.Slots, s.Doorbell = g.Version, g.SlotStride, g.Slots, g.Doorbell
	s.Head, s.Oldest, s.Epoch, s.State = now.Head, now.Oldest, now.Epoch, now.State
	s.Writer = writerStatus{PID: now.PID, Alive: now.Alive}
	if now.Heartbeat >= 0 {
		age := now.Heartbeat.Milliseconds()
		s.HeartbeatAgeMS = &age
	}
	if g.Created != 0 {
		created := time.Unix(0, int64(g.Created)).UTC()
		s.Created = &created
	}
	return nil
}

// fillBare says of a bare segment what its size says: it is one TradingData, and nothing else.
func (s *status) fillBare(seg *segment.Segment) (err error) {
	s.schema(trade)
	s.State, s.SlotStride, s.Slots = stateUnversioned, trade.Size, 1
	s.Writer.Alive, err = seg.WriterAlive()
	return err
}

func (s *status) schema(record layout.Schema) {
	s.Record, s.RecordSize = record.Name, record.Size
	s.Fields = make([]field, len(record.Fields))
	for i, f := range record.Fields {
		s.Fields[i] = field{Name: f.Name, Kind: f.Kind.String(), Count: f.Count, Offset: f.Offset}
	}
}

// write writes s for people.
func (s *status) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(key, format string, args ...any) { fmt.Fprintf(w, key+"\t"+format+"\n", args...) }
	line("name", "%s", s.Name)
	line("state", "%s", s.State)
	if s.State == stateUnversioned {
		line("", "made by a program from before the ring: not protected against tearing, losses cannot be seen")
	} else {
		line("writer", "%v", s.Writer)
		line("epoch", "%d", s.Epoch)
		line("head", "%d", s.Head)
		line("oldest", "%d", s.Oldest)
		line("slots", "%d of %d bytes", s.Slots, s.SlotStride)
		line("heartbeat", "%s", s.heartbeatText())
		line("created", "%s", s.createdText())
		line("doorbell", "%s", map[bool]string{true: "yes", false: "no"}[s.Doorbell])
	}
	line("layout", "version %d", s.LayoutVersion)
	line("size", "%s", bytesText(uint64(s.SizeBytes)))
	if s.RingFile != "" {
		line("ring file", "%s, %s", s.RingFile, bytesText(uint64(s.StorageBytes-s.SizeBytes)))
		line("storage", "%s", bytesText(uint64(s.StorageBytes)))
	}
	line("owner", "user %d", s.Owner)
	line("mode", "%s", s.Mode)
	line("pages", "%s, %s", s.Pages.Backing, bytesText(uint64(s.Pages.PageBytes)))
	for _, reason := range reasons(s.Pages.Fallback) {
		line("", "no huge pages: %s", reason)
	}
	line("record", "%s, %d bytes", s.Record, s.RecordSize)
	for _, f := range s.Fields {
		kind := f.Kind
		if f.Count > 1 {
			kind += "[" + strconv.Itoa(f.Count) + "]"
		}
		line("", "@%-4d%-8s%s", f.Offset, kind, f.Name)
	}
	return w.Flush()
}

func (s *status) heartbeatText() string {
	if s.HeartbeatAgeMS == nil {
		return "never"
	}
	return (time.Duration(*s.HeartbeatAgeMS) * time.Millisecond).String() + " ago"
}

func (s *status) createdText() string {
	if s.Created == nil {
		return "unknown"
	}
	return s.Created.Format(time.RFC3339Nano)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
