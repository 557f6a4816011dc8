//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// Numbers that no float64 holds are printed with all their digits, to people and in JSON.
func TestNumbersKeepTheirDigits(t *testing.T) {
	for file, head := range map[string]uint64{"numbers-across-2-53": 1<<53 - 1, "numbers-near-2-62": 1<<62 + 5, "numbers-to-the-last": 1<<63 - 1} {
		t.Run(file, func(t *testing.T) {
			object, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(t), "testdata", "conformance", file+".seg"))
			require.NoError(t, err)
			name := newName(t)
			writeFile(t, name, object)
			assert.Contains(t, succeed(t, "stat", "--name", name, "--json").stdout, fmt.Sprintf(`"head": %d,`, head))
			assert.Contains(t, succeed(t, "stat", "--name", name).stdout, fmt.Sprint(head))
			assert.Contains(t, succeed(t, "ls").stdout, fmt.Sprint(head))
			tail := func(format string) string {
				return succeed(t, "tail", "--name", name, "--from", "newest", "--count", "1", "--format", format).stdout
			}
			assert.Contains(t, tail("json"), fmt.Sprintf(`{"n":%d,`, head-1))
			assert.Contains(t, tail("json"), fmt.Sprintf(`"timestamp":%d,`, 1_700_000_000_000_000_000+head-1))
			for _, format := range []string{"text", "csv"} {
				assert.Contains(t, tail(format), fmt.Sprint(head-1))
			}
		})
	}
}
