//go:build unix

package mutants

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// handmade is a mutant in code that a switch would change.
type handmade struct {
	name    string
	file    string
	changes []string // see testkit.Edit
	test    string   // that catches it; empty for the torn-read test
	tags    string   // of the build, if not the usual ones
}

const (
	published = "./seqlock TestPublishWritesSlotsViewAndHead"
	polled    = "./ring TestPeek"
	attended  = "./seqlock TestPublishCallsGo"
	runs      = "./seqlock TestLoadRun"

	publish  = "seqlock/publish_amd64.s"
	loadRun  = "seqlock/loadrun_amd64.s"
	inlined  = "ring/trypoll_inline_unsafe.go"
	portable = "seqlock/publish_portable_unsafe.go"
)

// Of three words, no two cores are quick enough to show an order of stores that is wrong: model/codemutants_test.go has those,
// and test/torture, which kills the writer between any two.
var handmades = []handmade{
	{name: "any words, W1: no odd mark", file: publish, changes: []string{
		"\tMOVQ BX, (VERSION)          \\ // W1\n", "",
	}},
	{name: "any words, W3: version before payload", file: publish, changes: []string{
		"\tMOVQ BX, (VERSION)          \\ // W1\n", "\tINCQ BX \\\n\tMOVQ BX, (VERSION) \\\n",
		"\tINCQ BX                     \\\n\tMOVQ BX, (VERSION)            // W3", "",
		"\tJNE  LOOP                   \\\n", "\tJNE  LOOP\n",
	}},
	{name: "three words, R3: no second look at the version", file: "ring/load3_go_unsafe.go", changes: []string{
		"if version = atomic.LoadUint64(&s[0]); version == want {                                // R3", "if version == want {",
	}},
	{name: "three words, R3: second look before the payload", file: "ring/load3_go_unsafe.go", changes: []string{
		"\t\ta, b, c := ", "\t\tlast := atomic.LoadUint64(&s[0])\n\t\ta, b, c := ",
		"if version = atomic.LoadUint64(&s[0]); version == want {                                // R3", "if version = last; version == want {",
	}},
	{name: "inlined, R1: no first look at the version", file: inlined, changes: []string{
		"if atomic.LoadUint64(&s.version) == want { // R1", "{",
	}},
	{name: "inlined, R3: no second look at the version", file: inlined, changes: []string{
		"if atomic.LoadUint64(&s.version) == want { // R3", "if want > 0 {",
	}},
	{name: "inlined, R3: second look before the payload", file: inlined, changes: []string{
		"\t\t*dst = s.record                            // R2\n", "\t\tlast := atomic.LoadUint64(&s.version)\n\t\t*dst = s.record\n",
		"if atomic.LoadUint64(&s.version) == want { // R3", "if last == want {",
	}},
	{name: "inlined: a torn record is left behind", file: inlined, changes: []string{"\t\t*dst = *new(T)", "\t\t_ = *new(T)"}},
	{name: "any words, R3: no second look at the version", file: "seqlock/load_go_unsafe.go", changes: []string{
		"return atomic.LoadUint64(version) // R3", "return want",
	}},
	{name: "any words, R3: second look before the payload", file: "seqlock/load_go_unsafe.go", changes: []string{
		"\tfor i := uintptr(0)", "\tlast := atomic.LoadUint64(version)\n\tfor i := uintptr(0)",
		"return atomic.LoadUint64(version) // R3", "return last",
	}},
	{name: "R1: any even version that stays", file: "ring/load3_go_unsafe.go", changes: []string{
		"if version = atomic.LoadUint64(&s[0]); version == want { // R1", "was := want\n\tif want = atomic.LoadUint64(&s[0]); want%2 == 0 && want != 0 {",
		"\t\t\t*(*[3]uint64)(dst) = [3]uint64{a, b, c}\n", "\t\t\t*(*[3]uint64)(dst) = [3]uint64{a, b, c}\n\t\t\treturn was\n",
	}},
	{name: "lease: no look at the version behind the callback", file: "ring/peek_inplace_unsafe.go", changes: []string{
		"\treturn r.version(n)\n}", "\treturn want\n}",
	}},
	{name: "three words, R1: no first look at the version", file: "ring/load3_go_unsafe.go", changes: []string{
		"if version = atomic.LoadUint64(&s[0]); version == want { // R1", "{",
	}},
	{name: "any words, R1: no first look at the version", file: "seqlock/load_go_unsafe.go", changes: []string{
		"\tif v := atomic.LoadUint64(version); v != want { // R1\n\t\treturn v\n\t}\n", "",
	}, test: published},
	{name: "lease: no look at the version before the callback", file: "ring/peek_inplace_unsafe.go", changes: []string{
		"\tif v := r.version(n); v != want {\n\t\treturn v\n\t}\n", "",
	}, test: polled},
	{name: "three words: padding of the first two is stored", file: publish, changes: []string{"\tPAND   X1, X0     \\\n", ""}, test: published},
	{name: "three words: padding of the third is stored", file: publish, changes: []string{"\tANDQ   R12, DX    \\\n", ""}, test: published},
	{name: "any words: padding is stored", file: publish, changes: []string{
		"\tANDQ (R9)(R13*8), DX        \\\n", "",
	}, test: published},
	{name: "three words, one: no view", file: publish, changes: []string{"\tSTORE_VIEW3\n\nhead:\n", "\nhead:\n"}, test: published},
	{name: "three words, run: no view", file: publish, changes: []string{"\tSTORE_VIEW3\n\tSTORE_HEAD\n", "\tSTORE_HEAD\n"}, test: published},
	{name: "any words, one: no view", file: publish, changes: []string{
		"\tSTORE_CELL(AX, R11, viewwords)\n\tJMP  head\n", "\tJMP  head\n",
	}, test: published},
	{name: "any words, run: no view", file: publish, changes: []string{
		"\tSTORE_CELL(AX, R11, viewwords)\n\tSTORE_HEAD\n", "\tSTORE_HEAD\n",
	}, test: published},
	{name: "no head", file: publish, changes: []string{"\tMOVQ R8, (AX)               \\\n", ""}, test: published},
	{name: "the next number stays", file: publish, changes: []string{
		"\tMOVQ R8, (AX)               \\\n\tMOVQ R8, Publisher_Next(DI)\n", "\tMOVQ R8, (AX)\n",
	}, test: published},
	{name: "portable, W1: no odd mark", tags: "purego", file: portable, changes: []string{
		"\tatomic.StoreUint64((*uint64)(version), odd) // W1\n", "",
	}},
	{name: "portable, W3: version before payload", tags: "purego", file: portable, changes: []string{
		"(version), odd) // W1\n", "(version), odd+1)\n", "\tatomic.StoreUint64((*uint64)(version), odd+1) // W3\n", "",
	}},
	{name: "portable: padding is stored", tags: "purego", file: portable, changes: []string{
		" & *(*uint64)(unsafe.Add(masks, i))", "",
	}, test: published},
	{name: "portable: no view", tags: "purego", file: portable, changes: []string{
		"\tstore(p.ViewVersion, p.View, src, p.Masks, p.Words, 2*next-1)\n", "",
	}, test: published},
	{name: "portable: no head", tags: "purego", file: portable, changes: []string{
		"\tatomic.StoreUint64((*uint64)(p.Head), next)\n", "",
	}, test: published},
	{name: "portable: the next number stays", tags: "purego", file: portable, changes: []string{
		"\tp.Next = next\n", "",
	}, test: published},
	{name: "portable: slots without end", tags: "purego", file: portable, changes: []string{
		"uintptr(next&p.SlotMask)", "uintptr(next)",
	}, test: published},
	{name: "a copy instead of a lease: no look at the version", tags: "purego", file: "ring/peek_copy.go", changes: []string{
		"\tif v == want {\n\t\tlook", "\t{\n\t\tlook",
	}, test: polled},
	{name: "portable: nobody is woken", tags: "purego", file: portable, changes: []string{
		"\tif atomic.LoadUint32(p.Waiting) != 0 {\n\t\tp.Wake()\n\t}\n", "",
	}, test: attended},
	{name: "a takeover makes whole what was cut short", file: "internal/sys/file_linux.go", changes: []string{
		"unix.FALLOC_FL_KEEP_SIZE", "0",
	}, test: "./segment TestTakeoverOfWhatIsCutShort"},
	{name: "slots without end", file: publish, changes: []string{"\tANDQ  Publisher_SlotMask(DI), AX \\\n", ""}, test: published},
	{name: "runs to the array's end", file: publish, changes: []string{"\tCMOVQGT CX, R10\n", ""}, test: published},
	{name: "runs beyond the array's end", file: publish, changes: []string{"\tMOVQ  Publisher_Slots(DI), AX\n\tTESTQ", "\tTESTQ"}, test: published},
	{name: "nobody is woken", file: publish, changes: []string{"\tJNE  more\n\tRET\n", "\tRET\n"}, test: attended},
	{name: "what is not direct is published", file: publish, changes: []string{"\tTESTQ R10, R10\n\tJEQ  more\n", ""}, test: attended},
	{name: "batch, R1: no first look at the version", file: loadRun, changes: []string{
		"\tMOVQ  0(AX), DX // R1\n\tCMPQ  DX, BX\n\tJNE   done\n", "",
	}},
	{name: "batch, R3: no second look at the version", file: loadRun, changes: []string{
		"\tMOVQ  0(AX), DX // R3\n\tCMPQ  DX, BX\n\tJNE   done\n", "",
	}},
	{name: "batch, R3: second look before the payload", file: loadRun, changes: []string{
		"\tMOVQ  0(AX), DX // R3\n\tCMPQ  DX, BX\n\tJNE   done\n", "",
		"\tMOVQ  8(AX), R13 // R2\n", "\tMOVQ  0(AX), DX\n\tCMPQ  DX, BX\n\tJNE   done\n\tMOVQ  8(AX), R13\n",
	}},
	{name: "batch: slots without end", file: loadRun, changes: []string{"\tANDQ R12, AX\n", ""}, test: runs},
	{name: "batch: to the array's end", file: loadRun, changes: []string{"\tCMOVQGT CX, R10\n", ""}, test: runs},
	{name: "batch: beyond the array's end", file: loadRun, changes: []string{"\tMOVQ  DI, AX\n", ""}, test: runs},
}

