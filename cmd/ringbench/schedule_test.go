package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/internal/clock"
)

// gigahertz makes a tick a nanosecond.
var gigahertz = clock.Clock{TicksPerNs: 1}

func dueOf(s schedule, round int) (first uint64, due []uint64) {
	return s.due(round, make([]uint64, s.records()))
}

func TestEvenScheduleDoesNotDrift(t *testing.T) {
	for _, tc := range []struct {
		rate  rate
		clock clock.Clock
	}{
		{100_000, gigahertz},
		{999_999, clock.Clock{TicksPerNs: 2.596132172433142}},
		{3, clock.Clock{TicksPerNs: 5.7}},
		{1e9, clock.Clock{TicksPerNs: 0.024}}, // several records a tick
	} {
		const records = 1_000_000
		s := newEven(tc.rate, time.Duration(records/float64(tc.rate)*1e9), tc.clock)
		assert.Equal(t, records, s.records())
		first, due := dueOf(s, 7)
		assert.Zero(t, first)
		assert.Zero(t, due[0])
		exact := (records - 1) / float64(tc.rate) * 1e9 * tc.clock.TicksPerNs
		assert.InDelta(t, exact, float64(due[records-1]), 2+exact/1e12, "%v", tc)
	}
}

func TestASliceHasRoom(t *testing.T) {
	assert.Equal(t, maxSlice, newEven(1e9, time.Hour, gigahertz).records())
	assert.Equal(t, 1, newEven(1, time.Millisecond, gigahertz).records())
	assert.Equal(t, maxSlice, newBursts(1000, time.Microsecond, time.Hour, gigahertz).records())
}

func TestBursts(t *testing.T) {
	_, due := dueOf(newBursts(3, time.Millisecond, 2500*time.Microsecond, gigahertz), 0)
	assert.Equal(t, []uint64{0, 0, 0, 1e6, 1e6, 1e6}, due)
}

// A recording is played piece by piece, each from its first record on, and begins anew at its end.
func TestReplay(t *testing.T) {
	tape := &tape{times: []uint64{100, 100, 104, 103, 150, 2000, 2009, 2010}}
	for round, want := range []struct {
		first uint64
		due   []uint64
	}{
		{0, []uint64{0, 0, 2, 2}}, // one that goes backwards is due with the one before it
		{4, []uint64{0}},
		{5, []uint64{0, 4}},
		{7, []uint64{0}},
		{0, []uint64{0, 0, 2, 2}},
	} {
		s := newReplay(tape, 2, 5, gigahertz)
		first, due := dueOf(s, round)
		assert.Equal(t, want.first, first, round)
		assert.Equal(t, want.due, due, round)
	}
	assert.Equal(t, 8, newReplay(tape, 1, math.MaxInt64, gigahertz).records())
}
