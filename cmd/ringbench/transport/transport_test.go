package transport

import (
	"math"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/ring"
)

const (
	period = 1021
	spare  = 64 // of the tape, behind its period
)

func newTape() []Record {
	tape := make([]Record, period+spare)
	for i := range tape {
		n := i % period
		tape[i] = Record{Price: float64(n) + 0.25, Volume: int32(n + 1), Valid: n%7 != 0}
	}
	return tape
}

// ticksPerUs is of this machine's clock.
func ticksPerUs(t *testing.T) uint64 {
	t.Helper()
	c, err := clock.Calibrate(1e6)
	require.NoError(t, err)
	return uint64(c.TicksPerNs * 1000)
}

func stamper() Stamper { return Stamper{Wall: clock.Trusted() != nil} }

// pacedSlice has a record each microsecond.
func pacedSlice(t *testing.T, n int) *Slice {
	t.Helper()
	us := ticksPerUs(t)
	s := &Slice{Tape: newTape(), Period: period, Due: make([]uint64, n), Batch: 1, Waits: WaitSpin, Samples: make([]int64, n), Clock: stamper()}
	s.GiveUp = 60e6 * us
	for i := range s.Due {
		s.Due[i] = uint64(i) * us
	}
	s.Base = s.Clock.Now() + 100*us
	return s
}

func fullSlice(t *testing.T, batch int) *Slice {
	t.Helper()
	s := &Slice{Tape: newTape(), Period: period, Batch: batch, Waits: WaitSpin, Ticks: 200 * ticksPerUs(t), Clock: stamper()}
	s.Base = s.Clock.Now()
	return s
}

// other is the same slice for the other end, which has a tape and samples of its own.
func (s *Slice) other() *Slice {
	o := *s
	o.Tape, o.Samples = newTape(), make([]int64, len(s.Samples))
	return &o
}

// play plays a slice with both ends at once.
func play(t *testing.T, s Sender, r Receiver, slice *Slice) (sent Sent, got Received, receiverSlice *Slice) {
	t.Helper()
	receiverSlice = slice.other()
	require.NoError(t, r.Ready(receiverSlice))
	done := make(chan error)
	go func() {
		var err error
		sent, err = s.Send(slice)
		done <- err
	}()
	got, err := r.Receive(receiverSlice)
	require.NoError(t, err)
	require.NoError(t, <-done)
	return sent, got, receiverSlice
}

func heapOf(t *testing.T, slots uint64) *ring.Heap {
	t.Helper()
	g, err := ring.GeometryOf[Record](slots)
	require.NoError(t, err)
	return ring.NewHeap(g)
}

// ends of a transport in one process.
type ends struct {
	Sender
	Receiver
	loses bool
	paced bool // and nothing else
}

func ringEnds(t *testing.T, slots uint64) ends {
	t.Helper()
	h, word := heapOf(t, slots), make([]uint64, 1)
	out, err := NewRingSender(h, word)
	require.NoError(t, err)
	return ends{Sender: out, Receiver: NewRingReceiver(h, word), loses: true}
}

func queueEnds(t *testing.T, send, receive *os.File, err error, s func(int) (*MessageSender, error), r func(int) *MessageReceiver) ends {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = send.Close(), receive.Close() })
	out, err := s(int(send.Fd()))
	require.NoError(t, err)
	return ends{Sender: out, Receiver: r(int(receive.Fd()))}
}

// shared are the transports that need no system call; the others are in rivals_linux_test.go.
func shared(t *testing.T) map[string]ends {
	t.Helper()
	page := func(bytes int) []uint64 { return make([]uint64, (bytes+7)/8) }
	limit, atomics, queue := page(64), page(64), page(MutexQueueBytes)
	all := map[string]ends{
		"ring":   ringEnds(t, 1<<12),
		"limit":  {Sender: NewLimitSender(limit), Receiver: NewLimitReceiver(limit), loses: true, paced: true},
		"atomic": {Sender: NewAtomicSender(atomics), Receiver: NewAtomicReceiver(atomics), loses: true},
		"mutex":  {Sender: NewMutexSender(queue), Receiver: NewMutexReceiver(queue)},
	}
	out, in := NewChannel()
	all["channel"] = ends{Sender: out, Receiver: in}
	return all
}

