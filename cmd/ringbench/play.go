package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/cmd/ringbench/rounds"
	"github.com/tickring/tickring/cmd/ringbench/transport"
)

// playSlice plays a slice of a trial, and keeps what came of it.
func (b *conductor) playSlice(ctx context.Context, t *trial, turn int) error {
	o := b.readyFor(t, turn)
	members := t.members()
	ready, err := b.crew.ask(ctx, members, func(i int) order {
		one := o
		one.Sends = members[i] == t.sender && !t.inProcess()
		if t.alone && one.Sends != (t.name == casePublish) {
			one.Ticks = 0 // this end's calls are not timed: it sends, or checks, what must be there
		}
		return order{Ready: &one}
	})
	if err != nil {
		return err
	}
	for _, reply := range ready {
		if !reply.Ready {
			return errProtocol
		}
	}
	var replies []reply
	for _, turn := range t.turns() {
		start := &goOrder{Base: b.clock.Now() + b.ticks(lead)}
		if err := b.crew.tell(ctx, turn, func(int) order { return order{Go: start} }); err != nil {
			return err
		}
		played, err := b.collect(ctx, t, turn)
		if err != nil {
			return err
		}
		replies = append(replies, played...)
	}
	return b.keep(t, o, members, replies)
}

// turns are the members that play at once, one group after the other.
func (t *trial) turns() [][]*member {
	if t.alone {
		return [][]*member{{t.sender}, t.receivers}
	}
	return [][]*member{t.members()}
}

// readyFor is the order for a slice, whose due times it writes into the score.
func (b *conductor) readyFor(t *trial, turn int) readyOrder {
	o := readyOrder{
		Channel: t.channel.id, Batch: t.batch, Waits: t.wait, Cost: t.cost, Slow: b.ticks(t.slow), Ticks: b.ticks(t.slice),
		GiveUp: b.ticks(lagging), Window: t.window,
	}
	if t.alone {
		o.Alone = uint64(t.group)
	}
	if !t.paced() {
		return o
	}
	first, due := t.schedule.due(turn, b.score.Words(b.dueAt))
	o.Paced, o.First, o.Count = true, first, uint64(len(due))
	if t.rate > 0 {
		o.Warmup = min(uint64(float64(t.rate)*b.config.warmup.Seconds()), o.Count/2)
	}
	return o
}

// collect waits until a slice is over. The reader of a trial that wants it is stopped in the midst of it.
func (b *conductor) collect(ctx context.Context, t *trial, members []*member) ([]reply, error) {
	if !t.stop {
		return b.crew.collect(ctx, members)
	}
	select {
	case <-time.After(lead + t.slice/8):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	stopped := t.receivers[0]
	if err := halt(stopped.cmd.Process); err != nil {
		return nil, fmt.Errorf("stop %v: %w", stopped, err)
	}
	sent, err := b.crew.collect(ctx, members[:1])
	if err == nil {
		err = resume(stopped.cmd.Process)
	}
	if err != nil {
		return nil, err
	}
	received, err := b.crew.collect(ctx, members[1:])
	return append(sent, received...), err
}

func (b *conductor) ticks(d time.Duration) uint64 { return uint64(float64(d) * b.clock.TicksPerNs) }

// keep checks the accounts of a slice, and sums up its samples.
func (b *conductor) keep(t *trial, o readyOrder, members []*member, replies []reply) error {
	out := outcome{round: len(b.limits), offered: o.Count - min(o.Count, o.Warmup)}
	var sent transport.Sent
	latencies := hist.New()
	var all []int64
	for i, m := range members {
		played := replies[i].Played
		if played == nil {
			return errProtocol
		}
		samples := m.samples.Samples()
		if played.Sent != nil {
			sent = *played.Sent
			out.writer = played.stay
			if sent.Samples > len(samples) {
				return errProtocol
			}
			b.keepSent(t, &out, samples[:sent.Samples])
		}
		if played.Received != nil {
			got := *played.Received
			if got.Received+got.Missed != sent.Published {
				return fmt.Errorf("%v: %d records sent, but %d received and %d reported as missed", m, sent.Published, got.Received, got.Missed)
			}
			if t.inProcess() {
				samples = samples[len(samples)/2:]
			}
			one, err := b.keepReceived(t, o, got, samples, latencies, &all)
			if err != nil {
				return fmt.Errorf("%v: %w", m, err)
			}
			if t.name == casePoll {
				b.keepSent(t, &out, samples[:got.Samples])
			}
			one.stay = played.stay
			out.readers = append(out.readers, one)
		}
	}
	out.published = sent.Published - min(sent.Published, o.Warmup)
	out.elapsedNs = b.clock.Nanoseconds(int64(sent.Ticks))
	if t.paced() {
		late := t.rate > 0 && float64(out.elapsedNs) > longest*float64(o.Count)*1e9/float64(t.rate)
		out.incomplete = late || sent.Published < o.Count
		q := latencies.Quantiles(latencies.Count())
		out.p50, out.p99 = q.P50Ns, q.P99Ns
		out.mean = rounds.TrimmedMean(all) / b.clock.TicksPerNs
		out.negative, out.clamped = latencies.Negative(), latencies.Clamped()
	} else if !t.alone && sent.Published > 0 {
		out.mean = float64(out.elapsedNs) / float64(sent.Published)
	}
	t.outcomes = append(t.outcomes, out)
	t.overrun = t.name == caseLoad && t.outcomes.neverKeptUp()
	return t.outcomes.last().pack(latencies)
}

// longest is how much longer than planned a slice takes at most if the writer keeps the rate.
const longest = 1.1

// keepSent keeps what the sender sampled, or whoever's calls are timed.
func (b *conductor) keepSent(t *trial, out *outcome, samples []int64) {
	out.sender = hist.New()
	for _, ticks := range samples {
		if t.cost {
			out.sender.Record(int64(float64(ticks) / b.clock.TicksPerNs / float64(t.group) * costUnit))
		} else {
			out.sender.Record(b.clock.Nanoseconds(ticks))
		}
	}
	if t.alone {
		out.mean = rounds.TrimmedMean(samples) / b.clock.TicksPerNs / float64(t.group)
	}
}

// keepReceived checks and keeps what a receiver sampled.
func (b *conductor) keepReceived(t *trial, o readyOrder, got transport.Received, samples []int64,
	latencies *hist.Times, all *[]int64,
) (readerOutcome, error) {
	one := readerOutcome{received: got.Received, missed: got.Missed, torn: got.Torn}
	one.elapsedNs = b.clock.Nanoseconds(int64(got.Ticks))
	if got.Samples > len(samples) {
		return one, errProtocol
	}
	if !t.paced() {
		return one, nil
	}
	published := got.Received + got.Missed
	counts, missed := published-min(published, o.Warmup), got.Missed-got.MissedWarmup
	if uint64(got.Samples)+missed != counts {
		return one, fmt.Errorf("%d records sent to measure latency, but %d measured and %d reported as missed", counts, got.Samples, missed)
	}
	one.received, one.missed = uint64(got.Samples), missed
	own := hist.New()
	for _, ticks := range samples[:got.Samples] {
		own.Record(b.clock.Nanoseconds(ticks))
	}
	latencies.Add(own)
	*all = append(*all, samples[:got.Samples]...)
	one.times = own
	return one, one.pack()
}
