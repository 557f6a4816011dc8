package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/tickring/tickring/internal/layout"
)

// BareReader reads the one TradingData of a segment that was made by a program from before the ring:
// 24 bytes without a version. Nothing protects such a record against being read half old, half
// new: each field is whole, the record need not be.
type BareReader struct{ words *[3]uint64 }

// NewBareReader reads m, the 24 bytes of such a segment, 8-byte aligned.
func NewBareReader(m Memory) (*BareReader, error) {
	b := m.Header()
	if len(b) < layout.BareSize || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 != 0 {
		return nil, fmt.Errorf("ring: %w: a bare segment has 24 bytes, aligned to 8, not %d", ErrGeometry, len(b))
	}
	return &BareReader{words: (*[3]uint64)(unsafe.Pointer(unsafe.SliceData(b)))}, nil
}

// Read returns the record as it is now. It reads until two copies agree, a few times at the most: that makes
// a torn record rare; without a version it cannot make it impossible.
func (r *BareReader) Read() TradingData {
	last := r.copy()
	for range 8 {
		again := r.copy()
		if again == last {
			break
		}
		last = again
	}
	return *(*TradingData)(unsafe.Pointer(&last))
}

func (r *BareReader) copy() (c [3]uint64) {
	for i := range c {
		c[i] = atomic.LoadUint64(&r.words[i])
	}
	c[2] &= 0x1_ffff_ffff // volume and one bit of valid: a Go bool must not hold anything else
	return c
}
