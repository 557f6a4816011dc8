package page

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// section is a part of the page that has charts.
type section struct {
	ID, Title, Text string
	Figures         []figure
	Table           table // below them
}

// figure is a chart with its title and legend.
type figure struct {
	Title, Note string
	Drawing     template.HTML
	Keys        []key
}

// key is an entry of a legend.
type key struct {
	Ink   ink
	Dash  int
	Label string
}

// caseTitles names the cases in the order in which they are shown.
var caseTitles = []struct{ name, title string }{
	{show.CaseLatency, "Latency at a fixed rate"},
	{show.CaseLoad, "Latency at each rate"},
	{"feed", "Latency in a recording's own bursts"},
	{"burst", "Latency in bursts"},
	{"low-rate", "Latency at a low rate"},
	{show.CaseWait, "Latency by how readers wait"},
	{"wakeup", "Latency of waking a reader"},
	{show.CaseFanout, "By number of readers"},
	{"slow-reader", "Beside a slow reader"},
	{"stopped-reader", "Beside a stopped reader"},
	{show.CaseThroughput, "Throughput"},
	{show.CaseLossless, "Throughput of a reader that loses nothing"},
	{show.CaseWriterCost, "Writer's cost"},
	{show.CasePublish, "Publish alone, nobody reading"},
	{show.CasePoll, "Poll of records that are there"},
}

func caseTitle(name string) string {
	for _, c := range caseTitles {
		if c.name == name {
			return c.title
		}
	}
	return "Case " + name
}

func caseOrder(name string) int {
	i := slices.IndexFunc(caseTitles, func(c struct{ name, title string }) bool { return c.name == name })
	if i < 0 {
		return len(caseTitles)
	}
	return i
}

// group is rows that are drawn together: of one distance and, unless they are the only ones of theirs, of one case.
type group struct {
	name, distance, transport string // transport only where they are of one, because all would be too many
	rows                      []*show.Result
}

// inOther is the name of the group of cases that have one row for each distance.
const inOther = "other cases"

func (g group) title() string {
	title := caseTitle(g.name)
	switch {
	case g.name == inOther:
		title = "Latency in other cases"
	case g.transport != "":
		title += ", " + g.transport
	}
	if g.distance != "" {
		title += ", " + g.distance
	}
	return title
}

// divide divides rows by what of tells, in the order of the first of each part.
func divide(rows []*show.Result, of func(*show.Result) group) (parts []group) {
	for _, row := range rows {
		g := of(row)
		i := slices.IndexFunc(parts, func(p group) bool {
			return p.name == g.name && p.distance == g.distance && p.transport == g.transport
		})
		if i < 0 {
			i = len(parts)
			parts = append(parts, g)
		}
		parts[i].rows = append(parts[i].rows, row)
	}
	return parts
}

// pick returns the rows that were measured and that want takes, case by case.
func pick(r *show.Report, want func(*show.Result) bool) (rows []*show.Result) {
	for i := range r.Results {
		if row := &r.Results[i]; !row.Missing() && want(row) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b *show.Result) int { return cmp.Compare(caseOrder(a.Case), caseOrder(b.Case)) })
	return rows
}

func byCase(r *show.Result) group { return group{name: r.Case, distance: r.Distance} }

// maxLines is how many curves a chart has at most, which is all transports once: no eye tells more apart.
const maxLines = 14

// curveGroups divides rows by case and distance; by transport, too, where there are too many; and puts together
// those that would be alone.
func curveGroups(rows []*show.Result) []group {
	most := map[string]int{}
	for _, g := range divide(rows, byCase) {
		most[g.name] = max(most[g.name], len(g.rows))
	}
	all := divide(rows, func(r *show.Result) group {
		g := byCase(r)
		switch {
		case most[r.Case] == 1 && r.Case != show.CaseLatency:
			g.name = inOther
		case most[r.Case] > maxLines:
			g.transport = r.Transport
		}
		return g
	})
	// What fills the most charts comes last, and each transport's distances beside each other.
	slices.SortStableFunc(all, func(a, b group) int {
		if a.transport != "" && b.transport != "" {
			return cmp.Compare(inkOf(a.transport), inkOf(b.transport))
		}
		return cmp.Compare(len(a.transport), len(b.transport))
	})
	return all
}

