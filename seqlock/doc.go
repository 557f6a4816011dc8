// Package seqlock writes and reads values that one writer changes while any number of readers
// look, in memory that the readers may map read-only. Nobody waits for anybody: a reader learns
// from a version word whether what it copied was whole.
//
// # The protocol
//
// A cell is a version word followed by payload words, all of eight bytes, eight-byte aligned. The
// writer of value n stores, in this order,
//
//	version = 2n+1    (W1: the payload below is being changed)
//	payload …         (W2)
//	version = 2n+2    (W3: the payload below is value n)
//
// and a reader that wants value n loads, in this order,
//
//	version           (R1: must be 2n+2, or there is nothing to copy)
//	payload …         (R2)
//	version           (R3: must still be 2n+2, or the copy is thrown away)
//
// Versions are absolute and 64 bits wide: they never come round, so "2n+2" names one value for
// ever. A reader that accepts any even version that stays the same accepts the value of another lap.
//
// # Why a copy that is accepted is whole
//
// Suppose R2 saw a payload word of a later value m > n. Its store came after "version = 2m+1"
// (W1 before W2), and R3 came after R2, so R3 sees 2m+1 or more, and the copy is refused. Suppose R2
// missed a word of value n. R1 saw 2n+2, which was stored after every word of n (W2 before W3),
// and R2 came after R1, so it cannot have missed one. Four orders carry the proof:
//
//	            W1→W2         W2→W3         R1→R2        R2→R3
//	amd64       TSO           TSO           TSO          TSO
//	arm64       DMB ISHST     STLR (W3)     LDAR (R1)    DMB ISHLD
//	portable    sync/atomic, which is sequentially consistent, throughout
//
// On amd64 (x86-TSO) stores become visible in program order and loads are performed in program
// order, so plain MOVs are enough and only the compiler must be held back: the stores are one
// assembly routine, the loads are sync/atomic loads, which compile to plain MOVs. On arm64 neither
// order is free. A store-release would order what comes before it, and W1 must be ordered before
// what comes after it, hence the barrier; and a load-acquire orders what comes after it, where R3
// needs order against what comes before, hence the other barrier.
//
// The writer's routine is assembly on both for a second reason: the Go scheduler does not stop a
// goroutine inside assembly, so the garbage collector cannot park a writer between W1 and W3. (The
// kernel can. That is why no reader waits for an odd version to become even.)
//
// The portable path is built with the tag purego, on other architectures, and always under the
// race detector, which understands sync/atomic and not assembly.
package seqlock
