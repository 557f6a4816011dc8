package interop

import (
	"fmt"
	"testing"
	"time"

	"github.com/tickring/tickring/internal/testkit"
)

// course is how a ring is written at full speed, and how a reader resumes that is too slow for it.
type course struct {
	slots, batch int
	resume       string
}

var courses = []course{
	{64, 1, "oldest"}, // which is gone again when it is read, more often than not
	{64, 100, "newest"},
	{65536, 1, "oldest-safe"},
}

func (c course) String() string {
	return fmt.Sprintf("%d slots, batches of %d, resume %s", c.slots, c.batch, c.resume)
}

// At full speed a reader gets each record or is told of its loss, and never another record.
func TestFullSpeed(t *testing.T) {
	tape := stockTape(t)
	eachPair(t, func(t *testing.T, writer, reader launcher) {
		for _, c := range courses {
			t.Run(c.String(), func(t *testing.T) { fullSpeed(t, writer, []launcher{reader}, tape, c) })
		}
	})
}

// The same with a reader of each language at once.
func TestFullSpeedToAll(t *testing.T) {
	tape := stockTape(t)
	readers := present(t)
	for _, writer := range readers {
		for _, c := range courses {
			t.Run(fmt.Sprint(writer.name, ", ", c), func(t *testing.T) { fullSpeed(t, writer, readers, tape, c) })
		}
	}
}

// fullSpeedTime is how long a writer is to take, while nobody reads.
func fullSpeedTime() time.Duration {
	if testkit.Race || testkit.Emulated() {
		return 20 * time.Millisecond
	}
	return 100 * time.Millisecond
}

func fullSpeed(t testing.TB, writer launcher, readers []launcher, tape tape, c course) {
	w := writer.start(t)
	loops := loopsFor(w, tape, c)
	name := testkit.Name(t)
	w.expect("ok", "create %s TradingData %d", name, c.slots)
	var following []*client
	for _, l := range readers {
		r := l.start(t)
		r.expect("ok", "attach %s TradingData", name)
		r.expect("ok", "reader at:0 %s", c.resume)
		r.tell("follow %s", tape.path)
		following = append(following, r)
	}
	published := uint64(loops) * tape.records
	w.expect(fmt.Sprintf("published %d", published), "replay %s %d %d", tape.path, loops, c.batch)
	w.expect("ok", "close")
	w.stop()
	for _, r := range following {
		f := parseFollowed(t, r.answer())
		f.check(t, published)
		t.Logf("%s: %d published, %d received, %d missed in %d gaps", r.name, published, f.received, f.missed, f.gaps)
		r.stop()
	}
}

// loopsFor finds out how often a writer replays a tape in the time that it is to take.
func loopsFor(w *client, tape tape, c course) int {
	w.Helper()
	const records = 20_000
	name, call := testkit.Name(w), "publish"
	if c.batch > 1 {
		call = "publish-batch"
	}
	w.expect("ok", "create %s TradingData %d", name, c.slots)
	took := time.Duration(w.number(fmt.Sprintf("rate %s %d", call, records)))
	w.expect("ok", "detach")
	w.expect("ok", "remove %s", name)
	return max(1, int(fullSpeedTime()*records/took/time.Duration(tape.records)))
}
