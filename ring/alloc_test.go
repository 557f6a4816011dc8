package ring

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	memory, w := newRing[TradingData](t, 64)
	r := newReader[TradingData](t, memory, ReaderOptions{Start: Newest()})
	rec := tradeOf(0)
	batch := tradesFrom(0, 16)
	sum := 0.0
	look := func(_ uint64, rec *TradingData) { sum += rec.Price }
	for name, run := range map[string]func(){
		"publish":      func() { w.Publish(&rec) },
		"batch":        func() { w.PublishBatch(batch) },
		"poll":         func() { w.Publish(&rec); r.Poll(&rec) },
		"try poll":     func() { w.Publish(&rec); r.TryPoll(&rec) },
		"poll empty":   func() { r.Seek(At(w.Head())); r.Poll(&rec) },
		"poll lapped":  func() { r.Seek(At(0)); r.Poll(&rec) },
		"poll batch":   func() { w.PublishBatch(batch); r.PollBatch(batch) },
		"latest":       func() { r.Latest(&rec) },
		"peek":         func() { w.Publish(&rec); r.Peek(look) },
		"next":         func() { w.Publish(&rec); r.Seek(Newest()); _, _ = r.Next(t.Context(), &rec) },
		"value record": func() { rec := tradeOf(1); w.Publish(&rec) },
	} {
		if name == "peek" && peekCopies {
			continue // look gets a copy of its own
		}
		assert.Zero(t, testing.AllocsPerRun(100, run), name)
	}
}
