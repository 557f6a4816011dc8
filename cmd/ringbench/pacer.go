package main

import (
	"math/bits"

	"github.com/tickring/tickring/internal/clock"
)

// schedule says when each record of a case is due, which is also its stamp. Writer and readers compute
// it alike, so that a reader knows what stamp a record must carry.
type schedule struct {
	Base uint64 `json:"base"` // ticks at which record 0 is due
	Step uint64 `json:"step"` // from one record to the next, in fractions of a tick
}

// stepBits are the bits behind the point of a Step. With 24, a billion records drift by at most 30
// ticks, and one record per second fits with a clock of a terahertz.
const stepBits = 24

// due is when record i is due. It is computed from i, not summed up, so errors do not add up either.
func (s schedule) due(i uint64) uint64 {
	high, low := bits.Mul64(i, s.Step)
	return s.Base + (high<<(64-stepBits) | low>>stepBits)
}

// every is the step of rate records per second.
func every(r rate, c clock.Clock) uint64 {
	return uint64(c.TicksPerNs * 1e9 / float64(r) * (1 << stepBits))
}

// counting is the step of stamps that count the records instead of telling time.
const counting = 1 << stepBits

// pacer decides when the next record is sent: as soon as it is due, and if that is past, at once.
// It looks at no clock: the caller does, and hands over what it read.
type pacer struct {
	schedule
	next     uint64 // record
	total    uint64
	dueNext  uint64 // due(next)
	giveUpAt uint64 // ticks
}

// newPacer returns the pacer of total records. A writer that cannot keep the rate is stopped so many ticks
// after the last record was due.
func newPacer(s schedule, total, slowdown uint64) pacer {
	return pacer{schedule: s, total: total, dueNext: s.Base, giveUpAt: s.due(total) + slowdown}
}

// ready reports whether the next record is due.
func (p *pacer) ready(now uint64) bool { return int64(now-p.dueNext) >= 0 }

// take returns the next record's stamp, and moves on. The stamp is when the record was due, however late it is
// sent: what a stall of the writer held up is counted in full.
func (p *pacer) take() (i, stamp uint64) {
	i, stamp = p.next, p.dueNext
	p.next++
	p.dueNext = p.due(p.next)
	return i, stamp
}

// done reports whether all records were taken, or it is time to give up.
func (p *pacer) done(now uint64) bool { return p.next == p.total || int64(now-p.giveUpAt) > 0 }
