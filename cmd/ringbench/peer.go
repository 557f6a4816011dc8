package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/tickring/tickring/cmd/ringbench/stage"
	"github.com/tickring/tickring/cmd/ringbench/transport"
	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/segment"
)

// peer is a process that has ends of channels, and plays slices with them.
type peer struct {
	orders    *json.Decoder
	replies   *json.Encoder
	seat      seat
	other     int // CPU of a receiver in this process
	clock     clock.Clock
	tape      []transport.Record
	otherTape []transport.Record // of a receiver in this process
	period    uint64
	due       []uint64
	samples   []int64
	senders   map[int]transport.Sender
	receivers map[int]transport.Receiver
	sleeps    map[int]bool // the channel's ends make system calls that may sleep
}

// obey carries out orders until there are no more.
//
// It reads the next one only when it has carried the last one out, in the goroutine that runs the hot loops. If another
// one read ahead, and the kernel held it up on its way back to that, it would get its turn when the loop is preempted,
// sleep in its read on the loop's pinned thread, and leave the loop to another thread. That the conductor is gone, a peer
// in a hot loop is told by a signal.
func obey(in io.Reader, out io.Writer) error {
	// Ctrl-C reaches the whole process group. The conductor decides what happens then.
	signal.Ignore(os.Interrupt)
	p := &peer{
		orders: json.NewDecoder(in), replies: json.NewEncoder(out),
		senders: map[int]transport.Sender{}, receivers: map[int]transport.Receiver{}, sleeps: map[int]bool{},
	}
	for {
		o, err := p.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := p.carryOut(o)
		if err != nil {
			answer = reply{Error: err.Error()}
		}
		if err := p.replies.Encode(answer); err != nil {
			return fmt.Errorf("reply to the conductor: %w", err)
		}
	}
}

// next waits for an order; io.EOF if there are no more.
func (p *peer) next() (o order, err error) {
	if err = p.orders.Decode(&o); err != nil && err != io.EOF {
		err = fmt.Errorf("orders from the conductor: %w", err)
	}
	return o, err
}

func (p *peer) carryOut(o order) (reply, error) {
	switch {
	case o.Attach != nil:
		return reply{Attached: true}, p.attach(o.Attach)
	case p.tape == nil:
		return reply{}, errors.New("the first order must be to attach")
	case o.Open != nil:
		what, err := p.open(o.Open)
		return reply{Opened: what}, err
	case o.Hiccup != nil:
		h, err := measureHiccups(p.clock, p.seat, o.Hiccup.Ns)
		return reply{Hiccups: h}, err
	case o.Ready != nil:
		played, err := p.play(o.Ready)
		return reply{Played: played}, err
	}
	return reply{}, errors.New("an order to do nothing")
}

func (p *peer) attach(a *attachOrder) (err error) {
	if err := a.Clock.Validate(); err != nil {
		return err
	}
	p.clock, p.other = a.Clock, a.OtherCPU
	if p.seat, err = settle(a.CPU); err != nil {
		return err
	}
	score, err := stage.Inherit(scoreFD, false)
	if err != nil {
		return err
	}
	own, err := stage.Inherit(samplesFD, true)
	if err != nil {
		return err
	}
	if a.Period == 0 || a.Records < a.Period || a.DueAt > score.Size() || a.DueAt%8 != 0 {
		return errors.New("an order to attach that does not fit the score")
	}
	// A tape of its own, because the stamps are written to it.
	p.tape, p.period = slices.Clone(score.Records(int(a.Records))), a.Period
	p.due, p.samples = score.Words(a.DueAt), own.Samples()
	return nil
}

// open takes an end of a channel.
func (p *peer) open(o *openOrder) (*opened, error) {
	if o.Transport == transportChannel {
		p.senders[o.Channel], p.receivers[o.Channel] = pairOf(transport.NewChannel())
		return &opened{}, nil
	}
	_, isRing := rings[o.Transport]
	r, ok := rivals[o.Transport]
	if !ok && !isRing {
		return nil, fmt.Errorf("no transport %q", o.Transport)
	}
	p.sleeps[o.Channel] = r.sleeps
	var words []uint64
	if isRing || r.bytes > 0 {
		memory, err := stage.Inherit(o.FD, true)
		if err != nil {
			return nil, err
		}
		words = memory.Words(0)
	}
	if isRing {
		return p.openRing(o, words)
	}
	var err error
	if o.Sends {
		p.senders[o.Channel], err = r.send(o.FD, words)
	} else {
		p.receivers[o.Channel] = r.receive(o.FD, words)
	}
	return &opened{}, err
}

