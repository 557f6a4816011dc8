package seqlock

import "unsafe"

// Load copies words payload words to dst, if the version word is want before and after. It returns
// the version that it saw: want, and dst holds the value; or another, and dst may hold what must
// not be used.
//
// It never waits, and any number of readers may call it.
func Load(version, payload, dst unsafe.Pointer, words uintptr, want uint64) uint64 {
	return load(version, payload, dst, words, want)
}
