package transport

import (
	"github.com/tickring/tickring/ring"
)

// RingSender is a ring's writer. Its loops are what a feed handler's loop would be: the record is filled in and
// published, nothing is allocated.
type RingSender struct {
	memory   ring.Memory
	out      *ring.Writer[Record]
	progress *uint64 // of the receiver of slices that lose nothing
}

// NewRingSender becomes the writer of a ring. The first of the words tells it how far a receiver is.
func NewRingSender(m ring.Memory, words []uint64) (*RingSender, error) {
	out, err := ring.NewWriter[Record](m)
	return &RingSender{m, out, &words[0]}, err
}

// guarded calls a loop, and turns an access to memory that somebody truncated into an error.
func guarded(m ring.Memory, loop func() error) error {
	if g, ok := m.(ring.Guarded); ok {
		return g.Guard(loop)
	}
	return loop()
}

// Send implements [Sender].
func (w *RingSender) Send(s *Slice) (sent Sent, err error) {
	err = guarded(w.memory, func() error { sent = w.send(s); return nil })
	return sent, err
}

func (w *RingSender) send(s *Slice) (sent Sent) {
	first := w.out.Head()
	switch {
	case s.Alone:
		sent = w.alone(s)
	case s.Window > 0:
		sent = w.waiting(s)
	case s.Cost:
		sent = w.cost(s)
	case s.Due != nil:
		sent = w.paced(s)
	case s.Batch == 1:
		sent = w.singles(s)
	default:
		sent = w.batches(s)
	}
	sent.Published = w.out.Head() - first
	last := endOf(sent.Published)
	w.out.Publish(&last)
	return sent
}

// paced publishes each record when it is due, and samples how late that was.
func (w *RingSender) paced(s *Slice) (sent Sent) {
	out, at, deadline, warmup := w.out, s.First, s.deadline(), int(s.Warmup)
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
		out.Publish(rec)
		if i >= warmup {
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

// singles publishes one by one, as fast as it can.
func (w *RingSender) singles(s *Slice) Sent {
	at, stamp := s.First, uint64(0)
	begin := s.Clock.Until(s.Base)
	now := begin
	for ; now-begin < s.Ticks; now = s.Clock.Now() {
		for range clockEvery {
			rec := &s.Tape[at]
			rec.Timestamp = stamp
			w.out.Publish(rec)
			stamp++
			if at++; at == s.Period {
				at = 0
			}
		}
	}
	return Sent{Ticks: now - begin}
}

// batches does the same in batches.
func (w *RingSender) batches(s *Slice) Sent {
	at, stamp := s.First, uint64(0)
	begin := s.Clock.Until(s.Base)
	now := begin
	for ; now-begin < s.Ticks; now = s.Clock.Now() {
		for range max(1, clockEvery/s.Batch) {
			w.out.PublishBatch(stampBatch(s, at, stamp))
			stamp += uint64(s.Batch)
			at = (at + uint64(s.Batch)) % s.Period
		}
	}
	return Sent{Ticks: now - begin}
}

// stampBatch returns the batch at a place of the tape, stamped from stamp on.
func stampBatch(s *Slice, at, stamp uint64) []Record {
	batch := s.Tape[at:][:s.Batch]
	for i := range batch {
		batch[i].Timestamp = stamp + uint64(i)
	}
	return batch
}

// CostGroup is how many calls of publish are timed together, so that the clock's own time, of which a group contains
// one reading, is a small part of what is measured.
const CostGroup = 16

// cost samples what groups of calls take: CostGroup publishes of one record, or one of a batch.
func (w *RingSender) cost(s *Slice) (sent Sent) {
	at, stamp := s.First, uint64(0)
	begin := s.Clock.Until(s.Base)
	now := begin
	for sent.Samples < len(s.Samples) && now-begin < s.Ticks {
		before := s.Clock.Now()
		if s.Batch == 1 {
			for range CostGroup {
				rec := &s.Tape[at]
				rec.Timestamp = stamp
				w.out.Publish(rec)
				stamp++
				if at++; at == s.Period {
					at = 0
				}
			}
		} else {
			w.out.PublishBatch(stampBatch(s, at, stamp))
			stamp += uint64(s.Batch)
			at = (at + uint64(s.Batch)) % s.Period
		}
		now = s.Clock.Now()
		s.Samples[sent.Samples] = int64(now - before)
		sent.Samples++
	}
	sent.Ticks = now - begin
	return sent
}
