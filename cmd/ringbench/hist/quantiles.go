package hist

// Quantiles of times in ns; null where too few samples lie beyond.
type Quantiles struct {
	MinNs   *int64 `json:"min_ns"`
	P50Ns   *int64 `json:"p50_ns"`
	P90Ns   *int64 `json:"p90_ns"`
	P99Ns   *int64 `json:"p99_ns"`
	P999Ns  *int64 `json:"p999_ns"`
	P9999Ns *int64 `json:"p9999_ns"`
	MaxNs   *int64 `json:"max_ns"`
}

// Quantiles of t, whose samples tell of n events.
func (t *Times) Quantiles(n int64) (q Quantiles) {
	if t.Count() == 0 {
		return q
	}
	q.MinNs, q.MaxNs = &t.min, &t.max
	for _, p := range []struct {
		percent float64
		to      **int64
	}{{50, &q.P50Ns}, {90, &q.P90Ns}, {99, &q.P99Ns}, {99.9, &q.P999Ns}, {99.99, &q.P9999Ns}} {
		if ns, ok := t.Percentile(p.percent, n); ok {
			*p.to = &ns
		}
	}
	return q
}

// All lists them, from the least to the most.
func (q Quantiles) All() []*int64 {
	return []*int64{q.MinNs, q.P50Ns, q.P90Ns, q.P99Ns, q.P999Ns, q.P9999Ns, q.MaxNs}
}
