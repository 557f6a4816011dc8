package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/internal/testkit"
)

func TestMadeUpTrades(t *testing.T) {
	for seed := range uint64(20) {
		trades := makeUp(seed, madeUp)
		assert.Equal(t, trades, makeUp(seed, madeUp), "the reader makes up the same")
		previous := trades[len(trades)-1].Price // the tape is a loop
		for i, trade := range trades {
			assert.Positive(t, trade.Price)
			assert.Positive(t, trade.Volume)
			assert.LessOrEqual(t, math.Abs(trade.Price-previous), 0.0101, "seed %d, trade %d", seed, i)
			previous = trade.Price
		}
	}
	assert.NotEqual(t, makeUp(1, madeUp), makeUp(2, madeUp))
}

func TestTapeLetsBatchesRunOverItsEnd(t *testing.T) {
	for _, batch := range []int{0, 1, 64, 3000} {
		tape, err := source{Seed: 1}.load(batch)
		require.NoError(t, err)
		require.Len(t, tape.records, madeUp+batch)
		for i, trade := range tape.records {
			assert.Equal(t, tape.records[uint64(i)%tape.period], trade)
		}
	}
}

func TestFeedTape(t *testing.T) {
	path := testkit.DataFile(t, "iex_TOPS16.pcapng.gz")
	tape, err := source{Feed: path}.load(0)
	require.NoError(t, err)
	assert.EqualValues(t, 6390+3, tape.period, "trades and breaks")
	assert.InDelta(t, 148.91, tape.records[0].Price, 1e-9)
}

func TestFeedThatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := source{Feed: path}.load(0)
	assert.ErrorIs(t, err, feed.ErrEmpty)
}
