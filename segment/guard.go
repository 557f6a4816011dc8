package segment

import (
	"fmt"
	"runtime/debug"
)

// Guard calls fn, and turns an access to the segment's memory that fails, because somebody truncated
// the object, into an error that is [ErrTruncated]; without it the Go runtime ends the process. Put it
// around a reader's or a writer's whole loop: it costs nothing inside. Making a reader or a writer, a writer's Close, and
// Status guard themselves; Seek, Head and Heartbeat, which return no error, do not. It guards the calling goroutine alone, and nothing under the race detector, which
// touches the memory from C.
func (s *Segment) Guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			if offset, ok := offset(s.memory, fault.Addr()); ok {
				err = failed(opAccess, s.name, fmt.Errorf("%w: no storage at offset %d any more", ErrTruncated, offset))
				return
			}
			if offset, ok := offset(s.ring, fault.Addr()); ok {
				err = failed(opAccess, s.name, fmt.Errorf("ring file: %w: no storage at offset %d any more", ErrTruncated, offset))
				return
			}
			if s.doorbell != nil {
				if offset, ok := offset(s.doorbell.memory, fault.Addr()); ok {
					err = failed(opAccess, s.name, fmt.Errorf("doorbell: %w: no storage at offset %d any more", ErrTruncated, offset))
					return
				}
			}
			panic(r)
		}
	}()
	return fn()
}

// offset of address a in memory, if it lies there.
func offset(memory []byte, a uintptr) (uintptr, bool) {
	start := address(memory)
	return a - start, a >= start && a < start+uintptr(len(memory))
}
