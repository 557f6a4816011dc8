package transport

import (
	"sync/atomic"
	"unsafe"
)

// line is shared memory that holds nothing but what one transport needs, on a page of its own.
func lineOf[T any](words []uint64) *T {
	var v T
	if unsafe.Sizeof(v) > uintptr(8*len(words)) {
		panic("transport: too little memory")
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(words)))
}

// bytesOf is the memory of records.
func bytesOf(records []Record) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), len(records)*recordBytes)
}

const recordBytes = int(unsafe.Sizeof(Record{}))

// load is a plain load on amd64 and an LDAR on arm64: an acquire.
func load(word *uint64) uint64 { return atomic.LoadUint64(word) }
