//go:build !arm64 || purego || race

package seqlock

import (
	"sync/atomic"
	"unsafe"
)

// On amd64 this is not a fallback: each atomic load compiles to one plain MOV, which TSO keeps in
// order, and the call costs less than one into assembly. sync/atomic promises R1→R2→R3 everywhere.

func load(versionWord, payload, dst unsafe.Pointer, words uintptr, want uint64) uint64 {
	version := (*uint64)(versionWord)
	if v := atomic.LoadUint64(version); v != want { // R1
		return v
	}
	for i := uintptr(0); i < 8*words; i += 8 {
		*(*uint64)(unsafe.Add(dst, i)) = atomic.LoadUint64((*uint64)(unsafe.Add(payload, i))) // R2
	}
	return atomic.LoadUint64(version) // R3
}

// Load3 is [Load] for three words right behind their version, the slot of a TradingData. It is small enough to
// be inlined, and it copies through registers: dst is written only if the value is whole.
func Load3(slot, dst unsafe.Pointer, want uint64) (version uint64) {
	s := (*[4]uint64)(slot)
	if version = atomic.LoadUint64(&s[0]); version == want { // R1
		a, b, c := atomic.LoadUint64(&s[1]), atomic.LoadUint64(&s[2]), atomic.LoadUint64(&s[3]) // R2
		if version = atomic.LoadUint64(&s[0]); version == want {                                // R3
			*(*[3]uint64)(dst) = [3]uint64{a, b, c}
		}
	}
	return version
}

// LoadFence orders the loads before it before the atomic loads after it. Nothing is needed: TSO
// orders the loads, and the compiler does not move a load across an atomic one.
func LoadFence() {}
