//go:build (amd64 || arm64) && !purego

package seqlock

// Pause lets about n × 40 cycles pass without touching memory: what a spinning reader does between
// two looks, so that the line it waits for stays with the writer.
func Pause(n uint32)
