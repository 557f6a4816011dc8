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

func TestScheduleDoesNotDrift(t *testing.T) {
	for _, tc := range []struct {
		rate  rate
		clock clock.Clock
	}{
		{100_000, gigahertz},
		{1, clock.Clock{TicksPerNs: 5.7}},
		{3, clock.Clock{TicksPerNs: 2.596132172433142}},
		{999_999, clock.Clock{TicksPerNs: 2.596132172433142}},
		{1e9, clock.Clock{TicksPerNs: 0.024}}, // several records per tick
	} {
		s := schedule{Base: 1 << 50, Step: every(tc.rate, tc.clock)}
		assert.Equal(t, s.Base, s.due(0))
		const records = 1_000_000_000
		exact := records / float64(tc.rate) * 1e9 * tc.clock.TicksPerNs
		assert.InDelta(t, exact, float64(s.due(records)-s.Base), 100+exact/1e15, "%v", tc) // a float64 has no more digits
	}
}

func TestScheduleCounts(t *testing.T) {
	s := schedule{Step: counting}
	for _, i := range []uint64{0, 1, 77, 1 << 40} {
		assert.Equal(t, i, s.due(i))
	}
}

// sendAll plays a clock that shows these times, and returns the stamps of the records sent at each.
func sendAll(p *pacer, times ...uint64) [][]uint64 {
	var sent [][]uint64
	for _, now := range times {
		var stamps []uint64
		for !p.done(now) && p.ready(now) {
			_, stamp := p.take()
			stamps = append(stamps, stamp)
		}
		sent = append(sent, stamps)
	}
	return sent
}

func TestPacerSendsWhenDue(t *testing.T) {
	p := newPacer(schedule{Base: 1000, Step: every(1e8, gigahertz)}, 3, 1e9) // due at 1000, 1010, 1020
	assert.Equal(t, [][]uint64{nil, nil, {1000}, nil, {1010}, nil, {1020}, nil},
		sendAll(&p, 0, 999, 1000, 1009, 1010, 1019, 1020, 5000))
	assert.True(t, p.done(1020))
}

// After a stall all that became due meanwhile is sent at once, stamped with when it was due.
func TestPacerKeepsDueTimesAfterAStall(t *testing.T) {
	p := newPacer(schedule{Base: 1000, Step: every(1e8, gigahertz)}, 6, 1e9)
	assert.Equal(t, [][]uint64{{1000}, {1010, 1020, 1030}, nil, {1040}, {1050}},
		sendAll(&p, 1003, 1039, 1039, 1040, 2000))
}

func TestPacerGivesUp(t *testing.T) {
	p := newPacer(schedule{Base: 1000, Step: every(1e8, gigahertz)}, 10, uint64(time.Microsecond)) // the last is due at 1090
	assert.False(t, p.done(1100+1000))
	assert.True(t, p.done(1100+1001))
	assert.Zero(t, p.next)
}

// Stamps may come round: only differences matter.
func TestPacerAcrossTheEndOfTheCounter(t *testing.T) {
	base := uint64(math.MaxUint64 - 4)
	p := newPacer(schedule{Base: base, Step: every(1e8, gigahertz)}, 2, 1e9)
	assert.False(t, p.ready(base-1))
	assert.Equal(t, [][]uint64{{base}, nil, {5}}, sendAll(&p, base+9, 4, 5))
}
