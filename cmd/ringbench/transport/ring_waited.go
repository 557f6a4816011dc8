package transport

// WindowOf is the window of a sender that waits, for a ring of so many slots; 0 where there is no room for such batches.
// It publishes up to a window when one is unread: half of the ring is spare.
func WindowOf(slots uint64, batch int) uint64 {
	if window := slots / 4; window >= uint64(batch) {
		return window
	}
	return 0
}

// waiting publishes as fast as the receiver takes it. A ring's writer waits for nobody: this is a loop of the
// benchmark's own around it, for the sake of a figure that no loss flatters.
func (w *RingSender) waiting(s *Slice) Sent {
	batch := uint64(s.Batch)
	piece := max(batch, min(clockEvery, s.Window)/batch*batch)
	at, stamp := s.First, uint64(0)
	begin := s.Clock.Until(s.Base)
	now := begin
	for ; now-begin < s.Ticks; now = s.Clock.Now() {
		if stamp-load(w.progress) > s.Window {
			continue
		}
		if batch == 1 {
			for range piece {
				rec := &s.Tape[at]
				rec.Timestamp = stamp
				w.out.Publish(rec)
				stamp++
				if at++; at == s.Period {
					at = 0
				}
			}
			continue
		}
		for range piece / batch {
			w.out.PublishBatch(stampBatch(s, at, stamp))
			stamp += batch
			at = (at + batch) % s.Period
		}
	}
	return Sent{Ticks: now - begin}
}
