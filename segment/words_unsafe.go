package segment

import (
	"sync/atomic"
	"unsafe"
)

func word(memory []byte, offset int) *uint64 {
	return (*uint64)(unsafe.Pointer(&memory[offset])) // mapped at a page edge, offset a multiple of 8
}

func storeWord(memory []byte, offset int, v uint64) { atomic.StoreUint64(word(memory, offset), v) }

func loadWord(memory []byte, offset int) uint64 { return atomic.LoadUint64(word(memory, offset)) }

func word32(memory []byte, offset int) *uint32 {
	return (*uint32)(unsafe.Pointer(&memory[offset]))
}

// address of the first byte of memory.
func address(memory []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(memory))) }
