package ring

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/seqlock"
)

// maxRun bounds how many records one assembly call writes, so that a huge batch does not hold up
// the Go scheduler, which cannot stop a goroutine there.
const maxRun = 256

// Writer publishes records of type T. It has one user at a time: no two of its methods may run
// concurrently. Its memory must stay mapped for as long as it is used.
type Writer[T any] struct {
	publisher seqlock.Publisher
	stage     []uint64 // see stageOf
	closed    bool
	run       int // records per assembly call, at most
	words     words
	bell      Doorbell
	masks     []uint64 // publisher.Masks points here
	thread    *host.Entered
	memory    Memory
}

// WriterOptions say how a writer runs. The zero value changes nothing.
type WriterOptions struct {
	// Thread is what the thread of the goroutine that makes the writer, and publishes, becomes, until Close on that
	// goroutine. What is refused is an error.
	Thread host.Thread
}

// NewWriter makes the process the writer of the ring in m, which must be writable and hold records
// of type T. In a ring that was written before, by whomever, it goes on: records that were finished
// but not yet counted are kept, one that was cut short is written again under its number, the
// one-record view is mended, and readers learn that the writer restarted.
func NewWriter[T any](m Memory) (*Writer[T], error) { return NewWriterWith[T](m, WriterOptions{}) }

// NewWriterWith is [NewWriter] with options.
func NewWriterWith[T any](m Memory, o WriterOptions) (*Writer[T], error) {
	thread, err := o.Thread.Enter()
	if err != nil {
		return nil, err
	}
	w, err := newWriter[T](m)
	if err != nil {
		return nil, errors.Join(err, thread.Leave())
	}
	w.thread = thread
	return w, nil
}

func newWriter[T any](m Memory) (*Writer[T], error) {
	words, g, err := mapTyped[T](m)
	if err != nil {
		return nil, err
	}
	if !m.Writable() {
		return nil, ErrReadOnly
	}
	masks := g.Record.Masks()
	w := &Writer[T]{
		publisher: seqlock.Publisher{
			Slots: words.slots, Stride: words.stride, SlotMask: words.slotMask, Words: words.words, Direct: words.words,
			Masks: unsafe.Pointer(unsafe.SliceData(masks)), View: words.view, ViewVersion: words.viewVersion,
			Head: unsafe.Pointer(words.head), Waiting: &nobody,
		},
		stage: stageOf[T](), words: words, bell: doorbellOf(m), masks: masks, memory: m,
		run: int(min(g.Slots/2, maxRun)),
	}
	w.publisher.Instead = w.publishStaged
	if w.stage != nil {
		w.publisher.Direct = 0
	}
	if w.bell != nil {
		w.publisher.Waiting, w.publisher.Wake = w.bell.Waiting(), waker(w.bell)
	}
	if err := guard(m, w.open); err != nil {
		return nil, err
	}
	return w, nil
}

// open mends what the last writer left, and begins an epoch.
func (w *Writer[T]) open() error {
	words := &w.words
	next, err := recoverRing(words, w.masks)
	if err != nil {
		return err
	}
	w.publisher.Next = next
	// Readers take the state before the epoch, so "open" must not come later than the new epoch,
	// and the epoch must not come before its first record.
	atomic.StoreUint64(words.epochFirst, next)
	atomic.StoreUint64(words.state, uint64(layout.StateOpen))
	atomic.AddUint64(words.epoch, 1)
	w.ringBell() // those who sleep learn of the restart
	return nil
}

// nobody sleeps on a doorbell that is not there.
var nobody uint32

// waker wakes all who sleep. It can only fail on a broken mapping, and then sleepers still look again by themselves:
// Reader.Next bounds each sleep. Not inlined: package model looks for its code by name.
//
//go:noinline
func waker(bell Doorbell) func() { return func() { _ = bell.Ring() } }

// Publish writes *rec as the next record and returns its number. It makes no system call, unless a
// reader sleeps on the doorbell, and does not allocate. Padding is stored as zero. It panics on a
// closed Writer.
//
// All but the number is in the assembly routine, so that this is inlined into its caller.
func (w *Writer[T]) Publish(rec *T) uint64 {
	n := w.publisher.Next
	seqlock.Publish(&w.publisher, unsafe.Pointer(rec))
	return n
}

// PublishBatch writes recs as the next records and returns the number of the first. Readers may read
// each record as soon as it is written; the view and the head are brought up to date once per
// half ring or 256 records, whichever is less.
func (w *Writer[T]) PublishBatch(recs []T) uint64 {
	n := w.publisher.Next
	if w.publisher.Direct == 0 {
		for i := range recs {
			seqlock.Publish(&w.publisher, unsafe.Pointer(&recs[i]))
		}
		return n
	}
	for len(recs) > 0 {
		run := min(len(recs), w.run)
		seqlock.PublishRun(&w.publisher, unsafe.Pointer(unsafe.SliceData(recs)), run)
		recs = recs[run:]
	}
	if atomic.LoadUint32(w.publisher.Waiting) != 0 {
		w.ringBell()
	}
	return n
}

// publishStaged is what Publish does of records that are not whole words, and on a closed Writer.
func (w *Writer[T]) publishStaged(rec unsafe.Pointer) {
	if w.closed {
		panic("ring: Publish on a closed Writer")
	}
	copy(wordBytes(w.stage), recordBytes((*T)(rec)))
	seqlock.PublishRun(&w.publisher, unsafe.Pointer(unsafe.SliceData(w.stage)), 1)
	if atomic.LoadUint32(w.publisher.Waiting) != 0 {
		w.ringBell()
	}
}

func (w *Writer[T]) ringBell() {
	if w.bell != nil {
		w.publisher.Wake()
	}
}

// Head is the number of records published so far, by all writers of the ring: the number of the
// next one.
func (w *Writer[T]) Head() uint64 { return w.publisher.Next }

// Heartbeat stores the time, in ns of CLOCK_BOOTTIME, at which the writer's loop last turned. Call it
// when idle; a writer that publishes shows by its head that it lives.
func (w *Writer[T]) Heartbeat(now uint64) { atomic.StoreUint64(w.words.heartbeat, now) }

// Close tells the readers that no record follows. The memory stays as it is, to be read, and to be
// taken over by another writer. A second Close does nothing. The error is of [WriterOptions].Thread, or that
// of memory that is gone, whose readers are then not told.
func (w *Writer[T]) Close() error {
	if w.closed {
		return nil
	}
	w.closed, w.publisher.Direct = true, 0
	return errors.Join(guard(w.memory, w.end), w.thread.Leave())
}

// end tells the readers. Not inlined: package model looks for its code by name.
//
//go:noinline
func (w *Writer[T]) end() error {
	// After the head of the last publish: a reader that sees "closed" sees every record.
	atomic.StoreUint64(w.words.state, uint64(layout.StateClosed))
	w.ringBell()
	return nil
}
