//go:build !(amd64 || arm64) || purego

package seqlock

// Pause lets about n × 40 cycles pass without touching shared memory.
func Pause(n uint32) {
	for range 16 * n {
		spin()
	}
}

//go:noinline
func spin() {}
