//go:build (!amd64 && !arm64) || purego || race

package transport

import "sync/atomic"

// release stores v behind every earlier store.
func release(word *uint64, v uint64) { atomic.StoreUint64(word, v) }
