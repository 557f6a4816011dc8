package main

import (
	"context"
	"math"
	"time"

	"github.com/tickring/tickring/seqlock"
)

const (
	// beatPeriod is how often an idle writer says that it turns.
	beatPeriod = 100 * time.Millisecond
	// timerSlack is what is not left to a timer: the Go runtime rounds its sleeps up to the next millisecond.
	timerSlack = 2 * time.Millisecond
)

// pacer spreads the records of a recording in time as their timestamps are spread.
type pacer struct {
	factor float64 // how much faster than the recording
	began  time.Time
	first  uint64 // timestamp of the record that was due at began
}

// start lets a recording begin now.
func (p *pacer) start(first uint64) { p.began, p.first = time.Now(), first }

// due is how long after the start the record of a timestamp is to be published: at once, if it is
// older than the first.
func (p *pacer) due(timestamp uint64) time.Duration {
	if timestamp <= p.first {
		return 0
	}
	d := float64(timestamp-p.first) / p.factor
	if d >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(d)
}

// wait returns when the record of a timestamp is due, never earlier, or with the cause of ctx. It
// calls idle now and then. Delays do not add up: each record is due by the clock, not by the one before.
func (p *pacer) wait(ctx context.Context, timestamp uint64, idle func()) error {
	due := p.due(timestamp)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		left := due - time.Since(p.began)
		switch {
		case left <= 0:
			return nil
		case left <= timerSlack:
			seqlock.Pause(1)
			continue
		}
		idle()
		timer := time.NewTimer(min(left-timerSlack/2, beatPeriod))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