// labels names rows by what they differ in from others of their case, and by their cases if there are several.
func labels(rows []*show.Result) []string {
	names := make([]string, len(rows))
	cases := divide(rows, func(r *show.Result) group { return group{name: r.Case} })
	oneTransport := !slices.ContainsFunc(rows, func(r *show.Result) bool { return r.Transport != rows[0].Transport })
	for _, g := range cases {
		for i, label := range show.Labels(g.rows) {
			if oneTransport && label != g.rows[i].Transport {
				label = strings.TrimPrefix(label, g.rows[i].Transport+", ")
			}
			if len(cases) > 1 {
				label = g.name + ", " + label
				if oneTransport {
					label = strings.TrimSuffix(label, ", "+g.rows[i].Transport)
				}
			}
			names[slices.Index(rows, g.rows[i])] = label
		}
	}
	return names
}

func percentileSection(r *show.Report) (section, error) {
	s := section{ID: "percentiles", Title: "Latency by percentile", Text: "From when a record was due until a reader had it. Both scales are " +
		"logarithmic: each step to the right is another nine. A curve ends where fewer than ten records lie beyond."}
	for _, g := range curveGroups(pick(r, func(r *show.Result) bool { return r.Histogram != "" })) {
		f := figure{Title: g.title()}
		if n := len(g.rows) - maxLines; n > 0 {
			f.Note = fmt.Sprintf("%d more are in the tables below.", n)
			g.rows = g.rows[:maxLines]
		}
		names, used, lines := labels(g.rows), map[string]int{}, []line(nil)
		oneTransport := !slices.ContainsFunc(g.rows, func(r *show.Result) bool { return r.Transport != g.rows[0].Transport })
		for i, row := range g.rows {
			points, err := curve(row)
			if err != nil {
				return s, fmt.Errorf("%s: %w", row.Name(), err)
			}
			if len(points) == 0 {
				continue
			}
			l := line{points: points, ink: inkOf(row.Transport), dash: used[row.Transport] % len(dashes), thick: row.Transport == show.Tickring}
			used[row.Transport]++
			if oneTransport && len(g.rows) > 1 {
				l.ink, l.dash, l.thick = scale(i, len(g.rows)), 0, false
			}
			lines = append(lines, l)
			f.Keys = append(f.Keys, key{l.ink, l.dash, names[i]})
		}
		if len(lines) == 0 {
			continue
		}
		if err := f.draw(curves(lines)); err != nil {
			return s, err
		}
		s.Figures = append(s.Figures, f)
	}
	return s, nil
}

func (f *figure) draw(c chart) (err error) {
	f.Drawing, err = c.draw(f.Title)
	return err
}

// variedSection is latency along something that the rows of a case differ in.
func variedSection(r *show.Report, s section, name string, x func(*show.Result) float64, axis string, label func(float64) string) (section, error) {
	for _, g := range divide(pick(r, func(r *show.Result) bool { return r.Case == name }), byCase) {
		lines, keys := series(g.rows, x)
		if !varied(lines) {
			continue
		}
		f := figure{Title: g.title(), Keys: keys}
		if err := f.draw(against(lines, axis, label)); err != nil {
			return s, err
		}
		s.Figures = append(s.Figures, f)
	}
	return s, nil
}

func loadSection(r *show.Report) (section, error) {
	return variedSection(r, section{ID: "load", Title: "Latency against load", Text: "The first line of a colour is the median, the dashed one the " +
		"99th percentile. A ring marks the highest rate at which the writer could not keep up: its latency is that of a growing queue."},
		show.CaseLoad, func(r *show.Result) float64 {
			if r.RateHz == nil {
				return 0
			}
			return *r.RateHz
		}, "records per second", atRate)
}

func fanoutSection(r *show.Report) (section, error) {
	return variedSection(r, section{ID: "fanout", Title: "Fan-out", Text: "Latency against the number of readers that all get every record. The first " +
		"line of a colour is the median, the dashed one the 99th percentile."},
		show.CaseFanout, func(r *show.Result) float64 { return float64(r.Readers) }, "readers", nil)
}

