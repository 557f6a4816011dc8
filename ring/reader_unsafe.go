package ring

import (
	"unsafe"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/seqlock"
)

// ReaderOptions say how a reader follows. The zero value starts at OldestSafe, resumes there, and
// backs off while it waits.
type ReaderOptions struct {
	Start  Position // the first record to read
	Resume Position // where to go on after being lapped
	Wait   Wait     // how Next and All wait
	// Thread is what the thread of the goroutine that makes the reader, and reads, becomes, until Close on that
	// goroutine. What is refused is an error.
	Thread host.Thread
}

// Reader follows a ring of records of type T. It has one user at a time; any number of Readers may
// follow one ring, in any process, and none of them is seen by the writer or by the others. Its
// memory must stay mapped for as long as it is used.
type Reader[T any] struct {
	follower
	stage []uint64 // see stageOf
}

// NewReader makes a reader of the ring in m, whose records must be of type T: if they are not, the
// error is a [*SchemaError] that names the field.
func NewReader[T any](m Memory, o ReaderOptions) (*Reader[T], error) {
	words, g, err := mapTyped[T](m)
	if err != nil {
		return nil, err
	}
	f, err := newFollower(words, m, g, o)
	if err != nil {
		return nil, err
	}
	return &Reader[T]{follower: f, stage: stageOf[T]()}, nil
}

// Poll copies the next record to *dst and returns its number and Ready, or says at once why not. It
// makes no system call and does not allocate. Unless it returns Ready, *dst holds no record.
func (r *Reader[T]) Poll(dst *T) (uint64, Status) {
	n := r.next
	want := finished(n)
	var v uint64
	if unsafe.Sizeof(*dst) == 24 { // known to the compiler, which inlines the one and drops the other
		v = load3(r.slot(n), unsafe.Pointer(dst), want)
	} else {
		v = r.load(dst, n, want)
	}
	if v != want {
		return n, r.miss(v)
	}
	r.next = n + 1
	return n, Ready
}

// PollBatch copies as many of the next records as there are, and fit, to dst. With Ready it returns
// the number of the first and how many there are, at least one; they follow each other without a
// gap. Otherwise count is 0 and the status says why.
func (r *Reader[T]) PollBatch(dst []T) (first uint64, count int, s Status) {
	first = r.next
	var v uint64
	for count < len(dst) {
		run := min(len(dst)-count, maxRun)
		var got int
		if unsafe.Sizeof(dst[0]) == 24 {
			got, v = seqlock.LoadRun3(r.words.slots, r.stride, r.slotMask, unsafe.Pointer(&dst[count]), r.next, run)
		} else {
			got, v = r.loadRun(dst[count:count+run], r.next)
		}
		r.next += uint64(got)
		if count += got; got < run {
			break
		}
	}
	switch {
	case count > 0:
		return first, count, Ready
	case len(dst) == 0:
		return first, 0, Empty
	}
	return first, 0, r.miss(v)
}

// loadRun is seqlock.LoadRun3 for records of any size.
func (r *Reader[T]) loadRun(dst []T, n uint64) (count int, version uint64) {
	for count < len(dst) {
		want := finished(n)
		if version = r.load(&dst[count], n, want); version != want {
			break
		}
		n++
		count++
	}
	return count, version
}

// latestTries bounds Latest: a writer would have to overtake it that often in a row, which only
// damaged memory or a ring of a few slots can bring about.
const latestTries = 1 << 12

// Latest copies the newest finished record to *dst and returns its number and Ready; Empty if there
// is none yet. It waits for nobody, and does not move the reader: to follow on from the latest
// record, Seek(At(number+1)). It never returns an older record than this reader has read. Lapped
// means that the writer overtook every attempt; nothing is lost by that.
func (r *Reader[T]) Latest(dst *T) (uint64, Status) {
	for range latestTries {
		head := r.finishedHead()
		if head == 0 {
			if r.version(0) > finished(0) {
				continue // a whole lap was published since the head was loaded
			}
			return 0, Empty
		}
		if n := head - 1; r.load(dst, n, finished(n)) == finished(n) {
			return n, Ready
		}
	}
	return 0, Lapped
}

// load copies record n to *dst if its slot has version want, and returns the version seen.
func (r *Reader[T]) load(dst *T, n, want uint64) uint64 {
	slot := r.slot(n)
	to := unsafe.Pointer(dst)
	if r.stage != nil {
		to = unsafe.Pointer(unsafe.SliceData(r.stage))
	}
	v := seqlock.Load(slot, unsafe.Add(slot, 8), to, r.words.words, want)
	switch {
	case v != want:
		if v > want {
			clear(recordBytes(dst)) // never leave a torn record where somebody might use it
		}
	case r.stage != nil:
		copy(recordBytes(dst), wordBytes(r.stage))
	}
	return v
}

// Peek calls look with the next record in place, without copying it: for records so large that a
// copy costs more than the look. The writer may overwrite the record while look runs; what look
// took from it counts only if Peek then returns Ready, and look must not act on it before. rec is
// not valid after look returns.
//
// Under the race detector and with the tag purego look gets a copy, read word by word with sync/atomic.
func (r *Reader[T]) Peek(look func(n uint64, rec *T)) (uint64, Status) {
	n := r.next
	want := finished(n)
	if v := r.peek(n, want, look); v != want {
		return n, r.miss(v)
	}
	r.next = n + 1
	return n, Ready
}
