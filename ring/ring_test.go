package ring

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPublishedRecordsArriveInOrder(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	var rec TradingData
	_, s := r.Poll(&rec)
	require.Equal(t, Empty, s)
	for n := range uint64(100) { // many laps of 8 slots, never one behind
		trade := tradeOf(n)
		assert.Equal(t, n, w.Publish(&trade))
		got, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, n, got)
		require.Equal(t, trade, rec)
	}
	_, s = r.Poll(&rec)
	assert.Equal(t, Empty, s)
	assert.EqualValues(t, 100, r.Received())
	assert.EqualValues(t, 100, r.Head())
	assert.Zero(t, r.Missed())
}

// TryPoll is Poll where a record is there; where none is it changes nothing, and what there is instead is Poll's to say.
func TestTryPoll(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{Resume: Oldest()})
	before := tradeOf(77)
	rec := before
	none := func(s Status) {
		t.Helper()
		at := r.Position()
		require.False(t, r.TryPoll(&rec))
		require.Contains(t, []TradingData{before, {}}, rec, "no record, and nothing of one")
		require.Equal(t, at, r.Position())
		_, got := r.Poll(&rec)
		require.Equal(t, s, got)
		rec = before
	}
	none(Empty)
	for n := range uint64(20) {
		publish(w, 1)
		require.True(t, r.TryPoll(&rec))
		require.Equal(t, tradeOf(n), rec)
		require.Equal(t, n+1, r.Position())
		rec = before
	}
	publish(w, 10)
	none(Lapped)
	assert.Equal(t, Gap{First: 20, Next: 22}, r.Gap())
	for range 8 {
		require.True(t, r.TryPoll(&rec))
	}
	require.NoError(t, w.Close())
	rec = before
	none(Closed)
	assert.EqualValues(t, 28, r.Received())
	assert.EqualValues(t, 2, r.Missed())
}

// Records that do not fill their last word, or are long, come whole as well.
func TestTryPollOfAnySize(t *testing.T) {
	tryPollOf(t, func(n uint64) [3]byte { return [3]byte{byte(n), byte(n + 1), byte(n + 2)} })
	tryPollOf(t, func(n uint64) (a [300]uint16) {
		for i := range a {
			a[i] = uint16(n) + uint16(i)
		}
		return a
	})
}

func tryPollOf[T comparable](t *testing.T, of func(uint64) T) {
	t.Helper()
	memory, w := newRing[struct{ A T }](t, 4)
	r := newReader[struct{ A T }](t, memory, ReaderOptions{})
	for n := range uint64(10) {
		rec := struct{ A T }{of(n)}
		w.Publish(&rec)
		rec.A = *new(T)
		require.True(t, r.TryPoll(&rec))
		require.Equal(t, of(n), rec.A)
		require.False(t, r.TryPoll(&rec))
	}
}

func TestBatchesWrapAroundTheRing(t *testing.T) {
	for _, size := range []int{1, 3, 7, 8, 9, 64, 1000} { // also more than a ring at once
		memory, w := newRing[TradingData](t, 8)
		first := w.PublishBatch(tradesFrom(0, size))
		require.Zero(t, first)
		require.EqualValues(t, size, w.Head())
		r := newReader[TradingData](t, memory, ReaderOptions{Start: Oldest()})
		got := make([]TradingData, 2*size)
		n, count, s := r.PollBatch(got)
		require.Equal(t, Ready, s)
		kept := min(size, 8)
		require.EqualValues(t, size-kept, n)
		require.Equal(t, tradesFrom(n, kept), got[:count])
		_, count, s = r.PollBatch(got)
		assert.Zero(t, count)
		assert.Equal(t, Empty, s)
		_, _, s = r.PollBatch(nil)
		assert.Equal(t, Empty, s)
	}
}

