package transport

import (
	"fmt"

	"github.com/tickring/tickring/ring"
)

// What the calls themselves take, with nothing else going on: the sender publishes while nobody reads, and then the
// receiver polls, again and again, the records that are there. Each times whole rounds of the tape, so that the clock is
// nothing beside them, and does nothing to a record: a stamp or a check would be a part of so short a time.

// alone samples what publishing a period of the tape takes.
func (w *RingSender) alone(s *Slice) (sent Sent) {
	tape := s.Tape[:s.Period]
	for i := range tape {
		tape[i].Timestamp = 0
	}
	begin := s.Clock.Until(s.Base)
	for before := begin; ; {
		if s.Batch == 1 {
			publishEach(w.out, tape)
		} else {
			publishBatches(w.out, tape, s.Batch)
		}
		now := s.Clock.Now()
		s.Samples[sent.Samples] = int64(now - before)
		sent.Samples++
		if before = now; sent.Samples == len(s.Samples) || now-begin >= s.Ticks {
			sent.Ticks = now - begin
			return sent
		}
	}
}

// These are functions of their own, or the compiler would load all that their caller holds anew behind each call.

//go:noinline
func publishEach(out *ring.Writer[Record], tape []Record) {
	for i := range tape {
		out.Publish(&tape[i])
	}
}

//go:noinline
func publishBatches(out *ring.Writer[Record], tape []Record, batch int) {
	for at := 0; at < len(tape); at += batch {
		out.PublishBatch(tape[at:][:batch])
	}
}

//go:noinline
func pollEach(reader *ring.Reader[Record], to *Record, n uint64) {
	for range n {
		if reader.TryPoll(to) {
			continue
		}
		if _, status := reader.Poll(to); status != ring.Ready {
			return
		}
	}
}

//go:noinline
func pollBatches(reader *ring.Reader[Record], batch []Record, n uint64) {
	for range n / uint64(len(batch)) {
		if _, _, status := reader.PollBatch(batch); status != ring.Ready {
			return
		}
	}
}

// alone samples what polling as many records takes: the last ones that f has found right. All of them must come each
// time.
func (r *RingReceiver) alone(s *Slice, f *follower) error {
	reader, err := ring.NewReader[Record](r.memory, ring.ReaderOptions{Wait: ring.Spin()})
	if err != nil {
		return err
	}
	end := f.first + f.got.Received + f.got.Missed
	if f.got.Received < s.Period {
		return fmt.Errorf("%d records are in the ring, too few to poll %d", f.got.Received, s.Period)
	}
	batch := make([]Record, s.Batch)
	for begin := s.Clock.Now(); f.got.Samples < len(s.Samples); {
		reader.Seek(ring.At(end - s.Period))
		before := s.Clock.Now()
		if s.Batch == 1 {
			pollEach(reader, &batch[0], s.Period)
		} else {
			pollBatches(reader, batch, s.Period)
		}
		now := s.Clock.Now()
		if reader.Position() != end {
			return fmt.Errorf("record %d is in the ring, but polling came to record %d only", end-1, reader.Position())
		}
		s.Samples[f.got.Samples] = int64(now - before)
		f.got.Samples++
		if now-begin >= s.Ticks {
			break
		}
	}
	return nil
}
