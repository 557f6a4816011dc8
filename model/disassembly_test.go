package model

import (
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

// compile builds testdata/machine from a source with edits, and disassembles the packages of the transport.
func compile(t *testing.T, arch string, edits ...testkit.Edit) *machineCode {
	t.Helper()
	root, program := testkit.ModuleRoot(t), filepath.Join(t.TempDir(), "program")
	run(t, root, arch, "build", "-tags=", "-buildvcs=false", "-overlay="+testkit.OverlayEdits(t, edits...), "-o", program,
		"./model/testdata/machine")
	return parse(t, run(t, root, arch, "tool", "objdump", "-s", modulePath+"(ring|seqlock|segment)|^main.tryPoll$", program))
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
