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
	start := &goOrder{Base: b.clock.Now() + b.ticks(lead)}
	if err := b.crew.tell(ctx, members, func(int) order { return order{Go: start} }); err != nil {
		return err
	}
	replies, err := b.collect(ctx, t, members)
	if err != nil {
		return err
	}
	return b.keep(t, o, members, replies)
}

// readyFor is the order for a slice, whose due times it writes into the score.
func (b *conductor) readyFor(t *trial, turn int) readyOrder {
	o := readyOrder{
		Channel: t.channel.id, Batch: t.batch, Waits: t.wait, Cost: t.cost, Slow: b.ticks(t.slow), Ticks: b.ticks(t.slice),
		GiveUp: b.ticks(lagging),
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
			if err := b.keepSent(t, &out, sent, samples); err != nil {
				return err
			}
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
			one.stay = played.stay
			out.readers = append(out.readers, one)
		}
	}
	out.published = sent.Published - min(sent.Published, o.Warmup)
	out.elapsedNs = b.clock.Nanoseconds(int64(sent.Ticks))
	if t.paced() {
		late := t.rate > 0 && float64(out.elapsedNs) > longest*float64(o.Count)*1e9/float64(t.rate)
		out.incomplete = late || sent.Published < o.Count
		out.p50 = latencies.Quantiles(latencies.Count()).P50Ns
		out.mean = rounds.TrimmedMean(all) / b.clock.TicksPerNs
		out.negative, out.clamped = latencies.Negative(), latencies.Clamped()
	} else if sent.Published > 0 {
		out.mean = float64(out.elapsedNs) / float64(sent.Published)
	}
	t.outcomes = append(t.outcomes, out)
	t.overrun = t.name == caseLoad && t.outcomes.neverKeptUp()
	return t.outcomes.last().pack(latencies)
}

// longest is how much longer than planned a slice takes at most if the writer keeps the rate.
const longest = 1.1

// keepSent keeps what the sender sampled.
func (b *conductor) keepSent(t *trial, out *outcome, sent transport.Sent, samples []int64) error {
	if sent.Samples > len(samples) {
		return errProtocol
	}
	out.sender = hist.New()
	for _, ticks := range samples[:sent.Samples] {
		if t.cost {
			calls := float64(transport.CostGroup)
			if t.batch > 1 {
				calls = float64(t.batch)
			}
			out.sender.Record(int64(float64(ticks) / b.clock.TicksPerNs / calls * costUnit))
		} else {
			out.sender.Record(b.clock.Nanoseconds(ticks))
		}
	}
	return nil
}

// keepReceived checks and keeps what a receiver sampled.
func (b *conductor) keepReceived(t *trial, o readyOrder, got transport.Received, samples []int64,
	latencies *hist.Times, all *[]int64,
) (readerOutcome, error) {
	one := readerOutcome{received: got.Received, missed: got.Missed, torn: got.Torn}
	one.elapsedNs = b.clock.Nanoseconds(int64(got.Ticks))
	if !t.paced() {
		return one, nil
	}
	published := got.Received + got.Missed
	counts, missed := published-min(published, o.Warmup), got.Missed-got.MissedWarmup
	if got.Samples > len(samples) || uint64(got.Samples)+missed != counts {
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