func TestHandmadeMutants(t *testing.T) {
	if wanted() == none {
		t.Skip("builds the tests anew for each mutant: make mutants")
	}
	if runtime.GOARCH != "amd64" {
		testkit.Require(t, "amd64", "the mutants are of the amd64 code")
	}
	root := testkit.ModuleRoot(t)
	for _, m := range handmades {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			pkg, test, given := strings.Cut(m.test, " ")
			if !given {
				pkg, test = "./ring", "TestTornAcrossProcesses/trade"
				if strings.HasPrefix(m.name, "any words") {
					test = "TestTornAcrossProcesses/large"
				}
			}
			cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-failfast", "-timeout=120s", "-run="+test, "-tags="+m.tags,
				"-overlay="+testkit.OverlayEdits(t, testkit.Edit{File: m.file, Changes: m.changes}), pkg)
			cmd.Dir = root
			b, err := cmd.CombinedOutput()
			removeLeft(t)
			out := string(b)
			require.Error(t, err, "the mutant survived")
			require.NotContains(t, out, "build failed")
			if given {
				assert.Regexp(t, "--- FAIL|SIG|signal: ", out)
				return
			}
			assert.Regexp(t, "is torn or another|after record", out, "it must fail for what was read")
			t.Log(firstWith(out, "torn or another", "after record"))
		})
	}
}

// removeLeft removes what tests have left behind that ended early.
func removeLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob("/dev/shm/tickring-*-TestTornAcrossProcesses-*")
	require.NoError(t, err)
	for _, object := range left {
		pid, _ := strconv.Atoi(strings.Split(filepath.Base(object), "-")[1])
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.Remove(object)
		}
	}
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
