package main

import (
	"sync/atomic"

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/ring"
)

// stamper returns what reads c, as Clock.Now does. A call of it copies no Clock: a stamp took 30 ns
// instead of 36, of which a latency contains one and the pacing as many as fit.
func stamper(c clock.Clock) func() uint64 {
	if c.Source == clock.ClockGettime {
		return c.Now
	}
	return clock.Now
}

// writer has the loops that publish. They are what a feed handler's loop would be: the record is
// filled in and published, nothing is allocated. Each returns how many ticks it took.
type writer struct {
	out   *ring.Writer[ring.TradingData]
	clock clock.Clock
	now   func() uint64
	tape  *tape
	stop  *atomic.Bool // ends every loop early
}

// wait spins until a moment, so that the CPU is awake when the work begins.
func (w *writer) wait(until uint64) uint64 {
	now := w.now()
	for int64(now-until) < 0 && !w.stop.Load() {
		now = w.now()
	}
	return now
}

// paced publishes each record when it is due, and records in late how late it was sent.
func (w *writer) paced(p *pacer, warmup uint64, late *times) uint64 {
	at := w.out.Head() % w.tape.period
	begin := w.wait(p.Base)
	for !w.stop.Load() {
		now := w.now()
		if p.done(now) {
			break
		}
		if !p.ready(now) {
			continue
		}
		i, stamp := p.take()
		rec := &w.tape.records[at]
		rec.Timestamp = stamp
		w.out.Publish(rec)

		// After the publish: what this costs only matters to a rate of tens of millions.
		if i >= warmup {
			late.record(w.clock.Nanoseconds(int64(now - stamp)))
		}
		if at++; at == w.tape.period {
			at = 0
		}
	}
	return w.now() - begin
}

// clockEvery is how many records are published at full speed between two looks at the clock.
const clockEvery = 1024

// singles publishes one by one, as fast as it can, for so many ticks.
func (w *writer) singles(begin, ticks uint64) uint64 {
	at := w.out.Head() % w.tape.period
	begin = w.wait(begin)
	now := begin
	for stamp := uint64(0); now-begin < ticks && !w.stop.Load(); now = w.now() {
		for range clockEvery {
			rec := &w.tape.records[at]
			rec.Timestamp = stamp
			w.out.Publish(rec)
			stamp++
			if at++; at == w.tape.period {
				at = 0
			}
		}
	}
	return now - begin
}

// batches does the same in batches.
func (w *writer) batches(size int, begin, ticks uint64) uint64 {
	at := w.out.Head() % w.tape.period
	begin = w.wait(begin)
	now := begin
	for stamp := uint64(0); now-begin < ticks && !w.stop.Load(); now = w.now() {
		for range max(1, clockEvery/size) {
			batch := w.tape.records[at:][:size]
			for i := range batch {
				batch[i].Timestamp = stamp + uint64(i)
			}
			w.out.PublishBatch(batch)
			stamp += uint64(size)
			at = (at + uint64(size)) % w.tape.period
		}
	}
	return now - begin
}