// Every record that is sent arrives as it was sent, or is counted as missed; several slices on the same channel.
func testEnds(t *testing.T, e ends) {
	const records, warmup = 3000, 500
	for range 2 {
		s := pacedSlice(t, records)
		s.Warmup, s.First = warmup, 77
		sent, got, receiver := play(t, e.Sender, e.Receiver, s)
		assert.EqualValues(t, records, sent.Published)
		assert.Equal(t, records-warmup, sent.Samples)
		assert.EqualValues(t, records, got.Received+got.Missed)
		assert.EqualValues(t, records-warmup, uint64(got.Samples)+got.Missed-got.MissedWarmup)
		for _, late := range s.Samples[:sent.Samples] {
			require.GreaterOrEqual(t, late, int64(0), "sent before it was due")
		}
		for _, latency := range receiver.Samples[:got.Samples] {
			require.GreaterOrEqual(t, latency, int64(0), "received before it was due")
		}
		if !e.loses {
			assert.Zero(t, got.Missed)
		}
	}
	if e.paced {
		return
	}
	for _, batch := range []int{1, 3, 64} {
		sent, got, _ := play(t, e.Sender, e.Receiver, fullSlice(t, batch))
		assert.Positive(t, sent.Published)
		assert.Equal(t, sent.Published, got.Received+got.Missed)
		if !e.loses {
			assert.Zero(t, got.Missed)
			assert.Positive(t, got.Ticks)
		}
	}
}

func TestSharedMemory(t *testing.T) {
	for name, e := range shared(t) {
		t.Run(name, func(t *testing.T) { testEnds(t, e) })
	}
}

// A slice that nobody reads at the time: what a ring has no room for is missed, exactly, the warm-up's apart.
func TestRingReceiverCountsLaps(t *testing.T) {
	const slots, records, warmup = 64, 1000, 900
	for name, change := range map[string]func(*Slice){
		"latencies": func(*Slice) {},
		"singles":   func(s *Slice) { s.Due = nil },
		"slowly":    func(s *Slice) { s.Due, s.Slow = nil, 1 },
		"batches":   func(s *Slice) { s.Due, s.Batch = nil, 8 },
	} {
		t.Run(name, func(t *testing.T) {
			e := ringEnds(t, slots)
			s := pacedSlice(t, records)
			s.Warmup, s.Ticks = warmup, 1
			change(s)
			receiver := s.other()
			require.NoError(t, e.Ready(receiver))
			sent, err := e.Send(s)
			require.NoError(t, err)
			got, err := e.Receive(receiver)
			require.NoError(t, err)
			assert.Equal(t, sent.Published, got.Received+got.Missed)
			assert.EqualValues(t, warmup, got.MissedWarmup, "the ring does not reach back so far")
			assert.GreaterOrEqual(t, got.Missed, sent.Published-slots)
			if s.Due != nil {
				assert.EqualValues(t, got.Received, got.Samples)
			}
		})
	}
}

func TestCostIsSampled(t *testing.T) {
	for _, batch := range []int{1, 64} {
		e := ringEnds(t, 1<<12)
		s := fullSlice(t, batch)
		s.Cost, s.Samples, s.Ticks = true, make([]int64, 10), math.MaxUint64
		sent, err := e.Send(s)
		require.NoError(t, err)
		assert.Equal(t, 10, sent.Samples, "no more than there is room for")
		assert.EqualValues(t, 10*max(CostGroup, batch), sent.Published)
		for _, ticks := range s.Samples {
			assert.Positive(t, ticks)
		}
	}
}

// Turns: what was published is read back, and every poll finds its record.
func TestAlone(t *testing.T) {
	const samples = 10
	for _, batch := range []int{1, 64} {
		e := ringEnds(t, 1<<12)
		s := fullSlice(t, batch)
		s.Alone, s.Period, s.Samples, s.Ticks = true, 960, make([]int64, samples), math.MaxUint64
		receiver := s.other()
		require.NoError(t, e.Ready(receiver))
		sent, err := e.Send(s)
		require.NoError(t, err)
		assert.Equal(t, samples, sent.Samples)
		assert.EqualValues(t, samples*960, sent.Published)
		got, err := e.Receive(receiver)
		require.NoError(t, err)
		assert.Equal(t, samples, got.Samples)
		assert.Equal(t, sent.Published, got.Received+got.Missed)
		assert.GreaterOrEqual(t, got.Received, uint64(960))
		for i := range samples {
			assert.Positive(t, s.Samples[i])
			assert.Positive(t, receiver.Samples[i])
		}
	}
}

