//go:build (amd64 || arm64) && !purego && !race

package transport

// release stores v behind every earlier store. sync/atomic's store would also wait until others can see it, with a
// locked instruction on amd64, and the limit is to be one.
//
//go:noescape
func release(word *uint64, v uint64)
