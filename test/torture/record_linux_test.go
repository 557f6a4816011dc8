package torture

import (
	"fmt"

	"github.com/tickring/tickring/ring"
)

// form is how records of type T are made.
type form[T comparable] struct {
	of    func(n, epoch uint64) T // each field is a function of both
	epoch func(rec *T) uint64     // that wrote it
}

// What is published: a record of the view's size, a larger one, and one that does not fill its last word.
const (
	trade = "trade"
	level = "level"
	legs  = "legs"
)

var kinds = []string{trade, level, legs}

type levelRecord struct { // 40 bytes
	Number, Epoch uint64
	Bid, Ask      float64
	Sizes         [2]int32
}

type legsRecord struct { // 44 bytes
	Number, Epoch uint32
	Legs          [9]uint32
}

var trades = form[ring.TradingData]{
	of: func(n, epoch uint64) ring.TradingData {
		h := mix(n, epoch)
		return ring.TradingData{Price: float64(h >> 11), Timestamp: epoch<<40 | n, Volume: int32(h), Valid: h>>63 != 0}
	},
	epoch: func(rec *ring.TradingData) uint64 { return rec.Timestamp >> 40 },
}

var levels = form[levelRecord]{
	of: func(n, epoch uint64) levelRecord {
		h := mix(n, epoch)
		return levelRecord{n, epoch, float64(h >> 12), float64(h >> 11), [2]int32{int32(h), int32(h >> 32)}}
	},
	epoch: func(rec *levelRecord) uint64 { return rec.Epoch },
}

var legged = form[legsRecord]{
	of: func(n, epoch uint64) legsRecord {
		rec := legsRecord{Number: uint32(n), Epoch: uint32(epoch)}
		for i := range rec.Legs {
			rec.Legs[i] = uint32(mix(n+uint64(i), epoch))
		}
		return rec
	},
	epoch: func(rec *legsRecord) uint64 { return uint64(rec.Epoch) },
}

func mix(n, epoch uint64) uint64 {
	h := (n + 1 ^ epoch<<40) * 0x9e37_79b9_7f4a_7c15
	return (h ^ h>>29) * 0xbf58_476d_1ce4_e5b9
}

// check tells whether record n, as it was read, is whole.
func (f form[T]) check(n uint64, rec *T) error {
	if want := f.of(n, f.epoch(rec)); *rec != want {
		return fmt.Errorf("record %d is torn or another: %+v, want %+v", n, *rec, want)
	}
	return nil
}

// unknown is the error for a kind of record that there is not.
func unknown(kind string) error { return fmt.Errorf("no records of kind %q", kind) }