// A batch of more than the assembly takes at once is one batch.
func TestBatchesOfMoreThanARun(t *testing.T) {
	memory, w := newRing[TradingData](t, 1024)
	w.PublishBatch(tradesFrom(0, 3*maxRun))
	r := newReader[TradingData](t, memory, ReaderOptions{Start: Oldest()})
	for _, size := range []int{2*maxRun - 1, 1, maxRun + 7} {
		at := r.Position()
		got := make([]TradingData, size)
		_, count, s := r.PollBatch(got)
		require.Equal(t, Ready, s)
		require.Equal(t, tradesFrom(at, min(size, 3*maxRun-int(at))), got[:count])
	}
}

// What is delivered and what is reported lost are, put together, all records, each once and in order,
// whatever the policy, the size of the ring, and the way writer and reader take turns.
func TestDeliveredAndLostAreEverything(t *testing.T) {
	policies := map[string]Position{
		"oldest": Oldest(), "oldest safe": OldestSafe(), "newest": Newest(), "newest-3": NewestMinus(3), "newest-1000": NewestMinus(1000), "at": At(5),
	}
	for name, policy := range policies {
		for _, slots := range []uint64{2, 4, 64} {
			random := rand.New(rand.NewPCG(1, slots))
			memory, w := newRing[TradingData](t, slots)
			r := newReader[TradingData](t, memory, ReaderOptions{Start: At(0), Resume: policy})
			batch := make([]TradingData, 16)
			expected := uint64(0)
			check := func(n uint64, recs []TradingData, s Status) {
				switch s {
				case Ready:
					require.Equal(t, expected, n, "%s, %d slots", name, slots)
					require.Equal(t, tradesFrom(n, len(recs)), recs)
					expected += uint64(len(recs))
				case Lapped:
					require.Equal(t, expected, r.Gap().First)
					require.Greater(t, r.Gap().Next, r.Gap().First)
					expected = r.Gap().Next
				default:
					require.Equal(t, Empty, s)
				}
			}
			for range 5000 {
				switch random.IntN(4) {
				case 0:
					publish(w, random.IntN(int(slots)))
				case 1:
					w.PublishBatch(tradesFrom(w.Head(), random.IntN(2*int(slots))))
				case 2:
					n, s := r.Poll(&batch[0])
					check(n, batch[:1], s)
				case 3:
					n, count, s := r.PollBatch(batch[:1+random.IntN(15)])
					check(n, batch[:count], s)
				}
			}
			for expected < w.Head() {
				n, s := r.Poll(&batch[0])
				check(n, batch[:1], s)
			}
			assert.Equal(t, w.Head(), r.Received()+r.Missed(), "%s, %d slots", name, slots)
			assert.Equal(t, w.Head(), r.Position())
		}
	}
}

func TestPositions(t *testing.T) {
	for _, c := range []struct {
		p           Position
		slots, head uint64
		want        uint64
	}{
		{Oldest(), 8, 0, 0}, {Oldest(), 8, 8, 0}, {Oldest(), 8, 9, 1}, {Oldest(), 8, 100, 92},
		{OldestSafe(), 8, 0, 0}, {OldestSafe(), 8, 8, 0}, {OldestSafe(), 8, 100, 94}, {OldestSafe(), 2, 100, 99}, {OldestSafe(), 64, 100, 52},
		{Newest(), 8, 0, 0}, {Newest(), 8, 1, 0}, {Newest(), 8, 100, 99},
		{NewestMinus(3), 8, 2, 0}, {NewestMinus(3), 8, 100, 96}, {NewestMinus(1000), 8, 100, 92},
		{At(7), 8, 100, 7}, {At(700), 8, 100, 700},
	} {
		assert.Equal(t, c.want, c.p.resolve(c.slots, c.head), "%+v of %d slots, head %d", c.p, c.slots, c.head)
	}
}

