package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/ring"
)

// follower takes the records of one case from the ring, checks and counts them. Its loops are what a
// strategy's loop would be: Reader.Next or PollBatch, one look at the record, no allocation.
type follower struct {
	reader      *ring.Reader[ring.TradingData]
	clock       clock.Clock
	now         func() uint64
	check       checker
	measureFrom uint64 // record
	firstAt     uint64 // ticks at which the first record was there
	lastAt      uint64 // ticks at which the ring was found closed
	followed
}

// latencies records how long after it was due each record was there. It returns io.EOF when the
// writer closed the ring.
func (f *follower) latencies() error {
	ctx := context.Background() // the process ends with its parent
	var rec ring.TradingData
	for {
		n, err := f.reader.Next(ctx, &rec)
		now := f.now() // not before the record was read: the clock sees to that
		if err != nil {
			if err := f.event(err); err != nil {
				return err
			}
			continue
		}
		if f.Received == 0 {
			f.firstAt = now
		}
		if n >= f.measureFrom {
			f.Latency.record(f.clock.Nanoseconds(int64(now - rec.Timestamp)))
		}
		if !f.check.right(n, &rec) {
			return f.check.failure(n, rec)
		}
		f.Received++
	}
}

// singles takes records one by one, without looking at the clock.
func (f *follower) singles() error {
	ctx := context.Background()
	var rec ring.TradingData
	for {
		n, err := f.reader.Next(ctx, &rec)
		if err != nil {
			if err := f.event(err); err != nil {
				return err
			}
			continue
		}
		if !f.check.right(n, &rec) {
			return f.check.failure(n, rec)
		}
		if f.Received == 0 {
			f.firstAt = f.now()
		}
		f.Received++
	}
}

// batches takes as many records at once as there are and fit in buf. While there are none, it waits
// for one as singles does.
func (f *follower) batches(buf []ring.TradingData) error {
	ctx := context.Background()
	for {
		first, count, status := f.reader.PollBatch(buf)
		switch status {
		case ring.Ready:
		case ring.Lapped:
			f.lapped(f.reader.Gap())
		default:
			var err error
			if first, err = f.reader.Next(ctx, &buf[0]); err != nil {
				if err := f.event(err); err != nil {
					return err
				}
				continue
			}
			count = 1
		}
		for i := range buf[:count] {
			if n := first + uint64(i); !f.check.right(n, &buf[i]) {
				return f.check.failure(n, buf[i])
			}
		}
		if f.Received == 0 && count > 0 {
			f.firstAt = f.now()
		}
		f.Received += uint64(count)
	}
}

// event deals with what Next returned instead of a record. It returns nil to go on.
func (f *follower) event(err error) error {
	if lap, ok := errors.AsType[*ring.LapError](err); ok {
		f.lapped(lap.Gap)
		return nil
	}
	if errors.Is(err, ring.ErrClosed) {
		f.lastAt = f.now()
		return io.EOF
	}
	return err
}

func (f *follower) lapped(gap ring.Gap) {
	f.Missed += gap.Count()
	if gap.First < f.measureFrom {
		f.MissedWarmup += min(gap.Next, f.measureFrom) - gap.First
	}
	f.check.expect(gap.Next)
}

// checker knows what every record must hold: the trade that the tape has for its number, stamped
// with when it was due. The stamp is another one in each lap of the ring, so that a record of the
// wrong lap does not pass, nor one that is half old, half new.
type checker struct {
	tape *tape
	schedule
	first uint64 // record of the case
	next  uint64 // the record that must come
	at    uint64 // its place on the tape
}

// expect makes n the next record.
func (c *checker) expect(n uint64) { c.next, c.at = n, n%c.tape.period }

// right reports whether rec is what record n must be, and n the next record.
func (c *checker) right(n uint64, rec *ring.TradingData) bool {
	want := &c.tape.records[c.at]
	if n != c.next || rec.Timestamp != c.due(n-c.first) || rec.Volume != want.Volume || rec.Valid != want.Valid ||
		math.Float64bits(rec.Price) != math.Float64bits(want.Price) {
		return false
	}
	c.next++
	if c.at++; c.at == c.tape.period {
		c.at = 0
	}
	return true
}

// failure says what is wrong with record n.
func (c *checker) failure(n uint64, rec ring.TradingData) error {
	if n != c.next {
		return fmt.Errorf("record %d came, and no gap was reported, where record %d was next", n, c.next)
	}
	want := c.tape.records[c.at]
	want.Timestamp = c.due(n - c.first)
	return fmt.Errorf("torn or wrong record: record %d is %+v, and was published as %+v", n, rec, want)
}
