package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/hugepages"
)

// table is rows of texts. Columns after the first Texts ones are figures.
type table struct {
	Title string
	Head  []string
	Texts int
	Rows  [][]string
}

// Figure reports whether a column has figures, which stand on the right.
func (t table) Figure(column int) bool { return column >= t.Texts && t.Head[column] != remarks }

const remarks = "remarks"

// pair is something with what it was.
type pair struct{ Name, Value string }

// conditions is what the figures depend on.
func conditions(r *show.Report) []pair {
	h := r.Host
	smt := "no SMT"
	if h.SMT {
		smt = "SMT"
	}
	clock := fmt.Sprintf("%s, %.4g ticks/ns ± %.2g ppm, resolution %s", r.Clock.Source, r.Clock.TicksPerNs, r.Clock.ErrorPPM, show.Duration(r.Clock.ResolutionNs))
	if r.Clock.Fallback != "" {
		clock += "; the cycle counter is not used: " + r.Clock.Fallback
	}
	return []pair{
		{"Processor", fmt.Sprintf("%s; %s that could be used, %s, %s", h.CPU, show.Plural(h.CPUs, "CPU"), show.Plural(h.Cores, "core"), smt)},
		{"Virtualised", h.Virtualised},
		{"System", fmt.Sprintf("Linux %s, %s, %s", h.Kernel, h.Arch, h.Go)},
		{"C++ compiler", r.Compiler},
		{"Frequency governor", h.Governor},
		{"Isolated CPUs", h.Isolated},
		{"Load before the run", h.Load},
		{"Clock", clock},
		{"Pages", pages(r.Pages)},
		{"Placement", placement(r.Placement)},
		{"Ring", fmt.Sprintf("%s slots of %d bytes for records of %d, %s in all; readers wait: %s", show.Count(r.Ring.Slots),
			r.Ring.SlotBytes, r.Ring.RecordBytes, show.Size(r.Ring.SegmentBytes), r.Ring.Wait)},
		{"Records", r.Records},
		{"Doctor", r.Host.Doctor.String()},
		{"Rounds", roundsText(r.Rounds)},
		{"Took", show.Duration(1e9 * r.TookSeconds)},
	}
}

// roundsText tells how often everything was measured, and what became of it; empty if the report does not say.
func roundsText(r show.Rounds) string {
	if r.Rounds == 0 {
		return ""
	}
	s := fmt.Sprintf("%d, each with everything that it compares, in changing order: ", r.Rounds)
	if r.Planned > r.Rounds {
		s = fmt.Sprintf("%d of %d, because time was up, each with everything that it compares, in changing order: ", r.Rounds, r.Planned)
	}
	if r.Near+r.Far == 0 {
		s += "the CPUs' distance did not change, as far as that could be told"
	} else {
		s += fmt.Sprintf("%d with the CPUs near each other, %d far", r.Near, r.Far)
	}
	return s + fmt.Sprintf("; %d left out, because that changed meanwhile or another program had a CPU", r.LeftOut)
}

// goals are the ratios with their spreads, as figures.
func goals(r *show.Report) table {
	t := table{Head: []string{"", "against", "distance", "ratio", "10 % of rounds below", "10 % above", "rounds"}, Texts: 3}
	for _, g := range r.Goals {
		t.Rows = append(t.Rows, []string{
			g.What, g.Against, g.Distance, show.Digits(g.Ratio), show.Digits(g.Low), show.Digits(g.High), fmt.Sprint(g.Rounds),
		})
	}
	return t
}

func pages(p show.Pages) string {
	describe := func(r hugepages.Report) string {
		s := fmt.Sprintf("%s pages (%s), %s on huge ones", show.Size(uint64(max(0, r.PageBytes))), r.Backing, show.Size(r.HugeBytes))
		if r.Fallback != "" {
			s += ", not all: " + r.Fallback
		}
		return s
	}
	if !slices.ContainsFunc(p.Readers, func(r hugepages.Report) bool { return r != p.Writer }) {
		return describe(p.Writer)
	}
	s := "writer " + describe(p.Writer)
	for i, r := range p.Readers {
		if i == 0 || r != p.Readers[i-1] {
			s += fmt.Sprintf("\nreaders from %d on: %s", i+1, describe(r))
		}
	}
	return s
}

