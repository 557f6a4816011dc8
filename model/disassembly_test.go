package model

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

const modulePath = "github.com/tickring/tickring/"

// machineOp is an instruction of a built program, as go tool objdump has it.
type machineOp struct {
	address, next uint64
	code          string // in hexadecimal
	name          string
	args          []string
	text          string // with its place in the source
}

// machineCode is what of a built program was disassembled.
type machineCode struct {
	ops   map[uint64]*machineOp
	entry map[string]uint64 // of functions, by name: "ring.(*Reader[T]).Poll"
	names map[uint64]string
}

// edit of a source file: each old text becomes the new one.
type edit struct {
	file    string
	changes []string // old, new, old, new, …
}

// compile builds testdata/machine from a source with edits, and disassembles the packages of the transport.
func compile(t *testing.T, arch string, edits ...edit) *machineCode {
	t.Helper()
	root, dir := testkit.ModuleRoot(t), t.TempDir()
	replace := map[string]string{}
	for i, e := range edits {
		path := filepath.Join(root, e.file)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		text := string(b)
		for c := 0; c < len(e.changes); c += 2 {
			before, after := e.changes[c], e.changes[c+1]
			require.Equal(t, 1, strings.Count(text, before), "%s has changed, and the test has not: %q", e.file, before)
			text = strings.Replace(text, before, after, 1)
		}
		replace[path] = filepath.Join(dir, strconv.Itoa(i)+filepath.Ext(path))
		require.NoError(t, os.WriteFile(replace[path], []byte(text), 0o600))
	}
	overlay := filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, b, 0o600))

	program := filepath.Join(dir, "program")
	run(t, root, arch, "build", "-tags=", "-buildvcs=false", "-overlay="+overlay, "-o", program,
		"./model/testdata/machine")
	return parse(t, run(t, root, arch, "tool", "objdump", "-s", modulePath+"(ring|seqlock|segment)", program))
}

func run(t *testing.T, dir, arch string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOAMD64=v1", "GOARM64=v8.0")
	if args[0] == "build" {
		cmd.Env = append(cmd.Env, "GOARCH="+arch)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), stderr.String())
	return string(out)
}

var (
	shapes = regexp.MustCompile(`\[go\.shape\.struct \{ Price .*?\}\]`)
	line   = regexp.MustCompile(`^  (\S+)\t+0x([0-9a-f]+)\t+([0-9a-f]+)\t+(.*?)\s*$`)
)

// shortName is the name of a function without the module, and with T for the record's type.
func shortName(s string) string {
	s = shapes.ReplaceAllString(s, "[T]")
	return strings.ReplaceAll(strings.TrimSuffix(s, "(SB)"), modulePath, "")
}

func parse(t *testing.T, objdump string) *machineCode {
	t.Helper()
	c := &machineCode{ops: map[uint64]*machineOp{}, entry: map[string]uint64{}, names: map[uint64]string{}}
	function := ""
	for _, text := range strings.Split(objdump, "\n") {
		if name, ok := strings.CutPrefix(text, "TEXT "); ok {
			function = shortName(name[:strings.LastIndex(name, "(SB)")])
			continue
		}
		f := line.FindStringSubmatch(text)
		if f == nil {
			continue
		}
		address, err := strconv.ParseUint(f[2], 16, 64)
		require.NoError(t, err)
		next := address + uint64(len(f[3])/2)
		o := &machineOp{address: address, next: next, code: f[3], text: f[1] + ": " + shortName(f[4])}
		name, args, _ := strings.Cut(f[4], " ")
		if name == "LOCK" {
			name, args, _ = strings.Cut(args, " ")
			name = "LOCK" + name
		}
		o.name = name
		if name == "CALL" || name == "JMP" {
			o.args = []string{shortName(args)}
		} else {
			o.args = splitArgs(args)
		}
		c.ops[address] = o
		if _, ok := c.entry[function]; !ok {
			c.entry[function], c.names[address] = address, function
		}
	}
	require.NotEmpty(t, c.ops)
	return c
}

// splitArgs splits at commas outside of parentheses.
func splitArgs(s string) (args []string) {
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			args = append(args, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	if s = strings.TrimSpace(s[start:]); s != "" {
		args = append(args, s)
	}
	return args
}
