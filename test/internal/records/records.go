// Package records makes records whose every field follows from their number and from the epoch that wrote them, and
// readers that hold what they get to that: a record that is torn, another's, lost or given twice shows.
package records

import (
	"fmt"

	"github.com/tickring/tickring/ring"
)

// Form is how records of type T are made.
type Form[T comparable] struct {
	Of    func(n, epoch uint64) T // each field is a function of both
	Epoch func(rec *T) uint64     // that wrote it
}

// What is published: a record of the view's size, a larger one, and one that does not fill its last word.
const (
	Trade = "trade"
	Level = "level"
	Legs  = "legs"
)

// Kinds are all of them.
var Kinds = []string{Trade, Level, Legs}

// LevelRecord has 40 bytes.
type LevelRecord struct {
	Number, Epoch uint64
	Bid, Ask      float64
	Sizes         [2]int32
}

// LegsRecord has 44 bytes.
type LegsRecord struct {
	Number, Epoch uint32
	Legs          [9]uint32
}

// Trades are numbered up to 2^40 and have epochs up to 2^24.
var Trades = TradesOf(0)

// TradesOf makes the trades of one of several rings, told apart by salt.
func TradesOf(salt uint64) Form[ring.TradingData] {
	return Form[ring.TradingData]{
		Of: func(n, epoch uint64) ring.TradingData {
			h := mix(n, epoch^salt)
			return ring.TradingData{Price: float64(h >> 11), Timestamp: epoch<<40 | n, Volume: int32(h), Valid: h>>63 != 0}
		},
		Epoch: func(rec *ring.TradingData) uint64 { return rec.Timestamp >> 40 },
	}
}

// Levels are records of five words.
var Levels = Form[LevelRecord]{
	Of: func(n, epoch uint64) LevelRecord {
		h := mix(n, epoch)
		return LevelRecord{n, epoch, float64(h >> 12), float64(h >> 11), [2]int32{int32(h), int32(h >> 32)}}
	},
	Epoch: func(rec *LevelRecord) uint64 { return rec.Epoch },
}

// Legged are records that end within a word.
var Legged = Form[LegsRecord]{
	Of: func(n, epoch uint64) LegsRecord {
		rec := LegsRecord{Number: uint32(n), Epoch: uint32(epoch)}
		for i := range rec.Legs {
			rec.Legs[i] = uint32(mix(n+uint64(i), epoch))
		}
		return rec
	},
	Epoch: func(rec *LegsRecord) uint64 { return uint64(rec.Epoch) },
}

func mix(n, epoch uint64) uint64 {
	h := (n + 1 ^ epoch<<40 ^ epoch>>24) * 0x9e37_79b9_7f4a_7c15
	return (h ^ h>>29) * 0xbf58_476d_1ce4_e5b9
}

// Check tells whether record n, as it was read, is whole.
func (f Form[T]) Check(n uint64, rec *T) error {
	if want := f.Of(n, f.Epoch(rec)); *rec != want {
		return fmt.Errorf("record %d is torn or another: %+v, want %+v", n, *rec, want)
	}
	return nil
}

// Unknown is the error for a kind of record that there is not.
func Unknown(kind string) error { return fmt.Errorf("no records of kind %q", kind) }
