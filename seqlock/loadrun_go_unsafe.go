//go:build !amd64 || purego || race

package seqlock

import "unsafe"

// LoadRun3 copies values n, n+1, … of an array of cells with three words each, as [Publisher] has it, to dst, one behind
// the other, for as long as each is there whole: at most most, which is at least 1. It returns how many, and the version
// of the first that was not there. Nothing of that one counts.
func LoadRun3(slots unsafe.Pointer, stride uintptr, slotMask uint64, dst unsafe.Pointer, n uint64, most int) (count int, version uint64) {
	for count < most {
		slot, want := unsafe.Add(slots, uintptr(n&slotMask)*stride), 2*n+2
		if version = load(slot, unsafe.Add(slot, 8), unsafe.Add(dst, 24*count), 3, want); version != want {
			break
		}
		n++
		count++
	}
	return count, version
}