// spread is what lies between the 10th and the 90th percentile of values, and nothing of too few.
func spread(values []float64) (low, high float64) {
	if len(values) < 3 {
		return 0, 0
	}
	slices.Sort(values)
	return values[len(values)/10], values[len(values)-1-len(values)/10]
}

func throughputSection(r *show.Report) (section, error) {
	s := section{ID: "throughput", Title: "Throughput", Text: "What the writer published as fast as it could; where nothing may be lost, " +
		"as fast as the reader took it. The whiskers are the 10th and the 90th percentile of the rounds."}
	picked := pick(r, (*show.Result).Speed)
	for _, g := range divide(picked, byCase) {
		lanes, high, names := []lane(nil), 0.0, labels(g.rows)
		for i, row := range g.rows {
			var values []float64
			for _, one := range row.Kept() {
				if one.MrecPerS != nil {
					values = append(values, *one.MrecPerS)
				}
			}
			m := mark{at: row.MrecPerS, ink: inkOf(row.Transport), shape: bar}
			m.low, m.high = spread(values)
			high = max(high, m.at, m.high)
			lanes = append(lanes, lane{names[i], show.Digits(row.MrecPerS) + " M/s", []mark{m}})
		}
		slices.SortStableFunc(lanes, func(a, b lane) int { return cmp.Compare(b.marks[0].at, a.marks[0].at) })
		f := figure{Title: g.title()}
		err := f.draw(laneChart(lanes, func(a *plot.Axis) { linear(a, high*1.02) }, "million records per second", 0))
		if err != nil {
			return s, err
		}
		s.Figures = append(s.Figures, f)
	}
	return s, nil
}

// anyDistance puts near and far rows that are else alike into one lane.
func anyDistance(rows []*show.Result) (lanes [][]*show.Result, names []string) {
	index := map[show.Key]int{}
	var first []*show.Result
	for _, r := range rows {
		k := r.Key()
		k.Distance = ""
		i, ok := index[k]
		if !ok {
			i = len(lanes)
			index[k] = i
			lanes = append(lanes, nil)
			anywhere := *r
			anywhere.Distance = ""
			first = append(first, &anywhere)
		}
		lanes[i] = append(lanes[i], r)
	}
	return lanes, labels(first)
}

func ratioSection(r *show.Report) (section, error) {
	s := section{ID: "ratio", Title: "Against the limit", Text: "How many times as long a record takes as between two bare loops that hand one cache " +
		"line over, in the same rounds: the median, with the 10th and the 90th percentile of the rounds. A dot is CPUs near each other, a ring CPUs far apart."}
	rows := pick(r, func(r *show.Result) bool {
		return r.Case != show.CaseLoad && r.RatioToLimit != nil && r.Transport != show.Limit
	})
	for _, g := range divide(rows, func(r *show.Result) group {
		if r.Case == show.CaseLatency {
			return group{name: r.Case}
		}
		return group{name: inOther}
	}) {
		parts, names := anyDistance(g.rows)
		// On one axis, what is hundreds of times slower would press the rest into a corner.
		for _, beyond := range []bool{false, true} {
			span, lanes := span{1, 1}, []lane(nil)
			for i, part := range parts {
				one, farthest := ratioLane(names[i], part)
				if farthest > nearLimit != beyond {
					continue
				}
				for _, m := range one.marks {
					span.add(m.low)
					span.add(m.at)
					span.add(m.high)
				}
				lanes = append(lanes, one)
			}
			if len(lanes) == 0 {
				continue
			}
			f := figure{Title: g.title() + ", up to ×" + plain(nearLimit)}
			if beyond {
				f.Title = g.title() + ", beyond ×" + plain(nearLimit)
			}
			err := f.draw(laneChart(lanes, func(a *plot.Axis) {
				logarithmic(a, span, atRatio)
				a.Min = span.low * 0.88 // so that the limit's line has a place of its own
			}, "times the limit", 1))
			if err != nil {
				return s, err
			}
			s.Figures = append(s.Figures, f)
		}
	}
	return s, nil
}

// nearLimit is how many times the limit is still drawn among what is near it.
const nearLimit = 4.0