// A ring that was not filled is no ring to poll from.
func TestAloneNeedsItsRecords(t *testing.T) {
	e := ringEnds(t, 1<<9) // fewer slots than a period
	s := fullSlice(t, 1)
	s.Alone, s.Period, s.Samples = true, 960, make([]int64, 1)
	receiver := s.other()
	require.NoError(t, e.Ready(receiver))
	_, err := e.Send(s)
	require.NoError(t, err)
	_, err = e.Receive(receiver)
	assert.ErrorContains(t, err, "too few to poll")
}

// A sender that waits loses nothing, also through a ring that is small.
func TestWaitingLosesNothing(t *testing.T) {
	for _, batch := range []int{1, 3, 64} {
		for _, slots := range []uint64{256, 1 << 12} {
			s := fullSlice(t, batch)
			s.Window = WindowOf(slots, batch)
			require.Positive(t, s.Window)
			e := ringEnds(t, slots)
			sent, got, _ := play(t, e.Sender, e.Receiver, s)
			assert.Positive(t, sent.Published)
			assert.Equal(t, sent.Published, got.Received)
		}
	}
	assert.Zero(t, WindowOf(128, 64), "no room")
}

// A sender that cannot keep the rate stops.
func TestGivingUp(t *testing.T) {
	for name, e := range shared(t) {
		s := pacedSlice(t, 1000)
		for i := range s.Due {
			s.Due[i] = 0
		}
		s.GiveUp, s.Base = 0, s.Clock.Now()
		sent, got, _ := play(t, e.Sender, e.Receiver, s)
		assert.Less(t, sent.Published, uint64(1000), name)
		assert.Equal(t, sent.Published, got.Received+got.Missed, name)
	}
}

func TestLoopsDoNotAllocate(t *testing.T) {
	e := ringEnds(t, 1<<15)
	paced, single, batch, cost := pacedSlice(t, 2000), fullSlice(t, 1), fullSlice(t, 64), fullSlice(t, 1)
	paced.Due = make([]uint64, len(paced.Due))
	cost.Cost, cost.Samples = true, make([]int64, 100)
	for name, s := range map[string]*Slice{"paced": paced, "singles": single, "batches": batch, "cost": cost} {
		receiver := s.other()
		s.Ticks = 1
		receiver.Cost = false
		allocated := testing.AllocsPerRun(10, func() {
			if err := e.Ready(receiver); err != nil {
				t.Error(err)
			}
			if _, err := e.Send(s); err != nil {
				t.Error(err)
			}
			if _, err := e.Receive(receiver); err != nil {
				t.Error(err)
			}
		})
		assert.Less(t, allocated, 50.0, "%s: some for a slice's reader, none for a record", name)
	}
}

func TestCheckerFindsWhatIsWrong(t *testing.T) {
	s := pacedSlice(t, 4000)
	s.First = 5
	const i = 3000 // on a tape whose period is less
	right := s.Tape[(i+s.First)%period]
	right.Timestamp = s.Base + s.Due[i]
	check := func(i uint64, r Record) error {
		c := s.checks()
		c.expect(3000)
		if c.right(i, &r) {
			return nil
		}
		return c.failure(i, r)
	}
	require.NoError(t, check(i, right))
	for name, spoil := range map[string]func(*Record){
		"price":  func(r *Record) { r.Price = -r.Price },
		"volume": func(r *Record) { r.Volume++ },
		"valid":  func(r *Record) { r.Valid = !r.Valid },
		"stamp":  func(r *Record) { r.Timestamp++ },
	} {
		r := right
		spoil(&r)
		assert.ErrorContains(t, check(i, r), "torn or wrong record", name)
	}
	assert.ErrorContains(t, check(i+1, right), "no gap was reported")
	c := s.checks()
	c.expect(4000)
	assert.False(t, c.right(4000, &right))
	assert.ErrorContains(t, c.failure(4000, right), "of a slice of 4000")
}

