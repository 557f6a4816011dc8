package ring

import "time"

// Memory is where a ring lies: a [*github.com/tickring/tickring/segment.Segment], or a [Heap].
// Its methods are called when a reader or writer is made, and while a reader waits.
type Memory interface {
	// Geometry is a private, validated copy: the shared header is not read again.
	Geometry() Geometry
	// Header is the start of the object: at least Geometry().HeaderSize bytes, 8-byte aligned.
	Header() []byte
	// Slots is the ring itself: at least Geometry().RingSize() bytes, 8-byte aligned.
	Slots() []byte
	// Writable reports whether this process is the writer.
	Writable() bool
	// WriterAlive reports whether some process holds the ring as its writer. It may make a
	// system call.
	WriterAlive() (bool, error)
}

// Guarded is what a [Memory] also is if somebody can take its storage away. Guard calls fn and turns an access to
// what is gone into an error. [NewReader], [NewWriter], their like, and [Writer].Close guard themselves;
// a loop is put into Guard as a whole by whoever writes it, for it costs more than a poll.
type Guarded interface {
	Guard(fn func() error) error
}

// guard calls fn, guarded if m can do that.
func guard(m Memory, fn func() error) error {
	if g, ok := m.(Guarded); ok {
		return g.Guard(fn)
	}
	return fn()
}

// Named is what a [Memory] also is if it was found under a name that somebody can give to another one.
type Named interface {
	// Replaced reports whether another memory has the name by now. It may make a system call.
	Replaced() (bool, error)
}

// Doorbell is what a [Memory] also is if its readers can sleep until the writer publishes.
//
// A reader calls Arm, polls once more, and calls Wait only if that found nothing. The writer looks at
// the word after each publish, with one plain load, and calls Ring if it is not zero. Arm orders the
// two against each other on both sides: after it, either the reader's poll sees the record or the
// writer sees the word.
type Doorbell interface {
	// Waiting is the word that is not zero while a reader may be asleep; nil if there is no
	// doorbell after all.
	Waiting() *uint32
	// Ring clears the word and wakes all who wait.
	Ring() error
	// Arm announces a sleeper and returns the ticket for Wait.
	Arm() (ticket uint32, err error)
	// Wait sleeps until a Ring after the Arm that gave the ticket, or for at most d; it may wake
	// early. rung tells that there was a Ring, after which the ticket is used up.
	Wait(ticket uint32, d time.Duration) (rung bool, err error)
}

// doorbellOf returns the doorbell of m, or nil.
func doorbellOf(m Memory) Doorbell {
	if bell, ok := m.(Doorbell); ok && bell.Waiting() != nil {
		return bell
	}
	return nil
}
