package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tickring/tickring/ring"
)

// RingReceiver is a ring's reader. Its loops are what a strategy's loop would be: Reader.Next or PollBatch, one look
// at the record, no allocation.
type RingReceiver struct {
	memory   ring.Memory
	progress *uint64 // told to the sender of slices that lose nothing
	reader   *ring.Reader[Record]
}

// NewRingReceiver makes a reader of a ring. In the first of the words it tells a sender how far it is.
func NewRingReceiver(m ring.Memory, words []uint64) *RingReceiver {
	return &RingReceiver{memory: m, progress: &words[0]}
}

// Ready implements [Receiver].
func (r *RingReceiver) Ready(s *Slice) error {
	wait, err := ParseWait(s.Waits)
	if err == nil {
		r.reader, err = ring.NewReader[Record](r.memory, ring.ReaderOptions{Wait: wait})
	}
	if err != nil {
		return err
	}
	release(r.progress, 0)
	return guarded(r.memory, func() error { r.reader.Seek(ring.At(r.reader.Head())); return nil })
}

// Receive implements [Receiver].
func (r *RingReceiver) Receive(s *Slice) (got Received, err error) {
	err = guarded(r.memory, func() error { got, err = r.receive(s); return err })
	return got, err
}

func (r *RingReceiver) receive(s *Slice) (Received, error) {
	f := follower{reader: r.reader, slice: s, check: s.checks(), first: r.reader.Position()}
	if s.Window > 0 {
		f.progress = r.progress
	}
	var err error
	switch {
	case s.Slow > 0:
		err = f.slowly()
	case s.Due != nil:
		err = f.latencies()
	case s.Batch == 1:
		err = f.singles()
	default:
		err = f.batches(make([]Record, s.Batch))
	}
	if err != io.EOF {
		return f.got, err
	}
	// The ring's own account and ours must be the same, the last message apart.
	if f.got.Received != r.reader.Received()-1 || f.got.Missed != r.reader.Missed() {
		return f.got, fmt.Errorf("got %d records and lost %d, but the ring says %d and %d", f.got.Received, f.got.Missed,
			r.reader.Received()-1, r.reader.Missed())
	}
	if s.Window > 0 && f.got.Missed > 0 {
		return f.got, fmt.Errorf("%d records were lost of a sender that waits", f.got.Missed)
	}
	if s.Alone && s.Ticks > 0 {
		return f.got, r.alone(s, &f)
	}
	return f.got, nil
}

// follower takes the records of one slice from the ring.
type follower struct {
	reader   *ring.Reader[Record]
	slice    *Slice
	check    checker
	first    uint64 // number, in the ring, of the slice's first record
	firstAt  uint64 // ticks at which the first record was there
	got      Received
	progress *uint64 // where a sender that waits looks; nil: none waits
}

// progressEvery is how many records a receiver takes before it tells a sender that waits.
const progressEvery = 64

// tell tells a sender that waits how many records were taken.
func (f *follower) tell() {
	if f.progress != nil {
		release(f.progress, f.got.Received)
	}
}

// latencies records how long after it was due each record was there. It returns io.EOF at the slice's end.
func (f *follower) latencies() error {
	ctx := context.Background() // the process ends with its parent
	in, clock := f.reader, f.slice.Clock
	var rec Record
	for {
		n, err := in.Next(ctx, &rec)
		now := clock.Now() // not before the record was read: the clock sees to that
		if err != nil {
			if err := f.event(err); err != nil {
				return err
			}
			continue
		}
		if isEnd(&rec) {
			return f.end(&rec, now)
		}
		if f.got.Received == 0 {
			f.firstAt = now
		}
		i := n - f.first
		if i >= f.slice.Warmup {
			f.slice.Samples[f.got.Samples] = int64(now - rec.Timestamp)
			f.got.Samples++
		}
		if !f.check.right(i, &rec) {
			return f.check.failure(i, rec)
		}
		f.got.Received++
	}
}

