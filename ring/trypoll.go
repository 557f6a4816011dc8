//go:build !amd64 || purego || race

package ring

// TryPoll is the short way of [Reader.Poll], for loops in which a nanosecond counts. If the next record is there, it
// copies it to *dst and returns true; its number is Position()-1. Otherwise it does nothing else: *dst holds no record, and
// Poll says why.
//
//	if !reader.TryPoll(&rec) {
//		n, status := reader.Poll(&rec)
//		…
//	}
//
// On amd64 the compiler inlines it; here it is a call.
func (r *Reader[T]) TryPoll(dst *T) bool {
	n := r.next
	want := finished(n)
	if r.load(dst, n, want) != want {
		return false
	}
	r.next = n + 1
	return true
}
