package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

const defaultSlots = 1 << 16

func newCreate() *cobra.Command {
	var f segmentFlags
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an empty segment of TradingData",
		Long: `Make an empty segment of TradingData, and say what was obtained: its size, its pages, and why
they are not huge ones if they are not. No writer stays; readers that attach wait for one.

Huge pages come from a hugetlbfs that this user may write to, on which the slots then lie in a file, or
else from /dev/shm. All storage is reserved at once: too little of it is an error here, and never a crash
later.`,
		Example: `  ringctl create
  ringctl create --name /es_trades --slots 1048576 --mode 0640
  ringctl create --pages require            # fail rather than fall back to plain pages
  ringctl create --pages require --page-size 1G --slots 33554432    # ringctl hugepages shows what there is
  ringctl create --doorbell                 # readers may sleep: ringctl tail --wait block`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := f.geometry()
			if err != nil {
				return err
			}
			seg, err := segment.Create(f.name, g, f.options())
			if err != nil {
				return err
			}
			defer seg.Close()
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "created %s\n", describe(seg))
			return err
		},
	}
	f.register(cmd)
	return cmd
}

// segmentFlags say what a segment that is to be made is like.
type segmentFlags struct {
	name     string
	slots    uint64
	mode     *parsed[fs.FileMode]
	pages    hugepages.Policy
	pageSize *parsed[uint64]
	doorbell bool
}

func (f *segmentFlags) register(cmd *cobra.Command) {
	f.mode = newParsed("OCTAL", "0600", parseMode)
	f.pageSize = newParsed("SIZE", "0", hugepages.ParseSize)
	nameFlag(cmd, &f.name)
	cmd.Flags().Uint64Var(&f.slots, "slots", defaultSlots, "records that the ring holds, a power of two")
	cmd.Flags().Var(f.mode, "mode", "who may read (and write) the segment, whatever the umask: 0600, 0640, 0644")
	cmd.Flags().TextVar(&f.pages, "pages", hugepages.Prefer, "huge pages: off, prefer or require")
	cmd.Flags().Var(f.pageSize, "page-size", "size of the huge pages, such as 2M or 1G, if not any will do")
	cmd.Flags().BoolVar(&f.doorbell, "doorbell", false, "let readers of the same user sleep until a record comes")
}

func (f *segmentFlags) geometry() (ring.Geometry, error) {
	if f.pages == hugepages.Off && f.pageSize.value != 0 {
		return ring.Geometry{}, usageError{errors.New("--page-size is of huge pages: not with --pages off")}
	}
	g, err := ring.GeometryOf[ring.TradingData](f.slots)
	if err != nil {
		return g, usageError{fmt.Errorf("--slots %d: %w", f.slots, err)}
	}
	return g, nil
}

func (f *segmentFlags) options() segment.Options {
	return segment.Options{Mode: f.mode.value, Pages: f.pages, PageBytes: f.pageSize.value, Doorbell: f.doorbell}
}

// obtain makes the segment or, if it exists, takes it over.
func (f *segmentFlags) obtain(cmd *cobra.Command) (*segment.Segment, error) {
	g, err := f.geometry()
	if err != nil {
		return nil, err
	}
	seg, err := segment.CreateOrTakeOver(f.name, g, f.options())
	if err != nil {
		return nil, err
	}
	if seg.Created() {
		fmt.Fprintf(cmd.ErrOrStderr(), "created %s\n", describe(seg))
		return seg, nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "took over %s\n", describe(seg))
	f.sayIgnored(cmd, seg)
	return seg, nil
}

// sayIgnored tells of flags that a segment which exists does not follow.
func (f *segmentFlags) sayIgnored(cmd *cobra.Command, seg *segment.Segment) {
	g, w := seg.Geometry(), cmd.ErrOrStderr()
	if cmd.Flags().Changed("slots") && g.Slots != f.slots {
		fmt.Fprintf(w, "--slots %d ignored: %s exists and keeps its %d slots; ringctl rm %[2]s removes it\n", f.slots, seg.Name(), g.Slots)
	}
	var ignored []string
	for _, name := range []string{"mode", "pages", "page-size", "doorbell"} {
		if cmd.Flags().Changed(name) {
			ignored = append(ignored, "--"+name)
		}
	}
	if len(ignored) > 0 {
		fmt.Fprintf(w, "%s ignored: %s exists and stays as it was created\n", strings.Join(ignored, " "), seg.Name())
	}
}

// describe says what a segment is, and which pages it has in this process.
func describe(seg *segment.Segment) string {
	g := seg.Geometry()
	mode := "unknown"
	if info, err := os.Stat(filepath.Join(segment.Dir, seg.Name())); err == nil {
		mode = modeText(info.Mode())
	}
	file, _ := ringFileSize(g) // it is mapped
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d slots for %s, %s, mode %s\n",
		seg.Name(), g.Slots, g.Record.Name, bytesText(g.SegmentSize+uint64(file)), mode)
	if g.RingFile != "" {
		fmt.Fprintf(&b, "  ring file: %s, %s\n", g.RingFile, bytesText(uint64(file)))
	}
	if g.Doorbell {
		b.WriteString("  doorbell: readers of the same user may sleep on it\n")
	}
	b.WriteString("  pages: ")
	writePages(&b, seg)
	return b.String()
}

func writePages(w io.Writer, seg *segment.Segment) {
	pages, err := seg.Pages()
	if err != nil {
		fmt.Fprintf(w, "unknown: %v", err)
		return
	}
	fmt.Fprintf(w, "%s, %s", pages.Backing, bytesText(uint64(pages.PageBytes)))
	for _, reason := range reasons(pages.Fallback) {
		fmt.Fprintf(w, "\n  no huge pages: %s", reason)
	}
}

// reasons are why there are no huge pages: of a hugetlbfs, and of /dev/shm.
func reasons(fallback string) []string {
	if fallback == "" {
		return nil
	}
	return strings.Split(fallback, "; ")
}

func modeText(m fs.FileMode) string { return fmt.Sprintf("%04o", uint32(m.Perm())) }
