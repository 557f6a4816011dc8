package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/ring"
)

// PollInterval leaves the CPU to others: a test machine has fewer than there are processes.
const PollInterval = 50 * time.Microsecond

// Follower is a reader that believes nothing.
type Follower[T comparable] struct {
	r        *ring.Reader[T]
	ledger   *Ledger[T]
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
	turn     bool
	batch    []T
}

// NewFollower follows from record start on.
func NewFollower[T comparable](m ring.Memory, l *Ledger[T], start uint64, wait ring.Wait) (*Follower[T], error) {
	r, err := ring.NewReader[T](m, ring.ReaderOptions{Start: ring.At(start), Wait: wait})
	if err != nil {
		return nil, err
	}
	f := &Follower[T]{r: r, ledger: l, start: start, next: start, batch: make([]T, 16)}
	f.told, f.first = r.Epoch()
	return f, nil
}

// Next is the number of the record that is read next.
func (f *Follower[T]) Next() uint64 { return f.next }

// Received is how many records were read.
func (f *Follower[T]) Received() uint64 { return f.received }

// Missed is how many were lost by laps.
func (f *Follower[T]) Missed() uint64 { return f.missed }

// Restarts is how many takeovers were told.
func (f *Follower[T]) Restarts() int { return f.restarts }

// Ways are how a follower can read, without waiting.
var Ways = []string{"poll", "batch", "peek"}

// Read reads once and checks what it got.
func (f *Follower[T]) Read(way string) (s ring.Status, err error) {
	n, count := uint64(0), 1
	switch way {
	case "poll": // by both ways, each of which goes first by turns
		if f.turn = !f.turn; f.turn && f.r.TryPoll(&f.batch[0]) {
			n, s = f.r.Position()-1, ring.Ready
		} else {
			n, s = f.r.Poll(&f.batch[0])
		}
	case "batch":
		n, count, s = f.r.PollBatch(f.batch)
	case "peek":
		n, s = f.r.Peek(func(_ uint64, rec *T) { f.batch[0] = *rec })
	}
	return s, f.take(n, count, s)
}

// Await waits for a record or an event, and checks it. The error is the context's, if that ended.
func (f *Follower[T]) Await(ctx context.Context) error {
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
		sys.Sleep(PollInterval)
		return ctx.Err()
	case errors.Is(err, ring.ErrWriterDead):
		return nil
	}
	return err
}

// Latest reads the newest record: it is never older than the last one.
func (f *Follower[T]) Latest() error {
	n, s := f.r.Latest(&f.batch[0])
	if s != ring.Ready {
		return nil
	}
	if n+1 < f.next {
		return fmt.Errorf("record %d, behind %d", n, f.next-1)
	}
	f.next, f.received = n+1, f.received+1
	return f.ledger.Note(n, &f.batch[0])
}

// take checks the outcome of a read: count records from n on in f.batch, if s is Ready.
func (f *Follower[T]) take(n uint64, count int, s ring.Status) error {
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

func (f *Follower[T]) takeRecord(n uint64, rec *T) error {
	epoch := f.ledger.form.Epoch(rec)
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
	return f.ledger.Note(n, rec)
}
