package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A percentile is told if ten samples or more lie beyond it.
func TestPercentileNeedsSamples(t *testing.T) {
	h := newTimes()
	h.record(100)
	for _, tc := range []struct {
		percent float64
		least   int64
	}{{50, 20}, {90, 100}, {99, 1_000}, {99.9, 10_000}, {99.99, 100_000}} {
		_, ok := h.percentile(tc.percent, tc.least)
		assert.True(t, ok, "p%v of %d", tc.percent, tc.least)
		_, ok = h.percentile(tc.percent, tc.least-1)
		assert.False(t, ok, "p%v of %d", tc.percent, tc.least-1)
	}
}

func TestQuantiles(t *testing.T) {
	h := newTimes()
	for ns := range int64(1000) {
		h.record(ns + 1)
	}
	q := h.quantiles(h.count())
	assert.EqualValues(t, 1, *q.MinNs)
	assert.EqualValues(t, 500, *q.P50Ns)
	assert.EqualValues(t, 900, *q.P90Ns)
	assert.EqualValues(t, 990, *q.P99Ns)
	assert.Nil(t, q.P999Ns)
	assert.Nil(t, q.P9999Ns)
	assert.EqualValues(t, 1000, *q.MaxNs)
	assert.Equal(t, []string{"1 ns", "500 ns", "900 ns", "990 ns", "too few", "too few", "1.00 µs"}, q.texts())

	// Four readers of the same 250 records are not a thousand records.
	assert.Nil(t, h.quantiles(250).P99Ns)
	assert.Equal(t, quantiles{}, newTimes().quantiles(0))
}

// What a histogram cannot hold is counted, and its true size kept.
func TestTimesOutOfRange(t *testing.T) {
	h := newTimes()
	for _, ns := range []int64{-7, 5, -3, highest, highest + 1, 3 * highest} {
		h.record(ns)
	}
	assert.EqualValues(t, 6, h.count())
	assert.EqualValues(t, 2, h.negative)
	assert.EqualValues(t, 2, h.clamped)
	assert.EqualValues(t, -7, h.min)
	assert.Equal(t, 3*highest, h.max)
}

func TestTimesTravel(t *testing.T) {
	h := newTimes()
	for _, ns := range []int64{-7, 100, 123_456_789, 2 * highest} {
		h.record(ns)
	}
	data, err := json.Marshal(h)
	require.NoError(t, err)
	got := newTimes()
	require.NoError(t, json.Unmarshal(data, got))
	assert.True(t, h.histogram.Equals(got.histogram))
	got.histogram = h.histogram
	assert.Equal(t, h, got)
	assert.Error(t, json.Unmarshal([]byte(`{"histogram":"nonsense"}`), got))
}

func TestTimesAdd(t *testing.T) {
	a, b := newTimes(), newTimes()
	a.record(10)
	a.record(-1)
	b.record(30)
	b.record(2 * highest)
	a.add(b)
	assert.EqualValues(t, 4, a.count())
	assert.EqualValues(t, -1, a.min)
	assert.Equal(t, 2*highest, a.max)
	assert.EqualValues(t, 1, a.negative)
	assert.EqualValues(t, 1, a.clamped)
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := newTimes()
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		h.record(-1)
		h.record(250)
		h.record(2 * highest)
	}))
}