func placement(p show.Placement) string {
	if !p.Pinned || p.Writer == nil {
		return strings.TrimSpace(p.Note + sharing(p))
	}
	return fmt.Sprintf("writer pinned to CPU %d, readers to %s%s", *p.Writer, strings.Trim(fmt.Sprint(p.Readers), "[]"), sharing(p))
}

func sharing(p show.Placement) string {
	if p.Shared {
		return "; processes share CPUs"
	}
	return ""
}

// warnings tell what makes the figures worth less than they seem.
func warnings(r *show.Report) (all []string) {
	if r.Placement.Shared {
		all = append(all, "There were more readers than CPUs: in the rows that say so, one waited while another spun, and latencies show the kernel's scheduling.")
	}
	if r.Rounds.Disturbed > 0 {
		all = append(all, fmt.Sprintf("In %d of %d rounds another program had one of the CPUs: the limit took microseconds.", r.Rounds.Disturbed, r.Rounds.Rounds))
	}
	if v := r.Host.Virtualised; v != "no" && v != "unknown" && v != "" {
		all = append(all, "A virtual machine ("+v+"): how near to each other its CPUs really are, the host decides, and changes.")
	}
	if r.Clock.Fallback != "" {
		all = append(all, "The cycle counter is not used: "+r.Clock.Fallback)
	}
	for i := range r.Results {
		row := &r.Results[i]
		if row.Negative > 0 {
			all = append(all, fmt.Sprintf("%s: %s latencies below zero, counted as 0: the CPUs' clocks disagree.", row.Name(), show.Count(row.Negative)))
		}
		if row.Moved() {
			all = append(all, row.Name()+": a loop was moved off the CPU that it was pinned to.")
		}
		if row.Clamped > 0 {
			all = append(all, fmt.Sprintf("%s: %s latencies were longer than the histogram goes.", row.Name(), show.Count(row.Clamped)))
		}
	}
	return all
}

func findings(r *show.Report) table {
	t := table{Head: []string{"", "Found", "Why it matters", "What to do"}, Texts: 4}
	for _, f := range r.Host.Findings {
		t.Rows = append(t.Rows, []string{string(f.Status) + ": " + f.ID, f.Found, f.Why, f.Fix})
	}
	return t
}

func hiccups(r *show.Report) table {
	t := table{Head: []string{"CPU of", "p99.9", "longest", "over 1 µs", "time lost"}, Texts: 1}
	for i, h := range r.Hiccups {
		of := "the writer"
		if i > 0 {
			of = fmt.Sprintf("reader %d", i)
		}
		t.Rows = append(t.Rows, []string{of, show.Duration(h.P999Ns), show.Duration(h.MaxNs), show.Count(h.Stalls), fmt.Sprintf("%.3f %%", h.LostPercent)})
	}
	return t
}

func missing(r *show.Report) (all []pair) {
	for i := range r.Results {
		if row := &r.Results[i]; row.Missing() {
			all = append(all, pair{row.Transport + " (" + row.Case + ")", row.Note})
		}
	}
	return all
}

// column of the tables of results.
type column struct {
	name string
	text func(r *show.Result) string
}

func quantile(name string, of func(q *show.Quantiles) *float64) column {
	return column{name, func(r *show.Result) string {
		if v := of(&r.Quantiles); v != nil {
			return show.Duration(*v)
		}
		return ""
	}}
}

