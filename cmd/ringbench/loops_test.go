package main

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/ring"
)

// bed is a ring on the heap with a writer, whose clock the test turns: each look at it is a tick later.
type bed struct {
	heap   *ring.Heap
	writer *writer
	tape   *tape
	ticks  uint64
}

func newBed(t *testing.T, slots uint64) *bed {
	t.Helper()
	g, err := ring.GeometryOf[ring.TradingData](slots)
	require.NoError(t, err)
	b := &bed{heap: ring.NewHeap(g)}
	out, err := ring.NewWriter[ring.TradingData](b.heap)
	require.NoError(t, err)
	b.tape, err = source{Seed: 7}.load(100)
	require.NoError(t, err)
	b.writer = &writer{out: out, clock: gigahertz, now: b.now, tape: b.tape, stop: new(atomic.Bool)}
	return b
}

func (b *bed) now() uint64 {
	b.ticks++
	return b.ticks
}

// follower reads from the first record on.
func (b *bed) follower(t *testing.T, s schedule, warmup uint64) *follower {
	t.Helper()
	r, err := ring.NewReader[ring.TradingData](b.heap, ring.ReaderOptions{Start: ring.At(0)})
	require.NoError(t, err)
	f := &follower{reader: r, clock: gigahertz, now: b.now, measureFrom: warmup}
	f.Latency = newTimes()
	f.check = checker{tape: b.tape, schedule: s}
	f.check.expect(0)
	return f
}

func TestPacedRecordsAreFollowed(t *testing.T) {
	const total, warmup = 3000, 500 // more than the tape is long
	b := newBed(t, 4096)
	s := schedule{Base: 100, Step: every(1e8, gigahertz)} // 10 ticks
	p, late := newPacer(s, total, 1e6), newTimes()
	b.writer.paced(&p, warmup, late)
	require.NoError(t, b.writer.out.Close())
	assert.EqualValues(t, total, b.writer.out.Head())
	assert.EqualValues(t, total-warmup, late.count())
	assert.Less(t, late.max, int64(10), "a clock that goes on steadily is never behind")

	f := b.follower(t, s, warmup)
	require.Equal(t, io.EOF, f.latencies())
	assert.EqualValues(t, total, f.Received)
	assert.Zero(t, f.Missed)
	assert.EqualValues(t, total-warmup, f.Latency.count())
	assert.Positive(t, f.Latency.min)
}

func TestFullSpeedRecordsAreFollowed(t *testing.T) {
	for _, batch := range []int{1, 3, 64} {
		b := newBed(t, 1<<14)
		var took uint64
		if batch == 1 {
			took = b.writer.singles(100, 5)
		} else {
			took = b.writer.batches(batch, 100, 5)
		}
		require.NoError(t, b.writer.out.Close())
		assert.EqualValues(t, 5, took)
		published := b.writer.out.Head()
		require.Greater(t, published, b.tape.period)

		f := b.follower(t, schedule{Step: counting}, 0)
		if batch == 1 {
			require.Equal(t, io.EOF, f.singles())
		} else {
			require.Equal(t, io.EOF, f.batches(make([]ring.TradingData, batch)))
		}
		assert.Equal(t, published, f.Received)
		assert.Less(t, f.firstAt, f.lastAt)
	}
}

// Laps are counted exactly, and those of the warm-up apart.
func TestFollowerCountsLaps(t *testing.T) {
	const slots, total, warmup = 64, 1000, 900
	for name, loop := range map[string]func(*follower) error{
		"latencies": (*follower).latencies,
		"singles":   (*follower).singles,
		"batches":   func(f *follower) error { return f.batches(make([]ring.TradingData, 8)) },
	} {
		b := newBed(t, slots)
		s := schedule{Base: 1, Step: every(1e9, gigahertz)}
		p := newPacer(s, total, 1e6)
		b.writer.paced(&p, 0, newTimes())
		require.NoError(t, b.writer.out.Close())

		f := b.follower(t, s, warmup)
		require.Equal(t, io.EOF, loop(f), name)
		assert.EqualValues(t, total, f.Received+f.Missed, name)
		assert.EqualValues(t, warmup, f.MissedWarmup, name) // the ring reaches back to 936 at most
		assert.Greater(t, f.Missed, f.MissedWarmup, name)
		if name == "latencies" {
			assert.NoError(t, f.account(total, benchCase{latency: true, warmup: warmup}))
		}
	}
}