func TestTheLastMessageMustFit(t *testing.T) {
	s := fullSlice(t, 1)
	c := s.checks()
	c.expect(10)
	last := endOf(12)
	got := Received{Received: 10}
	require.NoError(t, got.ended(&c, &last))
	assert.EqualValues(t, 2, got.Missed)

	got = Received{Received: 9}
	assert.ErrorContains(t, got.ended(&c, &last), "12 records were sent, but 9 received and 2 reported")
	early := endOf(9)
	assert.ErrorContains(t, got.ended(&c, &early), "after record 10")
	torn := last
	torn.Volume = 0
	assert.Error(t, got.ended(&c, &torn))
}

// The naive record is torn if a field of the next one is there already: that is counted, not hidden.
func TestTornAtomicsAreCounted(t *testing.T) {
	words := make([]uint64, 8)
	line, in, s := lineOf[atomicRecord](words), NewAtomicReceiver(words), fullSlice(t, 1)
	// Whether the receiver looks in time is not for the test to say.
	require.Eventually(t, func() bool {
		before := line.number.Load()
		assert.NoError(t, in.Ready(s))
		done := make(chan Received)
		go func() {
			got, err := in.Receive(s)
			assert.NoError(t, err)
			done <- got
		}()
		line.store(&s.Tape[1], before+1) // under the number of the record before it
		_ = s.Clock.Until(s.Clock.Now() + limitPause)
		end := endOf(1)
		line.store(&end, before+2)
		got := <-done
		assert.EqualValues(t, 1, got.Received+got.Missed)
		assert.Equal(t, got.Received, got.Torn)
		return got.Torn == 1
	}, time.Minute, time.Microsecond)
}

// The limit's latency is that of the record whose number the line holds.
func TestLimitLatency(t *testing.T) {
	words := make([]uint64, 8)
	in, us := NewLimitReceiver(words), ticksPerUs(t)
	require.Eventually(t, func() bool { // until the receiver looks in time
		s := pacedSlice(t, 4)
		s.Due = []uint64{0, 1000 * us, 3000 * us, 9000 * us}
		assert.NoError(t, in.Ready(s))
		done := make(chan Received)
		go func() {
			got, err := in.Receive(s)
			assert.NoError(t, err)
			done <- got
		}()
		before := s.Clock.Now()
		release(&words[0], 3)
		_ = s.Clock.Until(s.Clock.Now() + limitPause)
		release(&words[0], limitEnd|4)
		got := <-done
		after := s.Clock.Now()
		assert.EqualValues(t, 4, got.Received+got.Missed)
		if got.Received == 0 {
			return false
		}
		due := s.Base + 3000*us
		assert.GreaterOrEqual(t, s.Samples[0], int64(before-due))
		assert.LessOrEqual(t, s.Samples[0], int64(after-due))
		return true
	}, time.Minute, time.Microsecond)
}

// Whoever has the lock is alone, however long it takes; those who wait for it sleep.
func TestMutex(t *testing.T) {
	var m mutex
	var inside atomic.Int32
	var group sync.WaitGroup
	clock, hold := stamper(), 20*ticksPerUs(t)
	for range 3 {
		group.Go(func() {
			for range 300 {
				m.lock()
				if inside.Add(1) != 1 {
					t.Error("two have the lock")
				}
				_ = clock.Until(clock.Now() + hold)
				inside.Add(-1)
				m.unlock()
			}
		})
	}
	group.Wait()
	assert.Zero(t, m.state)
}

func TestParseWait(t *testing.T) {
	for text, want := range map[string]ring.Wait{
		"spin": ring.Spin(), "block": ring.Block(), "backoff": ring.Backoff(0),
		"backoff:200us": ring.Backoff(200e3), "every:1ms": ring.Every(1e6),
	} {
		got, err := ParseWait(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "spin:1us", "block:1us", "every", "every:", "every:5", "every:10ns", "backoff:x", "yield"} {
		_, err := ParseWait(text)
		assert.ErrorContains(t, err, "--wait", text)
	}
	_, in := NewChannel()
	assert.ErrorIs(t, in.Ready(&Slice{Waits: "backoff"}), errWait)
}

func TestStamper(t *testing.T) {
	for _, source := range []clock.Source{clock.ClockGettime, clock.TSC} {
		s := StamperOf(clock.Clock{Source: source})
		before := s.Now()
		assert.LessOrEqual(t, before, s.Now())
		assert.GreaterOrEqual(t, s.Until(before), before)
	}
}
