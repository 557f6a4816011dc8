package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/ring"
)

// hugeStatus is what hugepages says. Its JSON keys are a contract.
type hugeStatus struct {
	Pools        []hugePool  `json:"pools"`
	Mounts       []hugeMount `json:"mounts"`
	SegmentSlots uint64      `json:"segment_slots"` // of a segment of the default size
	SegmentBytes uint64      `json:"segment_bytes"` // of those slots
	hugeActions
	Error string `json:"error"` // empty: none
	Next  string `json:"next"`  // what to do next; empty: nothing is missing
}

type hugePool struct {
	hugepages.Pool
	SegmentPages uint64 `json:"segment_pages"` // that the slots of a segment of the default size take
}

type hugeMount struct {
	hugepages.Mount
	Mode     string `json:"mode"`     // instead of Mount's
	Writable *bool  `json:"writable"` // by this user; null: unknown
}

// examineHuge looks at the host whose /proc and /sys stand in root.
func examineHuge(root string) (*hugeStatus, error) {
	s := &hugeStatus{Pools: []hugePool{}, Mounts: []hugeMount{}, SegmentSlots: defaultSlots}
	g, err := ring.GeometryOf[ring.TradingData](defaultSlots)
	if err != nil {
		return s, err
	}
	s.SegmentBytes = g.RingSize()
	tree := os.DirFS(root)
	for _, p := range hugepages.PoolsIn(tree) {
		s.Pools = append(s.Pools, hugePool{p, (s.SegmentBytes + p.PageBytes - 1) / p.PageBytes})
	}
	found, err := hugepages.MountsIn(tree)
	for _, m := range found {
		h := hugeMount{Mount: m}
		if root == "/" {
			if uid, gid, mode, err := sys.Owner(m.Dir); err == nil { // they may have been changed since it was mounted
				h.UID, h.GID, h.Mount.Mode = uid, gid, mode
			}
			writable := !m.ReadOnly && sys.Writable(m.Dir)
			h.Writable = &writable
		}
		h.Mode = dirModeText(h.Mount.Mode)
		s.Mounts = append(s.Mounts, h)
	}
	s.Next = s.next()
	return s, err
}

func dirModeText(m fs.FileMode) string {
	bits := uint32(m.Perm())
	if m&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return fmt.Sprintf("%04o", bits)
}

// suggestedBytes is room for some large rings.
const suggestedBytes = 128 << 20

// next is what root must do before this user has huge pages; empty if that is nothing.
func (s *hugeStatus) next() string {
	if len(s.Pools) == 0 {
		return "the kernel shows no huge pages (/sys/kernel/mm/hugepages): in a container, look on its host"
	}
	obstacle := ""
	for _, m := range s.Mounts {
		problem := s.obstacle(m)
		if problem == "" {
			return ""
		}
		if obstacle == "" {
			obstacle = problem
		}
	}
	if obstacle != "" {
		return "as root: " + obstacle
	}
	usual := max(0, slices.IndexFunc(s.Pools, func(p hugePool) bool { return p.PageBytes == 2<<20 }))
	return "as root: " + s.Pools[usual].command() + " --mount /dev/hugepages"
}

// obstacle is the command that makes a mount useful to this user; empty if it is.
func (s *hugeStatus) obstacle(m hugeMount) string {
	i := slices.IndexFunc(s.Pools, func(p hugePool) bool { return p.PageBytes == m.PageBytes })
	switch {
	case m.ReadOnly:
		return "mount -o remount,rw " + m.Dir
	case m.Writable != nil && !*m.Writable:
		return "chmod 1777 " + m.Dir
	case i >= 0 && s.Pools[i].lacks():
		return s.Pools[i].command()
	}
	return ""
}

func (p hugePool) lacks() bool { return p.Available()+p.OnDemand() == 0 }

// command makes this pool larger, if it has nothing to give.
func (p hugePool) command() string {
	c := "ringctl hugepages"
	if p.lacks() {
		c += fmt.Sprintf(" --reserve %d", p.Total+max(1, suggestedBytes/p.PageBytes))
	}
	if p.PageBytes != 2<<20 {
		c += " --size " + hugepages.FormatSize(p.PageBytes)
	}
	return c
}

// write writes s for people.
func (s *hugeStatus) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.Pools) > 0 {
		fmt.Fprintln(w, "POOL\tTOTAL\tFREE\tRESERVED\tON DEMAND")
	}
	var takes []string
	for _, p := range s.Pools {
		size := hugepages.FormatSize(p.PageBytes)
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", size, p.Total, p.Free, p.Reserved, p.OnDemand())
		takes = append(takes, fmt.Sprintf("%d of %s", p.SegmentPages, size))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(takes) > 0 {
		fmt.Fprintf(w, "\npages of a segment of %d slots: %s\n\n", s.SegmentSlots, strings.Join(takes, ", or "))
	}
	if len(s.Mounts) == 0 {
		fmt.Fprintln(w, "no hugetlbfs is mounted")
	} else {
		fmt.Fprintln(w, "MOUNT\tPAGES\tLIMIT\tOWNER\tMODE\tWRITABLE")
	}
	for _, m := range s.Mounts {
		limit := "none"
		if m.SizeBytes != 0 {
			limit = hugepages.FormatSize(m.SizeBytes)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d:%d\t%s\t%s\n",
			m.Dir, hugepages.FormatSize(m.PageBytes), limit, m.UID, m.GID, m.Mode, m.writableText())
	}
	if s.Next != "" {
		fmt.Fprintf(w, "\nnext: %s\n", s.Next)
	}
	return w.Flush()
}

func (m hugeMount) writableText() string {
	switch {
	case m.ReadOnly:
		return "read-only"
	case m.Writable == nil:
		return "unknown"
	case *m.Writable:
		return "yes"
	}
	return "no"
}
