package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

const (
	calibration = 100 * time.Millisecond
	answerLimit = 60 * time.Second // a reader that takes so long for anything is stuck
)

// bench is a run under way.
type bench struct {
	config  *config
	segment *segment.Segment
	crew    *crew
	clock   clock.Clock
	tape    *tape
	seat    seat
	stop    atomic.Bool // ends the hot loops
	say     func(format string, a ...any)
}

var errProtocol = errors.New("a reader sent another reply than the one that was due")

// run measures, and leaves nothing behind, however it ends.
func run(ctx context.Context, c *config, say func(format string, a ...any)) (_ *report, err error) {
	defer func(ctx context.Context) {
		if err != nil && ctx.Err() != nil {
			err = errInterrupted
		}
	}(ctx)
	begun := time.Now()
	allowed, err := allowedCPUs()
	if err != nil {
		return nil, err
	}
	r := &report{Host: describeHost(allowed, c.readers), Records: c.source.String()}
	if r.Placement, err = place(c.pin, c.readers, allowed); err != nil {
		return nil, err
	}
	b := &bench{config: c, say: say}
	if b.tape, err = c.source.load(c.batch); err != nil {
		return nil, err
	}
	if b.clock, err = clock.Calibrate(calibration); err != nil {
		return nil, err
	}
	r.Clock = b.clock

	// A process inherits the CPUs of the thread that starts it: the readers come first, then settle.
	ctx, b.crew, err = hire(ctx, c.readers)
	if err != nil {
		return nil, err
	}
	defer b.crew.dismiss()
	for _, m := range b.crew.members {
		say("started %v", m)
	}
	defer context.AfterFunc(ctx, func() { b.stop.Store(true) })()

	if err := b.open(ctx, r); err != nil {
		return nil, err
	}
	defer b.segment.Close()
	wakes := c.wait == waitBlock // which is a system call of the writer's
	if b.seat, err = settle(r.Placement.cpu(0), !wakes); err != nil {
		return nil, err
	}
	if err := b.measure(ctx, r); err != nil {
		return nil, err
	}
	r.TookSeconds = time.Since(begun).Seconds()
	return r, nil
}

// open makes the segment and lets the readers attach to it.
func (b *bench) open(ctx context.Context, r *report) error {
	geometry, err := ring.GeometryOf[ring.TradingData](b.config.slots)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("/%s%d-%s", namePrefix, os.Getpid(), rand.Text())
	b.segment, err = segment.Create(name, geometry, segment.Options{
		Mode: 0o600, Pages: b.config.pages, Doorbell: b.config.wait == waitBlock,
	})
	if err != nil {
		return err
	}
	replies, err := b.crew.ask(ctx, answerLimit, func(i int) order {
		return order{Attach: &attachOrder{
			Segment: name, CPU: r.Placement.cpu(i + 1), Clock: b.clock, Source: b.config.source, Wait: b.config.wait,
		}}
	})
	// All who need the name have used it. From here on nothing can be left behind, not even if this
	// process is killed.
	if err := errors.Join(err, segment.Unlink(name)); err != nil {
		return errors.Join(err, b.segment.Close())
	}

	r.Ring = ringReport{
		Slots: geometry.Slots, SlotBytes: geometry.SlotStride, RecordBytes: geometry.Record.Size,
		SegmentBytes: geometry.SegmentSize, Wait: b.config.wait,
	}
	if r.Pages.Writer, err = b.segment.Pages(); err != nil {
		return err
	}
	for _, reply := range replies {
		if reply.Attached == nil {
			return errProtocol
		}
		r.Pages.Readers = append(r.Pages.Readers, reply.Attached.Pages)
	}
	return nil
}

// namePrefix begins the names of all segments that ringbench makes.
const namePrefix = "ringbench-"

func (b *bench) measure(ctx context.Context, r *report) (err error) {
	b.say("measuring the machine's hiccups for %v", hiccupTime)
	if r.Hiccups, err = b.hiccups(ctx); err != nil {
		return err
	}
	for _, c := range b.cases() {
		b.say("measuring %s", c.title)
		p, err := b.play(ctx, c)
		if err != nil {
			return err
		}
		res, err := p.result(c, r.Ring.RecordBytes)
		if err != nil {
			return err
		}
		r.Results = append(r.Results, res)
	}
	return nil
}

// hiccups measures the CPUs of all processes at the same time, the writer's first.
func (b *bench) hiccups(ctx context.Context) ([]hiccupReport, error) {
	if err := b.crew.tell(ctx, func(int) order { return order{Hiccup: true} }); err != nil {
		return nil, err
	}
	own, err := measureHiccups(b.clock, b.seat, &b.stop)
	if err != nil {
		return nil, err
	}
	all := []hiccupReport{own.report()}
	replies, err := b.crew.collect(ctx, answerLimit)
	if err != nil {
		return nil, err
	}
	for _, reply := range replies {
		if reply.Hiccups == nil {
			return nil, errProtocol
		}
		all = append(all, reply.Hiccups.report())
	}
	return all, nil
}
