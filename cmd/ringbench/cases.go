package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tickring/tickring/ring"
)

const (
	lead     = 20 * time.Millisecond // from the order to go to the first record: time for the order to arrive
	slowdown = 2 * time.Second       // how much longer than planned a case may take whose rate is too high
)

// benchCase is one way to publish, and what is measured of it.
type benchCase struct {
	name     string
	title    string
	latency  bool // stamps are due times, and what follows is said
	rate     rate
	step     uint64 // of the schedule
	warmup   uint64 // records that do not count
	total    uint64 // records to publish; 0: as many as the time allows
	batch    int
	sentLate *times // latency only
	publish  func(w *writer, s schedule, begin uint64) (ticks uint64)
}

// cases are those that the flags ask for.
func (b *bench) cases() []benchCase {
	c := b.config
	each := b.ticks(c.throughputTime())
	cases := []benchCase{
		{
			name: "throughput_single", title: "throughput, one by one", step: counting, batch: 1,
			publish: func(w *writer, _ schedule, begin uint64) uint64 { return w.singles(begin, each) },
		},
		{
			name: "throughput_batch", title: fmt.Sprintf("throughput, batches of %d", c.batch), step: counting, batch: c.batch,
			publish: func(w *writer, _ schedule, begin uint64) uint64 { return w.batches(c.batch, begin, each) },
		},
	}
	if c.rate == rateMax {
		return cases
	}

	l := benchCase{name: "latency", title: fmt.Sprintf("latency at %s records/s for %v", number(float64(c.rate)), c.duration), latency: true, rate: c.rate, batch: 1}
	l.step = every(c.rate, b.clock)
	l.warmup = uint64(float64(c.rate) * c.warmup.Seconds())
	l.total = l.warmup + max(1, uint64(float64(c.rate)*c.duration.Seconds()))
	l.sentLate = newTimes()
	l.publish = func(w *writer, s schedule, _ uint64) uint64 {
		p := newPacer(s, l.total, b.ticks(slowdown))
		return w.paced(&p, l.warmup, l.sentLate)
	}
	return append([]benchCase{l}, cases...)
}

func (b *bench) ticks(d time.Duration) uint64 { return uint64(float64(d) * b.clock.TicksPerNs) }

// played is what came of a case.
type played struct {
	published uint64
	elapsedNs int64 // of publishing
	writer    stay
	readers   []*followed
}

// play publishes a case as a new writer of the ring, while the readers follow.
func (b *bench) play(ctx context.Context, c benchCase) (p played, err error) {
	out, err := ring.NewWriter[ring.TradingData](b.segment)
	if err != nil {
		return p, err
	}
	first := out.Head()
	following, err := b.crew.ask(ctx, answerLimit, func(int) order {
		return order{Follow: &followOrder{First: first, Warmup: c.warmup, Latency: c.latency, Batch: c.batch}}
	})
	if err != nil {
		return p, err
	}
	for _, reply := range following {
		if !reply.Following {
			return p, errProtocol
		}
	}

	begin := b.clock.Now() + b.ticks(lead)
	s := schedule{Step: c.step}
	if c.latency {
		s.Base = begin
	}
	if err := b.crew.tell(ctx, func(int) order { return order{Go: &s} }); err != nil {
		return p, err
	}
	w := &writer{out: out, clock: b.clock, now: stamper(b.clock), tape: b.tape, stop: &b.stop}
	var end error
	p.writer, err = b.seat.run(func() {
		end = b.segment.Guard(func() error { p.elapsedNs = b.clock.Nanoseconds(int64(c.publish(w, s, begin))); return nil })
	})
	if err := errors.Join(end, err); err != nil {
		return p, err
	}
	p.published = out.Head() - first
	if err := out.Close(); err != nil { // the readers finish when they have read all
		return p, err
	}

	replies, err := b.crew.collect(ctx, answerLimit)
	if err != nil {
		return p, err
	}
	for i, reply := range replies {
		if reply.Followed == nil {
			return p, errProtocol
		}
		if err := reply.Followed.account(p.published, c); err != nil {
			return p, fmt.Errorf("%v: %w", b.crew.members[i], err)
		}
		p.readers = append(p.readers, reply.Followed)
	}
	return p, nil
}

// account checks that every record published was either received or reported as missed.
func (f *followed) account(published uint64, c benchCase) error {
	if f.Received+f.Missed != published {
		return fmt.Errorf("%d records published, but %d received and %d reported as missed", published, f.Received, f.Missed)
	}
	if !c.latency {
		return nil
	}
	counts := published - min(published, c.warmup)
	if measured := uint64(f.Latency.count()) + f.Missed - f.MissedWarmup; measured != counts {
		return fmt.Errorf("%d records published to measure latency, but %d measured or reported as missed", counts, measured)
	}
	return nil
}
