package ring

import (
	"context"
	"errors"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
)

// States of a ring that last for a few stores, or that a reader meets between two of its loads. The tests put them
// together by hand.

func setVersion(w *words, n, version uint64) { *(*uint64)(w.slot(n)) = version }

func TestHeapHasAHeader(t *testing.T) {
	g, err := GeometryOf[TradingData](8)
	require.NoError(t, err)
	h := NewHeap(g)
	got, err := layout.Decode(g.SegmentSize, func(offset, n int) ([]byte, error) { return h.Header()[offset:][:n], nil })
	require.NoError(t, err)
	assert.Equal(t, g.Record, got.Record)
}

func TestMemoryShorterThanItSays(t *testing.T) {
	g, err := GeometryOf[TradingData](8)
	require.NoError(t, err)
	h := NewHeap(g)
	h.header = h.header[:len(h.header)-1]
	_, err = NewReader[TradingData](h, ReaderOptions{})
	require.ErrorIs(t, err, ErrGeometry)
	_, err = NewBareReader(&Heap{header: alignedBytes(32)[4:]})
	require.ErrorIs(t, err, ErrGeometry, "not aligned")
}

func TestOldestOfAnEmptyRing(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{Start: Oldest()})
	publish(w, 1)
	var rec TradingData
	n, s := r.Poll(&rec)
	assert.Equal(t, Ready, s)
	assert.Zero(t, n)
}

func TestNoRoomForABatch(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	require.NoError(t, w.Close())
	_, count, s := r.PollBatch(nil)
	assert.Equal(t, Empty, s)
	assert.Zero(t, count)
	_, _, s = r.PollBatch(make([]TradingData, 1))
	assert.Equal(t, Closed, s)
}

func TestRunsAreBounded(t *testing.T) {
	_, w := newRing[TradingData](t, 4*maxRun)
	assert.Equal(t, maxRun, w.run)
	_, w = newRing[TradingData](t, maxRun)
	assert.Equal(t, maxRun/2, w.run)
}

// The slot was looked at before the record was there, and the words of life after that.
func TestARecordThatCameAfterTheLook(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 2)
	require.NoError(t, w.Close())
	assert.Equal(t, Empty, r.miss(0), "not closed: the record is there")
	_, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	assert.Equal(t, Empty, r.miss(0), "no restart: records from before it are to be read")
	epoch, _ := r.Epoch()
	assert.EqualValues(t, 1, epoch)
	var rec TradingData
	for range 2 {
		_, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
	}
	assert.Equal(t, Restarted, r.miss(0))
}

// The first writer that a reader hears of may have been the second.
func TestTheFirstWriterCameAndWent(t *testing.T) {
	g, err := GeometryOf[TradingData](8)
	require.NoError(t, err)
	memory := NewHeap(g)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	w, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	publish(w, 2)
	_, err = NewWriter[TradingData](memory)
	require.NoError(t, err)
	assert.Equal(t, Empty, r.miss(0))
	epoch, first := r.Epoch()
	assert.EqualValues(t, 2, epoch)
	assert.EqualValues(t, 2, first)
}

// The head lags by a run of records.
func TestLappedBeforeTheHeadIsStored(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{Start: At(3), Resume: Newest()})
	publish(w, 12) // slot 3 has record 11
	*w.words.head = 8
	var rec TradingData
	_, s := r.Poll(&rec)
	require.Equal(t, Lapped, s)
	assert.Equal(t, Gap{First: 3, Next: 10}, r.Gap(), "all before 11 is there")
	*w.words.head = 11
	setVersion(&w.words, 19, finished(19))
	r.Seek(At(3))
	_, s = r.Poll(&rec)
	assert.Equal(t, Lapped, s, "a lap before the head's record can be")
}

func TestLatestGoesBackBehindNothingThatWasRead(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	publish(w, 4)
	var rec TradingData
	for range 4 {
		_, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
	}
	*w.words.head = 2
	setVersion(&w.words, 2, finished(2)+1) // not the record that the head waits for
	assert.EqualValues(t, 4, r.finishedHead())
}

func TestLatestOfARingThatWentRound(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	setVersion(&w.words, 0, finished(8)) // since the head was loaded
	var rec TradingData
	_, s := r.Latest(&rec)
	assert.Equal(t, Lapped, s)
}

func TestNoRecordIsLeftOfALap(t *testing.T) {
	type pair struct{ A, B uint64 }
	memory, w := newRing[pair](t, 2)
	for n := range uint64(3) {
		w.Publish(&pair{n, n})
	}
	r := newReader[pair](t, memory, ReaderOptions{})
	rec := pair{7, 7}
	assert.Equal(t, finished(2), r.load(&rec, 0, finished(0)))
	assert.Zero(t, rec, "it may have been copied in part")
}

func TestTakeoverOfHeads(t *testing.T) {
	memory, w := newRing[TradingData](t, 4)
	publish(w, 4)
	*w.words.head = 0
	w, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	assert.EqualValues(t, 4, w.Head(), "all of a ring, of which the head knows nothing")
}

func TestTakeoverClearsAViewOfNothing(t *testing.T) {
	memory, w := newRing[TradingData](t, 4)
	*(*uint64)(w.words.viewVersion) = 1
	view := (*[3]uint64)(w.words.view)
	*view = [3]uint64{1, 2, 3}
	*(*uint64)(unsafe.Add(w.words.slot(3), 8)) = 9 // what is in a slot that was never written counts for nothing
	_, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	assert.Zero(t, *(*uint64)(w.words.viewVersion))
	assert.Equal(t, [3]uint64{}, *view)
}

// asked does something when somebody asks whether the writer lives, and says that it does not.
type asked struct {
	*Heap
	then func()
}

