package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/tickring/tickring/seqlock"
)

// recoverRing makes a ring consistent whose writer may have stopped between any two of its stores,
// and returns the number of the next record. The caller is the only writer. Readers go on meanwhile.
//
// A writer stores a slot, (more slots of a batch,) the view, the head. So what it can have left is:
// slots from head on that are finished, which readers may have read, and which must therefore keep
// their numbers; then one slot that is odd, which nobody has read, and which is written again; a
// view that is odd or behind. All of that follows from the slot versions.
//
// Nothing is stored in a ring that is refused.
func recoverRing(w *words, masks []uint64) (next uint64, err error) {
	head := atomic.LoadUint64(w.head)
	if head > lastNumber+1 || head > 0 && w.version(head-1) != finished(head-1) {
		return 0, fmt.Errorf("%w: head is %d, but slot of record %d has version %d", ErrCorrupt, head, head-1, w.version(head-1))
	}
	next = head
	for range w.slotMask + 1 {
		if w.version(next) != finished(next) {
			break
		}
		next++
	}
	if v := w.version(next); v > unfinished(next) {
		return 0, fmt.Errorf("%w: head is %d, but the slot of record %d has version %d", ErrCorrupt, head, next, v)
	}
	if next > lastNumber+1-room {
		return 0, fmt.Errorf("%w: the next record would be %d, and %d is the last", ErrExhausted, next, uint64(lastNumber))
	}
	mendView(w, masks, next)
	atomic.StoreUint64(w.head, next)
	return next, nil
}

// room is how many numbers a writer must find left, so that it never runs out of them and publishing need not look:
// at a record a nanosecond they last for two years.
const room = 1 << 56

// mendView makes the view hold record next-1, the newest.
func mendView(w *words, masks []uint64, next uint64) {
	version := (*uint64)(w.viewVersion)
	if next == 0 {
		if atomic.LoadUint64(version) != 0 { // by no crash, since the slot of record 0 comes before its view
			for i := range w.words {
				atomic.StoreUint64((*uint64)(unsafe.Add(w.view, 8*i)), 0)
			}
			atomic.StoreUint64(version, 0)
		}
		return
	}
	if atomic.LoadUint64(version) != finished(next-1) {
		seqlock.Store(w.viewVersion, w.view, unsafe.Add(w.slot(next-1), 8), unsafe.Pointer(unsafe.SliceData(masks)), w.words, next-1)
	}
}