// The record in flight has the oldest one's place already, also where that is the very first.
func TestOldestIsNotTheOneBeingOverwritten(t *testing.T) {
	for _, published := range []int{0, 3, 4, 5} {
		heap, w := newRing[TradingData](t, 4)
		publish(w, published)
		*(*uint64)(w.words.slot(uint64(published))) = 2*uint64(published) + 1
		r := newReader[TradingData](t, heap, ReaderOptions{Start: Oldest()})
		var rec TradingData
		n, status := r.Poll(&rec)
		if published == 0 {
			require.Equal(t, Empty, status)
			continue
		}
		require.Equal(t, Ready, status, published)
		require.Equal(t, uint64(max(0, published-3)), n)
	}
}

func TestNoPositionBehindTheLastNumber(t *testing.T) {
	heap, _ := newRing[TradingData](t, 4)
	for _, n := range []uint64{1<<63 - 2, 1<<63 - 1, 1 << 63, math.MaxUint64} {
		r := newReader[TradingData](t, heap, ReaderOptions{Start: At(n)})
		require.Equal(t, uint64(1<<63-2), r.Position())
		var rec TradingData
		_, status := r.Poll(&rec)
		require.Equal(t, Empty, status, n)
	}
}

func TestAReaderThatResumesSafelyIsNotLappedAtOnce(t *testing.T) {
	memory, w := newRing[TradingData](t, 64)
	r := newReader[TradingData](t, memory, ReaderOptions{Start: At(0)})
	publish(w, 1000)
	var rec TradingData
	_, s := r.Poll(&rec)
	require.Equal(t, Lapped, s)
	assert.Equal(t, Gap{First: 0, Next: 1000 - 64 + 16}, r.Gap())
	publish(w, 15) // the margin
	_, s = r.Poll(&rec)
	assert.Equal(t, Ready, s)
}

func TestAReaderThatIsAheadWaits(t *testing.T) {
	memory, w := newRing[TradingData](t, 4)
	r := newReader[TradingData](t, memory, ReaderOptions{Start: At(10)})
	var rec TradingData
	for w.Head() < 10 {
		publish(w, 1)
		_, s := r.Poll(&rec)
		require.Equal(t, Empty, s)
		n, s := r.Latest(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, w.Head()-1, n, "the reader's position is no proof that something was published")
	}
	publish(w, 1)
	n, s := r.Poll(&rec)
	assert.Equal(t, Ready, s)
	assert.EqualValues(t, 10, n)
	assert.Zero(t, r.Missed())
}

func TestLatestThenFollow(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	var rec TradingData
	_, s := r.Latest(&rec)
	require.Equal(t, Empty, s)
	publish(w, 100)
	n, s := r.Latest(&rec)
	require.Equal(t, Ready, s)
	require.EqualValues(t, 99, n)
	require.Equal(t, tradeOf(99), rec)
	r.Seek(At(n + 1))
	_, s = r.Poll(&rec)
	require.Equal(t, Empty, s, "no duplicate")
	publish(w, 1)
	n, s = r.Poll(&rec)
	assert.Equal(t, Ready, s)
	assert.EqualValues(t, 100, n, "no gap")
	assert.EqualValues(t, 1, r.Received(), "what a seek passes over is neither received")
	assert.Zero(t, r.Missed(), "nor missed")
}

// In the middle of a batch the head is behind the slots. What a reader got from a slot, Latest must
// not fall back behind.
func TestLatestIsNeverOlderThanWhatWasPolled(t *testing.T) {
	memory, w := newRing[TradingData](t, 16)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 20)
	*w.words.head = 15 // as it was before the batch
	var rec TradingData
	n, s := r.Latest(&rec)
	require.Equal(t, Ready, s)
	assert.EqualValues(t, 19, n)
	for s != Empty { // lapped once, and then all there is
		_, s = r.Poll(&rec)
	}
	n, s = r.Latest(&rec)
	assert.Equal(t, Ready, s)
	assert.EqualValues(t, 19, n)
}

