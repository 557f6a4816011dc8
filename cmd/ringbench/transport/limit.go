package transport

import "fmt"

// The limit is what no transport between two cores can beat: one cache line, handed over. The sender stores one word
// when a record is due, the number of the record, and the receiver spins on it. Nothing else is in the line, and the
// record itself is not sent.

// LimitSender stores the word.
type LimitSender struct{ word *uint64 }

// NewLimitSender uses the first word of some shared memory.
func NewLimitSender(words []uint64) *LimitSender { return &LimitSender{&words[0]} }

const (
	limitIdle = 0       // nothing was sent yet; the word of record i is i+1
	limitEnd  = 1 << 63 // with how many records were sent: the slice is over

	limitPause = 1 << 16 // ticks between the last record and the end, which overwrites it
)

// Send implements [Sender], for paced slices.
func (w *LimitSender) Send(s *Slice) (sent Sent, err error) {
	deadline := s.deadline()
	begin := s.Clock.Until(s.Base)
	now := begin
	for i, due := range s.Due {
		stamp := s.Base + due
		now = s.Clock.Until(stamp)
		if int64(now-deadline) > 0 {
			break
		}
		release(w.word, uint64(i)+1)
		sent.Published++
		if uint64(i) >= s.Warmup {
			s.Samples[sent.Samples] = int64(now - stamp)
			sent.Samples++
		}
	}
	sent.Ticks = now - begin
	_ = s.Clock.Until(s.Clock.Now() + limitPause)
	release(w.word, limitEnd|sent.Published)
	return sent, nil
}

// LimitReceiver spins on the word.
type LimitReceiver struct{ word *uint64 }

// NewLimitReceiver uses the memory of a [LimitSender].
func NewLimitReceiver(words []uint64) *LimitReceiver { return &LimitReceiver{&words[0]} }

// Ready implements [Receiver].
func (r *LimitReceiver) Ready(*Slice) error {
	release(r.word, limitIdle)
	return nil
}

// Receive implements [Receiver].
func (r *LimitReceiver) Receive(s *Slice) (got Received, err error) {
	last, firstAt, lastAt := uint64(limitIdle), uint64(0), uint64(0)
	for {
		n := load(r.word)
		if n == last {
			continue
		}
		now := s.Clock.Now()
		if n&limitEnd != 0 {
			got.miss(s, last, n&^limitEnd)
			break
		}
		if n < last || n > uint64(len(s.Due)) {
			return got, fmt.Errorf("the limit's line holds %d after %d, of %d", n, last, len(s.Due))
		}
		if lastAt = now; got.Received == 0 {
			firstAt = now
		}
		got.Received++
		got.miss(s, last, n-1)
		if last = n; n > s.Warmup {
			s.Samples[got.Samples] = int64(now - s.Base - s.Due[n-1])
			got.Samples++
		}
	}
	got.Ticks = lastAt - firstAt
	return got, nil
}
