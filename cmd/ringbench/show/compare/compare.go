// Package compare tells whether one run of ringbench was faster than another, as far as the noise allows to tell.
//
// A run consists of rounds. The rounds of two runs are two samples, compared by rank: what they differ by is a factor
// with an interval, and a verdict is given where the whole interval lies on one side of 1 and the factor is large
// enough to matter. The intervals of all rows hold together, with a probability of 95 %. What has no rounds is shown and not judged: one measurement has no spread, and its tail is an
// accident. Nothing is judged if the machines or the settings differ.
package compare

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// Verdict is what can be said of the second run's row.
type Verdict string

// The verdicts.
const (
	Faster   Verdict = "faster"
	Slower   Verdict = "slower"
	NoneTold Verdict = "no difference that the noise allows to tell"
	Unjudged Verdict = "not judged"
)

// Row is one row of both runs.
type Row struct {
	show.Key
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"` // it is not judged, or judged without rounds
	By      string  `json:"by,omitempty"`  // what was compared: "ratio_to_limit", "p50_ns" or "mrec_per_s"

	A       *float64 `json:"a"` // median of the rounds; of a row without rounds, its one value
	B       *float64 `json:"b"`
	RoundsA int      `json:"rounds_a"`
	RoundsB int      `json:"rounds_b"`

	// How many times as long B takes: 1.1 is a tenth slower, whatever was compared. Null if there is no interval.
	Factor *float64 `json:"factor"`
	Low    *float64 `json:"factor_low"`
	High   *float64 `json:"factor_high"`
}

// Comparison is what became of two runs.
type Comparison struct {
	Differ     []string `json:"differ"` // why nothing is judged
	Relevant   float64  `json:"relevant"`
	Confidence float64  `json:"confidence"` // that all intervals together hold
	Rows       []Row    `json:"rows"`
	OnlyA      []string `json:"only_a"` // rows that the other run does not have
	OnlyB      []string `json:"only_b"`
}

// ErrTwice is wrapped by the error about a report in which a row cannot be told from another.
var ErrTwice = errors.New("a report has the same row twice")

// Reports compares b with a. A difference is told from a factor of 1+relevant on.
func Reports(a, b *show.Report, relevant float64) (*Comparison, error) {
	if !(relevant >= 0 && relevant < 10) {
		return nil, fmt.Errorf("compare: a relevant difference of %v: it takes 0 to 10, like 0.03 for 3 %%", relevant)
	}
	ofA, err := index(a)
	if err != nil {
		return nil, err
	}
	ofB, err := index(b)
	if err != nil {
		return nil, err
	}
	c := &Comparison{
		Differ: differences(a, b), Relevant: relevant, Confidence: 1 - alpha,
		Rows: []Row{}, OnlyA: []string{}, OnlyB: []string{},
	}
	if c.Differ == nil {
		c.Differ = []string{}
	}
	judged := 0
	for i := range a.Results {
		if x := &a.Results[i]; ofB[x.Key()] != nil {
			if _, v, w := rounds(x, ofB[x.Key()]); v != nil && w != nil {
				judged++
			}
		}
	}
	for i := range a.Results {
		x := &a.Results[i]
		y := ofB[x.Key()]
		switch {
		case y == nil:
			c.OnlyA = append(c.OnlyA, x.Name()+elsewhere(x, b))
		case x.Missing() && y.Missing():
		default:
			row := judge(x, y, relevant, alpha/float64(max(1, judged)))
			if len(c.Differ) > 0 {
				row.Verdict, row.Why = Unjudged, "the conditions differ"
			}
			c.Rows = append(c.Rows, row)
		}
	}
	for i := range b.Results {
		if y := &b.Results[i]; ofA[y.Key()] == nil {
			c.OnlyB = append(c.OnlyB, y.Name()+elsewhere(y, a))
		}
	}
	return c, nil
}

// elsewhere tells that the other run has the row, at another distance: times at different distances do not compare.
func elsewhere(r *show.Result, other *show.Report) string {
	for i := range other.Results {
		o := &other.Results[i]
		k := o.Key()
		if k.Distance = r.Distance; k == r.Key() {
			return fmt.Sprintf(" (in the other run the CPUs' distance was %q)", o.Distance)
		}
	}
	return ""
}

func index(r *show.Report) (map[show.Key]*show.Result, error) {
	rows := map[show.Key]*show.Result{}
	for i := range r.Results {
		row := &r.Results[i]
		if rows[row.Key()] != nil {
			return nil, fmt.Errorf("%w: %s", ErrTwice, row.Name())
		}
		rows[row.Key()] = row
	}
	return rows, nil
}

// measure is what rows are compared by.
type measure struct {
	name   string
	round  func(show.Round) *float64
	whole  func(*show.Result) *float64
	faster bool // the greater
}

