package model

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/internal/testkit"
)

// codeMutants are changes of the shipped source that remove or move accesses which matter. What is built at once is
// noticed in different functions.
var codeMutants = []struct {
	name    string
	to      target
	edits   []testkit.Edit
	noticed map[string]string // what was changed, by the function that then differs from the model
}{
	{"first", amd64, []testkit.Edit{
		{File: "seqlock/publish_amd64.s", Changes: []string{
			"\tMOVQ   BX, 0(AX)  \\ // W1\n\tMOVOU  X0, 8(AX)  \\ // W2\n", "\tMOVOU  X0, 8(AX)  \\ // W2\n\tMOVQ   BX, 0(AX)  \\ // W1\n",
			"\tMOVQ BX, (VERSION)          \\ // W1\n", "",
		}},
		{File: "ring/load3_go_unsafe.go", Changes: []string{
			"\t\ta, b, c := ", "\t\tlast := atomic.LoadUint64(&s[0])\n\t\ta, b, c := ",
			"atomic.LoadUint64(&s[0]); version == want {                                // R3", "last; version == want {",
		}},
		{File: "ring/trypoll_inline_unsafe.go", Changes: []string{
			"\t\t*dst = s.record                            // R2\n", "\t\tlast := atomic.LoadUint64(&s.version)\n\t\t*dst = s.record\n",
			"if atomic.LoadUint64(&s.version) == want { // R3", "if last == want {",
		}},
		{File: "seqlock/load_go_unsafe.go", Changes: []string{"return atomic.LoadUint64(version) // R3", "return want"}},
		{File: "seqlock/loadrun_amd64.s", Changes: []string{
			"\tMOVQ  0(AX), DX // R3\n\tCMPQ  DX, BX\n\tJNE   done\n", "",
			"\tMOVQ  8(AX), R13 // R2\n", "\tMOVQ  0(AX), DX\n\tCMPQ  DX, BX\n\tJNE   done\n\tMOVQ  8(AX), R13\n",
		}},
		{File: "ring/writer_unsafe.go", Changes: []string{
			"\tatomic.StoreUint64(words.epochFirst, next)\n", "",
			"\tatomic.AddUint64(words.epoch, 1)\n", "\tatomic.AddUint64(words.epoch, 1)\n\tatomic.StoreUint64(words.epochFirst, next)\n",
			"\tatomic.StoreUint64(w.words.state, uint64(layout.StateClosed))\n\tw.ringBell()\n",
			"\tw.ringBell()\n\tatomic.StoreUint64(w.words.state, uint64(layout.StateClosed))\n",
		}},
		{File: "segment/doorbell.go", Changes: []string{
			"\tticket := atomic.LoadUint32(d.ticket())\n\tatomic.StoreUint32(d.Waiting(), 1)\n",
			"\tatomic.StoreUint32(d.Waiting(), 1)\n\tticket := atomic.LoadUint32(d.ticket())\n",
		}},
	}, map[string]string{
		"seqlock.Publish":  "three words: a word of the payload before the odd version",
		"seqlock.store":    "any words: no odd version",
		"Reader.Poll":      "three words: the second look before the payload",
		"Reader.TryPoll":   "inlined: the second look before the payload",
		"Reader.PollBatch": "a run: the second look before the payload",
		"Reader.Latest":    "any words: no second look",
		"NewWriter":        "the epoch before its first record",
		"Writer.Close":     "the ring before the state",
		"doorbell.Arm":     "the ticket after the mark",
	}},
	{"second", amd64, []testkit.Edit{
		{File: "seqlock/publish_amd64.s", Changes: []string{
			"\tSUBQ $2, BX // of the last value again\n", "\tSUBQ $2, BX\n\tSTORE_HEAD\n",
			"\tSTORE_HEAD\n\tMOVQ Publisher_Waiting(DI), AX\n\tCMPL (AX), $0 // after the head\n",
			"\tMOVQ Publisher_Waiting(DI), AX\n\tMOVL (AX), CX\n\tSTORE_HEAD\n\tCMPL CX, $0\n",
		}},
		{File: "ring/follower.go", Changes: []string{
			"f.version(f.next) <= unfinished(f.next) && ", "",
			"for range f.slots {", "for range min(f.slots, 0) {",
		}},
		{File: "ring/recover_unsafe.go", Changes: []string{
			"\tmendView(w, masks, next)\n\tatomic.StoreUint64(w.head, next)\n", "\tatomic.StoreUint64(w.head, next)\n\tmendView(w, masks, next)\n",
		}},
		{File: "segment/doorbell.go", Changes: []string{
			"\tatomic.StoreUint32(d.Waiting(), 0)\n\tatomic.AddUint32(d.ticket(), 1)\n", "\tatomic.AddUint32(d.ticket(), 1)\n\tatomic.StoreUint32(d.Waiting(), 0)\n",
		}},
	}, map[string]string{
		"seqlock.PublishRun": "the head before the view",
		"seqlock.Publish":    "the look at the doorbell before the head",
		"Reader.Poll":        "no second look at the slot of a closed ring",
		"Reader.Seek":        "no look beyond the head",
		"NewWriter":          "the head before the view is mended",
		"Writer.Close":       "the mark cleared after the ticket",
	}},
	{"slot without W1", amd64, []testkit.Edit{{File: "seqlock/publish_amd64.s", Changes: []string{
		"\tMOVQ   BX, 0(AX)  \\ // W1\n", "",
	}}}, map[string]string{"seqlock.Publish": "a slot of three words: no odd version"}},
	{"slot with W3 first", amd64, []testkit.Edit{{File: "seqlock/publish_amd64.s", Changes: []string{
		"\tMOVQ   BX, 0(AX)  \\ // W1\n", "\tINCQ BX \\\n\tMOVQ BX, 0(AX) \\\n",
		"\tMOVQ   DX, 24(AX) \\\n\tINCQ   BX         \\\n\tMOVQ   BX, 0(AX)    // W3", "\tMOVQ  DX, 24(AX)",
	}}}, map[string]string{"seqlock.PublishRun": "a slot of three words: the even version before the payload"}},
	{"view without W1", amd64, []testkit.Edit{{File: "seqlock/publish_amd64.s", Changes: []string{
		"\tMOVQ  BX, (AX)                      \\ // W1\n", "",
	}}}, map[string]string{"seqlock.Publish": "a view of three words: no odd version"}},
	{"view with W3 first", amd64, []testkit.Edit{{File: "seqlock/publish_amd64.s", Changes: []string{
		"\tMOVQ  BX, (AX)                      \\ // W1\n", "\tINCQ BX \\\n\tMOVQ BX, (AX) \\\n",
		"\tMOVQ  DX, 16(R11)                   \\\n\tINCQ  BX                            \\\n\tMOVQ  BX, (AX)                        // W3", "\tMOVQ  DX, 16(R11)",
	}}}, map[string]string{"seqlock.PublishRun": "a view of three words: the even version before the payload"}},
	{"third", amd64, []testkit.Edit{
		{File: "ring/follower.go", Changes: []string{" && atomic.LoadUint64(f.words.epoch) == f.epoch", ""}},
	}, map[string]string{
		"Reader.Poll": "no second look at the epoch of a closed ring",
	}},
	{"first", arm64, []testkit.Edit{
		{File: "seqlock/publish_arm64.s", Changes: []string{"\tDMB  $0xA                   \\\n", ""}},
		{File: "seqlock/load_arm64.s", Changes: []string{"\tLDAR (R0), R5          // R1", "\tMOVD (R0), R5", "\tDMB $0x9\n\tRET", "\tRET"}},
		{File: "ring/writer_unsafe.go", Changes: []string{
			"\tatomic.StoreUint64(words.state, uint64(layout.StateOpen))\n\tatomic.AddUint64(words.epoch, 1)\n",
			"\tatomic.AddUint64(words.epoch, 1)\n\tatomic.StoreUint64(words.state, uint64(layout.StateOpen))\n",
		}},
	}, map[string]string{
		"seqlock.store": "no DMB ISHST",
		"Reader.Poll":   "LDR version instead of LDAR",
		"Reader.Peek":   "no DMB ISHLD behind a lease",
		"NewWriter":     "the state after the epoch",
	}},
	{"second", arm64, []testkit.Edit{
		{File: "seqlock/publish_arm64.s", Changes: []string{
			"\tMOVD R4, (VERSION)          \\ // W1\n\tDMB  $0xA                   \\\n", "\tSTLR R4, (VERSION)          \\\n",
		}},
		{File: "seqlock/load_arm64.s", Changes: []string{"\tDMB    $0x9\n\tMOVD   (R0), R5", "\tMOVD   (R0), R5"}},
	}, map[string]string{
		"seqlock.Publish": "STLR odd instead of STR, DMB ISHST",
		"Reader.Poll":     "no DMB ISHLD before the second look",
	}},
	{"third", arm64, []testkit.Edit{
		{File: "seqlock/publish_arm64.s", Changes: []string{"\tSTLR R4, (VERSION)            // W3", "\tMOVD R4, (VERSION)"}},
		{File: "seqlock/load_arm64.s", Changes: []string{"\tDMB    $0x9\n\tMOVD   (R0), R5", "\tLDAR   (R0), R5"}},
	}, map[string]string{
		"seqlock.store": "STR even instead of STLR",
		"Reader.Poll":   "LDAR for the second look instead of DMB ISHLD, LDR",
	}},
	{"fourth", arm64, []testkit.Edit{
		{File: "seqlock/publish_arm64.s", Changes: []string{"\tSTLR R3, (R8)                      \\\n", "\tMOVD R3, (R8)                      \\\n"}},
		{File: "seqlock/load_arm64.s", Changes: []string{"\tDMB    $0x9\n", "\tDMB    $0xA\n"}},
	}, map[string]string{
		"seqlock.Publish": "STR head instead of STLR",
		"Reader.Poll":     "DMB ISHST instead of DMB ISHLD",
	}},
	{"fifth", arm64, []testkit.Edit{
		{File: "ring/follower.go", Changes: []string{"\tseqlock.LoadFence()\n\thead := f.loadHead()", "\thead := f.loadHead()", `	"github.com/tickring/tickring/seqlock"`, ""}},
	}, map[string]string{
		"Reader.Poll": "no DMB ISHLD between the version of a lap and the head",
	}},
}

// TestMachineCodeMutants: a source that is not the model's any more is told from it, without running anything.
func TestMachineCodeMutants(t *testing.T) {
	for _, m := range codeMutants {
		t.Run(m.to.arch+"/"+m.name, func(t *testing.T) {
			t.Parallel()
			built := compile(t, m.to.arch, m.edits...)
			for function, what := range m.noticed {
				difference, _ := compareAll(functions[function](), m.to, built)
				assert.Regexp(t, `: access \d+ differs`, difference, "%s is not noticed in %s", what, function)
				assert.NotContains(t, difference, ": the machine code ", what) // failing to execute would prove nothing
				t.Logf("%s: %s: %s", function, what, difference)
			}
		})
	}
}
