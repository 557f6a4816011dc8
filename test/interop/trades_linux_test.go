package interop

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// tape is a file of recorded trades as raw records.
type tape struct {
	path    string
	records uint64
	digest  string
}

// newTape decodes a recording to a tape.
func newTape(t testing.TB, recording string) tape {
	t.Helper()
	r, err := feed.Open(testkit.DataFile(t, recording), feed.Options{})
	require.NoError(t, err)
	defer r.Close()
	var trades []ring.TradingData
	for trade, err := range r.Trades() {
		require.NoError(t, err)
		trades = append(trades, trade.TradingData)
	}
	path := filepath.Join(t.TempDir(), "trades")
	require.NoError(t, os.WriteFile(path, bytesOf(trades), 0o600))
	return tape{path, uint64(len(trades)), fmt.Sprintf("%x", sha256.Sum256(bytesOf(trades)))}
}

// stockTape is the larger of the recordings.
func stockTape(t testing.TB) tape { return newTape(t, "iex_TOPS16.pcapng.gz") }

// followed is what a driver answers to follow.
type followed struct {
	status                        string
	received, missed, gaps, wrong uint64
	digest                        string
}

func parseFollowed(t testing.TB, answer string) (f followed) {
	t.Helper()
	_, err := fmt.Sscanf(answer, "%s received=%d missed=%d gaps=%d wrong=%d sha256=%s",
		&f.status, &f.received, &f.missed, &f.gaps, &f.wrong, &f.digest)
	require.NoError(t, err, answer)
	return f
}

// check holds an answer to what holds of every reader that followed a ring from its first record to its end.
func (f followed) check(t testing.TB, published uint64) {
	t.Helper()
	assert.Equal(t, "closed", f.status)
	assert.Equal(t, published, f.received+f.missed, "received and missed are not what was published: %+v", f)
	assert.Zero(t, f.wrong, "records are not those of their numbers: %+v", f)
	assert.LessOrEqual(t, f.gaps, f.missed, "%+v", f)
	assert.Equal(t, f.missed == 0, f.gaps == 0, "%+v", f)
}

// Recorded trades come through whole, from each writer to each reader.
func TestTrades(t *testing.T) {
	tapes := []tape{stockTape(t), newTape(t, "binance_cm_btcusd_perp_20240808.gz")}
	// As its documentation has them, decoded by others.
	require.Equal(t, "1490829132d5782925fa71be4d2c7f65eb709e4c4c91b436f8c1d94d816bfef3", tapes[0].digest)
	require.Equal(t, "3ce7192fc10bcc9f094c13e1f745fa197fe2f79639d24280a7facdcd2f0f00a5", tapes[1].digest)
	eachPair(t, func(t *testing.T, writer, reader launcher) {
		for i, tape := range tapes {
			trades(t, writer, reader, tape, 1+99*i)
		}
	})
}

// trades replays a tape into a ring that holds all of it, to a reader that is there from the start and
// follows it to its end, and to one that comes then.
func trades(t testing.TB, writer, reader launcher, tape tape, batch int) {
	name := testkit.Name(t)
	want := followed{status: "closed", received: tape.records, digest: tape.digest}
	w, r := writer.start(t), reader.start(t)
	w.expect("ok", "create %s TradingData 8192", name)
	r.expect("ok", "attach %s TradingData", name)
	r.expect("ok", "reader oldest oldest")
	r.tell("follow %s", tape.path)
	w.expect(fmt.Sprintf("published %d", tape.records), "replay %s 1 %d", tape.path, batch)
	w.expect("ok", "close")
	assert.Equal(t, want, parseFollowed(t, r.answer()))
	r.expect("ok", "reader oldest oldest")
	assert.Equal(t, want, parseFollowed(t, r.ask("follow %s", tape.path)))
	w.stop()
	r.stop()
}
