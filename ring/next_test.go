package ring

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var waits = map[string]Wait{
	"spin": Spin(), "default": {}, "backoff": Backoff(time.Millisecond), "every 1µs": Every(time.Microsecond), "every 1ms": Every(time.Millisecond),
}

func TestNextWaitsInEveryWay(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			memory, w := newRing[TradingData](t, 64)
			forth := newReader[TradingData](t, memory, ReaderOptions{Wait: wait})
			echo, back := newRing[TradingData](t, 64)
			wait := newReader[TradingData](t, echo, ReaderOptions{Wait: wait})
			go func() { // answers each record with the same
				var rec TradingData
				for {
					if _, err := forth.Next(context.Background(), &rec); err != nil {
						_ = back.Close()
						return
					}
					back.Publish(&rec)
				}
			}()
			var rec TradingData
			for i := range uint64(200) {
				publish(w, 1)
				n, err := wait.Next(t.Context(), &rec)
				require.NoError(t, err)
				require.Equal(t, i, n)
				require.Equal(t, tradeOf(i), rec)
			}
			require.NoError(t, w.Close())
			_, err := wait.Next(t.Context(), &rec)
			assert.ErrorIs(t, err, ErrClosed)
			assert.ErrorIs(t, err, fs.ErrClosed)
		})
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			memory, _ := newRing[TradingData](t, 8)
			r := newReader[TradingData](t, memory, ReaderOptions{Wait: wait})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			var rec TradingData
			_, err := r.Next(ctx, &rec)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

func TestALongIntervalEndsWithItsContext(t *testing.T) {
	memory, _ := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{Wait: Every(time.Hour)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var rec TradingData
	_, err := r.Next(ctx, &rec) // or the test runs for an hour
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// dying is memory whose writer may be gone.
type dying struct {
	*Heap
	dead bool
	err  error
}

func (d *dying) WriterAlive() (bool, error) { return !d.dead, d.err }

func TestNextTellsOnceThatTheWriterIsGone(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			heap, w := newRing[TradingData](t, 8)
			memory := &dying{Heap: heap, dead: true}
			r := newReader[TradingData](t, memory, ReaderOptions{Wait: wait})
			publish(w, 1)
			var rec TradingData
			_, err := r.Next(t.Context(), &rec)
			require.NoError(t, err, "what it published first")
			_, err = r.Next(t.Context(), &rec)
			require.ErrorIs(t, err, ErrWriterDead)

			ctx, cancel := context.WithTimeout(t.Context(), 2*livenessPeriod)
			defer cancel()
			_, err = r.Next(ctx, &rec)
			require.ErrorIs(t, err, context.DeadlineExceeded, "not again")

			w, err = NewWriter[TradingData](heap)
			require.NoError(t, err)
			var restart *RestartError
			_, err = r.Next(t.Context(), &rec)
			require.ErrorAs(t, err, &restart)
			assert.Equal(t, RestartError{Epoch: 2, First: 1}, *restart)
			publish(w, 1)
			n, err := r.Next(t.Context(), &rec)
			require.NoError(t, err)
			assert.EqualValues(t, 1, n)
			_, err = r.Next(t.Context(), &rec)
			assert.ErrorIs(t, err, ErrWriterDead, "the next one's end is news")
		})
	}
}

func TestNextPassesOnThatTheWriterCannotBeLookedFor(t *testing.T) {
	heap, _ := newRing[TradingData](t, 8)
	trouble := errors.New("trouble")
	r := newReader[TradingData](t, &dying{Heap: heap, err: trouble}, ReaderOptions{})
	var rec TradingData
	_, err := r.Next(t.Context(), &rec)
	assert.ErrorIs(t, err, trouble)
}

func TestAllTellsEverythingInOrder(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{Start: At(0), Resume: Oldest()})
	publish(w, 20)
	w, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	publish(w, 3)
	require.NoError(t, w.Close())

	var lost, restarts, received uint64
	next := uint64(0)
	for rec, err := range r.All(t.Context()) {
		var lap *LapError
		var restart *RestartError
		switch {
		case errors.As(err, &lap):
			assert.Equal(t, next, lap.First)
			next, lost = lap.Next, lost+lap.Count()
			assert.EqualError(t, err, "ring: lapped: lost 15 records, 0 to 14")
		case errors.As(err, &restart):
			restarts++
		default:
			require.NoError(t, err)
			assert.Equal(t, next, rec.Number)
			assert.Equal(t, tradeOf(next), rec.Value)
			next, received = next+1, received+1
		}
	}
	assert.EqualValues(t, 23, next)
	assert.EqualValues(t, 15, lost)
	assert.EqualValues(t, 8, received)
	assert.EqualValues(t, 1, restarts)
}

func TestAllEndsWithItsContext(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	rounds := 0
	for _, err := range r.All(ctx) {
		last = err
		rounds++
		cancel()
	}
	assert.Equal(t, 2, rounds)
	assert.ErrorIs(t, last, context.Canceled)
}
