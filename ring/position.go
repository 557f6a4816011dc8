package ring

// Position says which record is read next: where a reader starts, or where it resumes after it was
// lapped.
type Position struct {
	kind positionKind
	n    uint64
}

// lastNumber has the highest version that a finished record can have. No head is above it by more than one.
const lastNumber = 1<<63 - 2

type positionKind uint8

const (
	oldestSafe positionKind = iota
	oldest
	newestMinus
	at
)

// OldestSafe is the oldest record that the ring still holds plus a quarter of the ring, so that a
// reader which resumes there is not lapped again at once. It is the zero Position.
func OldestSafe() Position { return Position{kind: oldestSafe} }

// Oldest is the oldest record that the ring still holds. While the writer is busy that one may be
// gone before it is read: the reader is then lapped, and told so.
func Oldest() Position { return Position{kind: oldest} }

// Newest is the newest finished record; in an empty ring, the first.
func Newest() Position { return Position{kind: newestMinus} }

// NewestMinus is the record n before the newest finished one, or the oldest if the ring does not
// reach back so far.
func NewestMinus(n uint64) Position { return Position{kind: newestMinus, n: n} }

// At is record n. One that is gone makes the reader lapped at its first poll, with the exact range;
// one that is not yet published is waited for. The last number that a record can have is 2^63-2; a higher n means
// that one. As a resume policy At means OldestSafe.
func At(n uint64) Position { return Position{kind: at, n: n} }

// resolve gives the record number for a ring of slots in which head records are finished.
func (p Position) resolve(slots, head uint64) uint64 {
	first := head - min(head, slots)
	newest := max(head, 1) - 1
	switch p.kind {
	case oldest:
		return first
	case newestMinus:
		return max(first, newest-min(newest, p.n))
	case at:
		return min(p.n, lastNumber) // the version of the next one would be that of a slot never written
	}
	if head <= slots {
		return first // no slot was ever used twice: nothing to keep a distance from
	}
	// The record in flight already has slot head's place, hence at least one.
	return first + max(1, slots/4)
}
