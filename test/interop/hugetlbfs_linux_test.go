package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// onHugetlbfs makes a segment with its slots on a hugetlbfs, and no writer.
func onHugetlbfs(t testing.TB) (name string, g layout.Geometry) {
	t.Helper()
	file, missing := hugepages.NewFile("tickring-test-interop", 1, 0o600, hugepages.Want{Policy: hugepages.Require})
	if missing != nil {
		testkit.Require(t, "hugetlbfs", missing.Error())
	}
	file.Abandon()
	g, err := ring.GeometryOf[ring.TradingData](8192)
	require.NoError(t, err)
	name = testkit.Name(t)
	s, err := segment.Create(name, g, segment.Options{Pages: hugepages.Require})
	require.NoError(t, err)
	g = s.Geometry()
	require.NoError(t, s.Close())
	return name, g
}

// Every client writes, reads and removes rings whose slots lie on a hugetlbfs.
func TestHugetlbfs(t *testing.T) {
	tape := stockTape(t)
	eachPair(t, func(t *testing.T, writer, reader launcher) {
		name, g := onHugetlbfs(t)
		want := followed{status: "closed", received: tape.records, digest: tape.digest}
		w, r := writer.start(t), reader.start(t)
		w.expect("ok", "takeover %s TradingData", name)
		r.expect("ok", "attach %s TradingData", name)
		r.expect("slots=8192 stride=32 backing=1 doorbell=0 fallback=", "shape")
		r.expect("ok", "reader at:0 oldest")
		r.tell("follow %s", tape.path)
		w.expect(fmt.Sprintf("published %d", tape.records), "replay %s 1 64", tape.path)
		w.expect("ok", "close")
		assert.Equal(t, want, parseFollowed(t, r.answer()))
		require.FileExists(t, g.RingFile)
		r.expect("ok", "remove %s", name)
		assert.NoFileExists(t, g.RingFile)
		assert.Empty(t, testkit.Objects(t, name))
		w.stop()
		r.stop()
	})
}

// What a header says of its ring file is believed of none but this segment's own, on a hugetlbfs, and nothing else is
// removed on its word.
func TestHostileRingFile(t *testing.T) {
	each(t, func(t *testing.T, reader launcher) {
		name, g := onHugetlbfs(t)
		right := g.RingFile
		elsewhere := segment.Dir + right[strings.LastIndexByte(right, '/'):]
		r := reader.start(t)
		header := func(path string) {
			require.NoError(t, os.WriteFile(segment.Dir+name, layout.Encode(g.InFile(path)), 0o600))
		}
		refuses := func(kind string) {
			t.Helper()
			answer := r.ask("attach %s TradingData", name)
			require.Equal(t, "error "+kind, answer)
		}
		for _, path := range []string{"/dev/null", "/dev/zero", "/etc/passwd", right + "x", "ring", "/dev/../" + right[1:]} {
			header(path)
			refuses("geometry")
		}
		header(elsewhere)
		refuses("not-found")
		require.NoError(t, os.WriteFile(elsewhere, make([]byte, 1<<20), 0o600))
		refuses("not-regular")
		require.NoError(t, os.Remove(elsewhere))
		require.NoError(t, os.Symlink(right, elsewhere))
		refuses("not-regular")
		header("/etc/passwd")
		r.expect("ok", "remove %s", name)
		require.FileExists(t, "/etc/passwd")
		_ = os.Remove(right) // some clients sweep up what nobody has any more
		r.stop()
	})
}
