//go:build !(amd64 || arm64) || purego || race

package seqlock

import (
	"sync/atomic"
	"unsafe"
)

// sync/atomic is sequentially consistent: W1→W2→W3 and the head behind them follow from the order
// in which the stores are written here.

// Publish is documented with [Publisher].
func Publish(p *Publisher, src unsafe.Pointer) {
	if p.Direct == 0 {
		p.Instead(noescape(src))
		return
	}
	PublishRun(p, src, 1)
	if atomic.LoadUint32(p.Waiting) != 0 {
		p.Wake()
	}
}

// noescape hides a pointer from the compiler, which would have each value that is published allocated, for Instead might keep
// it. It does not.
func noescape(p unsafe.Pointer) unsafe.Pointer {
	address := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// PublishRun is documented with [Publisher].
func PublishRun(p *Publisher, src unsafe.Pointer, n int) {
	next := p.Next
	for {
		slot := unsafe.Add(p.Slots, uintptr(next&p.SlotMask)*p.Stride)
		store(slot, unsafe.Add(slot, 8), src, p.Masks, p.Words, 2*next+1)
		next++
		if n--; n == 0 {
			break
		}
		src = unsafe.Add(src, 8*p.Words)
	}
	store(p.ViewVersion, p.View, src, p.Masks, p.Words, 2*next-1)
	atomic.StoreUint64((*uint64)(p.Head), next)
	p.Next = next
}

func store(version, payload, src, masks unsafe.Pointer, words uintptr, odd uint64) {
	atomic.StoreUint64((*uint64)(version), odd) // W1
	for i := uintptr(0); i < 8*words; i += 8 {
		word := *(*uint64)(unsafe.Add(src, i)) & *(*uint64)(unsafe.Add(masks, i))
		atomic.StoreUint64((*uint64)(unsafe.Add(payload, i)), word) // W2
	}
	atomic.StoreUint64((*uint64)(version), odd+1) // W3
}
