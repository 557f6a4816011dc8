package main

import (
	"context"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// publisher writes the records of recordings to a ring.
type publisher struct {
	writer   *ring.Writer[ring.TradingData]
	pace     *pacer // nil: as fast as it goes
	loop     int    // passes over the recordings, 0 for no end
	progress *progress
	volume   int64
	counts   counts
	kept     []chunk // for later passes
}

// run publishes all passes: the first while the recordings are decoded, the others from memory.
func (p *publisher) run(ctx context.Context, chunks <-chan chunk) error {
	if err := p.firstPass(ctx, chunks); err != nil {
		return err
	}
	for pass := 1; (p.loop == 0 || pass < p.loop) && p.progress.published.Load() > 0; pass++ {
		p.progress.pass.Store(int64(pass))
		for i := range p.kept {
			if err := p.publish(ctx, &p.kept[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *publisher) firstPass(ctx context.Context, chunks <-chan chunk) error {
	beat := time.NewTicker(beatPeriod)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-beat.C:
			p.heartbeat()
		case c, more := <-chunks:
			if !more {
				return nil
			}
			p.counts = c.counts
			if err := p.publish(ctx, &c); err != nil {
				return err
			}
			if c.err != nil {
				return c.err
			}
			if p.loop != 1 {
				p.keep(c)
			}
		}
	}
}

// keep keeps a chunk for later passes, joined to the last one if that is small.
func (p *publisher) keep(c chunk) {
	if n := len(p.kept); n > 0 && !c.starts && len(p.kept[n-1].records)+len(c.records) <= chunkRecords {
		last := &p.kept[n-1]
		last.records = append(last.records, c.records...)
		last.volume, last.read = last.volume+c.volume, c.read
		return
	}
	p.kept = append(p.kept, c)
}

func (p *publisher) publish(ctx context.Context, c *chunk) error {
	if len(c.records) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p.pace != nil {
		return p.publishPaced(ctx, c)
	}
	p.writer.PublishBatch(c.records)
	p.volume += c.volume
	p.progress.published.Add(int64(len(c.records)))
	p.progress.read.Store(c.read)
	return nil
}

func (p *publisher) publishPaced(ctx context.Context, c *chunk) error {
	if c.starts {
		p.pace.start(c.records[0].Timestamp)
	}
	before := p.progress.read.Load()
	if before > c.read { // of the pass before this one
		before = 0
	}
	for i := range c.records {
		if err := p.pace.wait(ctx, c.records[i].Timestamp, p.heartbeat); err != nil {
			return err
		}
		p.writer.Publish(&c.records[i])
		p.volume += int64(c.records[i].Volume)
		p.progress.published.Add(1)
		p.progress.read.Store(before + (c.read-before)*int64(i+1)/int64(len(c.records)))
	}
	return nil
}

func (p *publisher) heartbeat() { p.writer.Heartbeat(segment.Heartbeat()) }
