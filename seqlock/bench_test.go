package seqlock

import (
	"sync/atomic"
	"testing"
	"unsafe"
)

func BenchmarkPublish(b *testing.B) {
	mem := make([]uint64, 4*1024+64)
	masks := []uint64{^uint64(0), ^uint64(0), 1<<40 - 1}
	p := &Publisher{Slots: unsafe.Pointer(&mem[64]), Stride: 32, SlotMask: 1023, Words: 3, Masks: unsafe.Pointer(&masks[0]), View: unsafe.Pointer(&mem[0]), ViewVersion: unsafe.Pointer(&mem[3]), Head: unsafe.Pointer(&mem[32])}
	src := make([]uint64, 3*64)
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			p.Publish(unsafe.Pointer(&src[0]), 1)
		}
	})
	b.Run("64", func(b *testing.B) {
		for b.Loop() {
			p.Publish(unsafe.Pointer(&src[0]), 64)
		}
	})
	b.Run("naive", func(b *testing.B) {
		for b.Loop() {
			for i := range 5 {
				atomic.StoreUint64(&mem[i], 1)
			}
		}
	})
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			Store(unsafe.Pointer(&mem[3]), unsafe.Pointer(&mem[4]), unsafe.Pointer(&src[0]), unsafe.Pointer(&masks[0]), 3, 7)
		}
	})
	dst := make([]uint64, 3)
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			Load(unsafe.Pointer(&mem[3]), unsafe.Pointer(&mem[4]), unsafe.Pointer(&dst[0]), 3, 16)
		}
	})
}
