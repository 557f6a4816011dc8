package hist

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A percentile is told if ten samples or more lie beyond it.
func TestPercentileNeedsSamples(t *testing.T) {
	h := New()
	h.Record(100)
	for _, tc := range []struct {
		percent float64
		least   int64
	}{{50, 20}, {90, 100}, {99, 1_000}, {99.9, 10_000}, {99.99, 100_000}} {
		_, ok := h.Percentile(tc.percent, tc.least)
		assert.True(t, ok, "p%v of %d", tc.percent, tc.least)
		_, ok = h.Percentile(tc.percent, tc.least-1)
		assert.False(t, ok, "p%v of %d", tc.percent, tc.least-1)
	}
}

func TestQuantiles(t *testing.T) {
	h := New()
	for ns := range int64(1000) {
		h.Record(ns + 1)
	}
	q := h.Quantiles(h.Count())
	var got []int64
	for _, ns := range q.All() {
		if ns == nil {
			got = append(got, 0)
		} else {
			got = append(got, *ns)
		}
	}
	assert.Equal(t, []int64{1, 500, 900, 990, 0, 0, 1000}, got)

	// Four readers of the same 250 records are not a thousand records.
	assert.Nil(t, h.Quantiles(250).P99Ns)
	assert.Equal(t, Quantiles{}, New().Quantiles(0))
}

// What a histogram cannot hold is counted, and its true size kept.
func TestTimesOutOfRange(t *testing.T) {
	h := New()
	for _, ns := range []int64{-7, 5, -3, Highest, Highest + 1, 3 * Highest} {
		h.Record(ns)
	}
	assert.EqualValues(t, 6, h.Count())
	assert.EqualValues(t, 2, h.Negative())
	assert.EqualValues(t, 2, h.Clamped())
	assert.EqualValues(t, -7, h.Min())
	assert.Equal(t, 3*Highest, h.Max())
}

func TestTimesTravel(t *testing.T) {
	h := New()
	for _, ns := range []int64{-7, 100, 123_456_789, 2 * Highest} {
		h.Record(ns)
	}
	data, err := json.Marshal(h)
	require.NoError(t, err)
	got := New()
	require.NoError(t, json.Unmarshal(data, got))
	assert.True(t, h.histogram.Equals(got.histogram))
	got.histogram = h.histogram
	assert.Equal(t, h, got)
	assert.Error(t, json.Unmarshal([]byte(`{"histogram":"nonsense"}`), got))
}

func TestTimesAdd(t *testing.T) {
	a, b := New(), New()
	a.Record(10)
	a.Record(-1)
	b.Record(30)
	b.Record(2 * Highest)
	a.Add(b)
	assert.EqualValues(t, 4, a.Count())
	assert.EqualValues(t, -1, a.Min())
	assert.Equal(t, 2*Highest, a.Max())
	assert.EqualValues(t, 1, a.Negative())
	assert.EqualValues(t, 1, a.Clamped())
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := New()
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		h.Record(-1)
		h.Record(250)
		h.Record(2 * Highest)
	}))
}

func TestShape(t *testing.T) {
	assert.Empty(t, New().Shape())
	h := New()
	h.Record(100)
	assert.True(t, strings.HasPrefix(h.Shape(), "█"))
	for range 1000 {
		h.Record(10_000)
	}
	picture := h.Shape()
	assert.Equal(t, ShapeWidth, utf8.RuneCountInString(picture))
	assert.True(t, strings.HasPrefix(picture, "▂"), picture)
	assert.True(t, strings.HasSuffix(picture, "█"), picture)
	h.Record(-5) // below the axis, not off the picture
	h.Record(2 * Highest)
	assert.NotPanics(t, func() { h.Shape() })
}
