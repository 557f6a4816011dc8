package interop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// Writers of all languages are killed in the midst of publishing, and the next one goes on, while a reader of
// each language follows. Not one record gets lost by that, or comes twice, or under another number.
func TestRelay(t *testing.T) {
	drivers := present(t)
	seed := relaySeed(t)
	rounds := 4 * len(drivers)
	if testkit.Race || testkit.Emulated() {
		rounds = 4
	}
	relay(t, drivers, drivers, stockTape(t), rounds, seed)
}

// relaySeed is another one in each run, unless it is given.
func relaySeed(t testing.TB) uint64 {
	seed := rand.Uint64()
	if given := os.Getenv("TICKRING_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("TICKRING_SEED=%d", seed)
	return seed
}

const relaySlots = 16_384

func relay(t testing.TB, writers, readers []launcher, tape tape, rounds int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	name := testkit.Name(t)
	w := writers[0].start(t)
	w.expect("ok", "create %s TradingData %d", name, relaySlots)
	var following []*client
	for _, l := range readers {
		r := l.start(t)
		r.expect("ok", "attach %s TradingData", name)
		r.expect("ok", "reader at:0 oldest-safe")
		r.tell("follow %s", tape.path)
		following = append(following, r)
	}
	watched, err := segment.Attach(name)
	require.NoError(t, err)
	defer watched.Close()

	head := uint64(0)
	for round := range rounds {
		// In batches by turns: of those, the head counts the last ones late.
		w.tell("replay %s %d %d", tape.path, 1_000_000, 1+round%3*40)
		head += 1 + random.Uint64N(20*tape.records)
		head = awaitRecord(t, watched, head)
		w.process.Kill()

		w = writers[(round+1)%len(writers)].start(t)
		w.expect("ok", "takeover %s TradingData", name)
		next := w.number("head")
		require.Greater(t, next, head, "%s takes over where records were read already", w.name)
		head = next
	}
	w.expect(fmt.Sprintf("published %d", tape.records), "replay %s 1 1", tape.path)
	require.Equal(t, head+tape.records, w.number("head"))
	w.expect("ok", "close")
	require.Equal(t, uint64(rounds)+1, w.number("epoch"))
	for _, r := range following {
		f := parseFollowed(t, r.answer())
		f.check(t, head+tape.records)
		assert.Equal(t, head+tape.records, r.number("position"))
		t.Logf("%s: %d published by %d writers, %d received, %d missed in %d gaps",
			r.name, head+tape.records, rounds+1, f.received, f.missed, f.gaps)
		r.stop()
	}
	w.stop()
}

// awaitRecord waits until record n is published, and returns the newest one that was seen by then.
func awaitRecord(t testing.TB, s *segment.Segment, n uint64) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	var rec ring.TradingData
	r, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{Start: ring.At(n), Resume: ring.Newest()})
	require.NoError(t, err)
	if _, err = r.Next(ctx, &rec); err != nil { // a ring of such a size is soon a lap further
		_, lapped := errors.AsType[*ring.LapError](err)
		require.True(t, lapped, "record %d: %v", n, err)
	}
	newest, status := r.Latest(&rec)
	require.Contains(t, []ring.Status{ring.Ready, ring.Lapped}, status)
	return max(n, newest)
}
