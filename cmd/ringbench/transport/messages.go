package transport

// messages are the loops of the transports that pass messages. Next to what a message takes there, a call through a
// function value is nothing.

// maxMessage is how many records a message has at most.
const maxMessage = 64

// MessageBytes is how long the longest message is.
const MessageBytes = maxMessage * recordBytes

// MessageSender sends records as messages.
type MessageSender struct {
	// send sends a message of 1 to maxMessage records. While there is no room it spins.
	send func([]Record) error
}

// messagesPerClock is how many messages are sent at full speed between two looks at the clock.
const messagesPerClock = 32

// Send implements [Sender].
func (w *MessageSender) Send(s *Slice) (sent Sent, err error) {
	if s.Due != nil {
		sent, err = w.paced(s)
	} else {
		sent, err = w.full(s)
	}
	if err == nil {
		err = w.send([]Record{endOf(sent.Published)})
	}
	return sent, err
}

func (w *MessageSender) paced(s *Slice) (sent Sent, err error) {
	at, deadline := s.First, s.deadline()
	begin := s.Clock.Until(s.Base)
	now := begin
	for i, due := range s.Due {
		stamp := s.Base + due
		rec := s.Tape[at : at+1]
		rec[0].Timestamp = stamp
		now = s.Clock.Until(stamp)
		if int64(now-deadline) > 0 {
			break
		}
		if err := w.send(rec); err != nil {
			return sent, err
		}
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
	return sent, nil
}

func (w *MessageSender) full(s *Slice) (sent Sent, err error) {
	at := s.First
	begin := s.Clock.Until(s.Base)
	now := begin
	for ; now-begin < s.Ticks; now = s.Clock.Now() {
		for range messagesPerClock {
			batch := stampBatch(s, at, sent.Published)
			for len(batch) > 0 {
				n := min(len(batch), maxMessage)
				if err := w.send(batch[:n]); err != nil {
					return sent, err
				}
				batch = batch[n:]
			}
			sent.Published += uint64(s.Batch)
			at = (at + uint64(s.Batch)) % s.Period
		}
	}
	sent.Ticks = now - begin
	return sent, nil
}

// MessageReceiver receives messages of records.
type MessageReceiver struct {
	// receive returns the records of a message, or several, in memory that is good until the next call. While there are
	// none it spins, or sleeps if it is to.
	receive func() ([]Record, error)
	ready   func(waits string) error
}

// Ready implements [Receiver].
func (r *MessageReceiver) Ready(s *Slice) error { return r.ready(s.Waits) }

// Receive implements [Receiver].
func (r *MessageReceiver) Receive(s *Slice) (got Received, err error) {
	check := s.checks()
	firstAt := uint64(0)
	for {
		records, err := r.receive()
		if err != nil {
			return got, err
		}
		for k := range records {
			now, rec := s.Clock.Now(), &records[k]
			if isEnd(rec) {
				got.Ticks = now - firstAt
				return got, got.ended(&check, rec)
			}
			if got.Received == 0 {
				firstAt = now
			}
			if s.Due != nil && got.Received >= s.Warmup {
				s.Samples[got.Samples] = int64(now - rec.Timestamp)
				got.Samples++
			}
			if !check.right(got.Received, rec) {
				return got, check.failure(got.Received, *rec)
			}
			got.Received++
		}
	}
}
