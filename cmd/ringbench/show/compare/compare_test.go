package compare

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/cmd/ringbench/show/made"
)

const relevant = 0.03

func ratios(values []float64) (rounds []show.Round) {
	for _, v := range values {
		rounds = append(rounds, show.Round{Ratio: &v})
	}
	return rounds
}

func speeds(values []float64) (rounds []show.Round) {
	for _, v := range values {
		rounds = append(rounds, show.Round{MrecPerS: &v})
	}
	return rounds
}

func latencyRow(values []float64) show.Result {
	hz := 1e5
	return show.Result{Case: show.CaseLatency, Transport: show.Tickring, RateHz: &hz, Published: 1, PerRound: ratios(values)}
}

func speedRow(values []float64) show.Result {
	return show.Result{Case: show.CaseThroughput, Transport: show.Tickring, Published: 1, MrecPerS: 1, PerRound: speeds(values)}
}

// told counts the verdicts over many made-up pairs of runs, the second of which takes factor as long.
func told(t *testing.T, n int, factor float64, row func([]float64) show.Result) map[Verdict]int {
	t.Helper()
	verdicts := map[Verdict]int{}
	for seed := range 400 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		a, b := row(sample(r, n, 1)), row(sample(r, n, factor))
		verdicts[judge(&a, &b, relevant, 0.01).Verdict]++
	}
	return verdicts
}

func TestNoDifferenceIsSeldomTold(t *testing.T) {
	for _, n := range []int{5, 11, 31} {
		assert.GreaterOrEqual(t, told(t, n, 1, latencyRow)[NoneTold], 400*98/100)
		assert.GreaterOrEqual(t, told(t, n, 1, speedRow)[NoneTold], 400*98/100)
	}
}

func TestADifferenceIsTold(t *testing.T) {
	assert.GreaterOrEqual(t, told(t, 21, 1.1, latencyRow)[Slower], 400*95/100)
	assert.GreaterOrEqual(t, told(t, 21, 1/1.1, latencyRow)[Faster], 400*95/100)
	assert.GreaterOrEqual(t, told(t, 21, 1/1.1, speedRow)[Slower], 400*95/100, "of speeds the smaller is slower")
	assert.GreaterOrEqual(t, told(t, 21, 1.1, speedRow)[Faster], 400*95/100)
	assert.Zero(t, told(t, 21, 1.1, latencyRow)[Faster])
	assert.Zero(t, told(t, 21, 1.1, speedRow)[Slower])
}

func TestAnIrrelevantDifferenceIsNotTold(t *testing.T) {
	a, b := []float64{1, 1.001, 1.002, 1.003, 1.004, 1.005}, []float64{1.02, 1.021, 1.022, 1.023, 1.024, 1.025}
	x, y := latencyRow(a), latencyRow(b)
	row := judge(&x, &y, relevant, 0.01)
	assert.Equal(t, NoneTold, row.Verdict)
	assert.Greater(t, *row.Low, 1.0, "although it is certain")
	assert.Equal(t, Slower, judge(&x, &y, 0.01, 0.01).Verdict)
}

func TestWhatIsNotJudged(t *testing.T) {
	few := []float64{1, 2, 3, 4}
	many := []float64{1, 1.01, 1.02, 1.03, 1.04, 1.05}
	twice := []float64{2, 2.01, 2.02, 2.03, 2.04, 2.05}
	slower := latencyRow(twice)
	with := func(r show.Result, change func(*show.Result)) show.Result { change(&r); return r }
	for name, c := range map[string]struct {
		a, b    show.Result
		verdict Verdict
		why     string
	}{
		"judged":     {latencyRow(many), slower, Slower, ""},
		"few rounds": {latencyRow(few), latencyRow(few), Unjudged, "nothing that both runs have measured"},
		"few, and one p50": {
			with(latencyRow(few), func(r *show.Result) { r.P50Ns = &few[0] }),
			with(slower, func(r *show.Result) { r.P50Ns = &few[1] }), Unjudged, "it takes 5 rounds",
		},
		"left out": {latencyRow(many), with(latencyRow(twice), func(r *show.Result) {
			for i := range r.PerRound {
				r.PerRound[i].LeftOut = i > 3
			}
		}), Unjudged, "nothing that both"},
		"missing": {latencyRow(many), show.Result{Note: "not supported"}, Unjudged, "not supported"},
		"the limit": {
			with(latencyRow(many), func(r *show.Result) { r.Transport = show.Limit }), slower, Unjudged, "the machine does",
		},
		"cannot keep the rate": {latencyRow(many), with(latencyRow(many), func(r *show.Result) { r.Incomplete = true }), Slower, "could not keep"},
		"could not":            {with(slower, func(r *show.Result) { r.Incomplete = true }), slower, Faster, "could not keep"},
		"could not, in a storm": {
			with(latencyRow([]float64{1, 10, 100, 1000, 1e4, 1e5}), func(r *show.Result) { r.Incomplete = true }), slower, Unjudged, "so busy",
		},
		"neither": {
			with(slower, func(r *show.Result) { r.Incomplete = true }),
			with(slower, func(r *show.Result) { r.Incomplete = true }), Unjudged, "neither",
		},
		"missed": {latencyRow(many), with(slower, func(r *show.Result) { r.Missed = 1 }), Unjudged, "missed records"},
	} {
		t.Run(name, func(t *testing.T) {
			row := judge(&c.a, &c.b, relevant, 0.01)
			assert.Equal(t, c.verdict, row.Verdict)
			if c.why == "" {
				assert.Empty(t, row.Why)
			} else {
				assert.Contains(t, row.Why, c.why)
			}
		})
	}
}

