package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func tradeOf(n uint64) TradingData {
	return TradingData{Price: float64(n) / 4, Timestamp: n * 0x9e37_79b9_7f4a_7c15, Volume: int32(n), Valid: n%2 == 1}
}

func tradesFrom(n uint64, count int) []TradingData {
	trades := make([]TradingData, count)
	for i := range trades {
		trades[i] = tradeOf(n + uint64(i))
	}
	return trades
}

// newRing makes a heap ring for records of type T and its writer.
func newRing[T any](t testing.TB, slots uint64) (*Heap, *Writer[T]) {
	t.Helper()
	g, err := GeometryOf[T](slots)
	require.NoError(t, err)
	memory := NewHeap(g)
	w, err := NewWriter[T](memory)
	require.NoError(t, err)
	return memory, w
}

func newReader[T any](t testing.TB, m Memory, o ReaderOptions) *Reader[T] {
	t.Helper()
	r, err := NewReader[T](m, o)
	require.NoError(t, err)
	return r
}

// publish publishes the next count trades, each the function of its number.
func publish(w *Writer[TradingData], count int) {
	for range count {
		rec := tradeOf(w.Head())
		w.Publish(&rec)
	}
}
