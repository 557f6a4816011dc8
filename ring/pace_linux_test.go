package ring

import (
	"context"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// patient counts how often a context is asked for its end.
type patient struct {
	context.Context
	times atomic.Int64
}

func (p *patient) Err() error { p.times.Add(1); return nil }

// lonely is a ring whose writer is asked for, and never lives.
type lonely struct {
	*Heap
	asked int
}

func (l *lonely) WriterAlive() (bool, error) { l.asked++; return true, nil }

// rounds lets a waiting reader pause so often, in no time, and tells when it slept for how long, and how often it asked
// its context before.
func rounds(t *testing.T, w Wait, count int) (sleeps []time.Duration, asks []int, m *lonely) {
	t.Helper()
	testkit.CanIntercept(t)
	memory, _ := newRing[TradingData](t, 8)
	m = &lonely{Heap: memory}
	r := newReader[TradingData](t, m, ReaderOptions{Wait: w})
	ctx := &patient{Context: context.Background()}
	require.NoError(t, testkit.Intercept(func() error {
		var p pauser
		for range count {
			if err := r.pause(ctx, &p); err != nil {
				return err
			}
		}
		return nil
	}, func(c testkit.Call) syscall.Errno {
		if c.Name != "nanosleep" {
			return 0
		}
		sleeps, asks = append(sleeps, c.Sleep()), append(asks, int(ctx.times.Load()))
		return syscall.EINTR // at once
	}))
	return sleeps, append(asks, int(ctx.times.Load())), m
}

func TestHowBackoffSleeps(t *testing.T) {
	const µs = time.Microsecond
	for limit, want := range map[time.Duration][]time.Duration{
		0:              {1 * µs, 2 * µs, 4 * µs, 8 * µs, 16 * µs, 32 * µs, 50 * µs, 50 * µs},
		-1:             {1 * µs, 2 * µs, 4 * µs, 8 * µs, 16 * µs, 32 * µs, 50 * µs, 50 * µs},
		10 * µs:        {1 * µs, 2 * µs, 4 * µs, 8 * µs, 10 * µs, 10 * µs, 10 * µs, 10 * µs},
		1:              slices.Repeat([]time.Duration{1}, 8),
		80 * time.Hour: nil,
	} {
		count := len(want)
		if want == nil { // beyond that, doublings have an end as well
			for i := range 80 {
				want = append(want, µs<<min(i, 30))
			}
			count = len(want)
		}
		sleeps, asks, m := rounds(t, Backoff(limit), spinRounds+yieldRounds+count)
		assert.Equal(t, want, sleeps, limit)
		assert.Equal(t, yieldRounds+1, asks[0], "it spins, asking nobody, then yields, then sleeps")
		assert.Zero(t, m.asked, "a wait that is short never looks for the writer")
	}
}

func TestHowOftenOthersSleep(t *testing.T) {
	sleeps, asks, _ := rounds(t, Spin(), 2*checkRounds)
	assert.Empty(t, sleeps)
	assert.Equal(t, []int{2}, asks)
	sleeps, _, _ = rounds(t, Every(3*time.Millisecond), 3)
	assert.Equal(t, slices.Repeat([]time.Duration{3 * time.Millisecond}, 3), sleeps)
	sleeps, _, _ = rounds(t, Every(shortSleep), 1)
	assert.Empty(t, sleeps, "one that is long can be interrupted by the context")
}

// bell is a doorbell that tells of what is done with it.
type bell struct {
	*Heap
	waiting uint32
	rings   int
	waits   []time.Duration
}

func (b *bell) Waiting() *uint32     { return &b.waiting }
func (b *bell) Ring() error          { b.rings++; b.waiting = 0; return nil }
func (b *bell) Arm() (uint32, error) { b.waiting = 1; return 0, nil }
func (b *bell) Wait(_ uint32, d time.Duration) (bool, error) {
	b.waits = append(b.waits, d)
	return false, nil
}

func newBell[T any](t *testing.T) *bell {
	t.Helper()
	g, err := GeometryOf[T](8)
	require.NoError(t, err)
	return &bell{Heap: NewHeap(g)}
}

// A sleeper is woken by whatever it waits for: a writer, a record, records, the end.
func TestWhenTheDoorbellRings(t *testing.T) {
	t.Run("whole words", whenTheDoorbellRings[TradingData])
	t.Run("any words", whenTheDoorbellRings[struct{ A, B uint64 }])
	t.Run("parts of words", whenTheDoorbellRings[struct{ A uint32 }])
}

func whenTheDoorbellRings[T any](t *testing.T) {
	b := newBell[T](t)
	w, err := NewWriter[T](b)
	require.NoError(t, err)
	rings := 0
	rang := func(want bool, what string) {
		t.Helper()
		assert.Equal(t, want, b.rings > rings, what)
		rings = b.rings
	}
	rang(true, "a new writer, whoever waits")
	for _, waiting := range []bool{false, true, false} {
		announce := func() {
			if waiting {
				b.waiting = 1
			}
		}
		announce()
		w.Publish(new(T))
		rang(waiting, "a record")
		announce()
		w.PublishBatch(make([]T, 7))
		rang(waiting, "records")
	}
	require.NoError(t, w.Close())
	rang(true, "the end, whoever waits")
	require.NoError(t, w.Close())
	rang(false, "a second Close")
}

// A sleep ends in time for whoever cancels, and for the context's deadline.
func TestHowLongASleeperSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where time stands still
		for _, tc := range []struct {
			deadline time.Duration
			want     []time.Duration
		}{{time.Hour, []time.Duration{blockSlice}}, {blockSlice / 3, []time.Duration{blockSlice / 3}}, {0, nil}, {-1, nil}} {
			b := newBell[TradingData](t)
			_, err := NewWriter[TradingData](b)
			require.NoError(t, err)
			r := newReader[TradingData](t, b, ReaderOptions{Wait: Block()})
			ctx, cancel := context.WithTimeout(context.Background(), tc.deadline)
			p := pauser{armed: true}
			require.NoError(t, r.block(ctx, &p))
			assert.Equal(t, tc.want, b.waits)
			cancel()
		}
	})
}

func TestWhenAReaderLooksForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory, _ := newRing[TradingData](t, 8)
		m := &lonely{Heap: memory}
		r := newReader[TradingData](t, m, ReaderOptions{})
		for since, want := range map[time.Duration]int{livenessPeriod - 1: 0, livenessPeriod: 1} {
			m.asked = 0
			require.NoError(t, r.look(&pauser{looked: time.Now().Add(-since)}))
			assert.Equal(t, want, m.asked, since)
		}
	})
}
