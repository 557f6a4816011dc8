//go:build linux && (amd64 || arm64) && !purego

package clock

// Now returns a stamp of the cycle counter, whether or not it can be trusted here, ordered as
// [Clock.Now] is. In a build without a cycle counter it reads clock_gettime.
func Now() uint64

// Stamp returns what [Clock.Now] does: of clock_gettime if wall is true, else of the counter. It is one call, with the choice
// in it, because a latency contains its time.
func Stamp(wall bool) uint64

// Until spins until a moment of the same clock, and returns the first stamp that is not before it. The caller comes
// to run as soon after that as it can. Until then the runtime cannot stop the goroutine.
func Until(wall bool, moment uint64) uint64

// stampWall is where Stamp jumps to: it has a frame, and calls wall.
//
//nolint:unused // only assembly uses it
func stampWall(wall bool) uint64

// untilWall is where Until jumps to: it has a frame, and calls wallUntil.
//
//nolint:unused // only assembly uses it
func untilWall(wall bool, moment uint64) uint64