func TestMedianWithoutALimit(t *testing.T) {
	var rounds [2][]show.Round
	for i := range 6 {
		x, y := 100+float64(i), 130+float64(i)
		rounds[0], rounds[1] = append(rounds[0], show.Round{P50Ns: &x}), append(rounds[1], show.Round{P50Ns: &y})
	}
	a, b := latencyRow(nil), latencyRow(nil)
	a.PerRound, b.PerRound = rounds[0], rounds[1]
	row := judge(&a, &b, relevant, 0.01)
	assert.Equal(t, Slower, row.Verdict)
	assert.Equal(t, "p50_ns", row.By)
	assert.Equal(t, 102.5, *row.A)
}

func TestTwoRunsOfOneProgram(t *testing.T) {
	wrong := 0
	for seed := range uint64(10) {
		c, err := Reports(made.Rounds(seed), made.Rounds(1000+seed), relevant)
		require.NoError(t, err)
		require.Greater(t, c.Count(NoneTold), 100, "rows")
		if c.Count(Slower)+c.Count(Faster) > 0 {
			wrong++
		}
	}
	assert.LessOrEqual(t, wrong, 2, "one in twenty is expected at most")

	a, b := made.Rounds(1), made.Rounds(2)
	c, err := Reports(a, b, relevant)
	require.NoError(t, err)
	assert.Empty(t, c.Differ)
	assert.Len(t, c.Rows, len(a.Results)-1, "all but the rival that is missing in both")
	assert.Empty(t, slices.Concat(c.OnlyA, c.OnlyB))
	assert.Equal(t, 28, c.Count(Unjudged), "the limit, and what cannot keep the rate")
}

func TestOtherConditionsAreNotCompared(t *testing.T) {
	for what, change := range map[string]func(r *show.Report){
		"host: processor":          func(r *show.Report) { r.Host.CPU = "another" },
		"host: CPUs and cores":     func(r *show.Report) { r.Host.Cores = 2 },
		"host: SMT":                func(r *show.Report) { r.Host.SMT = !r.Host.SMT },
		"host: virtualised":        func(r *show.Report) { r.Host.Virtualised = "yes" },
		"host: frequency governor": func(r *show.Report) { r.Host.Governor = "performance" },
		"host: isolated CPUs":      func(r *show.Report) { r.Host.Isolated = "2-3" },
		"host: kernel":             func(r *show.Report) { r.Host.Kernel = "" },
		"host: architecture":       func(r *show.Report) { r.Host.Arch = "arm64" },
		"pages of the writer":      func(r *show.Report) { r.Pages.Writer.PageBytes = 4096 },
		"pages of the readers":     func(r *show.Report) { r.Pages.Readers[1].HugeBytes = 0 },
		"clock: 3.2 ticks":         func(r *show.Report) { r.Clock.TicksPerNs = 2.9 },
		"clock: tsc":               func(r *show.Report) { r.Clock.Source = "clock_gettime" },
		"placement":                func(r *show.Report) { r.Placement.Pinned = false },
		"ring":                     func(r *show.Report) { r.Ring.Slots = 2 },
		"records":                  func(r *show.Report) { r.Records = "a recording" },
	} {
		t.Run(what, func(t *testing.T) {
			a, b := made.Rounds(1), made.Rounds(2)
			change(b)
			c, err := Reports(a, b, relevant)
			require.NoError(t, err)
			require.Len(t, c.Differ, 1)
			assert.Contains(t, c.Differ[0], what)
			assert.Equal(t, len(c.Rows), c.Count(Unjudged))
			var text strings.Builder
			require.NoError(t, c.WriteText(&text))
			assert.Contains(t, text.String(), "NOTHING IS JUDGED")
			assert.Contains(t, text.String(), c.Differ[0])
		})
	}
	a, b := made.Rounds(1), made.Rounds(1)
	b.Host.Go, b.Host.Load, b.TookSeconds, b.Clock.TicksPerNs = "go1.99", "1.50", 3, 3.2001
	c, err := Reports(a, b, relevant)
	require.NoError(t, err)
	assert.Empty(t, c.Differ, "what another run of the same may have otherwise")
}

