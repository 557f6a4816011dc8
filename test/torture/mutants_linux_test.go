package torture

import (
	"cmp"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// mutant is a change of a file.
type mutant struct {
	name    string
	file    string
	changes []string // see testkit.Edit
}

const (
	takeover = "ring/recover_unsafe.go"
	writer   = "ring/writer_unsafe.go"
	publish  = "seqlock/publish_amd64.s"
)

// mutants are of what follows on a crash. That the view comes before the head is not among them, since a takeover mends
// either; nor is what clears the view of an empty ring, since no crash leaves one that is not clear.
var mutants = []mutant{
	{"finished records are not counted", takeover, []string{"for range w.slotMask + 1 {", "for range 0 {"}},
	{"one record too far", takeover, []string{"mendView(w, masks, next)\n\tatomic", "next++\n\tatomic"}},
	{"the record that was cut short counts", takeover, []string{
		"if w.version(next) != finished(next) {\n\t\t\tbreak", "if w.version(next) < finished(next)-1 {\n\t\t\tbreak",
	}},
	{"the view is not mended", takeover, []string{"mendView(w, masks, next)\n\tatomic", "atomic"}},
	{"the view is mended with another record", takeover, []string{"unsafe.Add(w.slot(next-1), 8)", "unsafe.Add(w.slot(next), 8)"}},
	{"a view that is odd is left", takeover, []string{
		"if atomic.LoadUint64(version) != finished(next-1) {", "if atomic.LoadUint64(version) < finished(next-1)-1 {",
	}},
	{"the head is not stored", takeover, []string{"atomic.StoreUint64(w.head, next)\n\treturn", "return"}},
	{"the epoch's first record is not stored", writer, []string{"atomic.StoreUint64(words.epochFirst, next)\n", ""}},
	{"the epoch comes before its first record", writer, []string{
		"\tatomic.AddUint64(words.epoch, 1)\n", "",
		"\tatomic.StoreUint64(words.epochFirst, next)\n", "\tatomic.AddUint64(words.epoch, 1)\n\tatomic.StoreUint64(words.epochFirst, next)\n",
	}},
	{"the epoch stays", writer, []string{"\tatomic.AddUint64(words.epoch, 1)\n", ""}},
	{"the state stays closed", writer, []string{"\tatomic.StoreUint64(words.state, uint64(layout.StateOpen))\n", ""}},
	{"the head comes before its record", publish, []string{
		"\tMOVQ  16(R9), R12\n\tSLOT\n\tSTORE_SLOT3\n", "\tMOVQ  16(R9), R12\n\tINCQ R8\n\tSTORE_HEAD\n\tDECQ R8\n\tSLOT\n\tSTORE_SLOT3\n",
		"\tSUBQ    R10, CX\n\nslots3:\n", "\tSUBQ R10, CX\n\tMOVQ Publisher_Head(DI), R13\n\tMOVQ R8, (R13)\n\nslots3:\n",
	}},
	{"a slot has no odd mark", publish, []string{"\tMOVQ   BX, 0(AX)  \\ // W1\n", ""}},
	{"a slot has its version before the record", publish, []string{
		"\tMOVQ   BX, 0(AX)  \\ // W1\n", "\tINCQ BX \\\n\tMOVQ BX, 0(AX) \\\n",
		"\tMOVQ   DX, 24(AX) \\\n\tINCQ   BX         \\\n\tMOVQ   BX, 0(AX)    // W3", "\tMOVQ  DX, 24(AX)",
	}},
	{"the lock is not taken", "segment/attach.go", []string{
		"\t\terr = s.own()\n", "\t\ts.memory, err = sys.Map(s.fd, s.geometry.SegmentSize, true)\n",
	}},
	{"the object has its name before it is whole", "segment/create.go", []string{
		"\tif err := s.reserve(o); err != nil {", "\tif err := sys.Link(fd, path); err != nil {\n\t\treturn nil, err\n\t}\n\tif err := s.reserve(o); err != nil {",
		"\tif err := sys.Link(fd, path); err != nil { // complete, and only now with a name\n\t\treturn nil, err\n\t}\n", "",
	}},
	{"nothing is swept", "segment/companion.go", []string{"for _, c := range companions(name) {", "for _, c := range companions(name)[:0] {"}},
}

// elsewhere are the tests that catch those which writers' deaths at each store do not show, or not soon.
var elsewhere = map[string]string{
	"the epoch comes before its first record": "TestTakeoverKilled", "nothing is swept": "TestCreationKilled",
	"the object has its name before it is whole": "TestCreationKilled",
}

func TestMutantsAreCaught(t *testing.T) {
	if os.Getenv("TICKRING_MUTANTS") == "" {
		t.Skip("builds the tests anew for each mutant: make mutants")
	}
	canTrace(t)
	root := testkit.ModuleRoot(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-failfast", "-timeout=120s",
				"-run="+cmp.Or(elsewhere[m.name], "Killed$|EveryStore"),
				"-overlay="+testkit.OverlayEdits(t, testkit.Edit{File: m.file, Changes: m.changes}), "./test/torture")
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "TICKRING_MUTANTS=")
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the mutant survived")
			assert.NotContains(t, string(out), "build failed")
			t.Log(first(string(out), "Error:", "ended early", "panic:"))
		})
	}
}

// first is the first line with one of some texts in it, and what follows.
func first(out string, texts ...string) string {
	for _, text := range texts {
		if i := strings.Index(out, text); i >= 0 {
			return strings.Join(strings.Fields(out[i:min(len(out), i+300)]), " ")
		}
	}
	return ""
}