func TestPeekSeesTheRecordInPlace(t *testing.T) {
	memory, w := newRing[TradingData](t, 4)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	looked := 0
	look := func(n uint64, rec *TradingData) {
		looked++
		assert.EqualValues(t, 0, n)
		assert.Equal(t, tradeOf(0), *rec)
	}
	_, s := r.Peek(look)
	require.Equal(t, Empty, s)
	require.Zero(t, looked)
	publish(w, 1)
	n, s := r.Peek(look)
	require.Equal(t, Ready, s)
	assert.Zero(t, n)
	assert.Equal(t, 1, looked)
}

func TestPeekRefusesWhatWasOverwrittenMeanwhile(t *testing.T) {
	memory, w := newRing[TradingData](t, 4)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 1)
	_, s := r.Peek(func(uint64, *TradingData) { publish(w, 4) })
	if peekCopies {
		assert.Equal(t, Ready, s, "look had a copy, which was whole")
		return
	}
	assert.Equal(t, Lapped, s)
}

func TestCloseComesAfterTheLastRecord(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 3)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "a second close does nothing")
	assert.EqualValues(t, 3, w.Head())
	assert.PanicsWithValue(t, "ring: Publish on a closed Writer", func() { publish(w, 1) })
	assert.PanicsWithValue(t, "ring: Publish on a closed Writer", func() { w.PublishBatch(tradesFrom(0, 1)) })
	var rec TradingData
	for range 3 {
		_, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
	}
	for range 2 {
		_, s := r.Poll(&rec)
		require.Equal(t, Closed, s)
	}

	w, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	assert.EqualValues(t, 3, w.Head(), "numbers go on")
	_, s := r.Poll(&rec)
	require.Equal(t, Restarted, s)
	epoch, first := r.Epoch()
	assert.EqualValues(t, 2, epoch)
	assert.EqualValues(t, 3, first)
	_, s = r.Poll(&rec)
	require.Equal(t, Empty, s, "told once")
	publish(w, 1)
	n, s := r.Poll(&rec)
	require.Equal(t, Ready, s)
	assert.EqualValues(t, 3, n)
}

func TestARestartIsToldBehindTheRecordsBeforeIt(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 2)
	w2, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	var rec TradingData
	for n := range uint64(2) {
		got, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, n, got)
	}
	_, s := r.Poll(&rec)
	require.Equal(t, Restarted, s)
	publish(w2, 1)
	_, s = r.Poll(&rec)
	require.Equal(t, Ready, s)
}

func TestTheFirstWriterIsNoRestart(t *testing.T) {
	g, err := GeometryOf[TradingData](8)
	require.NoError(t, err)
	memory := NewHeap(g)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	var rec TradingData
	_, s := r.Poll(&rec)
	require.Equal(t, Empty, s)
	w, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	_, s = r.Poll(&rec)
	require.Equal(t, Empty, s)
	publish(w, 1)
	_, s = r.Poll(&rec)
	assert.Equal(t, Ready, s)
}

func TestAWriterThatIsStoppedInMidPublishHoldsNobodyUp(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 20)
	*(*uint64)(w.words.slot(20)) = 2*20 + 1 // the odd mark of record 20
	*(*uint64)(w.words.viewVersion) = 2*20 + 1
	r := newReader[TradingData](t, memory, ReaderOptions{Start: Oldest()})
	var rec TradingData
	n, s := r.Latest(&rec)
	require.Equal(t, Ready, s)
	assert.EqualValues(t, 19, n)
	for n := range uint64(7) { // record 12 is gone: record 20 has its slot
		got, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, 13+n, got)
	}
	_, s = r.Poll(&rec)
	assert.Equal(t, Empty, s)
}

func TestDamagedMemoryIsCorruptNotAPanic(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 1)
	var rec TradingData
	for _, version := range []uint64{1 << 60, 1<<64 - 1, finished(1), finished(8 * 1000)} {
		*(*uint64)(w.words.slot(0)) = version
		_, s := r.Poll(&rec)
		assert.Equal(t, Corrupt, s, "version %#x", version)
	}
	*w.words.head = 5
	_, err := NewWriter[TradingData](memory)
	assert.ErrorIs(t, err, ErrCorrupt)
	*w.words.head = 0
	*(*uint64)(w.words.slot(0)) = finished(8)
	_, err = NewWriter[TradingData](memory)
	assert.ErrorIs(t, err, ErrCorrupt)
}

