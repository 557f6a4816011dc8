package rounds

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTrimmedMean(t *testing.T) {
	assert.True(t, math.IsNaN(TrimmedMean(nil)))
	assert.Equal(t, 7.0, TrimmedMean([]int64{7}))
	assert.Equal(t, 4.0, TrimmedMean([]int64{5, 3}))
	assert.Equal(t, 25.0, TrimmedMean([]int64{1_000_000, 20, 30, -5}), "one of four is cut at each end")
	// A clock that steps by 20 ns: the mean lies between the steps, where a median could not.
	assert.InDelta(t, 104.0, TrimmedMean([]int64{60, 80, 100, 100, 100, 100, 100, 120, 500, 900}), 1)
}

func TestSpread(t *testing.T) {
	_, ok := SpreadOf([]float64{math.NaN(), math.Inf(1)})
	assert.False(t, ok)
	var values []float64
	for i := range 101 {
		values = append(values, float64(100-i))
	}
	s, ok := SpreadOf(append(values, math.NaN()))
	assert.True(t, ok)
	assert.Equal(t, Spread{10, 50, 90}, s)
	assert.Equal(t, 100.0, values[0], "the caller's are left alone")
	s, _ = SpreadOf([]float64{3})
	assert.Equal(t, Spread{3, 3, 3}, s)
}

func TestOrderTakesTurns(t *testing.T) {
	const n = 5
	firsts, behind := map[int]bool{}, map[int]bool{}
	for round := range 2 * n {
		order := Order(round, n)
		assert.Equal(t, []int{0, 1, 2, 3, 4}, slices.Sorted(slices.Values(order)))
		firsts[order[0]] = true
		if at := slices.Index(order, 0); at > 0 {
			behind[order[at-1]] = true
		}
	}
	assert.Len(t, firsts, n)
	assert.Greater(t, len(behind), 1)
	assert.Empty(t, Order(3, 0))
}

func TestLabels(t *testing.T) {
	even := func(v ...float64) (limits []Limit) {
		for _, v := range v {
			limits = append(limits, Limit{v, v * 1.05})
		}
		return limits
	}
	distances := func(limits []Limit) (d []string) {
		for _, l := range Labels(limits) {
			d = append(d, l.Distance)
			assert.False(t, l.LeftOut)
		}
		return d
	}
	assert.Empty(t, Labels(nil))
	assert.Equal(t, []string{One}, distances(even(100)))
	assert.Equal(t, []string{One, One, One, One}, distances(even(100, 110, 95, 130)), "noise is no distance")
	assert.Equal(t, []string{Near, Far, Near, Far}, distances(even(100, 320, 110, 300)))
	// Far apart, but only one: an outlier.
	assert.NotContains(t, distances(even(100, 100, 101, 102, 103, 104, 105, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 90, 90, 90, 900)), Far)
	// Several gaps: the widest parts them.
	assert.Equal(t, []string{Near, Near, Far, Far}, distances(even(100, 150, 400, 420)))
}

func TestARoundInWhichTheDistanceChanges(t *testing.T) {
	labels := Labels([]Limit{{100, 104}, {101, 310}, {300, 305}, {299, 98}, {302, 303}})
	assert.Equal(t, []Label{{Near, false}, {Near, true}, {Far, false}, {Far, true}, {Far, false}}, labels)
	assert.Equal(t, 205.5, Limit{101, 310}.Mean())
}

// A line that takes milliseconds was not on its way: somebody else had the CPU.
func TestADisturbedRoundIsLeftOut(t *testing.T) {
	nan := math.NaN()
	labels := Labels([]Limit{{100, 104}, {100, nan}, {98, 99}, {3e6, 2e6}, {103, 101}, {101, 8000}, {100, 101}, {0, 100}})
	for i, l := range labels {
		assert.Equal(t, Label{One, i%2 == 1}, l, i)
	}
	// On a machine where most are, that is how it is.
	for _, l := range Labels([]Limit{{100, 104}, {3e6, 2e6}, {100, 8000}}) {
		assert.Equal(t, Label{}, l)
	}
}
