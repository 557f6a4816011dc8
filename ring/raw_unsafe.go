package ring

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/tickring/tickring/seqlock"
)

// RawReader follows a ring of records whose type the program does not know, as bytes: the schema in
// Geometry().Record says what they mean. It has one user at a time.
type RawReader struct {
	follower
	record []uint64 // whole words
	size   int      // of a record, bytes
}

// NewRawReader makes a reader of the ring in m, whatever its records are.
func NewRawReader(m Memory, o ReaderOptions) (*RawReader, error) {
	words, g, err := mapWords(m)
	if err != nil {
		return nil, err
	}
	f, err := newFollower(words, m, g, o)
	if err != nil {
		return nil, err
	}
	return &RawReader{follower: f, record: make([]uint64, g.Record.Words()), size: g.Record.Size}, nil
}

// Poll copies the next record to dst, which must have room for one, and returns its number and
// Ready, or says at once why not; see [Reader.Poll].
func (r *RawReader) Poll(dst []byte) (uint64, Status) {
	if len(dst) < r.size {
		panic(fmt.Sprintf("ring: %d bytes of room for a record of %d", len(dst), r.size))
	}
	n := r.next
	slot, want := r.slot(n), finished(n)
	if v := seqlock.Load(slot, unsafe.Add(slot, 8), unsafe.Pointer(unsafe.SliceData(r.record)), r.words.words, want); v != want {
		return n, r.miss(v)
	}
	copy(dst[:r.size], wordBytes(r.record))
	r.next = n + 1
	return n, Ready
}

// Next waits for the next record; see [Reader.Next].
func (r *RawReader) Next(ctx context.Context, dst []byte) (uint64, error) {
	var p pauser // outside of the loop, which would copy it in each round
	n, s := r.Poll(dst)
	for ; s == Empty; n, s = r.Poll(dst) {
		if err := r.pause(ctx, &p); err != nil {
			return n, err
		}
	}
	return n, r.Event(s)
}