func TestEpochThatGoesBackIsCorruptNotARestart(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	for range 2 { // the ring's third epoch
		var err error
		w, err = NewWriter[TradingData](memory)
		require.NoError(t, err)
	}
	r := newReader[TradingData](t, memory, ReaderOptions{})
	epoch, first := r.Epoch()
	require.Equal(t, uint64(3), epoch)
	var rec TradingData
	for _, wrong := range []uint64{0, 1, 2} {
		*w.words.epoch = wrong
		_, s := r.Poll(&rec)
		assert.Equal(t, Corrupt, s, "epoch %d", wrong)
		said, from := r.Epoch()
		assert.Equal(t, []uint64{epoch, first}, []uint64{said, from})
	}
	*w.words.epoch = epoch
	_, s := r.Poll(&rec)
	assert.Equal(t, Empty, s)
	*w.words.epoch = epoch + 1
	_, s = r.Poll(&rec)
	assert.Equal(t, Restarted, s)
}

func TestWhatMemoryIsRefused(t *testing.T) {
	g, err := GeometryOf[TradingData](8)
	require.NoError(t, err)
	type other struct {
		Price     float64
		Timestamp uint64
		Volume    uint32
		Valid     bool
	}
	var schema *SchemaError
	_, err = NewReader[other](NewHeap(g), ReaderOptions{})
	require.ErrorAs(t, err, &schema)
	assert.Equal(t, "volume", schema.Field)
	assert.EqualError(t, err, "ring: record type does not match the segment: field volume: segment has volume i32 @16, program has volume u32 @16")
	_, err = NewWriter[other](NewHeap(g))
	assert.ErrorAs(t, err, &schema)

	_, err = NewReader[TradingData](NewHeap(g), ReaderOptions{Wait: Block()})
	assert.ErrorIs(t, err, ErrNoDoorbell)

	short := NewHeap(g)
	short.slots = short.slots[:len(short.slots)-1]
	_, err = NewReader[TradingData](short, ReaderOptions{})
	assert.ErrorIs(t, err, ErrGeometry)
	crooked := NewHeap(g)
	crooked.header = alignedBytes(g.HeaderSize + 8)[4:]
	_, err = NewWriter[TradingData](crooked)
	assert.ErrorIs(t, err, ErrGeometry)
	_, err = NewReader[TradingData](&Heap{header: make([]byte, 24)}, ReaderOptions{})
	assert.ErrorIs(t, err, ErrBare)
	_, err = NewBareReader(&Heap{header: make([]byte, 16)})
	assert.ErrorIs(t, err, ErrGeometry)
	_, err = NewWriter[TradingData](readOnly{NewHeap(g)})
	assert.ErrorIs(t, err, ErrReadOnly)
}

// readOnly is memory that another process writes.
type readOnly struct{ *Heap }

func (readOnly) Writable() bool { return false }

func TestBareReader(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 6)
	r, err := NewBareReader(memory) // the view is where a bare segment has its record
	require.NoError(t, err)
	assert.Equal(t, tradeOf(5), r.Read())
}

func TestRawReader(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 3)
	r, err := NewRawReader(memory, ReaderOptions{})
	require.NoError(t, err)
	got := make([]byte, 24)
	for n := range uint64(3) {
		number, s := r.Poll(got)
		require.Equal(t, Ready, s)
		require.Equal(t, n, number)
		trade := tradeOf(n)
		require.Equal(t, recordBytes(&trade), got)
	}
	_, s := r.Poll(got)
	assert.Equal(t, Empty, s)
	assert.Panics(t, func() { r.Poll(got[:23]) })
	require.NoError(t, w.Close())
	_, err = r.Next(t.Context(), got)
	assert.ErrorIs(t, err, ErrClosed)
}
