package seqlock

import "unsafe"

// Publisher is the writing end of a circular array of cells ("slots"), of one more cell that
// always holds the newest value ("the view"), and of a count of all values written ("the head").
// Its fields are set by its owner; [Publish] and [PublishRun] alone change Next. Slots, View, ViewVersion and
// Head point into memory that readers share, Waiting perhaps; Masks, into memory of the writer.
//
// Publish(p, src) writes the value at src, of Words words, as value Next: to its slot, then to the view; then the new
// count to the head. If *Waiting is not 0 then, it calls Wake.
//
// PublishRun(p, src, n) writes n values, one behind the other, to their slots, then the last of them to the view, then the
// count. n is at least 1 and at most the number of slots. A reader may copy a value as soon as its slot is
// done, before the head counts it. It leaves Waiting to its caller.
//
// Neither makes a system call, allocates or locks, but for what Wake and Instead do. A Publisher has one user: neither must
// be called concurrently.
type Publisher struct {
	Slots       unsafe.Pointer // slot 0; value n lies in slot n & SlotMask
	Stride      uintptr        // bytes from one slot to the next
	SlotMask    uint64         // number of slots - 1, the number a power of two
	Words       uintptr        // payload words of a value, at least 1
	Direct      uintptr        // Words; or 0, for Publish to call Instead and do nothing else
	Masks       unsafe.Pointer // *[Words]uint64: the bits of each word that are not padding
	View        unsafe.Pointer // payload of the view
	ViewVersion unsafe.Pointer // version of the view
	Head        unsafe.Pointer // *uint64: values published
	Next        uint64         // the number of the next value
	Waiting     *uint32        // is not 0 while somebody sleeps; never nil
	Wake        func()
	Instead     func(src unsafe.Pointer)
}

// Store writes value n to one cell: words words of src, each without the bits that masks clears.
func Store(version, payload, src, masks unsafe.Pointer, words uintptr, n uint64) {
	store(version, payload, src, masks, words, 2*n+1)
}
