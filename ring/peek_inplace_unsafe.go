//go:build (amd64 || arm64) && !purego && !race

package ring

import (
	"unsafe"

	"github.com/tickring/tickring/seqlock"
)

// peek lets look see record n in its slot and returns the slot's version behind that.
func (r *Reader[T]) peek(n, want uint64, look func(n uint64, rec *T)) uint64 {
	if v := r.version(n); v != want {
		return v
	}
	look(n, (*T)(unsafe.Add(r.slot(n), 8)))
	seqlock.LoadFence() // what look read, before the version that vouches for it
	return r.version(n)
}
