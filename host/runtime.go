package host

import (
	"runtime"
	"runtime/debug"
)

// QuietOptions are for [Quiet].
type QuietOptions struct {
	// MemoryLimit is how large the process may grow before it collects garbage after all; 0 means 1 GiB. A
	// lower limit that is set already stays.
	MemoryLimit int64
	// Procs is GOMAXPROCS; 0 leaves it. docs/TUNING.md says when 1 is right.
	Procs int
}

// Quieted is what [Quiet] changed.
type Quieted struct {
	percent, procs int
	limit          int64
}

const quietLimit = 1 << 30

// Quiet keeps the Go runtime from interrupting goroutines that spin, as far as a running process can: it
// collects garbage once, and then no more before MemoryLimit is reached. What can be set only before a
// process starts is GODEBUG=asyncpreemptoff=1: docs/TUNING.md says what each setting changed, measured.
func Quiet(o QuietOptions) *Quieted {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = quietLimit
	}
	q := &Quieted{procs: runtime.GOMAXPROCS(o.Procs), limit: debug.SetMemoryLimit(-1)}
	runtime.GC()
	q.percent = debug.SetGCPercent(-1)
	debug.SetMemoryLimit(min(o.MemoryLimit, q.limit))
	return q
}

// Undo sets everything as it was.
func (q *Quieted) Undo() {
	debug.SetMemoryLimit(q.limit)
	debug.SetGCPercent(q.percent)
	runtime.GOMAXPROCS(q.procs)
}
