package stage

import (
	"unsafe"

	"github.com/tickring/tickring/ring"
)

// Words is the memory from a byte offset on, a multiple of 8.
func (m *Memory) Words(offset uint64) []uint64 {
	b := m.bytes[offset:]
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}

// Samples is all of the memory as times.
func (m *Memory) Samples() []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(m.bytes))), len(m.bytes)/8)
}

// Records is the memory's first n records.
func (m *Memory) Records(n int) []ring.TradingData {
	b := m.bytes[:n*int(unsafe.Sizeof(ring.TradingData{}))]
	return unsafe.Slice((*ring.TradingData)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
