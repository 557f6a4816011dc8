package main

import (
	"context"
	"errors"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// chunkRecords is how many records are handed over at a time: many enough to make the hand-over
// cheap, few enough to be interruptible.
const chunkRecords = 1024

// chunk is a run of records of one recording.
type chunk struct {
	records []ring.TradingData
	volume  int64 // of all of them
	starts  bool  // a recording begins here
	read    int64 // bytes of the recordings read so far
	counts  counts
	err     error // what ended the decoding, behind these records
}

// counts is what the recordings had besides the records, as far as they were decoded.
type counts struct{ gaps, lost, breaks, filtered, unknown int64 }

func (c counts) plus(s feed.Stats) counts {
	return counts{
		gaps: c.gaps + s.Gaps, lost: c.lost + s.Lost, breaks: c.breaks + s.Breaks,
		filtered: c.filtered + s.Filtered, unknown: c.unknown + s.Unknown,
	}
}

// openRecordings opens all files, or reports everything that is wrong with any of them.
func openRecordings(paths []string, o feed.Options) ([]*feed.Reader, error) {
	var readers []*feed.Reader
	var errs []error
	for _, path := range paths {
		r, err := feed.Open(path, o)
		errs = append(errs, err)
		readers = append(readers, r)
	}
	return readers, errors.Join(errs...)
}

// inputSize is the size of all recordings together, or -1 where that is unknown.
func inputSize(readers []*feed.Reader) (size int64) {
	for _, r := range readers {
		_, total := r.Progress()
		if total < 0 {
			return -1
		}
		size += total
	}
	return size
}

// decode reads the recordings one after the other in a goroutine of its own: reading a pipe, or a
// long stretch without a wanted trade, must not keep the writer from hearing of a signal.
func decode(ctx context.Context, readers []*feed.Reader) <-chan chunk {
	out := make(chan chunk, 16)
	d := &decoder{ctx: ctx, out: out}
	go func() {
		defer close(out)
		for _, r := range readers {
			if !d.recording(r) {
				return
			}
		}
	}()
	return out
}

type decoder struct {
	ctx     context.Context
	out     chan<- chunk
	read    int64 // of the recordings before this one
	counted counts
}

// recording decodes one recording and reports whether to go on with the next.
func (d *decoder) recording(r *feed.Reader) bool {
	defer r.Close()
	c := chunk{starts: true}
	_, size := r.Progress()
	limit := chunkRecords
	if size < 0 {
		limit = 1 // a pipe may be live, and then nothing is to wait for what comes next
	}
	for trade, err := range r.Trades() {
		if _, gap := errors.AsType[*feed.GapError](err); gap {
			continue // counted by the reader
		}
		if err != nil {
			c.err = err
			d.send(r, &c)
			return false
		}
		if c.records == nil {
			c.records = make([]ring.TradingData, 0, limit)
		}
		c.records = append(c.records, trade.TradingData)
		c.volume += int64(trade.Volume)
		if len(c.records) == limit && !d.send(r, &c) {
			return false
		}
	}
	ok := d.send(r, &c) // also without records: it carries the counts
	read, _ := r.Progress()
	d.read, d.counted = d.read+read, d.counted.plus(r.Stats())
	return ok
}

// send hands *c over, begins a new one, and reports whether to go on.
func (d *decoder) send(r *feed.Reader, c *chunk) bool {
	read, _ := r.Progress()
	c.read, c.counts = d.read+read, d.counted.plus(r.Stats())
	select {
	case d.out <- *c:
		*c = chunk{}
		return true
	case <-d.ctx.Done():
		return false
	}
}
