package hostile

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
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
	name, bases, clients := testkit.Name(t), forge.Bases(t), drivers(t)
	r, seen := random(seed(t)), map[string]int{}
	objects := 0
	for end := time.Now().Add(duration(t, 8*time.Second)); time.Now().Before(end); objects++ {
		base, edits, seal := r.IntN(len(bases)), forge.Random(r), r.IntN(8) > 0
		require.NoError(t, forge.Make(bases[base], edits, seal).Put(segment.Dir+name))
		want := verdict(name)
		seen[want]++
		for _, d := range clients {
			d.process.Say("attach " + name + " TradingData")
		}
		for _, d := range clients {
			got := d.answer()
			require.Equal(t, want, got, "%s differs from go about object %d: base %d, edits %s, sealed %v", d.name, objects, base, hex.EncodeToString(edits), seal)
		}
		require.NoError(t, os.Remove(segment.Dir+name))
	}
	for _, d := range clients {
		require.Equal(t, "ok", d.ask("detach"))
		require.NoError(t, d.process.Stop(), d.name)
	}
	for _, v := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%7d × %s", seen[v], v)
	}
	t.Logf("%d objects", objects)
}
