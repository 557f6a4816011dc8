package hostile

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/hostile/forge"
)

// verdicts are what test/interop's drivers say of an object; the first that fits is told.
var verdicts = []struct {
	err  error
	kind string
}{
	{segment.ErrNotRegular, "not-regular"},
	{segment.ErrBare, "bare"},
	{segment.ErrNotSegment, "magic"},
	{segment.ErrVersion, "version"},
	{segment.ErrByteOrder, "byte-order"},
	{segment.ErrChecksum, "checksum"},
	{segment.ErrTruncated, "truncated"},
	{segment.ErrGeometry, "geometry"},
	{segment.ErrSchema, "schema"},
	{fs.ErrNotExist, "not-found"},
	{fs.ErrPermission, "permission"},
}

// verdict is Go's on an object: what a driver answers to "attach NAME TradingData".
func verdict(name string) string {
	s, err := segment.Attach(name)
	if err == nil {
		defer s.Close()
		_, err = ring.NewReader[ring.TradingData](s, ring.ReaderOptions{})
	}
	var other *ring.SchemaError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &other):
		return "error schema"
	}
	for _, v := range verdicts {
		if errors.Is(err, v.err) {
			return "error " + v.kind
		}
	}
	return "error other " + err.Error()
}

// Go, C++ and Python say the same of every object, whatever it is.
func TestVerdictsAgree(t *testing.T) {
	c := comparison{name: testkit.Name(t), bases: forge.Bases(t), random: random(seed(t)), seen: map[string]int{}}
	for end := time.Now().Add(duration(t, 8*time.Second)); time.Now().Before(end); {
		c.run(t, min(time.Until(end), time.Minute)) // a driver lives for two at the most
	}
	for _, v := range slices.Sorted(maps.Keys(c.seen)) {
		t.Logf("%7d × %s", c.seen[v], v)
	}
	t.Logf("%d objects", c.objects)
}

// comparison is of what is said of one object after the other.
type comparison struct {
	name    string
	bases   []forge.Object
	random  *rand.Rand
	objects int
	seen    map[string]int
}

func (c *comparison) run(t *testing.T, d time.Duration) {
	clients := drivers(t)
	for end := time.Now().Add(d); time.Now().Before(end); c.objects++ {
		base, edits, seal := c.random.IntN(len(c.bases)), forge.Random(c.random), c.random.IntN(8) > 0
		require.NoError(t, forge.Make(c.bases[base], edits, seal).Put(segment.Dir+c.name))
		want := verdict(c.name)
		c.seen[want]++
		for _, d := range clients {
			d.process.Say("attach " + c.name + " TradingData")
		}
		for _, d := range clients {
			got := d.answer()
			require.Equal(t, want, got, "%s differs from go about object %d: base %d, edits %s, sealed %v", d.name, c.objects, base, hex.EncodeToString(edits), seal)
		}
		require.NoError(t, os.Remove(segment.Dir+c.name))
	}
	for _, d := range clients {
		require.Equal(t, "ok", d.ask("detach"))
		require.NoError(t, d.process.Stop(), d.name)
	}
}
