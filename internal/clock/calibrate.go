package clock

import (
	"fmt"
	"math"
	"time"
)

// Calibrate measures the cycle counter against CLOCK_MONOTONIC for about d; the error bound shrinks
// as d grows: some 10 ppm after 10 ms, 1 ppm after 100 ms. Where the counter cannot be trusted, the
// Clock reads clock_gettime instead and its Fallback says why.
func Calibrate(d time.Duration) (Clock, error) {
	if d <= 0 {
		return Clock{}, fmt.Errorf("clock: calibrate for %v", d)
	}
	if why := Trusted(); why != nil {
		c := Clock{Source: ClockGettime, TicksPerNs: 1, Fallback: why.Error()}
		c.ResolutionNs = float64(step(wall, d))
		return c, nil //nolint:nilerr // the Clock says why
	}
	start := pair()
	time.Sleep(d)
	end := pair()

	ticks, ns := float64(end.ticks-start.ticks), float64(end.at-start.at)
	if end.ticks <= start.ticks {
		return Clock{}, fmt.Errorf("clock: %s went from %d to %d in %v", counter, start.ticks, end.ticks, end.at-start.at)
	}
	c := Clock{Source: counter, TicksPerNs: ticks / ns}
	c.ResolutionNs = math.Round(float64(step(Now, d))/c.TicksPerNs*10) / 10
	// CLOCK_MONOTONIC is taken to be no finer than the counter, which it is made from: each end is
	// then as uncertain as its window and what was cut off the two readings around it.
	c.ErrorPPM = (float64(start.window+end.window)/2 + 2*c.ResolutionNs) / ns * 1e6
	return c, nil
}

// sample is one reading of both clocks. The counter was read within window/2 of at.
type sample struct {
	ticks      uint64
	at, window time.Duration
}

var epoch = time.Now()

// pair reads the counter between two readings of the clock, and keeps the tightest of many tries:
// in the others, an interrupt or another process came in between.
func pair() sample {
	var best sample
	for i := range 200 {
		before := time.Since(epoch)
		ticks := Now()
		window := time.Since(epoch) - before
		if i == 0 || window < best.window {
			best = sample{ticks: ticks, at: before + window/2, window: window}
		}
	}
	return best
}

// step is the smallest difference, other than none, that it sees between successive stamps. A clock
// that is coarser than the time that 1000 stamps take is watched for up to d.
func step(now func() uint64, d time.Duration) uint64 {
	smallest := uint64(math.MaxUint64)
	deadline := time.Now().Add(d)
	for i := 0; i < 1000 || smallest == math.MaxUint64; i++ {
		a := now()
		if b := now(); b > a {
			smallest = min(smallest, b-a)
		}
		if i >= 1000 && time.Now().After(deadline) {
			return uint64(d)
		}
	}
	return smallest
}
