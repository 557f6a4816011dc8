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
			for i := range tape {
				w.out.Publish(&tape[i])
			}
		} else {
			for at := 0; at < len(tape); at += s.Batch {
				w.out.PublishBatch(tape[at:][:s.Batch])
			}
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
			for range s.Period {
				if _, status := reader.Poll(&batch[0]); status != ring.Ready {
					break
				}
			}
		} else {
			for range s.Period / uint64(s.Batch) {
				if _, _, status := reader.PollBatch(batch); status != ring.Ready {
					break
				}
			}
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
