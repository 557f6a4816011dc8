package compare

import (
	"fmt"
	"math"
	"slices"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/hugepages"
)

// ticksApart is by how much the clocks of two runs on one machine may differ: calibration is better than that.
const ticksApart = 0.001

// differences names what must be the same for two runs to be compared, and is not.
func differences(a, b *show.Report) (all []string) {
	differ := func(what string, of func(r *show.Report) string) {
		if x, y := of(a), of(b); x != y {
			all = append(all, fmt.Sprintf("%s: %s, and %s", what, quoted(x), quoted(y)))
		}
	}
	differ("host: processor", func(r *show.Report) string { return r.Host.CPU })
	differ("host: CPUs and cores", func(r *show.Report) string { return fmt.Sprintf("%d and %d", r.Host.CPUs, r.Host.Cores) })
	differ("host: SMT", func(r *show.Report) string { return fmt.Sprint(r.Host.SMT) })
	differ("host: virtualised", func(r *show.Report) string { return r.Host.Virtualised })
	differ("host: frequency governor", func(r *show.Report) string { return r.Host.Governor })
	differ("host: isolated CPUs", func(r *show.Report) string { return r.Host.Isolated })
	differ("host: kernel", func(r *show.Report) string { return r.Host.Kernel })
	differ("host: architecture", func(r *show.Report) string { return r.Host.Arch })
	differ("pages of the writer", func(r *show.Report) string { return pages(r.Pages.Writer) })
	differ("pages of the readers", func(r *show.Report) string {
		var each []string
		for _, p := range r.Pages.Readers {
			each = append(each, pages(p))
		}
		return fmt.Sprint(slices.Compact(each))
	})
	differ("clock", func(r *show.Report) string { return string(r.Clock.Source) })
	if x, y := a.Clock.TicksPerNs, b.Clock.TicksPerNs; math.Abs(x-y) > ticksApart*max(math.Abs(x), math.Abs(y)) {
		all = append(all, fmt.Sprintf("clock: %.6g ticks/ns, and %.6g", x, y))
	}
	differ("placement", func(r *show.Report) string {
		p := r.Placement
		if !p.Pinned || p.Writer == nil {
			return fmt.Sprintf("not pinned, sharing CPUs: %t", p.Shared)
		}
		return fmt.Sprintf("CPU %d, readers' %v", *p.Writer, p.Readers)
	})
	differ("ring", func(r *show.Report) string {
		return fmt.Sprintf("%d slots of %d bytes, records of %d", r.Ring.Slots, r.Ring.SlotBytes, r.Ring.RecordBytes)
	})
	differ("records", func(r *show.Report) string { return r.Records })
	return all
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// pages is what of the pages a latency depends on.
func pages(r hugepages.Report) string {
	huge := "none huge"
	if r.HugeBytes > 0 {
		huge = show.Size(r.HugeBytes) + " huge"
	}
	return fmt.Sprintf("%s of %s, %s", r.Backing, show.Size(uint64(max(0, r.PageBytes))), huge)
}
