//go:build amd64 && !purego && !race

package ring

import "sync/atomic"

// slot is a slot of T as it lies in memory.
type slot[T any] struct {
	version uint64
	record  T
}

// TryPoll is the short way of [Reader.Poll], for loops in which a nanosecond counts: the compiler inlines it. If the next
// record is there, it copies it to *dst and returns true; its number is Position()-1. Otherwise it does nothing else: *dst
// holds no record, and Poll says why.
//
//	if !reader.TryPoll(&rec) {
//		n, status := reader.Poll(&rec)
//		…
//	}
//
// It is seqlock.Load, with its R1, R2 and R3, for a T of any size. R2 is a plain copy: the compiler moves no memory
// access across those of sync/atomic, and amd64 no load across another (docs/MEMORY-MODEL.md). So there is no call in it,
// and it costs 78 of the 80 that the compiler inlines.
func (r *Reader[T]) TryPoll(dst *T) bool {
	n := r.next
	s, want := (*slot[T])(r.slot(n)), finished(n)
	if atomic.LoadUint64(&s.version) == want { // R1
		*dst = s.record                            // R2
		if atomic.LoadUint64(&s.version) == want { // R3
			r.next = n + 1
			return true
		}
		*dst = *new(T) // never leave a torn record where somebody might use it
	}
	return false
}
