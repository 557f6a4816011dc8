package transport

import (
	"fmt"
	"math"
	"sync/atomic"
)

// Five atomic stores are how one shares a record without thinking of more: each field is stored by sync/atomic, and
// then a number that says that there is something new. The receiver spins on the number. It loses records that it
// did not look at in time, and can get one that is half of the next: nothing tells it, except this benchmark, which
// knows what was sent.

type atomicRecord struct {
	number    atomic.Uint64 // records so far
	price     atomic.Uint64
	timestamp atomic.Uint64
	volume    atomic.Int32
	valid     atomic.Bool
}

func (a *atomicRecord) store(r *Record, number uint64) {
	a.price.Store(math.Float64bits(r.Price))
	a.timestamp.Store(r.Timestamp)
	a.volume.Store(r.Volume)
	a.valid.Store(r.Valid)
	a.number.Store(number)
}

func (a *atomicRecord) load() Record {
	return Record{
		Price: math.Float64frombits(a.price.Load()), Timestamp: a.timestamp.Load(), Volume: a.volume.Load(), Valid: a.valid.Load(),
	}
}

// AtomicSender stores the fields.
type AtomicSender struct{ line *atomicRecord }

// NewAtomicSender uses the beginning of some shared memory.
func NewAtomicSender(words []uint64) *AtomicSender { return &AtomicSender{lineOf[atomicRecord](words)} }

// Send implements [Sender].
func (w *AtomicSender) Send(s *Slice) (sent Sent, err error) {
	if s.Due != nil {
		sent = w.paced(s)
	} else {
		sent = w.singles(s)
	}
	// The last record is to be seen before the end overwrites it.
	_ = s.Clock.Until(s.Clock.Now() + limitPause)
	last := endOf(sent.Published)
	w.line.store(&last, w.line.number.Load()+1)
	return sent, nil
}

func (w *AtomicSender) paced(s *Slice) (sent Sent) {
	at, deadline, number := s.First, s.deadline(), w.line.number.Load()
	begin := s.Clock.Until(s.Base)
	now := begin
	for i, due := range s.Due {
		stamp := s.Base + due
		rec := &s.Tape[at]
		rec.Timestamp = stamp
		now = s.Clock.Until(stamp)
		if int64(now-deadline) > 0 {
			break
		}
		number++
		w.line.store(rec, number)
		sent.Published++
		if uint64(i) >= s.Warmup {
			s.Samples[sent.Samples] = int64(now - stamp)
			sent.Samples++
		}
		if at++; at == s.Period {
			at = 0
		}
	}
	sent.Ticks = now - begin
	return sent
}

func (w *AtomicSender) singles(s *Slice) (sent Sent) {
	at, number := s.First, w.line.number.Load()
	begin := s.Clock.Until(s.Base)
	now := begin
	for ; now-begin < s.Ticks; now = s.Clock.Now() {
		for range clockEvery {
			rec := &s.Tape[at]
			rec.Timestamp = sent.Published
			number++
			w.line.store(rec, number)
			sent.Published++
			if at++; at == s.Period {
				at = 0
			}
		}
	}
	sent.Ticks = now - begin
	return sent
}

// AtomicReceiver loads the fields.
type AtomicReceiver struct {
	line  *atomicRecord
	first uint64 // number before the slice's first record
}

// NewAtomicReceiver uses the memory of an [AtomicSender].
func NewAtomicReceiver(words []uint64) *AtomicReceiver {
	return &AtomicReceiver{line: lineOf[atomicRecord](words)}
}

// Ready implements [Receiver].
func (r *AtomicReceiver) Ready(*Slice) error {
	r.first = r.line.number.Load()
	return nil
}

// Receive implements [Receiver]. A record that is not what was sent under its number is torn: it is counted.
func (r *AtomicReceiver) Receive(s *Slice) (got Received, err error) {
	check := s.checks()
	last, firstAt := r.first, uint64(0)
	for {
		n := r.line.number.Load()
		if n == last {
			continue
		}
		rec := r.line.load()
		now := s.Clock.Now()
		if isEnd(&rec) && rec.Volume == endVolume && r.line.number.Load() == r.first+math.Float64bits(rec.Price)+1 {
			got.Ticks = now - firstAt
			return got, got.ended(&check, &rec)
		}
		if n < last {
			return got, fmt.Errorf("the number of the record went from %d to %d", last, n)
		}
		if last = n; n == r.first+uint64(len(s.Due))+1 && s.Due != nil {
			continue // the end, torn: it stays, and is read again
		}
		if firstAt == 0 {
			firstAt = now
		}
		i := n - r.first - 1
		if i != check.next {
			got.miss(s, check.next, i)
			check.expect(i)
		}
		if s.Due != nil && i >= s.Warmup {
			s.Samples[got.Samples] = int64(now - check.stamp(i))
			got.Samples++
		}
		if got.Received++; !check.right(i, &rec) {
			got.Torn++
			check.expect(i + 1)
		}
	}
}
