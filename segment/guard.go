package segment

import (
	"fmt"
	"runtime/debug"
)

// Guard calls fn, and turns an access to the segment's memory that fails, because somebody truncated
// the object, into an error that is [ErrTruncated]; without it the Go runtime ends the process. Put it
// around a reader's or a writer's whole loop: it costs nothing inside. It guards the calling
// goroutine alone.
func (s *Segment) Guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok || !s.contains(fault.Addr()) {
				panic(r)
			}
			offset := fault.Addr() - address(s.memory)
			err = failed("access", s.name, fmt.Errorf("%w: no storage at offset %d any more", ErrTruncated, offset))
		}
	}()
	return fn()
}

func (s *Segment) contains(a uintptr) bool {
	return a >= address(s.memory) && a < address(s.memory)+uintptr(len(s.memory))
}
