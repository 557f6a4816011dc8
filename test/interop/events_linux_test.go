package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// What a reader is told of its writer's life, whatever languages the two are written in.
func TestEvents(t *testing.T) {
	eachPair(t, func(t *testing.T, writer, reader launcher) { events(t, writer, reader) })
}

func events(t testing.TB, writer, reader launcher) {
	name := testkit.Name(t)
	records := newImage("TradingData", 8)
	publish := func(c *client, first, next uint64) {
		c.Helper()
		var hex []string
		for n := first; n < next; n++ {
			hex = append(hex, records.hex(n))
		}
		c.expect(fmt.Sprint(first), "publish %s", strings.Join(hex, " "))
	}
	ready := func(n uint64) string { return fmt.Sprintf("ready %d %s", n, records.hex(n)) }

	w, r := writer.start(t), reader.start(t)
	w.expect("ok", "create %s TradingData 8", name)
	r.expect("error exists", "create %s TradingData 8", name)
	r.expect("error writer-exists", "takeover %s TradingData", name)
	r.expect("ok", "attach %s TradingData", name)
	r.expect("yes", "alive")
	r.expect("open", "state")
	r.expect("1", "epoch")
	r.expect("ok", "reader oldest oldest")
	r.expect("timeout", "next 1")

	const long = "next 30000" // milliseconds
	r.tell(long)
	publish(w, 0, 1)
	require.Equal(t, ready(0), r.answer())
	publish(w, 1, 3)
	r.expect(ready(1), long)
	r.expect(ready(2), "poll")
	r.expect("empty", "poll")

	publish(w, 3, 23)
	r.expect("lapped 3 15", long)
	r.expect(ready(15), long)
	publish(w, 23, 25)
	r.expect("lapped 16 17", "poll")
	r.expect(fmt.Sprintf("ready 17 8 %s", records.digest(17, 25)), "batch 100")
	r.expect("empty", "poll")
	r.expect("13", "missed")
	r.expect("12", "received")
	r.expect("25", "position")

	r.tell(long)
	w.process.Kill()
	require.Equal(t, "dead", r.answer())
	r.expect("no", "alive")
	r.expect("timeout", "next 1") // it is told once
	w = writer.start(t)
	r.tell(long)
	w.expect("ok", "takeover %s TradingData", name)
	require.Equal(t, "restarted 2 25", r.answer())
	publish(w, 25, 26)
	r.expect(ready(25), "poll")
	r.expect("empty", "poll")
	r.expect("2", "epoch")

	r.tell(long)
	w.expect("ok", "close")
	require.Equal(t, "closed", r.answer())
	r.expect("closed", "poll")
	r.expect("closed", "state")
	r.expect("error writer-exists", "takeover %s TradingData", name) // closed, but not gone
	w.expect("ok", "detach")
	r.expect("no", "alive")

	r.expect("ok", "takeover %s TradingData", name) // the reader's process may be the next writer
	r.expect("restarted 3 26", "poll")
	w.expect("error writer-exists", "takeover %s TradingData", name)
	publish(r, 26, 27)
	r.expect(ready(26), "poll")
	w.expect("ok", "remove %s", name)
	assert.Empty(t, testkit.Objects(t, name))
	publish(r, 27, 28) // who has it mapped keeps it
	r.expect(ready(27), "poll")
	w.stop()
	r.stop()
}
