//go:build !arm64 || purego || race

package ring

import (
	"sync/atomic"
	"unsafe"
)

// load3 is seqlock.Load, with its R1, R2 and R3, for three words right behind their version: the
// slot of a TradingData. It copies through registers, so dst is written only if the value is whole.
//
// It is here because the compiler inlines it into the generic readers that other packages
// instantiate only if it is in the package that declares them.
func load3(slot, dst unsafe.Pointer, want uint64) (version uint64) {
	s := (*[4]uint64)(slot)
	if version = atomic.LoadUint64(&s[0]); version == want { // R1
		a, b, c := atomic.LoadUint64(&s[1]), atomic.LoadUint64(&s[2]), atomic.LoadUint64(&s[3]) // R2
		if version = atomic.LoadUint64(&s[0]); version == want {                                // R3
			*(*[3]uint64)(dst) = [3]uint64{a, b, c}
		}
	}
	return version
}
