package main

import (
	"math"
	"math/bits"
	"sort"
	"time"

	"github.com/tickring/tickring/internal/clock"
)

// maxSlice is how many records a paced slice has at most: what there is memory for.
const maxSlice = 1 << 22

// schedule says which records a slice has, from which place of the tape on, and when each is due, in ticks after its
// beginning.
type schedule interface {
	// due fills room in, and returns as much of it as there are records.
	due(round int, room []uint64) (first uint64, due []uint64)
	// records that a slice has at most.
	records() int
}

// even is so many records a second.
type even struct {
	step  uint64 // fractions of a tick
	total int
}

// stepBits are the bits behind the point of a step. With 24, a billion records drift by at most 30 ticks, and one
// record a second fits with a clock of a terahertz.
const stepBits = 24

func newEven(r rate, d time.Duration, c clock.Clock) even {
	total := max(1, min(maxSlice, math.Round(float64(r)*d.Seconds())))
	return even{step: uint64(c.TicksPerNs * 1e9 / float64(r) * (1 << stepBits)), total: int(total)}
}

func (e even) records() int { return e.total }

func (e even) due(_ int, room []uint64) (first uint64, due []uint64) {
	for i := range room[:e.total] {
		// Computed from i, not summed up, so errors do not add up either.
		high, low := bits.Mul64(uint64(i), e.step)
		room[i] = high<<(64-stepBits) | low>>stepBits
	}
	return 0, room[:e.total]
}

// bursts are some records at once, again and again.
type bursts struct {
	size  int
	every uint64 // ticks
	total int
}

func newBursts(size int, interval, d time.Duration, c clock.Clock) bursts {
	n := max(1, int(d/interval))
	return bursts{size: size, every: uint64(float64(interval) * c.TicksPerNs), total: min(maxSlice, n*size)}
}

func (b bursts) records() int { return b.total }

func (b bursts) due(_ int, room []uint64) (first uint64, due []uint64) {
	for i := range room[:b.total] {
		room[i] = uint64(i/b.size) * b.every
	}
	return 0, room[:b.total]
}

// replay is a recording's own time. Each round plays the piece behind the one before: long pauses between two pieces
// are skipped, those within a piece are not.
type replay struct {
	at     []uint64 // ns from the recording's first record, at the speed that it is played with
	slice  uint64   // ns
	perNs  float64  // ticks
	starts []int    // of the pieces
	most   int      // records in a piece
}

func newReplay(t *tape, speed float64, d time.Duration, c clock.Clock) *replay {
	r := &replay{slice: uint64(d), perNs: c.TicksPerNs}
	last := uint64(0)
	for _, at := range t.times {
		last = max(last, at) // some recordings go backwards by a little
		r.at = append(r.at, uint64(float64(last-t.times[0])/speed))
	}
	for start := 0; start < len(r.at); {
		r.starts = append(r.starts, start)
		next := r.end(start)
		r.most = max(r.most, next-start)
		start = next
	}
	return r
}

// end of the piece that begins at start.
func (r *replay) end(start int) int {
	n := sort.Search(len(r.at)-start, func(i int) bool { return r.at[start+i]-r.at[start] >= r.slice })
	return start + min(max(n, 1), maxSlice)
}

func (r *replay) records() int { return r.most }

func (r *replay) due(round int, room []uint64) (first uint64, due []uint64) {
	start := r.starts[round%len(r.starts)]
	due = room[:r.end(start)-start]
	for i := range due {
		due[i] = uint64(float64(r.at[start+i]-r.at[start]) * r.perNs)
	}
	return uint64(start), due
}
