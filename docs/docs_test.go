// Package docs checks what the documents claim that can be checked: that links lead somewhere, and that each test
// named as the proof of a promise exists.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// files are those of the project with a suffix, by their path in it.
func files(t *testing.T, suffix string) (found []string) {
	t.Helper()
	root := testkit.ModuleRoot(t)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") && path != root {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, suffix) {
			found = append(found, path)
		}
		return err
	}))
	require.NotEmpty(t, found)
	return found
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// tests are the names of all tests, fuzz targets and benchmarks.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, path := range files(t, "_test.go") {
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllStringSubmatch(text(t, path), -1) {
			names[m[1]] = true
		}
	}
	return names
}

func TestEveryTestThatIsNamedExists(t *testing.T) {
	all := tests(t)
	for _, path := range files(t, ".md") {
		for _, m := range regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`").FindAllStringSubmatch(text(t, path), -1) {
			assert.True(t, all[m[1]], "%s names %s, which does not exist", path, m[1])
		}
	}
}

func TestEveryPromiseHasATest(t *testing.T) {
	promises := 0
	table := false // rows of one that has promises
	for line := range strings.Lines(text(t, filepath.Join(testkit.ModuleRoot(t), "docs", "GUARANTEES.md"))) {
		switch {
		case strings.HasPrefix(line, "| promise |"):
			table = true
		case !strings.HasPrefix(line, "|"):
			table = false
		case table && !strings.HasPrefix(line, "|---"):
			promises++
			assert.Regexp(t, "`(Test|Fuzz)\\w+`", line)
		}
	}
	assert.Greater(t, promises, 20)
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, path := range files(t, ".md") {
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text(t, path), "")
		for _, m := range regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)\s]*)?\)`).FindAllStringSubmatch(prose, -1) {
			target := filepath.Join(filepath.Dir(path), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
				continue
			}
			if m[2] != "" {
				assert.Contains(t, anchors(text(t, target)), m[2], "%s links to %s", path, m[1])
			}
		}
	}
}

// anchors are those that the headings of a document make.
func anchors(document string) (found []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(document, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, "#"+strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}
