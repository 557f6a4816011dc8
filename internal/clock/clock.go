// Package clock stamps moments with the processor's cycle counter, so that two processes on one
// machine can measure the time between an act of one and an act of the other.
//
// One process calibrates and hands its [Clock] on, as JSON for instance; all of them stamp with
// [Clock.Now], and any of them turns a difference of stamps into time with [Clock.Nanoseconds].
package clock

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Source names what a Clock reads.
type Source string

// The sources.
const (
	TSC          Source = "tsc"           // amd64: RDTSC
	CNTVCT       Source = "cntvct"        // arm64: CNTVCT_EL0
	ClockGettime Source = "clock_gettime" // CLOCK_REALTIME: comparable across processes, but it may be stepped
)

// ErrSource is returned for a Clock that this build or this machine cannot read.
var ErrSource = errors.New("clock: source cannot be read here")

// Clock is a calibrated source of stamps. It is plain data: any process on the machine that it was
// calibrated on, until that machine restarts, can use a copy.
type Clock struct {
	Source       Source  `json:"source"`
	TicksPerNs   float64 `json:"ticks_per_ns"`
	ErrorPPM     float64 `json:"error_ppm"`          // bound on the error of TicksPerNs against CLOCK_MONOTONIC
	ResolutionNs float64 `json:"resolution_ns"`      // the smallest step seen between two stamps
	Fallback     string  `json:"fallback,omitempty"` // why the cycle counter is not used
}

// Now returns a stamp in ticks. It is taken after every earlier load that the program has acted
// upon, and before any later load or store: a receiver stamps after it has seen the data, a sender
// before it publishes. It does not wait for earlier stores to become visible to others.
func (c Clock) Now() uint64 {
	if c.Source == ClockGettime {
		return wall()
	}
	return Now()
}

// Nanoseconds converts a difference of two stamps, int64(later-earlier), to nanoseconds.
// It is negative where the stamps are the other way round.
func (c Clock) Nanoseconds(ticks int64) int64 {
	return int64(math.Round(float64(ticks) / c.TicksPerNs))
}

// Validate tells whether a Clock that came from another process can be used by this one. The error
// is an ErrSource where this one cannot read the same source.
func (c Clock) Validate() error {
	if c.Source != ClockGettime && c.Source != counter {
		return fmt.Errorf("%w: %q in a build that reads %q", ErrSource, c.Source, counter)
	}
	if !(c.TicksPerNs > 0) || math.IsInf(c.TicksPerNs, 0) {
		return fmt.Errorf("clock: %v ticks per ns", c.TicksPerNs)
	}
	if c.Source == ClockGettime {
		return nil
	}
	return Trusted()
}

func wall() uint64 { return uint64(time.Now().UnixNano()) }

func wallUntil(moment uint64) uint64 {
	now := wall()
	for int64(now-moment) < 0 {
		now = wall()
	}
	return now
}
