package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// Each driver answers to each golden segment as its calls say.
func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		files, err := filepath.Glob(filepath.Join(conformance(), "*.calls"))
		require.NoError(t, err)
		require.Len(t, files, len(goldens()))
		var c *client
		for _, calls := range files {
			t.Run(strings.TrimSuffix(filepath.Base(calls), ".calls"), func(stage *testing.T) {
				if c == nil || c.ended { // a segment that ends a driver fails its own test, and no other
					c = l.start(t)
				}
				c.TB = stage
				conform(c, calls)
			})
		}
		c.TB = t
		c.stop()
	})
}

// conform gives a driver the commands in a file of calls, on a copy of the segment that they are about.
func conform(c *client, calls string) {
	c.Helper()
	object, err := os.ReadFile(strings.TrimSuffix(calls, ".calls") + ".seg")
	require.NoError(c, err)
	text, err := os.ReadFile(calls)
	require.NoError(c, err)
	name := testkit.Name(c)
	require.NoError(c, os.WriteFile(segment.Dir+name, object, 0o600))
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		command, answer, ok := strings.Cut(line, " => ")
		require.True(c, ok, line)
		words := strings.Fields(command)
		for i := range words {
			if words[i] == "NAME" {
				words[i] = name
			}
		}
		c.expect(answer, "%s", strings.Join(words, " "))
	}
	c.expect("ok", "detach")
}
