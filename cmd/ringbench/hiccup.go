package main

import (
	"time"

	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/cmd/ringbench/transport"
	"github.com/tickring/tickring/internal/clock"
)

const stall = time.Microsecond

// measureHiccups spins for so long.
func measureHiccups(c clock.Clock, s seat, ns int64) (*hiccups, error) {
	h := &hiccups{Gaps: hist.New()}
	_, err := s.run(true, func() { h.spin(c, ns) })
	return h, err
}

func (h *hiccups) spin(c clock.Clock, ns int64) {
	stamp := transport.StamperOf(c)
	start := stamp.Now()
	for last := start; h.SpanNs < ns; {
		now := stamp.Now()
		gap := c.Nanoseconds(int64(now - last))
		h.Gaps.Record(gap)
		if gap > int64(stall) {
			h.Stalls++
			h.LostNs += gap
		}
		last, h.SpanNs = now, c.Nanoseconds(int64(now-start))
	}
}

// add merges what was measured later on the same CPU.
func (h *hiccups) add(later *hiccups) {
	h.Gaps.Add(later.Gaps)
	h.Stalls += later.Stalls
	h.LostNs += later.LostNs
	h.SpanNs += later.SpanNs
}

// lost is the share of the time that went by in stalls.
func (h *hiccups) lost() float64 { return float64(h.LostNs) / float64(max(h.SpanNs, 1)) }
