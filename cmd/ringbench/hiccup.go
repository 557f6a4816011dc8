package main

import (
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/internal/clock"
)

// hiccups is how a CPU holds up a program that does nothing but read the clock: interrupts, other
// programs, the host of a virtual machine, Go's own runtime. No latency measured on that CPU can be
// better than that.
type hiccups struct {
	Gaps   *times `json:"gaps"`   // between successive readings
	Stalls int64  `json:"stalls"` // gaps longer than stall
	LostNs int64  `json:"lost_ns"`
	SpanNs int64  `json:"span_ns"`
}

const (
	hiccupTime = 250 * time.Millisecond
	stall      = time.Microsecond
)

// measureHiccups spins for hiccupTime.
func measureHiccups(c clock.Clock, s seat, stop *atomic.Bool) (*hiccups, error) {
	h := &hiccups{Gaps: newTimes()}
	_, err := s.run(func() { h.spin(c, stop) })
	return h, err
}

func (h *hiccups) spin(c clock.Clock, stop *atomic.Bool) {
	stamp := stamper(c)
	start := stamp()
	for last := start; h.SpanNs < int64(hiccupTime) && !stop.Load(); {
		now := stamp()
		gap := c.Nanoseconds(int64(now - last))
		h.Gaps.record(gap)
		if gap > int64(stall) {
			h.Stalls++
			h.LostNs += gap
		}
		last, h.SpanNs = now, c.Nanoseconds(int64(now-start))
	}
}

// lost is the share of the time that went by in stalls.
func (h *hiccups) lost() float64 { return float64(h.LostNs) / float64(max(h.SpanNs, 1)) }
