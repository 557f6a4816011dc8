// Package mutants removes, one at a time, each order and each check that the transport's promise of
// untorn reads stands on from the shipped source, and runs the torn-read test on what is left: it must fail.
//
// The source is replaced by the compiler's -overlay; the tree is not touched. What an x86 cannot show,
// because it never reorders the accesses in question, package model shows.
package mutants

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// mutant is a change of a file: each old text, which must be there, becomes the new one.
type mutant struct {
	name    string
	file    string
	changes []string // old, new, old, new, …
}

var mutants = []mutant{
	{"three words, W1: no odd mark", "seqlock/publish_amd64.s", []string{
		"#define STORE_CELL3(VERSION, PAYLOAD) \\\n\tMOVQ BX, (VERSION)   \\ // W1\n", "#define STORE_CELL3(VERSION, PAYLOAD) \\\n",
	}},
	{"three words, W3: version before payload", "seqlock/publish_amd64.s", []string{
		"#define STORE_CELL3(VERSION, PAYLOAD) \\\n\tMOVQ BX, (VERSION)   \\ // W1\n", "#define STORE_CELL3(VERSION, PAYLOAD) \\\n\tINCQ BX \\\n\tMOVQ BX, (VERSION) \\\n",
		"\tMOVQ DX, 16(PAYLOAD) \\\n\tINCQ BX              \\\n\tMOVQ BX, (VERSION)     // W3", "\tMOVQ DX, 16(PAYLOAD)",
	}},
	{"any words, W1: no odd mark", "seqlock/publish_amd64.s", []string{
		"\tMOVQ BX, (VERSION)          \\ // W1\n", "",
	}},
	{"any words, W3: version before payload", "seqlock/publish_amd64.s", []string{
		"\tMOVQ BX, (VERSION)          \\ // W1\n", "\tINCQ BX \\\n\tMOVQ BX, (VERSION) \\\n",
		"\tINCQ BX                     \\\n\tMOVQ BX, (VERSION)            // W3", "",
		"\tJNE  LOOP                   \\\n", "\tJNE  LOOP\n",
	}},
	{"three words, R3: no second look at the version", "ring/load3_go_unsafe.go", []string{
		"if version = atomic.LoadUint64(&s[0]); version == want {                                // R3", "if version == want {",
	}},
	{"three words, R3: second look before the payload", "ring/load3_go_unsafe.go", []string{
		"\t\ta, b, c := ", "\t\tlast := atomic.LoadUint64(&s[0])\n\t\ta, b, c := ",
		"if version = atomic.LoadUint64(&s[0]); version == want {                                // R3", "if version = last; version == want {",
	}},
	{"any words, R3: no second look at the version", "seqlock/load_go_unsafe.go", []string{
		"return atomic.LoadUint64(version) // R3", "return want",
	}},
	{"any words, R3: second look before the payload", "seqlock/load_go_unsafe.go", []string{
		"\tfor i := uintptr(0)", "\tlast := atomic.LoadUint64(version)\n\tfor i := uintptr(0)",
		"return atomic.LoadUint64(version) // R3", "return last",
	}},
	{"R1: any even version that stays", "ring/load3_go_unsafe.go", []string{
		"if version = atomic.LoadUint64(&s[0]); version == want { // R1", "was := want\n\tif want = atomic.LoadUint64(&s[0]); want%2 == 0 && want != 0 {",
		"\t\t\t*(*[3]uint64)(dst) = [3]uint64{a, b, c}\n", "\t\t\t*(*[3]uint64)(dst) = [3]uint64{a, b, c}\n\t\t\treturn was\n",
	}},
	{"lease: no look at the version behind the callback", "ring/peek_inplace_unsafe.go", []string{
		"\treturn r.version(n)\n}", "\treturn want\n}",
	}},
}

func TestMutantsAreCaught(t *testing.T) {
	if os.Getenv("TICKRING_MUTANTS") == "" {
		t.Skip("builds the tests anew for each mutant: make mutants")
	}
	if runtime.GOARCH != "amd64" {
		testkit.Require(t, "amd64", "the mutants are of the amd64 code")
	}
	root := testkit.ModuleRoot(t)
	run := func(args ...string) (string, error) {
		cmd := exec.Command("go", append([]string{"test", "-count=1", "-run=TestTornAcrossProcesses", "-timeout=60s"}, append(args, "./ring/")...)...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run()
	require.NoError(t, err, "the code as it is: %s", out)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			out, err := run("-overlay=" + overlay(t, root, m))
			require.Error(t, err, "the mutant survived")
			assert.NotContains(t, out, "build failed")
			assert.Regexp(t, "is torn or another|after record", out, "it must fail for what was read")
			t.Log(firstWith(out, "torn or another", "after record"))
		})
	}
}

// overlay writes the mutant's file and the description of the replacement.
func overlay(t *testing.T, root string, m mutant) string {
	path := filepath.Join(root, m.file)
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(source)
	for i := 0; i < len(m.changes); i += 2 {
		require.Equal(t, 1, strings.Count(text, m.changes[i]), "%s has not exactly one %q", m.file, m.changes[i])
		text = strings.Replace(text, m.changes[i], m.changes[i+1], 1)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(m.file))
	require.NoError(t, os.WriteFile(changed, []byte(text), 0o600))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	require.NoError(t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, replace, 0o600))
	return file
}

func firstWith(out string, texts ...string) string {
	for line := range strings.Lines(out) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				return strings.TrimSpace(line[:min(len(line), 160)])
			}
		}
	}
	return ""
}
