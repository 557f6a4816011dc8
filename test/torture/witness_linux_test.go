package torture

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/seqlock"
	"github.com/tickring/tickring/test/internal/records"
)

// witness sees all that a ring's writers do, as its readers do: those that follow in each way, one that wants the
// latest, the view, and one that waits.
type witness interface {
	// look has everybody read, while no writer runs, and checks that they come to its end.
	look() error
	// next is the number of the record behind the newest that is finished, by the slots alone.
	next() uint64
	// took is told that a writer has come, and what it said; next is what was seen before. What it left is checked.
	took(r reply, next uint64) error
	// whole checks what a takeover leaves, before anything is published behind it.
	whole(next uint64) error
	// late has a reader come only now: it sees what the others saw.
	late() error
	// reached waits until the reader that waits has come to the end.
	reached() error
	// records is how many were checked.
	records() uint64
	// leave ends it.
	leave() error
}

// newWitness follows from the oldest record on. If it is told of each writer that comes, it knows whose each record is.
func newWitness(kind string, s *segment.Segment, told bool) (witness, error) {
	switch kind {
	case records.Trade:
		return witnessOf(s, records.Trades, told)
	case records.Level:
		return witnessOf(s, records.Levels, told)
	case records.Legs:
		return witnessOf(s, records.Legged, told)
	}
	return nil, records.Unknown(kind)
}

type witnessing[T comparable] struct {
	s         *segment.Segment
	ledger    *records.Ledger[T]
	followers map[string]*records.Follower[T] // by their way
	latest    *ring.Reader[T]
	bare      *ring.BareReader
	position  atomic.Uint64 // of the reader that waits
	stop      context.CancelFunc
	waiting   chan error
}

func witnessOf[T comparable](s *segment.Segment, form records.Form[T], told bool) (_ witness, err error) {
	w := &witnessing[T]{s: s, ledger: records.NewLedger(form), followers: map[string]*records.Follower[T]{}, waiting: make(chan error, 1)}
	st, err := s.Status()
	if err != nil {
		return nil, err
	}
	if told {
		w.ledger.Know(st.Epoch, st.EpochFirst)
	}
	for _, way := range records.Ways {
		if w.followers[way], err = records.NewFollower(s, w.ledger, st.Oldest, ring.Spin()); err != nil {
			return nil, err
		}
	}
	if w.latest, err = ring.NewReader[T](s, ring.ReaderOptions{}); err != nil {
		return nil, err
	}
	if w.bare, err = ring.NewBareReader(s); err != nil {
		return nil, err
	}
	wait := ring.Backoff(0)
	if s.Waiting() != nil {
		wait = ring.Block()
	}
	waiter, err := records.NewFollower(s, w.ledger, st.Oldest, wait)
	if err != nil {
		return nil, err
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	go func() { w.waiting <- w.wait(ctx, waiter) }()
	return w, nil
}

// wait is the reader that waits.
func (w *witnessing[T]) wait(ctx context.Context, f *records.Follower[T]) error {
	for {
		switch err := f.Await(ctx); {
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return fmt.Errorf("next: %w", err)
		}
		w.position.Store(f.Next())
	}
}

func (w *witnessing[T]) word(memory []byte, offset int) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&memory[offset])))
}

func (w *witnessing[T]) next() (next uint64) {
	g := w.s.Geometry()
	for i := range int(g.Slots) {
		if v := w.word(w.s.Slots(), i*g.SlotStride); v%2 == 0 {
			next = max(next, v/2)
		}
	}
	return next
}

