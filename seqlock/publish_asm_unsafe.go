//go:build (amd64 || arm64) && !purego && !race

package seqlock

import "unsafe"

// Publish is documented with [Publisher]. It is the assembly routine itself: a Go function around it
// would not be inlined into the instances of generic callers in other packages.
//
//go:noescape
func Publish(p *Publisher, src unsafe.Pointer)

// PublishRun is documented with [Publisher].
//
//go:noescape
func PublishRun(p *Publisher, src unsafe.Pointer, n int)

//go:noescape
func store(version, payload, src, masks unsafe.Pointer, words uintptr, odd uint64)

// attend is where Publish jumps to: it has a frame, and calls attendTo.
//
//nolint:unused // only assembly uses it
func attend(p *Publisher, src unsafe.Pointer)

// attendTo does what Publish leaves to Go.
//
//nolint:unused // only assembly uses it
func attendTo(p *Publisher, src unsafe.Pointer) {
	if p.Direct == 0 {
		p.Instead(src)
	} else {
		p.Wake()
	}
}
