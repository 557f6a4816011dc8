package interop

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/conformance anew")

// conformance is where the golden segments lie.
func conformance() string { return filepath.Join(root(), "testdata", "conformance") }

// golden is a golden segment with what drivers have to answer about it. The answers are by what a segment
// means, not by what a driver says. In calls, $5 stands for record 5 in hexadecimal, and @5+3 for the digest
// of three records from 5 on; NAME is the segment's.
type golden struct {
	name  string
	image *image
	calls string
}

// goldens are all golden segments.
func goldens() (all []golden) {
	all = append(all, goldenRings()...)
	all = append(all, goldenDamage()...)
	all = append(all, goldenShapes()...)
	return append(all, goldenHeaders()...)
}

var stand = regexp.MustCompile(`\$(\d+)|@(\d+)\+(\d+)`)

// expanded is the content of the file of calls.
func (g golden) expanded() string {
	text := stand.ReplaceAllStringFunc(g.calls, func(s string) string {
		m := stand.FindStringSubmatch(s)
		if m[1] != "" {
			return g.image.hex(must(strconv.ParseUint(m[1], 10, 64)))
		}
		first, count := must(strconv.ParseUint(m[2], 10, 64)), must(strconv.ParseUint(m[3], 10, 64))
		return g.image.digest(first, first+count)
	})
	return strings.TrimPrefix(text, "\n")
}

// The files are what the tables of this package say.
func TestGoldenFiles(t *testing.T) {
	dir := conformance()
	known := map[string]bool{".gitattributes": true}
	for _, g := range goldens() {
		contents := map[string][]byte{g.name + ".seg": g.image.bytes, g.name + ".calls": []byte(g.expanded())}
		for file, content := range contents {
			require.False(t, known[file], "two are named %s", file)
			known[file] = true
			path := filepath.Join(dir, file)
			if *update {
				require.NoError(t, os.WriteFile(path, content, 0o644))
			}
			have, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(have, content), "%s differs from the tables: see it with -update", file)
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if *update && !known[e.Name()] {
			require.NoError(t, os.Remove(filepath.Join(dir, e.Name())))
			continue
		}
		assert.True(t, known[e.Name()], "%s is in no table", e.Name())
	}
}