func (w *witnessing[T]) look() error {
	next := w.next()
	for _, way := range records.Ways {
		f := w.followers[way]
		if err := w.toEnd(f, way, next); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	var rec T
	switch n, s := w.latest.Latest(&rec); {
	case next == 0:
		if s != ring.Empty {
			return fmt.Errorf("the latest record of an empty ring is %v %d", s, n)
		}
	case s != ring.Ready || n != next-1:
		return fmt.Errorf("the latest record is %v %d, not %d", s, n, next-1)
	default:
		if err := w.ledger.Note(n, &rec); err != nil {
			return fmt.Errorf("latest: %w", err)
		}
	}
	return w.lookAtView(next)
}

// toEnd reads until there is nothing new.
func (w *witnessing[T]) toEnd(f *records.Follower[T], way string, next uint64) error {
	// Each record, a lap for each, and what may be told besides.
	for range 2*w.s.Geometry().Slots + 8 {
		switch s, err := f.Read(way); {
		case err != nil:
			return err
		case s != ring.Empty && s != ring.Closed:
		case f.Next() != next:
			return fmt.Errorf("at record %d nothing is new, but records up to %d are finished", f.Next(), next)
		default:
			return nil
		}
	}
	return fmt.Errorf("at record %d of %d the reader does not come to an end", f.Next(), next)
}

// lookAtView reads the view by its version.
func (w *witnessing[T]) lookAtView(next uint64) error {
	g, base := w.s.Geometry(), unsafe.Pointer(unsafe.SliceData(w.s.Header()))
	version := unsafe.Add(base, g.ViewVersionOffset)
	v := atomic.LoadUint64((*uint64)(version))
	if v == 0 || v%2 != 0 {
		return nil
	}
	rec := make([]T, 2) // room for whole words
	if got := seqlock.Load(version, unsafe.Add(base, g.ViewOffset), unsafe.Pointer(&rec[0]), uintptr(g.Record.Words()), v); got != v {
		return fmt.Errorf("the view went from version %d to %d, but no writer runs", v, got)
	}
	if v/2 > next {
		return fmt.Errorf("the view holds record %d, and %d is the newest", v/2-1, next-1)
	}
	if err := w.ledger.Note(v/2-1, &rec[0]); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	return nil
}

func (w *witnessing[T]) took(r reply, next uint64) error {
	if r.first != next || r.head != next {
		return fmt.Errorf("epoch %d began at record %d (the head was %d), but records up to %d were finished", r.epoch, r.first, r.head, next)
	}
	w.ledger.Took(r.epoch, r.first)
	return w.whole(next)
}

func (w *witnessing[T]) whole(next uint64) error {
	g := w.s.Geometry()
	if v := w.word(w.s.Header(), g.ViewVersionOffset); v != 2*next {
		return fmt.Errorf("the view has version %d where record %d is the newest", v, next-1)
	}
	// As a program from before the ring sees it, which knows no version: whole, or zero.
	var want ring.TradingData
	if rec, ok := any(w.latest).(*ring.Reader[ring.TradingData]); ok && next > 0 {
		if n, s := rec.Latest(&want); s != ring.Ready || n != next-1 {
			return fmt.Errorf("the latest record is %v %d, not %d", s, n, next-1)
		}
	}
	if got := w.bare.Read(); got != want {
		return fmt.Errorf("an old program reads %+v, not record %d, %+v", got, next-1, want)
	}
	return errors.Join(w.late(), w.look())
}

func (w *witnessing[T]) late() error {
	next := w.next()
	f, err := records.NewFollower(w.s, w.ledger, w.s.Geometry().Oldest(next), ring.Spin())
	if err != nil {
		return err
	}
	if err := w.toEnd(f, "poll", next); err != nil {
		return fmt.Errorf("a late reader: %w", err)
	}
	return nil
}

// hang is what no wait for another process's work comes near.
const hang = 5 * time.Second

func (w *witnessing[T]) reached() error {
	next, limit := w.next(), time.After(hang)
	again := time.NewTicker(20 * time.Microsecond)
	defer again.Stop()
	for w.position.Load() != next {
		select {
		case err := <-w.waiting:
			w.waiting <- err
			return err
		case <-limit:
			return fmt.Errorf("the reader that waits has come to record %d, not %d, within %v", w.position.Load(), next, hang)
		case <-again.C:
		}
	}
	return nil
}

func (w *witnessing[T]) records() uint64 { return w.ledger.Checked() }

func (w *witnessing[T]) leave() error {
	w.stop()
	if w.s.Waiting() != nil {
		if err := w.s.Ring(); err != nil {
			return err
		}
	}
	return <-w.waiting
}
