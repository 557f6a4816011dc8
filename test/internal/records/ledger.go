package records

import (
	"fmt"
	"sync"
)

// Ledger remembers what all readers of a process were given: it may be used concurrently.
type Ledger[T comparable] struct {
	form    Form[T]
	mutex   sync.Mutex
	seen    []entry[T]
	writers map[uint64]uint64 // the first record of each epoch, by what its writer said; nil if that is not known
	checked uint64
}

// remembered is how many records a ledger keeps.
const remembered = 1 << 12

type entry[T any] struct {
	number uint64
	rec    T
	there  bool
}

// NewLedger makes an empty one.
func NewLedger[T comparable](f Form[T]) *Ledger[T] {
	return &Ledger[T]{form: f, seen: make([]entry[T], remembered)}
}

// Note checks a record that a reader was given.
func (l *Ledger[T]) Note(n uint64, rec *T) error {
	if err := l.form.Check(n, rec); err != nil {
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
	epoch := l.form.Epoch(rec)
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

// Checked is how many records were noted.
func (l *Ledger[T]) Checked() uint64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.checked
}

// Know says whose records there are, by the epoch of the present writer: from now on, [Ledger.Took] is told of each
// writer that comes, and no record may be of another.
func (l *Ledger[T]) Know(epoch, first uint64) { l.writers = map[uint64]uint64{epoch: first} }

// Took says that a writer has come.
func (l *Ledger[T]) Took(epoch, first uint64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.writers != nil {
		l.writers[epoch] = first
	}
}
