package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// WriteText writes the comparison for people.
func (c *Comparison) WriteText(w io.Writer) error {
	var s strings.Builder
	if len(c.Differ) > 0 {
		s.WriteString("NOTHING IS JUDGED: the runs were not made under the same conditions\n")
		for _, d := range c.Differ {
			fmt.Fprintf(&s, "  %s\n", d)
		}
		s.WriteByte('\n')
	}
	t := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tfirst\tsecond\ttime\tbetween\trounds\tverdict")
	var reasons []string
	for _, r := range c.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d, %d\t%s\n", r.Name, r.value(r.A), r.value(r.B), change(r.Factor), r.interval(), r.RoundsA, r.RoundsB, r.verdict(&reasons))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	for i, why := range reasons {
		fmt.Fprintf(&s, "[%d] %s\n", i+1, why)
	}
	for _, only := range []struct {
		which string
		rows  []string
	}{{"first", c.OnlyA}, {"second", c.OnlyB}} {
		for _, name := range only.rows {
			fmt.Fprintf(&s, "only in the %s run: %s\n", only.which, name)
		}
	}
	fmt.Fprintf(&s, "\n%d faster, %d slower, %d with no difference that the noise allows to tell, %d not judged\n",
		c.Count(Faster), c.Count(Slower), c.Count(NoneTold), c.Count(Unjudged))
	fmt.Fprintf(&s, "All intervals together hold with %.0f %%; a difference is told from %.3g %% on.\n"+
		"The rounds of a run share its moods: run again before believing a small difference.\n", 100*c.Confidence, 100*c.Relevant)
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

func (r *Row) value(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case r.By == byMedian.name || r.By == byCost.name:
		return show.Duration(*v)
	case r.By == bySpeed.name:
		return show.Digits(*v) + " M/s"
	case r.By == byRatioToCPP.name:
		return "C++ ×" + show.Digits(*v)
	}
	return "×" + show.Digits(*v)
}

// change writes how much longer the second run takes.
func change(factor *float64) string {
	if factor == nil {
		return "–"
	}
	return fmt.Sprintf("%+.1f %%", 100*(*factor-1))
}

func (r *Row) interval() string {
	if r.Low == nil || r.High == nil {
		return "–"
	}
	return change(r.Low) + " to " + change(r.High)
}

// verdict refers to the reasons, of which many rows have the same.
func (r *Row) verdict(reasons *[]string) string {
	text := string(r.Verdict)
	if r.Verdict == Faster || r.Verdict == Slower {
		text = strings.ToUpper(text)
	}
	if r.Why != "" {
		i := slices.Index(*reasons, r.Why)
		if i < 0 {
			i = len(*reasons)
			*reasons = append(*reasons, r.Why)
		}
		text += fmt.Sprintf(" [%d]", i+1)
	}
	return text
}
