//go:build !linux || (!amd64 && !arm64) || purego

package clock

const counter = ClockGettime

// Now returns a stamp of clock_gettime: this build has no cycle counter.
func Now() uint64 { return wall() }

// Stamp returns a stamp of clock_gettime.
func Stamp(bool) uint64 { return wall() }

// Until spins until a moment of clock_gettime, and returns the first stamp that is not before it.
func Until(_ bool, moment uint64) uint64 { return wallUntil(moment) }
