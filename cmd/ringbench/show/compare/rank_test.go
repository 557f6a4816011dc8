package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The critical values of Mann and Whitney's U, two-sided, as statistics books print them.
func TestCriticalValues(t *testing.T) {
	for _, c := range []struct {
		n, m   int
		at5At1 [2]int
	}{
		{3, 3, [2]int{-1, -1}}, {4, 4, [2]int{0, -1}}, {5, 5, [2]int{2, 0}}, {5, 8, [2]int{6, 2}}, {6, 9, [2]int{10, 5}},
		{8, 8, [2]int{13, 7}}, {10, 10, [2]int{23, 16}}, {12, 20, [2]int{69, 54}}, {20, 20, [2]int{127, 105}},
	} {
		assert.Equal(t, c.at5At1[0], critical(c.n, c.m, 0.05), "%d, %d", c.n, c.m)
		assert.Equal(t, c.at5At1[1], critical(c.n, c.m, 0.01), "%d, %d", c.n, c.m)
		assert.Equal(t, c.at5At1[1], critical(c.m, c.n, 0.01), "%d, %d", c.m, c.n)
	}
	assert.Equal(t, -1, critical(0, 9, 0.01))
	assert.Equal(t, -1, critical(4, 5, 0.01))
	assert.Equal(t, 0, critical(fewest, fewest, 0.01))
}

func TestDistribution(t *testing.T) {
	assert.InDeltaSlice(t, []float64{1. / 6, 1. / 6, 2. / 6, 1. / 6, 1. / 6}, distribution(2, 2), 1e-12)
	p := distribution(30, 30)
	sum := 0.0
	for u := range p {
		sum += p[u]
		assert.InDelta(t, p[len(p)-1-u], p[u], 1e-15, "symmetric")
	}
	assert.InDelta(t, 1, sum, 1e-9)
}

// Where counting ends, the approximation goes on.
func TestCriticalOfManyRounds(t *testing.T) {
	exact, sum := -1, 0.0
	for _, p := range distribution(40, 40) {
		if sum += p; sum > 0.005 {
			break
		}
		exact++
	}
	assert.InDelta(t, exact, critical(40, 40, 0.01), 2)
}

func sample(r *rand.Rand, n int, factor float64) (all []float64) {
	for range n {
		// Rounds of a noisy machine: some percent of spread, and now and then one that is far off.
		v := factor * math.Exp(0.05*r.NormFloat64())
		if r.IntN(15) == 0 {
			v *= 1 + r.Float64()
		}
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

func TestShift(t *testing.T) {
	s, ok := shiftOf([]float64{1, 2, 4, 8, 16}, []float64{3, 6, 12, 24, 48}, 0.01)
	require.True(t, ok)
	assert.Equal(t, shift{3, 3. / 16, 48}, s)

	_, ok = shiftOf([]float64{1, 2, 4, 8, 16}, []float64{3, 6, 12, 24, 48}, 0.001)
	assert.False(t, ok)
	assert.Equal(t, 7, enough(0.001))

	covered, trials := 0, 2000
	for seed := range trials {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		s, ok := shiftOf(sample(r, 9, 1), sample(r, 11, 1.3), 0.01)
		require.True(t, ok)
		require.LessOrEqual(t, s.low, s.factor)
		require.GreaterOrEqual(t, s.high, s.factor)
		if s.low <= 1.3 && 1.3 <= s.high {
			covered++
		}
	}
	assert.GreaterOrEqual(t, float64(covered)/float64(trials), 0.985)
}