func TestRowsThatHaveNoCounterpart(t *testing.T) {
	a, b := made.Rounds(1), made.Rounds(1)
	for i := range a.Results {
		a.Results[i].Distance, b.Results[i].Distance = "", ""
	}
	a.Results, b.Results = a.Results[:1], b.Results[:1:1]
	a.Results[0].Distance, b.Results[0].Distance = "near", "far"
	b.Results = append(b.Results, latencyRow(nil))
	c, err := Reports(a, b, relevant)
	require.NoError(t, err)
	assert.Empty(t, c.Rows)
	require.Len(t, c.OnlyA, 1)
	assert.Contains(t, c.OnlyA[0], `distance was "far"`)
	require.Len(t, c.OnlyB, 2)
	assert.Contains(t, c.OnlyB[0], `distance was "near"`)
	assert.NotContains(t, c.OnlyB[1], "distance was")

	b.Results = append(b.Results, b.Results[0])
	_, err = Reports(a, b, relevant)
	assert.ErrorIs(t, err, ErrTwice)
	_, err = Reports(b, a, relevant)
	assert.ErrorIs(t, err, ErrTwice)
	_, err = Reports(a, a, -1)
	assert.ErrorContains(t, err, "relevant")
}

func TestTextAndJSON(t *testing.T) {
	a, b := made.Rounds(1), made.Rounds(2)
	for i := range b.Results {
		if b.Results[i].Case == "burst" {
			a.Results[i].PerRound, b.Results[i].PerRound = nil, nil
		}
		if b.Results[i].Case == show.CasePublish && b.Results[i].Transport == show.Tickring {
			for j := range b.Results[i].PerRound {
				*b.Results[i].PerRound[j].CostNs /= 1.4
				*b.Results[i].PerRound[j].RatioToCPP /= 1.4
			}
		}
		if b.Results[i].Transport == show.Tickring {
			for j := range b.Results[i].PerRound {
				if v := b.Results[i].PerRound[j].Ratio; v != nil {
					*v *= 1.4
				}
			}
		}
	}
	c, err := Reports(a, b, relevant)
	require.NoError(t, err)
	assert.Positive(t, c.Count(Slower))
	var text strings.Builder
	require.NoError(t, c.WriteText(&text))
	assert.Regexp(t, `(?m)^latency, tickring, 100 k/s, 1 reader, spin, one by one, near +×1\.\d+ +×1\.\d+ +\+[34]\d\.\d % +\+[23]\d\.\d % to \+[45]\d\.\d % +10, 10 +SLOWER$`, text.String())
	assert.Regexp(t, `(?m)^throughput, c\+\+, .*M/s.*no difference that the noise allows to tell$`, text.String())
	assert.Regexp(t, `(?m)^burst, .*not judged \[\d\]$`, text.String())
	assert.Regexp(t, `(?m)^publish-alone, tickring, .* +C\+\+ ×[01]\.\d+ +C\+\+ ×0\.\d+ +-[23]\d\.\d % .* FASTER$`, text.String())
	assert.Regexp(t, `(?m)^publish-alone, c\+\+, .* +[45]\.\d+ ns +[45]\.\d+ ns .* no difference that the noise allows to tell$`, text.String())
	assert.Regexp(t, `(?m)^\[\d\] it takes 5 rounds`, text.String())

	data, err := json.Marshal(c)
	require.NoError(t, err)
	var back Comparison
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, *c, back)
}
