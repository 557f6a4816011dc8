package model

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// The protocol once more, in Promela, and searched by Spin: in larger rings, with more records and more deaths, and
// every access sequentially consistent. See spin/ring.pml.

// spinModel is a choice of parameters of spin/ring.pml.
type spinModel struct {
	name    string
	defines string
}

var spinModels = []spinModel{
	{"laps", "RECORDS=6 EVERY_POLICY NO_LATEST NO_VIEW"},
	{"laps of 4 slots", "SLOTS=4 RUN=2 RECORDS=9 EVERY_POLICY NO_LATEST NO_VIEW"},
	{"latest", "RECORDS=5 NO_VIEW NO_BATCH"},
	{"latest of 4 slots", "SLOTS=4 RUN=2 RECORDS=6 NO_VIEW NO_BATCH"},
	{"view", "RECORDS=5 NO_LATEST NO_BATCH"},
	{"crash", "WRITERS=2 RECORDS=5 NO_LATEST NO_VIEW NO_BATCH"},
	{"crash in a batch", "SLOTS=4 RUN=2 WHOLE_RUNS WRITERS=2 RECORDS=9 NO_LATEST NO_VIEW NO_BATCH"},
	{"crash after a crash", "WRITERS=3 RECORDS=1 NO_LATEST NO_VIEW NO_BATCH"},
	{"crash under latest and view", "WRITERS=2 RECORDS=2 NO_BATCH"},
	{"progress", "WRITERS=2 RECORDS=1 NO_BATCH " + progress},
}

// progress has Spin search for a reader that goes round for ever without ending a call. Nobody needs to run besides:
// a writer that stands still, or is dead, holds nobody up.
const progress = "NP"

// spinMutants are what is removed, where, and the assertion that fails then.
var spinMutants = []struct {
	name, define, model, assertion string
}{
	{"no odd mark", "NO_ODD", "laps", foreign},
	{"even version before the payload", "EVEN_FIRST", "laps", foreign},
	{"no second look at the version", "NO_RECHECK", "laps", foreign},
	{"any even version accepted that stays", "EVEN_STABLE", "laps", `a%16`},
	{"head before the slot", "HEAD_FIRST", "crash", `\(version\[\(\(next-1\)%2\)\]==`},
	{"one head for a batch larger than the ring", "WHOLE_BATCH", "laps", `h0<=\(h\+2\)`},
	{"lap judged by a head loaded before the version", "EARLY_HEAD", "laps", `h0<=\(h\+2\)`},
	{"latest does not probe beyond the head, nor start from what was read", "NO_PROBE NO_OWN", "latest", `newest`},
	{"a head of 0 taken for an empty ring", "EMPTY_AT_ZERO NO_OWN", "latest", `newest==0`},
	{"closed before the last record", "CLOSED_FIRST", "laps", `end_of`},
	{"no second look at the slot after closed", "NO_SLOT_RECHECK", "laps", `end_of`},
	{"no second look at the epoch after closed", "NO_EPOCH_RECHECK", "crash", `end_of`},
	{"no second look at the slot after the writer is found dead", "NO_DEAD_RECHECK", "crash", `\(next>=e\)`},
	{"epoch before its first record", "EPOCH_BEFORE_FIRST", "crash", `first_of`},
	{"epoch before the state", "EPOCH_BEFORE_STATE", "crash", `end_of`},
	{"no roll-forward", "NO_ROLL_FORWARD", "crash", `\(next>=done\)`},
	{"view not mended", "NO_MEND", "crash", `view_version`},
	{"no lock of the one writer", "NO_LOCK", "crash", `\(at_work==1\)`},
	{"a reader waits for an odd version to become even", "WAIT_EVEN", "progress", `non-progress cycle`},
	{"(the view without its version, as programs from before the ring read it)", "BARE_IS_WHOLE", "view", `\(a==b\)`},
	{"(restarts asked for the first record of just that epoch)", "OWN_FIRST", "crash after a crash", `first_of`},
}

// foreign: a record that is accepted is torn, or another one, whichever comes first.
const foreign = `a==b|a%16`

// TestSpin: the model of the protocol has no violation, and nothing stands in it that never happens.
func TestSpin(t *testing.T) {
	var mutex sync.Mutex
	never := map[string]int{} // statements that were not reached, by models
	t.Cleanup(func() {
		for statement, models := range never {
			if models == len(spinModels) && !slices.Contains(unreachable, statement) {
				t.Errorf("%s is reached in no model", statement)
			}
		}
	})
	for _, m := range spinModels {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			got := spin(t, m.defines, "-O1")
			assert.Contains(t, got, "errors: 0", "%s", got)
			assert.NotRegexp(t, "max search depth too small|Search not completed", got)
			t.Logf("%s states, with %s", spinStates.FindStringSubmatch(got)[1], m.defines)
			lines := map[string]bool{}
			for _, f := range spinUnreached.FindAllStringSubmatch(got, -1) {
				lines[digits.ReplaceAllString(f[1], "N")] = true
			}
			mutex.Lock()
			defer mutex.Unlock()
			for l := range lines {
				never[l]++
			}
		})
	}
}

// TestSpinMutants: each thing that is taken away leads to the violation that is expected of it.
func TestSpinMutants(t *testing.T) {
	for _, m := range spinMutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, model := range spinModels {
				if model.name != m.model {
					continue
				}
				got := spin(t, model.defines+" "+m.define, "-O0")
				found := spinError.FindString(got)
				require.Regexp(t, m.assertion, found, "%s", got)
				t.Logf("%s: %s", m.model, found)
			}
		})
	}
}

var (
	spinStates = regexp.MustCompile(`(\d+) states, stored`)
	spinError  = regexp.MustCompile(`pan:1: .*`)

	spinUnreached = regexp.MustCompile(`\n\t\w+\.pml:\d+, state \d+, "(.*)"`)
	digits        = regexp.MustCompile(`\d+`)
)

// unreachable are the statements that no model reaches: readers never end; death does not come where nothing is
// done; and a view that was begun belongs to a record that is finished, so that no takeover finds one in an empty
// ring. (mendView of ring/recover_unsafe.go is ready for that, nevertheless.)
var unreachable = []string{"-end-", "((killed>=me))", "view_word[N] = N", "view_version = N"}

// spin searches all of the model, or up to the first violation, and returns the report. How well the search is to
// be compiled depends on how long it takes. (NOREDUCE: without partial-order reduction there is less to believe.)
func spin(t *testing.T, defines, optimize string) string {
	t.Helper()
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			testkit.Require(t, tool, "the Promela model is searched by it")
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("spin")))
	generate, search := []string{"-a"}, []string{"-m100000"}
	compile := []string{optimize, "-DNOREDUCE", "-o", "pan", "pan.c"}
	for _, d := range strings.Fields(defines) {
		if d == progress {
			compile, search = append(compile, "-DNP"), append(search, "-l")
		} else {
			generate = append(generate, "-D"+d)
		}
	}
	if len(search) == 1 {
		compile = append(compile, "-DSAFETY")
	}
	command := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	command("spin", append(generate, "ring.pml")...)
	command("gcc", compile...)
	return command(filepath.Join(dir, "pan"), search...)
}
