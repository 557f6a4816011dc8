//go:build (amd64 || arm64) && !purego && !race

package seqlock

import "unsafe"

//go:noescape
func publish(p *Publisher, src unsafe.Pointer, n int)

//go:noescape
func store(version, payload, src, masks unsafe.Pointer, words uintptr, odd uint64)
