// Package hist keeps distributions of times.
package hist

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Highest is the longest time that a histogram holds, in ns.
const Highest = int64(100e9)

// Times is a distribution of times in ns, and what an HDR histogram does not keep of it.
type Times struct {
	histogram *hdrhistogram.Histogram
	min, max  int64  // exact
	negative  uint64 // recorded as 0
	clamped   uint64 // recorded as Highest
}

// New returns a distribution of nothing.
func New() *Times {
	return &Times{histogram: hdrhistogram.New(1, Highest, 3), min: math.MaxInt64, max: math.MinInt64}
}

// Record adds a time. It does not allocate.
func (t *Times) Record(ns int64) {
	t.min, t.max = min(t.min, ns), max(t.max, ns)
	if ns < 0 {
		t.negative++
		ns = 0
	} else if ns > Highest {
		t.clamped++
		ns = Highest
	}
	_ = t.histogram.RecordValue(ns) // it fails on values out of range only
}

// Count is the number of times.
func (t *Times) Count() int64 { return t.histogram.TotalCount() }

// Min and Max are exact, also where the histogram is not.
func (t *Times) Min() int64 { return t.min }

// Max is the longest time.
func (t *Times) Max() int64 { return t.max }

// Negative is how many times were below zero: they count as 0.
func (t *Times) Negative() uint64 { return t.negative }

// Clamped is how many were longer than Highest: they count as that.
func (t *Times) Clamped() uint64 { return t.clamped }

// Add merges other into t.
func (t *Times) Add(other *Times) {
	t.histogram.Merge(other.histogram)
	t.min, t.max = min(t.min, other.min), max(t.max, other.max)
	t.negative += other.negative
	t.clamped += other.clamped
}

// beyond is how many samples must lie above a percentile before it is told.
const beyond = 10

// Percentile returns the time that p percent of the samples do not exceed. ok is false if fewer
// than ten of n samples lie beyond it: it would be the tale of a few accidents. n may be less than
// the count, where several samples tell of one event.
func (t *Times) Percentile(p float64, n int64) (ns int64, ok bool) {
	// The rounding makes up for 1-0.9999 being a little more or less than 0.0001.
	if math.Round(float64(n)*(100-p)*1e6)/1e8 < beyond {
		return 0, false
	}
	return max(t.min, min(t.max, t.histogram.ValueAtPercentile(p))), true
}

// timesJSON is how Times travel between processes.
type timesJSON struct {
	Histogram string `json:"histogram"` // HdrHistogram V2, compressed, base64
	Min       int64  `json:"min"`
	Max       int64  `json:"max"`
	Negative  uint64 `json:"negative"`
	Clamped   uint64 `json:"clamped"`
}

// Encode returns the histogram alone, as other tools read it: HdrHistogram V2, compressed, base64.
func (t *Times) Encode() (string, error) {
	encoded, err := t.histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return "", fmt.Errorf("encode histogram: %w", err)
	}
	return string(encoded), nil
}

// MarshalJSON implements json.Marshaler.
func (t *Times) MarshalJSON() ([]byte, error) {
	encoded, err := t.Encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(timesJSON{encoded, t.min, t.max, t.negative, t.clamped})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Times) UnmarshalJSON(data []byte) error {
	var j timesJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	h, err := hdrhistogram.Decode([]byte(j.Histogram))
	if err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	*t = Times{h, j.Min, j.Max, j.Negative, j.Clamped}
	return nil
}
