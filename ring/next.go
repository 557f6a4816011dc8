package ring

import (
	"context"
	"errors"
	"iter"
)

// Record is a record with its number.
type Record[T any] struct {
	Number uint64
	Value  T
}

// Next copies the next record to *dst and returns its number, waiting for it as [ReaderOptions].Wait
// says. What can come instead of a record is an error:
//
//   - a [*LapError]: records were lost; the reader has resumed behind them;
//   - a [*RestartError]: another writer took over; nothing was lost;
//   - [ErrWriterDead]: the writer went without closing, and all that it published was read; told once
//     for each writer, after which Next waits for one that takes over;
//   - [ErrClosed]: the writer closed the ring, and all that it published was read;
//   - [ErrReplaced]: another ring has the name of this one, of which a reader learns that has waited a while; told
//     once, after which Next waits on;
//   - [ErrCorrupt]: the memory contradicts itself;
//   - the context's error: ctx ended.
//
// Next can be called again after each of them.
func (r *Reader[T]) Next(ctx context.Context, dst *T) (uint64, error) {
	var p pauser // outside of the loop, which would copy it in each round
	for {
		if r.TryPoll(dst) {
			return r.next - 1, nil
		}
		n, s := r.Poll(dst)
		if s != Empty {
			return n, r.Event(s)
		}
		if err := r.pause(ctx, &p); err != nil {
			return n, err
		}
	}
}

// Event is the error with which Next reports status s of the last poll: nil for Ready and Empty.
func (f *follower) Event(s Status) error {
	switch s {
	case Lapped:
		return &LapError{f.gap}
	case Restarted:
		return &RestartError{Epoch: f.epoch, First: f.epochFirst}
	case Closed:
		return ErrClosed
	case Corrupt:
		return ErrCorrupt
	}
	return nil
}

// All iterates over the records from the reader's position on, waiting for each as Next does:
//
//	for rec, err := range reader.All(ctx) {
//
// With a nil error rec is a record. A [*LapError], a [*RestartError] and [ErrWriterDead] come as an
// error without a record, and the loop goes on behind them; a loop that must not lose records looks
// at err first. The sequence ends when the writer closes the ring, and after any other error.
func (r *Reader[T]) All(ctx context.Context) iter.Seq2[Record[T], error] {
	return func(yield func(Record[T], error) bool) {
		for {
			var rec Record[T]
			var err error
			rec.Number, err = r.Next(ctx, &rec.Value)
			if errors.Is(err, ErrClosed) || !yield(rec, err) || final(err) {
				return
			}
		}
	}
}

// final reports whether nothing can follow err.
func final(err error) bool {
	var lap *LapError
	var restart *RestartError
	return err != nil && !errors.As(err, &lap) && !errors.As(err, &restart) && !errors.Is(err, ErrWriterDead)
}