func pairOf(s transport.Sender, r transport.Receiver) (transport.Sender, transport.Receiver) {
	return s, r
}

func (p *peer) openRing(o *openOrder, words []uint64) (*opened, error) {
	open := segment.Attach
	if o.Sends {
		open = segment.OpenWriter
	}
	s, err := open(o.Segment)
	if err != nil {
		return nil, err
	}
	if o.Sends {
		p.senders[o.Channel], err = transport.NewRingSender(s, words)
	} else {
		p.receivers[o.Channel] = transport.NewRingReceiver(s, words)
	}
	if err != nil {
		return nil, err
	}
	pages, err := s.Pages()
	return &opened{Pages: &pages}, err
}

// play plays a slice as the ends that this process has of a channel.
func (p *peer) play(o *readyOrder) (*playedBy, error) {
	if o.Count > uint64(len(p.due)) || o.First >= p.period || o.Batch < 1 || p.period+uint64(o.Batch) > uint64(len(p.tape)) {
		return nil, errors.New("an order for a slice that does not fit the score")
	}
	s := &transport.Slice{
		Tape: p.tape, Period: p.period, First: o.First, Ticks: o.Ticks, GiveUp: o.GiveUp, Batch: o.Batch, Cost: o.Cost,
		Slow: o.Slow, Window: o.Window, Waits: o.Waits, Warmup: o.Warmup, Samples: p.samples, Clock: transport.StamperOf(p.clock),
	}
	if o.Paced {
		s.Due = p.due[:o.Count]
	}
	if o.Alone > 0 {
		if o.Alone > p.period || o.Alone%uint64(o.Batch) != 0 || len(s.Samples) == 0 {
			return nil, errors.New("an order for turns that does not fit the score")
		}
		s.Alone, s.Period = true, o.Alone
	}
	sender, receiver := p.senders[o.Channel], p.receivers[o.Channel]
	pair := sender != nil && receiver != nil
	if o.Sends {
		receiver = nil
	} else if !pair {
		sender = nil
	}
	if sender == nil && receiver == nil {
		return nil, errors.New("an order to play on a channel that is not open")
	}
	if receiver != nil {
		if err := receiver.Ready(s); err != nil {
			return nil, err
		}
	}
	if err := p.replies.Encode(reply{Ready: true}); err != nil {
		return nil, err
	}
	start, err := p.next()
	if err != nil {
		return nil, err
	}
	if start.Go == nil {
		return nil, errors.New("the order after ready must be to go")
	}
	s.Base = start.Go.Base

	played := &playedBy{}
	var sent transport.Sent
	var received transport.Received
	var sendErr, receiveErr error
	send := func() { sent, sendErr = sender.Send(s) }
	take := func() { received, receiveErr = receiver.Receive(s) }
	switch {
	case pair:
		if p.otherTape == nil {
			p.otherTape = slices.Clone(p.tape)
		}
		other := *s
		other.Tape, other.Samples = p.otherTape, p.samples[len(p.samples)/2:]
		s.Samples = p.samples[:len(p.samples)/2]
		take = func() { received, receiveErr = receiver.Receive(&other) }
		err = runPair([2]int{p.seat.cpu, p.other}, [2]func(){send, take})
		played.Sent, played.Received = &sent, &received
	case sender != nil:
		// A ring's writer makes a system call to wake a reader up.
		_, wakes := sender.(*transport.RingSender)
		played.stay, err = p.seat.run(!p.sleeps[o.Channel] && !(wakes && o.Waits == transport.WaitBlock), send)
		played.Sent = &sent
	default:
		played.stay, err = p.seat.run(!p.sleeps[o.Channel] && o.Waits == transport.WaitSpin, take)
		played.Received = &received
	}
	return played, errors.Join(err, sendErr, receiveErr)
}
