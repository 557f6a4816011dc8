package compare

import (
	"math"
	"slices"
)

// shift is by what factor one sample of times exceeds another, and an interval that has the true factor, but for a
// known share of the cases.
type shift struct{ factor, low, high float64 }

// shiftOf estimates the factor between the values of b and those of a, all above zero, after Hodges and Lehmann: the
// median of all quotients. It supposes nothing of the distributions but that they have one shape on a logarithmic
// scale. The interval misses the true factor in alpha of the cases; ok is false if there are too few values for that.
func shiftOf(a, b []float64, alpha float64) (s shift, ok bool) {
	quotients := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			quotients = append(quotients, y/x)
		}
	}
	outside := critical(len(a), len(b), alpha)
	if outside < 0 || len(quotients) == 0 {
		return s, false
	}
	slices.Sort(quotients)
	return shift{median(quotients), quotients[outside], quotients[len(quotients)-1-outside]}, true
}

// exactUpTo is the size of samples up to which the distribution of U is counted and not approximated.
const exactUpTo = 30

// critical is the greatest u for which the U of Mann and Whitney, of samples of n and m values of one distribution, is
// u or less, or as far on the other side, with a probability of at most alpha; -1 if there is none. The interval of
// [shiftOf] leaves out as many quotients on either side. Ties make it wider than it need be, never narrower.
func critical(n, m int, alpha float64) int {
	if n == 0 || m == 0 {
		return -1
	}
	if n > exactUpTo || m > exactUpTo {
		mean := float64(n) * float64(m) / 2
		deviation := math.Sqrt(mean * float64(n+m+1) / 6)
		return int(math.Floor(mean - 0.5 + deviation*math.Sqrt2*math.Erfinv(alpha-1)))
	}
	u, sum := -1, 0.0
	for _, p := range distribution(n, m) {
		if sum += p; sum > alpha/2 {
			break
		}
		u++
	}
	return u
}

// distribution is the probability of each U from 0 to n·m: the greatest of all n+m values is from either sample, and
// exceeds all values of the other.
func distribution(n, m int) []float64 {
	rows := make([][]float64, m+1) // of the n so far, for each m
	for j := range rows {
		rows[j] = []float64{1}
	}
	for i := 1; i <= n; i++ {
		next := make([][]float64, m+1)
		next[0] = []float64{1}
		for j := 1; j <= m; j++ {
			p := make([]float64, i*j+1)
			for u := range p {
				if u >= j && u-j < len(rows[j]) {
					p[u] += float64(i) / float64(i+j) * rows[j][u-j]
				}
				if u < len(next[j-1]) {
					p[u] += float64(j) / float64(i+j) * next[j-1][u]
				}
			}
			next[j] = p
		}
		rows = next
	}
	return rows[m]
}

// median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
