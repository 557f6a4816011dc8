//go:build arm64 && !purego && !race

package seqlock

import "unsafe"

//go:noescape
func load(version, payload, dst unsafe.Pointer, words uintptr, want uint64) uint64

// LoadFence orders the loads before it before the atomic loads after it (DMB ISHLD).
func LoadFence()
