package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/tickring/tickring/internal/layout"
)

// words are the shared words and cells of a ring's memory.
type words struct {
	slots       unsafe.Pointer
	stride      uintptr
	slotMask    uint64
	words       uintptr // of a record
	view        unsafe.Pointer
	viewVersion unsafe.Pointer
	head        *uint64
	epoch       *uint64
	epochFirst  *uint64
	state       *uint64
	heartbeat   *uint64
}

// mapTyped is mapWords for a ring whose records must be of type T.
func mapTyped[T any](m Memory) (words, Geometry, error) {
	w, g, err := mapWords(m)
	if err != nil {
		return w, g, err
	}
	schema, err := SchemaOf[T]()
	if err != nil {
		return w, g, err
	}
	if err := g.Record.Diff(schema); err != nil {
		return w, g, fmt.Errorf("ring: %w", err)
	}
	return w, g, nil
}

// mapWords checks that m is as large and as aligned as its geometry says.
func mapWords(m Memory) (words, Geometry, error) {
	g, header, slots := m.Geometry(), m.Header(), m.Slots()
	if g.HeaderSize == 0 {
		return words{}, g, ErrBare
	}
	if len(header) < g.HeaderSize || uint64(len(slots)) < g.RingSize() {
		return words{}, g, fmt.Errorf("ring: %w: %d bytes of header and %d of slots, not %d and %d", ErrGeometry, len(header), len(slots), g.HeaderSize, g.RingSize())
	}
	base, ring := unsafe.Pointer(unsafe.SliceData(header)), unsafe.Pointer(unsafe.SliceData(slots))
	if (uintptr(base)|uintptr(ring))%8 != 0 {
		return words{}, g, fmt.Errorf("ring: %w: memory is not aligned to 8 bytes", ErrGeometry)
	}
	word := func(offset int) *uint64 { return (*uint64)(unsafe.Add(base, offset)) }
	return words{
		slots: ring, stride: uintptr(g.SlotStride), slotMask: g.Slots - 1, words: uintptr(g.Record.Words()),
		view: unsafe.Add(base, g.ViewOffset), viewVersion: unsafe.Add(base, g.ViewVersionOffset),
		head: word(layout.HeadOffset), epoch: word(layout.EpochOffset), epochFirst: word(layout.EpochFirstOffset),
		state: word(layout.StateOffset), heartbeat: word(layout.HeartbeatOffset),
	}, g, nil
}

// slot is where record n lies.
func (w *words) slot(n uint64) unsafe.Pointer {
	return unsafe.Add(w.slots, uintptr(n&w.slotMask)*w.stride)
}

// version of the slot in which record n lies, lay, or will lie.
func (w *words) version(n uint64) uint64 { return atomic.LoadUint64((*uint64)(w.slot(n))) }

// finished is the slot version of record n when it is whole.
func finished(n uint64) uint64 { return 2*n + 2 }

// unfinished is the slot version of record n while it is being written.
func unfinished(n uint64) uint64 { return 2*n + 1 }

// recordBytes is the memory of *v.
func recordBytes[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// stageOf returns a buffer of whole words for a T that does not fill its last word, else nil: such
// a record is copied through the buffer, so that no word is read or written past its end.
func stageOf[T any]() []uint64 {
	var v T
	size := unsafe.Sizeof(v)
	if size%8 == 0 {
		return nil
	}
	return make([]uint64, (size+7)/8)
}

// wordBytes is the memory of buf.
func wordBytes(buf []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(buf))), 8*len(buf))
}

// alignedBytes allocates n zero bytes at an address that is a multiple of layout.SharingDistance.
func alignedBytes(n int) []byte {
	buf := make([]byte, n+layout.SharingDistance)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % layout.SharingDistance
	return buf[skip : int(skip)+n : int(skip)+n]
}
