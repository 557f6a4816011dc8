package torture

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/ring"
)

// ledger remembers what all readers of a process were given: it may be used concurrently.
type ledger[T comparable] struct {
	form    form[T]
	mutex   sync.Mutex
	seen    []entry[T]
	writers map[uint64]uint64 // the first record of each epoch, by what its writer said; nil if that is not known
	checked uint64
}

// remembered is how many records the ledger keeps.
const remembered = 1 << 12

type entry[T any] struct {
	number uint64
	rec    T
	there  bool
}

func newLedger[T comparable](f form[T]) *ledger[T] {
	return &ledger[T]{form: f, seen: make([]entry[T], remembered)}
}

// note checks a record that a reader was given.
func (l *ledger[T]) note(n uint64, rec *T) error {
	if err := l.form.check(n, rec); err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.checked++
	before := &l.seen[n%remembered]
	if before.there && before.number == n && before.rec != *rec {
		return fmt.Errorf("record %d has two contents: %+v and %+v", n, before.rec, *rec)
	}
	*before = entry[T]{n, *rec, true}
	if l.writers == nil {
		return nil
	}
	epoch := l.form.epoch(rec)
	if first, ok := l.writers[epoch]; !ok || n < first {
		return fmt.Errorf("record %d is of epoch %d, which began at %d (%t)", n, epoch, first, ok)
	}
	for later, first := range l.writers {
		if later > epoch && n >= first {
			return fmt.Errorf("record %d is of epoch %d, but epoch %d began at %d", n, epoch, later, first)
		}
	}
	return nil
}

// took says that a writer has come.
func (l *ledger[T]) took(epoch, first uint64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.writers != nil {
		l.writers[epoch] = first
	}
}

// follower is a reader that believes nothing.
type follower[T comparable] struct {
	r        *ring.Reader[T]
	ledger   *ledger[T]
	start    uint64
	next     uint64
	received uint64
	missed   uint64
	epoch    uint64 // of the last record
	began    uint64 // the first record of that epoch that was read
	last     uint64 // the last record that was read
	told     uint64 // the epoch of the last restart that was told
	first    uint64 // of that epoch
	restarts int
	batch    []T
}

// newFollower follows from record start on.
func newFollower[T comparable](m ring.Memory, l *ledger[T], start uint64, wait ring.Wait) (*follower[T], error) {
	r, err := ring.NewReader[T](m, ring.ReaderOptions{Start: ring.At(start), Wait: wait})
	if err != nil {
		return nil, err
	}
	f := &follower[T]{r: r, ledger: l, start: start, next: start, batch: make([]T, 16)}
	f.told, f.first = r.Epoch()
	return f, nil
}

// ways are how a follower can read, without waiting.
var ways = []string{"poll", "batch", "peek"}

// read reads once and checks what it got.
func (f *follower[T]) read(way string) (s ring.Status, err error) {
	n, count := uint64(0), 1
	switch way {
	case "poll":
		n, s = f.r.Poll(&f.batch[0])
	case "batch":
		n, count, s = f.r.PollBatch(f.batch)
	case "peek":
		n, s = f.r.Peek(func(_ uint64, rec *T) { f.batch[0] = *rec })
	}
	return s, f.take(n, count, s)
}

// await waits for a record or an event, and checks it. The error is the context's, if that ended.
func (f *follower[T]) await(ctx context.Context) error {
	n, err := f.r.Next(ctx, &f.batch[0])
	var lap *ring.LapError
	var restart *ring.RestartError
	switch {
	case err == nil:
		return f.take(n, 1, ring.Ready)
	case errors.As(err, &lap):
		return f.take(n, 0, ring.Lapped)
	case errors.As(err, &restart):
		return f.take(n, 0, ring.Restarted)
	case errors.Is(err, ring.ErrClosed): // which it is told until another writer comes
		sys.Sleep(pollInterval)
		return ctx.Err()
	case errors.Is(err, ring.ErrWriterDead):
		return nil
	}
	return err
}

// latest reads the newest record: it is never older than the last one.
func (f *follower[T]) latest() error {
	n, s := f.r.Latest(&f.batch[0])
	if s != ring.Ready {
		return nil
	}
	if n+1 < f.next {
		return fmt.Errorf("record %d, behind %d", n, f.next-1)
	}
	f.next, f.received = n+1, f.received+1
	return f.ledger.note(n, &f.batch[0])
}

// take checks the outcome of a read: count records from n on in f.batch, if s is Ready.
func (f *follower[T]) take(n uint64, count int, s ring.Status) error {
	switch s {
	case ring.Ready:
		for i := range uint64(count) {
			if err := f.takeRecord(n+i, &f.batch[i]); err != nil {
				return err
			}
		}
	case ring.Lapped:
		gap := f.r.Gap()
		if gap.First != f.next || gap.Next <= gap.First {
			return fmt.Errorf("gap from %d to %d, where record %d is next", gap.First, gap.Next, f.next)
		}
		f.next, f.missed = gap.Next, f.missed+gap.Count()
	case ring.Restarted:
		epoch, first := f.r.Epoch()
		if epoch <= f.told || first < f.first {
			return fmt.Errorf("epoch %d from %d on was told behind epoch %d from %d on", epoch, first, f.told, f.first)
		}
		if epoch == f.epoch && first > f.began {
			return fmt.Errorf("epoch %d from %d on was told, but record %d was its first", epoch, first, f.began)
		}
		if f.received > 0 && f.epoch < epoch && f.last >= first {
			return fmt.Errorf("epoch %d from %d on was told, but record %d was of epoch %d", epoch, first, f.last, f.epoch)
		}
		f.told, f.first = epoch, first
		f.restarts++
	case ring.Corrupt:
		return errors.New("a sound ring was called corrupt")
	}
	if got := f.r.Received(); got != f.received || f.r.Missed() != f.missed || f.r.Position() != f.next || f.received+f.missed != f.next-f.start {
		return fmt.Errorf("%d received and %d missed from %d to %d, but the reader says %d, %d and %d",
			f.received, f.missed, f.start, f.next, got, f.r.Missed(), f.r.Position())
	}
	return nil
}

func (f *follower[T]) takeRecord(n uint64, rec *T) error {
	epoch := f.ledger.form.epoch(rec)
	switch {
	case n != f.next:
		return fmt.Errorf("record %d, where %d is next", n, f.next)
	case epoch < f.epoch:
		return fmt.Errorf("record %d of epoch %d, behind one of epoch %d", n, epoch, f.epoch)
	case n >= f.first && epoch < f.told:
		return fmt.Errorf("record %d of epoch %d, but epoch %d began at %d", n, epoch, f.told, f.first)
	}
	if epoch > f.epoch {
		f.epoch, f.began = epoch, n
	}
	f.last, f.next, f.received = n, n+1, f.received+1
	return f.ledger.note(n, rec)
}
