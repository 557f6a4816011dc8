package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/tickring/tickring/cmd/ringbench/rounds"
	"github.com/tickring/tickring/cmd/ringbench/stage"
	"github.com/tickring/tickring/internal/clock"
)

const (
	calibration = 100 * time.Millisecond
	lead        = 5 * time.Millisecond // from the order to go to the first record: time for the order to arrive
	lagging     = time.Second          // how much longer than planned a slice may take whose rate is too high
	hiccupSlice = 20 * time.Millisecond
	limitRate   = 100_000 // of the slices that tell near from far
	limitSlice  = 30 * time.Millisecond
	costSamples = 1 << 18 // groups of calls that are timed in one slice
)

// conductor runs a measurement: it makes the channels, starts the processes that use them, and has them play one
// slice after the other. It sleeps while they do.
type conductor struct {
	config    *config
	say       func(format string, a ...any)
	clock     clock.Clock
	tape      *tape
	score     *stage.Memory
	dueAt     uint64
	placement placement
	cpp       compiled
	crew      *crew
	channels  []*channel
	members   []*member
	orders    map[*member][]openOrder
	suites    []suite
	trials    []*trial // of all suites
	limit     *trial   // at the beginning and at the end of each round
	limits    []rounds.Limit
	hiccups   []*hiccups // of the CPUs of listeners
	listeners []*member
	begun     time.Time
	planned   int // rounds
}

var errProtocol = errors.New("a process sent another reply than the one that was due")

// run measures, and leaves nothing behind, however it ends.
func run(ctx context.Context, c *config, say func(format string, a ...any)) (_ *report, err error) {
	defer func(ctx context.Context) {
		if err != nil && ctx.Err() != nil {
			err = errInterrupted
		}
	}(ctx)
	begun := time.Now()
	b := &conductor{config: c, say: say, orders: map[*member][]openOrder{}, begun: begun}
	defer func() { err = errors.Join(err, b.close()) }()
	r, err := b.prepare(ctx)
	if err != nil {
		return nil, err
	}
	ctx, b.crew, err = hire(ctx, b.members, b.score.File, b.cpp.program)
	if err != nil {
		return nil, err
	}
	defer b.crew.dismiss()
	for _, m := range b.crew.members {
		say("started %v", m)
	}
	if err := b.cpp.remove(); err != nil { // it runs already
		return nil, err
	}
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	if err := b.play(ctx); err != nil {
		return nil, err
	}
	if err := b.report(r); err != nil {
		return nil, err
	}
	r.TookSeconds = time.Since(begun).Seconds()
	return r, nil
}

// prepare does all that comes before the first process is started.
func (b *conductor) prepare(ctx context.Context) (*report, error) {
	c := b.config
	allowed, err := allowedCPUs()
	if err != nil {
		return nil, err
	}
	if b.clock, err = clock.Calibrate(calibration); err != nil {
		return nil, err
	}
	if b.tape, err = c.source.load(max(c.batch, minBatch)); err != nil {
		return nil, err
	}
	b.suites = b.plan()
	for _, p := range b.suites {
		b.trials = append(b.trials, p.trials...)
	}
	b.limit = b.pacedTrial(caseLatency, transportLimit, limitRate)
	b.limit.slice = min(b.limit.slice, limitSlice)
	b.limit.schedule = newEven(limitRate, b.limit.slice, b.clock)

	readers := 1
	for _, t := range b.trials {
		readers = max(readers, t.readers)
	}
	r := &report{Host: describeHost(allowed, readers), Clock: b.clock, Records: c.source.String(), Hiccups: []hiccupReport{}}
	if b.placement, err = place(c.pin, readers, allowed); err != nil {
		return nil, err
	}
	r.Placement = b.placement
	if b.needsCpp() {
		b.say("compiling the C++ client")
		b.cpp = compile(ctx)
	}
	if err := b.staff(); err != nil {
		return nil, err
	}
	return r, b.compose()
}

// compose writes the tape, and makes room for the due times and the samples.
func (b *conductor) compose() error {
	most := 0
	room := map[*member]int{}
	for _, t := range append([]*trial{b.limit}, b.trials...) {
		if t.channel == nil {
			continue
		}
		n := 0
		if t.paced() {
			n = t.schedule.records()
			most = max(most, n)
		}
		if t.cost {
			n = costSamples
		}
		if t.inProcess() {
			n *= 2 // half for each end
		}
		for _, m := range t.members() {
			room[m] = max(room[m], n)
		}
	}
	b.dueAt = uint64(len(b.tape.records)) * 24
	var err error
	if b.score, err = stage.New(b.dueAt + 8*uint64(most)); err != nil {
		return err
	}
	copy(b.score.Records(len(b.tape.records)), b.tape.records)
	for _, m := range b.members {
		if m.samples, err = stage.New(8 * uint64(room[m])); err != nil {
			return err
		}
	}
	return nil
}