// ratioLane has a mark for each of the rows, which are one at different distances.
func ratioLane(name string, rows []*show.Result) (one lane, farthest float64) {
	var figures []string
	for _, row := range rows {
		m := mark{at: *row.RatioToLimit, ink: inkOf(row.Transport)}
		if row.Distance == "far" {
			m.shape, m.row = hollow, 1
		}
		if row.RatioLow != nil && row.RatioHigh != nil {
			m.low, m.high = *row.RatioLow, *row.RatioHigh
		}
		one.marks = append(one.marks, m)
		figures = append(figures, strings.TrimSpace(row.Distance+" ×"+show.Digits(m.at)))
		farthest = max(farthest, m.at)
	}
	one.name, one.figures = name, strings.Join(figures, ", ")
	return one, farthest
}

// goalSection is what the ring is judged by, before all else.
func goalSection(r *show.Report) (section, error) {
	s := section{ID: "goals", Title: "Judged by", Text: "How many times as long as the C++ client takes, or as the writer takes with one reader that " +
		"keeps up, in the same rounds: the median, with the 10th and the 90th percentile of the rounds. A dot is CPUs near each other, or a thing that " +
		"one of them does alone; a ring CPUs far apart.", Table: goals(r)}
	span, lanes := span{1, 1}, []lane(nil)
	for _, g := range r.Goals {
		name := g.What + " ÷ " + g.Against
		i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name })
		if i < 0 {
			i = len(lanes)
			lanes = append(lanes, lane{name: name})
		}
		m := mark{at: g.Ratio, low: g.Low, high: g.High, ink: inkOf(show.Tickring)}
		if g.Distance == "far" {
			m.shape, m.row = hollow, 1
		}
		one := &lanes[i]
		one.marks = append(one.marks, m)
		one.figures = strings.TrimPrefix(one.figures+", "+strings.TrimSpace(g.Distance+" ×"+show.Digits(g.Ratio)), ", ")
		for _, v := range []float64{m.low, m.at, m.high} {
			span.add(v)
		}
	}
	if len(lanes) == 0 {
		return s, nil
	}
	f := figure{Title: "Ratio of times"}
	err := f.draw(laneChart(lanes, func(a *plot.Axis) {
		logarithmic(a, span, atRatio)
		a.Min *= 0.95
	}, "ratio: below 1 is faster", 1))
	s.Figures = append(s.Figures, f)
	return s, err
}

func costSection(r *show.Report) (section, error) {
	s := section{ID: "writer-cost", Title: "What a call costs", Text: "Nanoseconds a record, from the median (dot) to the 99th percentile (end of the line); a ring is the " +
		"longest. What a writer's calls cost beside readers is timed by few calls at once; calls alone by hundreds, in a ring that stays in the cache."}
	rows := pick(r, func(r *show.Result) bool { return r.Cost != nil && r.Cost.P50 != nil })
	for _, alone := range []bool{true, false} {
		group, title := []*show.Result(nil), "Publish, beside readers"
		if alone {
			title = "Publish and poll, alone"
		}
		for _, row := range rows {
			if row.Alone() == alone {
				group = append(group, row)
			}
		}
		if len(group) == 0 {
			continue
		}
		f, err := costFigure(title, group)
		if err != nil {
			return s, err
		}
		s.Figures = append(s.Figures, f)
	}
	return s, nil
}

func costFigure(title string, rows []*show.Result) (figure, error) {
	span, lanes, names := nothing, []lane(nil), labels(rows)
	for i, row := range rows {
		c := row.Cost
		m := mark{at: max(0.1, *c.P50), ink: inkOf(row.Transport)}
		one := lane{name: names[i], figures: "p50 " + show.Duration(*c.P50)}
		if c.P99 != nil {
			m.low, m.high = m.at, max(m.at, *c.P99)
			one.figures += ", p99 " + show.Duration(*c.P99)
		}
		one.marks = []mark{m}
		if c.Max != nil {
			one.marks = append(one.marks, mark{at: *c.Max, ink: m.ink, shape: hollow})
			one.figures += ", max " + show.Duration(*c.Max)
		}
		for _, m := range one.marks {
			span.add(m.at)
			span.add(m.high)
		}
		lanes = append(lanes, one)
	}
	f := figure{Title: title}
	err := f.draw(laneChart(lanes, func(a *plot.Axis) {
		logarithmic(a, span, atTime)
		a.Min *= 0.8 // so that there is room for the first tick's label
	}, "time a record", 0))
	return f, err
}