func TestStopEndsTheWriter(t *testing.T) {
	b := newBed(t, 64)
	b.writer.stop.Store(true)
	p := newPacer(schedule{Base: 1 << 60, Step: counting}, 1<<60, 0)
	b.writer.paced(&p, 0, newTimes())
	b.writer.singles(1<<60, 1<<60)
	b.writer.batches(8, 1<<60, 1<<60)
	assert.Zero(t, b.writer.out.Head())
}

// So many runs that an allocation of the runtime, which is counted too, is none a run.
func TestLoopsDoNotAllocate(t *testing.T) {
	b := newBed(t, 1<<15)
	late := newTimes()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		p := newPacer(schedule{Base: b.ticks, Step: counting}, 100, 1e6)
		b.writer.paced(&p, 0, late)
		b.writer.singles(b.ticks, 1)
		b.writer.batches(64, b.ticks, 1)
	}), "writer")

	b = newBed(t, 1<<15)
	s := schedule{Step: counting}
	b.writer.singles(0, 10)
	require.NoError(t, b.writer.out.Close())
	f, buf := b.follower(t, s, 0), make([]ring.TradingData, 8)
	for name, loop := range map[string]func() error{
		"latencies": f.latencies, "singles": f.singles, "batches": func() error { return f.batches(buf) },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			f.reader.Seek(ring.At(0))
			f.check.expect(0)
			if err := loop(); err != io.EOF {
				t.Error(err)
			}
		}), name)
	}
}

func TestCheckerFindsWhatIsWrong(t *testing.T) {
	tape, err := source{Seed: 1}.load(0)
	require.NoError(t, err)
	s := schedule{Base: 1000, Step: every(1e8, gigahertz)}
	const first, n = 5000, 5003 // on a tape whose period is less
	right := tape.records[n%tape.period]
	right.Timestamp = 1030
	check := func(n uint64, rec ring.TradingData) error {
		c := checker{tape: tape, schedule: s, first: first}
		c.expect(5003)
		if c.right(n, &rec) {
			return nil
		}
		return c.failure(n, rec)
	}
	assert.NoError(t, check(n, right))

	for name, spoil := range map[string]func(*ring.TradingData){
		"price":     func(r *ring.TradingData) { r.Price = -r.Price },
		"volume":    func(r *ring.TradingData) { r.Volume++ },
		"valid":     func(r *ring.TradingData) { r.Valid = !r.Valid },
		"other lap": func(r *ring.TradingData) { r.Timestamp = s.due(n - first + 1<<16) },
	} {
		rec := right
		spoil(&rec)
		assert.ErrorContains(t, check(n, rec), "torn or wrong record", name)
	}
	assert.ErrorContains(t, check(n+1, right), "no gap was reported")
}

func TestAccount(t *testing.T) {
	f := followed{Received: 90, Missed: 10, MissedWarmup: 4, Latency: newTimes()}
	assert.NoError(t, f.account(100, benchCase{}))
	assert.ErrorContains(t, f.account(101, benchCase{}), "101 records published, but 90 received and 10 reported as missed")

	latency := benchCase{latency: true, warmup: 50}
	assert.Error(t, f.account(100, latency), "six missed, but none measured")
	for range 44 {
		f.Latency.record(1)
	}
	assert.NoError(t, f.account(100, latency))
}

func TestFollowerEvents(t *testing.T) {
	f := &follower{now: func() uint64 { return 9 }, check: checker{tape: &tape{period: 10}}}
	assert.NoError(t, f.event(&ring.LapError{Gap: ring.Gap{First: 3, Next: 15}}))
	assert.EqualValues(t, 12, f.Missed)
	assert.EqualValues(t, 15, f.check.next)
	assert.EqualValues(t, 5, f.check.at)
	assert.Equal(t, io.EOF, f.event(ring.ErrClosed))
	assert.EqualValues(t, 9, f.lastAt)
	for _, err := range []error{ring.ErrWriterDead, ring.ErrCorrupt, errors.New("other")} {
		assert.Equal(t, err, f.event(err))
	}
}

func TestStamper(t *testing.T) {
	for _, c := range []clock.Clock{{Source: clock.ClockGettime, TicksPerNs: 1}, {Source: clock.TSC, TicksPerNs: 1}} {
		before := c.Now()
		assert.LessOrEqual(t, before, stamper(c)())
	}
}