var (
	byRatio = measure{
		"ratio_to_limit", func(r show.Round) *float64 { return r.Ratio },
		func(r *show.Result) *float64 { return r.RatioToLimit }, false,
	}
	byMedian = measure{
		"p50_ns", func(r show.Round) *float64 { return r.P50Ns },
		func(r *show.Result) *float64 {
			return r.P50Ns
		}, false,
	}
	byRatioToCPP = measure{
		"ratio_to_cpp", func(r show.Round) *float64 { return r.RatioToCPP },
		func(r *show.Result) *float64 { return r.RatioToCPP }, false,
	}
	byCost = measure{
		"cost_ns", func(r show.Round) *float64 { return r.CostNs },
		func(r *show.Result) *float64 { return r.Cost.Mean }, false,
	}
	bySpeed = measure{
		"mrec_per_s", func(r show.Round) *float64 { return r.MrecPerS },
		func(r *show.Result) *float64 {
			if r.MrecPerS == 0 {
				return nil
			}
			return &r.MrecPerS
		}, true,
	}
)

// measures are what a row can be compared by, the best first. A ratio to what was measured in the same round has least
// of the machine's moods.
func measures(r *show.Result) []measure {
	switch {
	case r.Speed():
		return []measure{bySpeed}
	case r.Cost != nil:
		return []measure{byRatioToCPP, byCost}
	}
	if r.Transport == show.Limit {
		return []measure{byMedian}
	}
	return []measure{byRatio, byMedian}
}

// alpha is how often, at most, anything is told of two runs of one program, by chance: of all their rows together.
// What is told of many rows without such a share for each would be wrong of some of them every time.
const alpha = 0.05

// fewest rounds that a row can be judged by, if it is one of few.
const fewest = 5

// rounds are the values that two rows are compared by; nil if there are too few.
func rounds(a, b *show.Result) (m measure, x, y []float64) {
	if a.Transport == show.Limit {
		return m, nil, nil
	}
	for _, m := range measures(a) {
		if x, y := values(a, m), values(b, m); len(x) >= fewest && len(y) >= fewest {
			return m, x, y
		}
	}
	return m, nil, nil
}

func judge(a, b *show.Result, relevant, alpha float64) Row {
	row := Row{Key: a.Key(), Name: a.Name(), Verdict: Unjudged, RoundsA: len(a.Kept()), RoundsB: len(b.Kept())}
	if m, x, y := rounds(a, b); x != nil {
		row.by(m, median(x), median(y))
		row.RoundsA, row.RoundsB = len(x), len(y)
		row.decide(x, y, m.faster, relevant, alpha)
	} else {
		for _, m := range measures(a) {
			if v, w := m.whole(a), m.whole(b); row.By == "" && v != nil && w != nil {
				row.by(m, *v, *w)
				row.Why = fmt.Sprintf("it takes %d rounds of each to tell a difference from noise, and one measurement's tail cannot be judged", fewest)
			}
		}
	}
	switch {
	case a.Missing() || b.Missing():
		row.Verdict, row.Why = Unjudged, "not measured in one of the runs: "+a.Note+b.Note
	case a.Transport == show.Limit:
		row.Verdict, row.Why = Unjudged, "it is what the others are measured by: what it differs by, the machine does"
	case a.Incomplete && b.Incomplete:
		row.Verdict, row.Why = Unjudged, "neither run could keep the rate"
	case a.Incomplete != b.Incomplete && row.Low != nil && *row.High > wild**row.Low:
		row.Verdict, row.Why = Unjudged, "one run could not keep the rate, but its machine was so busy that this tells nothing of the ring"
	case a.Incomplete:
		row.Verdict, row.Why = Faster, "the first run could not keep the rate, the second could"
	case b.Incomplete:
		row.Verdict, row.Why = Slower, "the second run could not keep the rate, the first could"
	case a.RateHz != nil && (a.Missed > 0) != (b.Missed > 0):
		row.Verdict, row.Why = Unjudged, "one run missed records: its longest latencies are not among those measured"
	case row.By == "":
		row.Why = "there is nothing that both runs have measured"
	}
	return row
}

func (r *Row) by(m measure, a, b float64) { r.By, r.A, r.B = m.name, &a, &b }

// decide gives a verdict from the rounds. What is better where it is greater is turned into times.
func (r *Row) decide(a, b []float64, faster bool, relevant, alpha float64) {
	if faster {
		a, b = b, a
	}
	s, ok := shiftOf(a, b, alpha)
	if !ok {
		r.Why = fmt.Sprintf("to tell a difference of one among so many rows takes %d rounds of each", enough(alpha))
		return
	}
	r.Factor, r.Low, r.High = &s.factor, &s.low, &s.high
	switch {
	case s.low > 1 && s.factor >= 1+relevant:
		r.Verdict = Slower
	case s.high < 1 && s.factor <= 1/(1+relevant):
		r.Verdict = Faster
	default:
		r.Verdict = NoneTold
	}
}

// wild is how many times the low end of an interval its high end is, where the machine did something else.
const wild = 2

// enough is how many rounds of each run a row must have to be judged.
func enough(alpha float64) int {
	n := fewest
	for critical(n, n, alpha) < 0 {
		n++
	}
	return n
}

// values are those of the rounds that count, sorted.
func values(r *show.Result, m measure) (all []float64) {
	for _, one := range r.Kept() {
		if v := m.round(one); v != nil && *v > 0 {
			all = append(all, *v)
		}
	}
	slices.Sort(all)
	return all
}

// Count is how many rows have a verdict.
func (c *Comparison) Count(v Verdict) (n int) {
	for _, r := range c.Rows {
		if r.Verdict == v {
			n++
		}
	}
	return n
}
