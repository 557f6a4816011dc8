package seqlock

import "unsafe"

// Publisher is the writing end of a circular array of cells ("slots"), of one more cell that
// always holds the newest value ("the view"), and of a count of all values written ("the head").
// Its fields are set once by its owner; [Publish] alone changes Next. Slots, View, ViewVersion and
// Head point into memory that readers share; Masks, into memory of the writer.
//
// Publish(p, src, n) writes the n values at src, of Words words each and one behind the other, as
// values Next, Next+1, …; then the last of them to the view; then the new count to the head. n is at
// least 1 and at most the number of slots. No system call, no allocation, no lock. A reader may copy
// a value as soon as its slot is done, before the head counts it.
//
// A Publisher has one user: Publish must not be called concurrently.
type Publisher struct {
	Slots       unsafe.Pointer // slot 0; value n lies in slot n & SlotMask
	Stride      uintptr        // bytes from one slot to the next
	SlotMask    uint64         // number of slots - 1, the number a power of two
	Words       uintptr        // payload words of a value, at least 1
	Masks       unsafe.Pointer // *[Words]uint64: the bits of each word that are not padding
	View        unsafe.Pointer // payload of the view
	ViewVersion unsafe.Pointer // version of the view
	Head        unsafe.Pointer // *uint64: values published
	Next        uint64         // the number of the next value
}

// Store writes value n to one cell: words words of src, each without the bits that masks clears.
func Store(version, payload, src, masks unsafe.Pointer, words uintptr, n uint64) {
	store(version, payload, src, masks, words, 2*n+1)
}
