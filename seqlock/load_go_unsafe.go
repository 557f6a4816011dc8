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

// LoadFence orders the loads before it before the atomic loads after it. Nothing is needed: TSO
// orders the loads, and the compiler does not move a load across an atomic one.
func LoadFence() {}
