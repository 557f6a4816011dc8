package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// reader is a reader process.
type reader struct {
	orders  <-chan order
	seat    seat
	replies *json.Encoder
	segment *segment.Segment
	clock   clock.Clock
	tape    *tape
	wait    ring.Wait
}

// obey carries out orders until there are no more.
func obey(in io.Reader, out io.Writer) error {
	// Ctrl-C reaches the whole process group. The parent decides what happens then.
	signal.Ignore(os.Interrupt)
	r := &reader{orders: receive(in), replies: json.NewEncoder(out)}
	for o := range r.orders {
		answer, err := r.carryOut(o)
		if err != nil {
			answer = reply{Error: err.Error()}
		}
		if err := r.replies.Encode(answer); err != nil {
			return fmt.Errorf("reply to the parent: %w", err)
		}
	}
	return nil
}

// receive decodes orders in the background, so that the end of the input ends the process even while
// it follows a ring.
func receive(in io.Reader) <-chan order {
	// The room lets the goroutine below get back to its Read before the order is carried out: its turn would
	// otherwise come when the hot loop is preempted, and the Read would keep the loop's pinned thread.
	orders := make(chan order, 1)
	go func() {
		for decoder := json.NewDecoder(in); ; {
			var o order
			if err := decoder.Decode(&o); err != nil {
				if err == io.EOF {
					os.Exit(0)
				}
				fmt.Fprintf(os.Stderr, "orders from the parent: %v\n", err)
				os.Exit(exitFailed)
			}
			orders <- o
		}
	}()
	return orders
}

func (r *reader) carryOut(o order) (reply, error) {
	switch {
	case o.Attach != nil:
		a, err := r.attach(o.Attach)
		return reply{Attached: a}, err
	case r.segment == nil:
		return reply{}, errors.New("the first order must be to attach")
	case o.Hiccup:
		h, err := measureHiccups(r.clock, r.seat, new(atomic.Bool))
		return reply{Hiccups: h}, err
	case o.Follow != nil:
		f, err := r.follow(o.Follow)
		return reply{Followed: f}, err
	}
	return reply{}, errors.New("an order to do nothing")
}

func (r *reader) attach(a *attachOrder) (*attached, error) {
	var err error
	if r.seat, err = settle(a.CPU, a.Wait == waitSpin); err != nil {
		return nil, err
	}
	if err := a.Clock.Validate(); err != nil {
		return nil, err
	}
	r.clock = a.Clock
	if r.wait, err = parseWait(a.Wait); err != nil {
		return nil, err
	}
	if r.tape, err = a.Source.load(0); err != nil {
		return nil, err
	}
	if r.segment, err = segment.Attach(a.Segment); err != nil {
		return nil, err
	}
	pages, err := r.segment.Pages()
	return &attached{Pages: pages}, err
}

// follow follows one case from its first record to the closing of the ring.
func (r *reader) follow(o *followOrder) (*followed, error) {
	reader, err := ring.NewReader[ring.TradingData](r.segment, ring.ReaderOptions{Start: ring.At(o.First), Wait: r.wait})
	if err != nil {
		return nil, err
	}
	if err := r.replies.Encode(reply{Following: true}); err != nil {
		return nil, err
	}
	start := <-r.orders
	if start.Go == nil {
		return nil, errors.New("the order after follow must be to go")
	}

	f := &follower{reader: reader, clock: r.clock, now: stamper(r.clock), measureFrom: o.First + o.Warmup}
	f.check = checker{tape: r.tape, schedule: *start.Go, first: o.First}
	f.check.expect(o.First)
	loop := f.singles
	switch {
	case o.Latency:
		f.Latency = newTimes()
		loop = f.latencies
	case o.Batch > 1:
		loop = func() error { return f.batches(make([]ring.TradingData, o.Batch)) }
	}

	var end error
	if f.stay, err = r.seat.run(func() { end = r.segment.Guard(loop) }); err != nil {
		return nil, err
	}
	if end != io.EOF {
		return nil, end
	}
	if f.lastAt != 0 {
		f.ElapsedNs = r.clock.Nanoseconds(int64(f.lastAt - f.firstAt))
	}
	// The ring's own account and ours must be the same.
	if f.Received != reader.Received() || f.Missed != reader.Missed() {
		return nil, fmt.Errorf("got %d records and lost %d, but the ring says %d and %d", f.Received, f.Missed, reader.Received(), reader.Missed())
	}
	return &f.followed, nil
}
