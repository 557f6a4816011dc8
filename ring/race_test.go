package ring

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// For the race detector, which sees the Go heap and nothing else: one writer and readers of every kind
// at once, over a heap ring.
func TestManyReadersAtOnce(t *testing.T) {
	const records = 20_000
	memory, w := newRing[TradingData](t, 16)
	var group sync.WaitGroup
	read := func(name string, read func(r *Reader[TradingData], rec *TradingData) (uint64, Status)) {
		r := newReader[TradingData](t, memory, ReaderOptions{Start: At(0)})
		group.Go(func() {
			var rec TradingData
			for {
				n, s := read(r, &rec)
				switch s {
				case Ready:
					if !assert.Equal(t, tradeOf(n), rec, name) {
						return
					}
					if n == records-1 {
						return
					}
				case Closed:
					assert.EqualValues(t, records, r.Received()+r.Missed(), name)
					return
				}
			}
		})
	}
	read("poll", func(r *Reader[TradingData], rec *TradingData) (uint64, Status) { return r.Poll(rec) })
	read("latest", func(r *Reader[TradingData], rec *TradingData) (uint64, Status) { return r.Latest(rec) })
	read("peek", func(r *Reader[TradingData], rec *TradingData) (uint64, Status) {
		return r.Peek(func(_ uint64, in *TradingData) { *rec = *in })
	})
	for w.Head() < records {
		publish(w, 7)
		w.PublishBatch(tradesFrom(w.Head(), min(13, records-int(min(w.Head(), records)))))
		for w.Head() > records-20 && w.Head() < records {
			publish(w, 1)
		}
	}
	assert.NoError(t, w.Close())
	group.Wait()
}