func (a asked) WriterAlive() (bool, error) {
	if a.then != nil {
		a.then()
	}
	return false, nil
}

func TestWhoIsNotTakenForDead(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 1)
	r := newReader[TradingData](t, asked{Heap: memory}, ReaderOptions{})
	assert.NoError(t, r.checkWriter(), "its last record is to be read")

	r.Seek(At(1))
	closing := newReader[TradingData](t, asked{memory, func() { assert.NoError(t, w.Close()) }}, ReaderOptions{Start: At(1)})
	assert.NoError(t, closing.checkWriter(), "closed meanwhile")
	asking := newReader[TradingData](t, asked{memory, func() { assert.Fail(t, "asked") }}, ReaderOptions{Start: At(1)})
	assert.NoError(t, asking.checkWriter(), "closed before")

	_, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	assert.ErrorIs(t, r.checkWriter(), ErrWriterDead)
}

func TestADeathInTheMiddleOfARecordIsTold(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 1)
	*(*uint64)(w.words.slot(1)) = unfinished(1)
	r := newReader[TradingData](t, asked{Heap: memory}, ReaderOptions{Start: At(1)})
	assert.ErrorIs(t, r.checkWriter(), ErrWriterDead)
}

func TestAllGoesOnBehindARestartAndADeath(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, asked{Heap: memory}, ReaderOptions{Wait: Every(time.Microsecond)})
	publish(w, 1)
	records := 0
	var told []error
	for _, err := range r.All(t.Context()) {
		switch {
		case err == nil:
			if records++; records == 2 {
				require.NoError(t, w.Close())
			}
			continue
		case len(told) == 0: // the death
			var werr error
			w, werr = NewWriter[TradingData](memory)
			require.NoError(t, werr)
		case len(told) == 1: // the restart
			publish(w, 1)
		}
		told = append(told, err)
	}
	require.Len(t, told, 2)
	assert.ErrorIs(t, told[0], ErrWriterDead)
	var restart *RestartError
	assert.ErrorAs(t, told[1], &restart)
	assert.Equal(t, 2, records)
}

func TestAllEndsWithItsLoop(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 3)
	r := newReader[TradingData](t, memory, ReaderOptions{})
	for rec, err := range r.All(context.Background()) {
		require.NoError(t, err)
		require.Zero(t, rec.Number)
		break
	}
	assert.EqualValues(t, 1, r.Position())
}

func TestStatusText(t *testing.T) {
	assert.Equal(t, "corrupt", Corrupt.String())
	assert.Equal(t, "invalid", (Corrupt + 1).String())
}

type (
	Named48xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx  struct{ A uint64 }
	Named49xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx struct{ A uint64 }
)

func TestLongNames(t *testing.T) {
	s, err := SchemaOf[Named48xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]()
	require.NoError(t, err)
	assert.Len(t, s.Name, layout.NameSize)
	s, err = SchemaOf[Named49xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]()
	require.NoError(t, err)
	assert.Equal(t, "record", s.Name)
}

func TestFieldsOfATypeAreCounted(t *testing.T) {
	type one struct{ A uint8 }
	_, err := SchemaOf[struct{ F [256]one }]()
	require.NoError(t, err)
	_, err = SchemaOf[struct{ F [257]one }]()
	require.ErrorIs(t, err, ErrType)
	s, err := SchemaOf[struct {
		None [0]uint64
		Some uint64
	}]()
	require.NoError(t, err)
	assert.Len(t, s.Fields, 1)
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{
		"Level2Price": "level2_price", "Level2ID": "level2_id", "Bid_Price": "bid_price", "TradeIDType": "trade_id_type", "ABC": "abc", "TradeID": "trade_id",
	} {
		assert.Equal(t, want, snake(name), name)
	}
}

// The batch of the last numbers, of which the head does not know yet.
func TestTheLastRecordBeforeItsHead(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	for n := uint64(lastNumber - 7); n != lastNumber+1; n++ {
		*(*uint64)(w.words.slot(n)) = finished(n)
	}
	*w.words.head = lastNumber
	var got TradingData
	n, s := newReader[TradingData](t, memory, ReaderOptions{}).Latest(&got)
	assert.Equal(t, Ready, s)
	assert.Equal(t, uint64(lastNumber), n)
}

// A writer that died in a record, and one that came and closed without a record of its own.
func TestClosedInTheMiddleOfARecord(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 3)
	require.NoError(t, w.Close())
	*(*uint64)(w.words.slot(3)) = unfinished(3)
	var got TradingData
	_, s := newReader[TradingData](t, memory, ReaderOptions{Start: At(3)}).Poll(&got)
	assert.Equal(t, Closed, s)
}

// strange is a ring of which nothing can be found out.
type strange struct{ *Heap }

func (strange) WriterAlive() (bool, error) { return false, errStrange }
func (strange) Replaced() (bool, error)    { return true, errStrange }

var errStrange = errors.New("strange")

func TestWhatCannotBeFoundOutIsNotTold(t *testing.T) {
	memory, _ := newRing[TradingData](t, 8)
	r := newReader[TradingData](t, strange{memory}, ReaderOptions{})
	for range 2 {
		require.ErrorIs(t, r.checkWriter(), errStrange)
		require.ErrorIs(t, r.checkName(), errStrange)
	}
}

// empty is a memory whose header is not there.
type empty struct{ *Heap }

func (empty) Header() []byte { return nil }

func TestNoReaderOfNothing(t *testing.T) {
	memory, _ := newRing[TradingData](t, 8)
	_, err := NewRawReader(empty{memory}, ReaderOptions{})
	require.ErrorIs(t, err, ErrGeometry)
	_, want := SchemaOf[struct{ P *int }]()
	_, err = GeometryOf[struct{ P *int }](8)
	require.Equal(t, want, err, "of the type, and not of what has no fields")
}
