//go:build arm64 && !purego && !race

package ring

import (
	"unsafe"

	"github.com/tickring/tickring/seqlock"
)

// load3 is seqlock.Load for three words right behind their version: the slot of a TradingData.
func load3(slot, dst unsafe.Pointer, want uint64) (version uint64) {
	return seqlock.Load(slot, unsafe.Add(slot, 8), dst, 3, want)
}
