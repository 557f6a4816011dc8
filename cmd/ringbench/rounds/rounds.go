// Package rounds judges measurements on a machine that is never the same twice.
//
// A round measures everything that is to be compared, in slices of a fraction of a second, one after the other. What
// two transports took in one round they took on nearly the same machine, so the ratio of the two means something where
// neither figure does; and the spread of the ratio over many rounds tells how much.
package rounds

import (
	"math"
	"slices"
)

// TrimmedMean is the mean of the middle half of values, which it sorts; NaN without values. Unlike a median it is not
// bound to the steps of a clock, and unlike a mean it does not tell of the few slices that were disturbed.
func TrimmedMean(values []int64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	cut := len(values) / 4
	middle := values[cut : len(values)-cut]
	sum := 0.0
	for _, v := range middle {
		sum += float64(v)
	}
	return sum / float64(len(middle))
}

// Spread is a median with the 10th and the 90th percentile.
type Spread struct{ Low, Median, High float64 }

// SpreadOf returns the spread of those values that are numbers; ok is false if there are none.
func SpreadOf(values []float64) (s Spread, ok bool) {
	sorted := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(sorted) == 0 {
		return s, false
	}
	slices.Sort(sorted)
	at := func(q float64) float64 {
		place := q * float64(len(sorted)-1)
		below := int(place)
		above := min(below+1, len(sorted)-1)
		return sorted[below] + (place-float64(below))*(sorted[above]-sorted[below])
	}
	return Spread{at(0.1), at(0.5), at(0.9)}, true
}

// Order returns in which order n things are measured in a round: another one begins in each round, and every other
// round goes backwards, so that nobody always comes behind the same one.
func Order(round, n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (i + round/2) % n
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}