var columns = []column{
	quantile("min", func(q *show.Quantiles) *float64 { return q.MinNs }),
	quantile("p50", func(q *show.Quantiles) *float64 { return q.P50Ns }),
	quantile("p90", func(q *show.Quantiles) *float64 { return q.P90Ns }),
	quantile("p99", func(q *show.Quantiles) *float64 { return q.P99Ns }),
	quantile("p99.9", func(q *show.Quantiles) *float64 { return q.P999Ns }),
	quantile("p99.99", func(q *show.Quantiles) *float64 { return q.P9999Ns }),
	quantile("max", func(q *show.Quantiles) *float64 { return q.MaxNs }),
	{"sent late, p99", func(r *show.Result) string {
		if r.SentLate == nil || r.SentLate.P99Ns == nil {
			return ""
		}
		return show.Duration(*r.SentLate.P99Ns)
	}},
	{"cost p50", func(r *show.Result) string { return cost(r, func(c *show.Cost) *float64 { return c.P50 }) }},
	{"cost p99", func(r *show.Result) string { return cost(r, func(c *show.Cost) *float64 { return c.P99 }) }},
	{"cost mean", func(r *show.Result) string { return cost(r, func(c *show.Cost) *float64 { return c.Mean }) }},
	{"× limit", func(r *show.Result) string { return ratio(r.RatioToLimit, r.RatioLow, r.RatioHigh) }},
	{"× C++", func(r *show.Result) string { return ratio(r.RatioToCPP, r.RatioCPPLow, r.RatioCPPHigh) }},
	{"published", func(r *show.Result) string {
		if r.Speed() {
			return show.Digits(r.MrecPerS) + " M/s"
		}
		return ""
	}},
	{"received", func(r *show.Result) string {
		if r.Alone() {
			return "" // what was read back, which is no measure of anything
		}
		return show.Count(r.Count)
	}},
	{"missed", func(r *show.Result) string {
		if r.Missed > 0 && !r.Alone() {
			return show.Count(r.Missed)
		}
		return ""
	}},
	{"torn", func(r *show.Result) string {
		if r.Torn > 0 {
			return show.Count(r.Torn)
		}
		return ""
	}},
	{"rounds", func(r *show.Result) string {
		if r.Rounds == 0 {
			return ""
		}
		if r.RoundsLeftOut > 0 {
			return fmt.Sprintf("%d, %d left out", r.Rounds, r.RoundsLeftOut)
		}
		return fmt.Sprint(r.Rounds)
	}},
	{remarks, func(r *show.Result) string {
		s := r.Note
		if r.Incomplete {
			s = strings.TrimSpace("The writer could not keep the rate. " + s)
		}
		return s
	}},
}

func cost(r *show.Result, of func(*show.Cost) *float64) string {
	if r.Cost == nil {
		return ""
	}
	if v := of(r.Cost); v != nil {
		return show.Duration(*v)
	}
	return ""
}

func ratio(at, low, high *float64) string {
	switch {
	case at == nil:
		return ""
	case low == nil || high == nil:
		return show.Digits(*at)
	}
	return fmt.Sprintf("%s (%s to %s)", show.Digits(*at), show.Digits(*low), show.Digits(*high))
}

// results is a table for each case, with the columns that have something in it.
func results(r *show.Report) (all []table) {
	byCase := map[string][]*show.Result{}
	var names []string
	for i := range r.Results {
		row := &r.Results[i]
		if row.Missing() {
			continue
		}
		if byCase[row.Case] == nil {
			names = append(names, row.Case)
		}
		byCase[row.Case] = append(byCase[row.Case], row)
	}
	slices.SortStableFunc(names, func(a, b string) int { return caseOrder(a) - caseOrder(b) })
	for _, name := range names {
		rows := byCase[name]
		t := table{Title: caseTitle(name), Head: []string{""}, Texts: 1}
		for _, label := range show.Labels(rows) {
			t.Rows = append(t.Rows, []string{label})
		}
		for _, c := range columns {
			if !slices.ContainsFunc(rows, func(r *show.Result) bool { return c.text(r) != "" }) {
				continue
			}
			t.Head = append(t.Head, c.name)
			for i, row := range rows {
				t.Rows[i] = append(t.Rows[i], c.text(row))
			}
		}
		all = append(all, t)
	}
	return all
}
