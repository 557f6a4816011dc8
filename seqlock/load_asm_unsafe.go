//go:build arm64 && !purego && !race

package seqlock

import "unsafe"

//go:noescape
func load(version, payload, dst unsafe.Pointer, words uintptr, want uint64) uint64

// Load3 is [Load] for three words right behind their version, the slot of a TradingData.
func Load3(slot, dst unsafe.Pointer, want uint64) (version uint64) {
	return load(slot, unsafe.Add(slot, 8), dst, 3, want)
}

// LoadFence orders the loads before it before the atomic loads after it (DMB ISHLD).
func LoadFence()