// singles takes records one by one, without looking at the clock.
func (f *follower) singles() error {
	ctx := context.Background()
	var rec Record
	for {
		n, err := f.reader.Next(ctx, &rec)
		if err != nil {
			if err := f.event(err); err != nil {
				return err
			}
			continue
		}
		if isEnd(&rec) {
			return f.end(&rec, f.slice.Clock.Now())
		}
		if i := n - f.first; !f.check.right(i, &rec) {
			return f.check.failure(i, rec)
		}
		if f.got.Received == 0 {
			f.firstAt = f.slice.Clock.Now()
		}
		if f.got.Received++; f.got.Received%progressEvery == 0 {
			f.tell()
		}
	}
}

// slowly takes them one by one, and spends some time on each.
func (f *follower) slowly() error {
	ctx := context.Background()
	var rec Record
	for {
		n, err := f.reader.Next(ctx, &rec)
		if err != nil {
			if err := f.event(err); err != nil {
				return err
			}
			continue
		}
		now := f.slice.Clock.Now()
		if isEnd(&rec) {
			return f.end(&rec, now)
		}
		if i := n - f.first; !f.check.right(i, &rec) {
			return f.check.failure(i, rec)
		}
		if f.got.Received == 0 {
			f.firstAt = now
		}
		f.got.Received++
		_ = f.slice.Clock.Until(now + f.slice.Slow)
	}
}

// batches takes as many records at once as there are and fit in buf. While there are none, it waits for one as
// singles does.
func (f *follower) batches(buf []Record) error {
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
		for k := range buf[:count] {
			if isEnd(&buf[k]) {
				return f.end(&buf[k], f.slice.Clock.Now())
			}
			if i := first + uint64(k) - f.first; !f.check.right(i, &buf[k]) {
				return f.check.failure(i, buf[k])
			}
			f.got.Received++
		}
		f.tell()
		if f.firstAt == 0 && count > 0 {
			f.firstAt = f.slice.Clock.Now()
		}
	}
}

// event deals with what Next returned instead of a record. It returns nil to go on.
func (f *follower) event(err error) error {
	if lap, ok := errors.AsType[*ring.LapError](err); ok {
		f.lapped(lap.Gap)
		return nil
	}
	return err
}

func (f *follower) lapped(gap ring.Gap) {
	f.got.miss(f.slice, gap.First-f.first, gap.Next-f.first)
	f.check.expect(gap.Next - f.first)
}

func (f *follower) end(last *Record, now uint64) error {
	if err := f.got.ended(&f.check, last); err != nil {
		return err
	}
	if f.firstAt != 0 {
		f.got.Ticks = now - f.firstAt
	}
	return io.EOF
}

// What a receiver does while nothing is new.
const (
	WaitSpin  = "spin"  // never sleeps
	WaitBlock = "block" // sleeps in the kernel: of a ring, one with a doorbell
)

// WaitHelp lists what [ParseWait] takes.
const WaitHelp = "spin, backoff[:limit], every:interval or block"

// ParseWait reads how a ring's reader waits: a name, and for some a duration.
func ParseWait(s string) (ring.Wait, error) {
	name, text, given := strings.Cut(s, ":")
	var d time.Duration
	if given {
		var err error
		if d, err = time.ParseDuration(text); err != nil || d < time.Microsecond {
			return ring.Wait{}, fmt.Errorf("--wait %s: %q is not a duration from 1us up, like 50us", s, text)
		}
	}
	switch {
	case name == WaitSpin && !given:
		return ring.Spin(), nil
	case name == "backoff":
		return ring.Backoff(d), nil // 0 is its default
	case name == "every" && given:
		return ring.Every(d), nil
	case name == WaitBlock && !given:
		return ring.Block(), nil
	}
	return ring.Wait{}, fmt.Errorf("--wait %s: it takes %s, like backoff:200us or every:1ms", s, WaitHelp)
}
