package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

// source is where the records come from. Each process makes its own copy of them.
type source struct {
	Seed        uint64 `json:"seed"`
	Feed        string `json:"feed,omitempty"` // a recording; empty: made up from the seed
	VolumeScale int64  `json:"volume_scale,omitempty"`
}

func (s source) String() string {
	if s.Feed != "" {
		return "trades of " + s.Feed
	}
	return fmt.Sprintf("made-up trades, seed %d", s.Seed)
}

const (
	madeUp    = 1021      // trades, 24 KiB: the records to send stay in the first-level cache
	maxPeriod = 1_000_000 // trades of a recording that are used
)

// tape is an endless sequence of trades: the same period over and over. The stamp is not on it.
type tape struct {
	period  uint64
	records []ring.TradingData // a period, and behind it the beginning again: no batch ends early
	times   []uint64           // of a recording: ns at which each was traded
}

// load makes the tape, for batches of up to batch records.
func (s source) load(batch int) (*tape, error) {
	trades := makeUp(s.Seed, madeUp)
	if s.Feed != "" {
		var err error
		if trades, err = s.play(); err != nil {
			return nil, err
		}
	}
	t := &tape{period: uint64(len(trades)), records: trades}
	if s.Feed != "" {
		for _, trade := range trades {
			t.times = append(t.times, trade.Timestamp)
		}
	}
	for i := range batch {
		t.records = append(t.records, t.records[i])
	}
	return t, nil
}

// makeUp returns n plausible trades: a price that wanders in cents and comes back to where it
// started, round lots and odd ones, one trade in a thousand broken.
func makeUp(seed uint64, n int) []ring.TradingData {
	random := rand.New(rand.NewPCG(seed, 0))
	trades := make([]ring.TradingData, n)
	cents := 0
	for i := range trades {
		switch left := n - i; {
		case i == 0:
		case cents >= left || -cents >= left: // just enough to walk back
			cents -= sign(cents)
		default:
			cents += random.IntN(3) - 1
		}
		volume := 1 + random.IntN(99)
		if random.IntN(4) > 0 {
			volume = 100 * (1 + int(random.ExpFloat64()*3))
		}
		trades[i] = ring.TradingData{
			Price:  math.Round(14891+float64(cents)) / 100,
			Volume: int32(volume),
			Valid:  random.IntN(1000) > 0,
		}
	}
	return trades
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// play returns the trades of the recording, trade breaks among them.
func (s source) play() ([]ring.TradingData, error) {
	r, err := feed.Open(s.Feed, feed.Options{VolumeScale: s.VolumeScale, Breaks: true})
	if err != nil {
		return nil, fmt.Errorf("--feed: %w", err)
	}
	defer r.Close()
	var trades []ring.TradingData
	for trade, err := range r.Trades() {
		if _, gap := errors.AsType[*feed.GapError](err); gap {
			continue // the recording lacks something; what there is will do to be published
		}
		if err != nil {
			return nil, fmt.Errorf("--feed: %w", err)
		}
		if trades = append(trades, trade.TradingData); len(trades) == maxPeriod {
			break
		}
	}
	if len(trades) == 0 {
		return nil, fmt.Errorf("--feed %s: the recording holds no trade", s.Feed)
	}
	return trades, nil
}
