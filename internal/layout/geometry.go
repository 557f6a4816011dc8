package layout

import (
	"fmt"
	"math/bits"
)

// Geometry is a segment's shape: what its identity says, in the units of Go. One that came from
// [New] or [Decode] is valid; its numbers need no further check. One put together by hand needs
// [Geometry.Validate].
type Geometry struct {
	Record            Schema
	SlotStride        int    // bytes from one slot to the next
	Slots             uint64 // a power of two
	HeaderSize        int    // bytes of the object before anything of the ring
	RingOffset        uint64 // of the first slot, in the object or in RingFile
	SegmentSize       uint64 // bytes of the object in /dev/shm
	Backing           Backing
	RingFile          string // absolute path of the file with the slots; empty if they are in the object
	ViewOffset        int    // of the one-record view's payload
	ViewVersionOffset int
	Doorbell          bool   // a doorbell object stands beside the segment
	Version           uint32 // layout version of whoever made the segment
	Created           uint64 // ns since the Unix epoch
	Fallback          string // why the maker did not get the huge pages that it preferred
}

// RingSize is the size of all slots in bytes.
func (g Geometry) RingSize() uint64 { return g.Slots * uint64(g.SlotStride) }

// Oldest returns the oldest record that a ring with head records published can still hold.
func (g Geometry) Oldest(head uint64) uint64 { return head - min(head, g.Slots) }

// New computes the geometry of a segment; it touches no memory, so a footprint can be asked for
// before anything is allocated. slots must be a power of two.
func New(record Schema, slots uint64) (Geometry, error) {
	if err := record.Validate(); err != nil {
		return Geometry{}, err
	}
	if slots < MinSlots || slots > MaxSlots || bits.OnesCount64(slots) != 1 {
		return Geometry{}, fmt.Errorf("%w: %d slots: give a power of two from %d to %d, such as %d",
			ErrGeometry, slots, MinSlots, uint64(MaxSlots), nextPowerOfTwo(slots))
	}
	g := Geometry{Record: record, Slots: slots, SlotStride: stride(record.Words()), Version: Version}
	g.place()
	return g, nil
}

// InFile is g with its slots in a file of a hugetlbfs, from the file's start.
func (g Geometry) InFile(path string) Geometry {
	g.Backing, g.RingFile = BackingHugetlbfs, path
	g.place()
	return g
}

// place puts everything that has no fixed place one behind the other.
func (g *Geometry) place() {
	g.ViewOffset, g.ViewVersionOffset = ViewOffset, ViewVersionOffset
	end := g.textsEnd()
	if g.Record.Size > ViewRecordSize {
		// The first 24 bytes stay zero: a program from before the ring reads "not valid" there.
		g.ViewVersionOffset = roundUp(end, SharingDistance)
		g.ViewOffset = g.ViewVersionOffset + 8
		end = g.viewEnd()
	}
	g.HeaderSize = roundUp(end, PageSize)
	g.RingOffset, g.SegmentSize = 0, uint64(g.HeaderSize)
	if g.Backing == BackingObject {
		g.RingOffset = uint64(g.HeaderSize)
		g.SegmentSize += g.RingSize()
	}
}

// textsEnd is where the texts of a header that this version writes end: schema, path, fallback.
func (g Geometry) textsEnd() int {
	return SchemaOffset + g.Record.encodedSize() + len(g.RingFile) + fallbackSize
}

// stride keeps a slot of up to one cache line within one line, and a larger one on its own lines.
// 24-byte records get 32 bytes, two slots to a line (docs/adr/0002-slot-stride.md).
func stride(words int) int {
	size := SlotHeader + 8*words
	return roundUp(size, min(int(nextPowerOfTwo(uint64(size))), 64))
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// nextPowerOfTwo is n, or the next above, of what can be a number of slots.
func nextPowerOfTwo(n uint64) uint64 { return 1 << bits.Len64(min(max(n, MinSlots), MaxSlots)-1) }