// open lets the processes take what they need.
func (b *conductor) open(ctx context.Context) error {
	replies, err := b.crew.ask(ctx, b.members, func(i int) order {
		o := &attachOrder{CPU: b.members[i].cpu, OtherCPU: b.placement.cpu(1), Clock: b.clock, Period: b.tape.period}
		o.Records, o.DueAt = uint64(len(b.tape.records)), b.dueAt
		return order{Attach: o}
	})
	if err != nil {
		return err
	}
	for _, reply := range replies {
		if !reply.Attached {
			return errProtocol
		}
	}
	for _, m := range b.members {
		for _, o := range b.orders[m] {
			replies, err := b.crew.ask(ctx, []*member{m}, func(int) order { return order{Open: &o} })
			if err != nil {
				return err
			}
			if replies[0].Opened == nil {
				return errProtocol
			}
			if pages := replies[0].Opened.Pages; pages != nil {
				b.channels[o.Channel].pages = append(b.channels[o.Channel].pages, *pages)
			}
		}
	}
	return closeAll(b.channels)
}

// close gives up all that this process has, the crew apart.
func (b *conductor) close() error {
	err := closeAll(b.channels)
	if b.score != nil {
		b.score.Close()
	}
	for _, m := range b.members {
		if m.samples != nil {
			m.samples.Close()
		}
	}
	return errors.Join(err, b.cpp.remove())
}

// play plays all rounds.
func (b *conductor) play(ctx context.Context) error {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	total, done, begun := 0, 0, time.Now()
	for _, p := range b.suites {
		total += p.rounds
	}
	b.planned = total
	for _, p := range b.suites {
		for turn := range p.rounds {
			if b.late() && turn >= leastPlays {
				return nil
			}
			left := ""
			if done > 0 && len(b.suites) == 1 {
				left = fmt.Sprintf(", %v to go", (time.Since(begun) / time.Duration(done) * time.Duration(total-done)).Round(time.Second))
			}
			b.say("round %d of %d%s", done+1, total, left)
			if err := b.round(ctx, turn, p.trials); err != nil {
				return err
			}
			done++
		}
	}
	return nil
}

// late tells whether a run has taken so long that it had better end: one whose duration nobody has asked for.
func (b *conductor) late() bool {
	budget := b.config.mode.budget
	return budget > 0 && b.config.duration == 0 && time.Since(b.begun) > budget
}

// round measures all trials of a suite once.
func (b *conductor) round(ctx context.Context, turn int, trials []*trial) error {
	runtime.GC() // now, and not in the midst of a slice
	if err := b.measureHiccups(ctx); err != nil {
		return err
	}
	var around rounds.Limit
	limit := func(mean *float64) error {
		err := b.playSlice(ctx, b.limit, turn)
		if err == nil {
			*mean = b.limit.outcomes.last().mean
		}
		return err
	}
	if err := limit(&around.Before); err != nil {
		return err
	}
	for _, i := range rounds.Order(turn, len(trials)) {
		if t := trials[i]; t.channel != nil && !t.overrun {
			if err := b.playSlice(ctx, t, turn); err != nil {
				return fmt.Errorf("%s of %s: %w", t.title(), t.transport, err)
			}
		}
	}
	if err := limit(&around.After); err != nil {
		return err
	}
	b.limits = append(b.limits, around)
	return nil
}

// measureHiccups measures the CPUs of all processes at the same time, the writer's first.
func (b *conductor) measureHiccups(ctx context.Context) error {
	replies, err := b.crew.ask(ctx, b.listeners, func(int) order { return order{Hiccup: &hiccupOrder{int64(hiccupSlice)}} })
	if err != nil {
		return err
	}
	for i, reply := range replies {
		switch {
		case reply.Hiccups == nil:
			return errProtocol
		case i == len(b.hiccups):
			b.hiccups = append(b.hiccups, reply.Hiccups)
		default:
			b.hiccups[i].add(reply.Hiccups)
		}
	}
	return nil
}
