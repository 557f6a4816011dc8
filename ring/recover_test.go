package ring

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// store is one store of a writer to the shared memory.
type store struct {
	word  *uint64
	value uint64
}

// storesOf lists, in order, what publishing the records from next on as one run stores; the last is
// the head. It is the protocol as docs/MEMORY-MODEL.md has it.
func storesOf(w *words, next uint64, recs []TradingData) (stores []store) {
	cell := func(version, payload unsafe.Pointer, n uint64, rec *TradingData) {
		from, to := (*[3]uint64)(unsafe.Pointer(rec)), (*[3]uint64)(payload)
		stores = append(stores, store{(*uint64)(version), 2*n + 1})
		for i := range from {
			stores = append(stores, store{&to[i], from[i]})
		}
		stores = append(stores, store{(*uint64)(version), 2*n + 2})
	}
	for i := range recs {
		slot := w.slot(next + uint64(i))
		cell(slot, unsafe.Add(slot, 8), next+uint64(i), &recs[i])
	}
	last := next + uint64(len(recs)) - 1
	cell(w.viewVersion, w.view, last, &recs[len(recs)-1])
	return append(stores, store{w.head, last + 1})
}

// A writer is stopped after each of its stores, in rings of all fills, and another takes over: no
// finished record is lost, none is given twice, the view holds the newest, and publishing goes on.
func TestTakeoverAfterEveryStore(t *testing.T) {
	for _, before := range []int{0, 1, 7, 8, 9, 21} {
		for _, batch := range []int{1, 2, 4} {
			for stop := 0; ; stop++ {
				memory, w := newRing[TradingData](t, 8)
				publish(w, before)
				live := newReader[TradingData](t, memory, ReaderOptions{Start: Newest()})
				var rec TradingData
				if before > 0 {
					_, s := live.Poll(&rec)
					require.Equal(t, Ready, s)
				}
				stores := storesOf(&w.words, w.Head(), tradesFrom(w.Head(), batch))
				if stop > len(stores) {
					break
				}
				for _, s := range stores[:stop] {
					*s.word = s.value
				}
				// What a reader sees now, it must go on seeing.
				done := uint64(before)
				for {
					n, s := live.Poll(&rec)
					if s != Ready {
						require.Equal(t, Empty, s)
						break
					}
					require.Equal(t, done, n)
					require.Equal(t, tradeOf(n), rec)
					done++
				}

				w, err := NewWriter[TradingData](memory)
				require.NoError(t, err)
				require.Equal(t, done, w.Head(), "%d before, batch of %d, stopped after %d stores", before, batch, stop)
				require.Equal(t, done, *w.words.head)
				if done > 0 {
					view, version := *(*TradingData)(w.words.view), *(*uint64)(w.words.viewVersion)
					require.Equal(t, tradeOf(done-1), view)
					require.Equal(t, finished(done-1), version)
				} else {
					require.Equal(t, TradingData{}, *(*TradingData)(w.words.view))
					require.Zero(t, *(*uint64)(w.words.viewVersion))
				}
				_, s := live.Poll(&rec)
				require.Equal(t, Restarted, s)
				_, first := live.Epoch()
				require.Equal(t, done, first)
				publish(w, 3)
				for i := range uint64(3) {
					n, s := live.Poll(&rec)
					require.Equal(t, Ready, s)
					require.Equal(t, done+i, n)
					require.Equal(t, tradeOf(n), rec)
				}
				assert.Zero(t, live.Missed())
			}
		}
	}
}

// The protocol above is the one that Publish follows: both leave the same bytes.
func TestTheListOfStoresIsWhatPublishDoes(t *testing.T) {
	a, wa := newRing[TradingData](t, 8)
	b, wb := newRing[TradingData](t, 8)
	for _, batch := range []int{1, 3, 4, 2} {
		for _, s := range storesOf(&wa.words, wb.Head(), tradesFrom(wb.Head(), batch)) {
			*s.word = s.value
		}
		wb.PublishBatch(tradesFrom(wb.Head(), batch))
		require.Equal(t, b.Slots(), a.Slots())
		require.Equal(t, b.Header(), a.Header())
	}
}
