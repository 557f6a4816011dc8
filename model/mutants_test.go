package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// mutant is the protocol with defects, and what comes of them on each architecture.
type mutant struct {
	name  string
	cut   defects
	tso   fate
	armv8 fate
}

// fate is what becomes of a mutant.
type fate struct {
	scenario  string // in which a violation is found
	violation string // and what is in its description
	// harmless says why there is none, in any scenario.
	harmless string
}

func (m *mutant) fate(r *rules) fate {
	if r == &armv8 {
		return m.armv8
	}
	return m.tso
}

const (
	torn      = "is torn"
	wrong     = "is taken for record"
	damaged   = "takes the ring for damaged"
	forEver   = "waits for ever"
	wrongHead = "the head counts record"
	noRecord  = "finds no record, after there was one"
	wrongEnd  = "the end is reported at record"
	lateCount = "closed, and yet the head counts"
	forgotten = "was finished, and is not among"
	oldView   = "and the view has version"
	wrongOne  = "is taken to begin at record"
	notClosed = "is taken to have closed the ring"
	sentBack  = "is taken for the newest, behind"
	wrongDead = "the writer is reported dead at record"
)

// inShort is for the table.
var inShort = map[string]string{
	torn:      "torn record",
	wrong:     "wrong record under the number",
	damaged:   "sound ring taken for damaged",
	forEver:   "lost wake-up",
	wrongHead: "head ahead of the slots",
	noRecord:  "latest goes back",
	wrongEnd:  "record missed at the end",
	lateCount: "head not final at the end",
	forgotten: "finished record lost",
	oldView:   "stale view",
	wrongOne:  "wrong start of an epoch",
	notClosed: "end reported of the wrong epoch",
	sentBack:  "newest goes back",
	wrongDead: "death reported before the last record",
}

// both is for a mutant that has the same fate on both.
func both(name string, cut defects, scenario, violation string) mutant {
	f := fate{scenario: scenario, violation: violation}
	return mutant{name, cut, f, f}
}

// onlyArmv8 is for one that lacks an order which TSO has of itself.
func onlyArmv8(name string, cut defects, scenario, violation string) mutant {
	return mutant{name, cut, fate{harmless: "TSO has that order"}, fate{scenario: scenario, violation: violation}}
}

// either is for what may come in either order.
func either(name string, cut defects) mutant {
	f := fate{harmless: "nothing asks for an order among the words"}
	return mutant{name, cut, f, f}
}

var mutants = []mutant{
	// The writer of a cell.
	both("no odd mark", noOddMark, "stream", torn),
	both("even version before the payload", evenFirst, "stream", wrong),
	onlyArmv8("no DMB ISHST in a slot", noSlotBarrier, "stream", torn),
	onlyArmv8("no DMB ISHST in the view", noViewBarrier, "view", torn),
	onlyArmv8("STLR odd instead of STR odd, DMB ISHST", releaseOdd, "stream", torn),
	onlyArmv8("STR even instead of STLR", plainEven, "stream", wrong),
	either("(the words of a payload stored the other way round, as the halves of a wide store may be)", otherHalf),
	// The reader of a cell.
	onlyArmv8("LDR version instead of LDAR", plainVersion, "stream", torn),
	onlyArmv8("no DMB ISHLD before the second look", noLoadBarrier, "stream", torn),
	onlyArmv8("LDAR for the second look instead of DMB ISHLD, LDR", acquireRecheck, "stream", torn),
	both("no second look at the version", noRecheck, "stream", torn),
	both("any even version accepted", anyEven, "stream", wrong),
	onlyArmv8("no fence between what a lease reads and the second look", noLeaseFence, "lease", torn),
	either("(the words of a payload loaded the other way round)", otherHalfFirst),
	// The head.
	both("head before the slot", headFirst, "head", wrongHead),
	{"STR head instead of STLR", plainHead, fate{harmless: "TSO has that order"},
		fate{harmless: "the view's DMB ISHST stands between slot and head"}},
	onlyArmv8("the same, and no DMB ISHST in the view", plainHead|noViewBarrier, "head", wrongHead),
	onlyArmv8("LDR head instead of LDAR, and no address dependency behind it", plainHeadLoad, "head", wrongHead),
	both("one head for a batch larger than the ring", wholeBatch, "batch", damaged),
	both("lap judged by a head loaded before the version", earlyHead, "far lap", damaged),
	onlyArmv8("no DMB ISHLD before the head that a lap is judged by", noLapFence, "far lap", damaged),
	// Latest.
	both("latest does not probe beyond the head", noProbe, "latest of another", noRecord),
	both("seek and latest do not start from what the reader has read", noOwn, "seek in batches", sentBack),
	both("nor do they probe beyond the head", noOwn|noProbe, "latest", noRecord),
	both("a head of 0 taken for an empty ring", emptyAtZero, "latest of another", noRecord),
	// Close.
	both("closed before the last record", closedFirst, "close", wrongEnd),
	both("closed before the head", closedBeforeEnd, "close", lateCount),
	onlyArmv8("STR closed instead of STLR", plainClosed, "close", lateCount),
	onlyArmv8("LDR state instead of LDAR", plainState, "close", wrongEnd),
	both("no second poll after closed", noRepoll, "close", wrongEnd),
	both("no second look at the epoch after closed", noEpochCheck, "crash and close", notClosed),
	both("no last poll after the writer is found dead", noLastLook, "death", wrongDead),
	// Takeover.
	both("no roll-forward", noRollForward, "crash", forgotten),
	both("view not mended", noMend, "crash", oldView),
	both("head not stored", noHead, "crashes", damaged),
	both("state not opened", noOpen, "close and takeover", wrongEnd),
	both("state opened after the epoch", openLate, "close and takeover", wrongEnd),
	both("first record of the epoch after the epoch", firstLate, "crash", wrongOne),
	onlyArmv8("LDADD epoch instead of LDADDAL", plainEpoch, "crash", wrongOne),
	both("(restarts asked for the first record of just that epoch)", ownFirst, "takeovers", wrongOne),
	{"(no death but a power cut: stores before it are lost)", lostStores,
		fate{harmless: "TSO loses the last ones"}, fate{scenario: "crash in a lap", violation: damaged}},
	// The doorbell.
	{"no membarrier", noBarrier, fate{scenario: "doorbell", violation: forEver},
		fate{harmless: "LDAR of the mark waits for the STLRs before it, on both sides"}},
	{"LDR mark instead of LDAR", plainLook, fate{harmless: "TSO has no difference"},
		fate{harmless: "membarrier orders it"}},
	{"both of the two", noBarrier | plainLook, fate{scenario: "doorbell", violation: forEver},
		fate{scenario: "doorbell", violation: forEver}},
	both("mark cleared after the ticket is counted up", clearLate, "doorbell", forEver),
	both("ticket taken after the last poll", ticketLate, "doorbell", forEver),
	both("no poll between mark and sleep", noLastPoll, "doorbell", forEver),
	both("sleep without comparing the ticket", noTicketCheck, "doorbell", forEver),
	both("after a ring, a new ticket without a new mark", noNewMark, "doorbell", forEver),
	both("no ring after the ring is closed", noRingAtEnd, "doorbell at the end", forEver),
	both("no ring after a takeover", noRingAtStart, "doorbell at a takeover", forEver),
}

// TestMutants: each defect leads to the violation that is expected of it, or it is known why not.
func TestMutants(t *testing.T) {
	for i := range mutants {
		m := &mutants[i]
		for _, r := range architectures {
			t.Run(m.name+"/"+r.name, func(t *testing.T) {
				f := m.fate(r)
				if f.harmless != "" {
					survives(t, m, r)
					return
				}
				got := scenarioNamed(t, f.scenario).system(r, m.cut).explore()
				if !strings.Contains(got.violation, f.violation) || got.violation == "" {
					t.Fatalf("%s: expected %q, found: %s", f.scenario, f.violation, got)
				}
				t.Logf("%s, after %d states: %s", f.scenario, got.states, got)
			})
		}
	}
}

// survives checks that the mutant breaks nothing. Where TSO has the order that it lacks, it is the program
// that is shipped, or nearly, and the scenario in which Armv8 fails is enough.
func survives(t *testing.T, m *mutant, r *rules) {
	for i := range scenarios {
		s := &scenarios[i]
		if other := m.armv8.scenario; r == &x86TSO && other != "" && other != s.name {
			continue
		}
		mutated := s.system(r, m.cut)
		if mutated.sameAs(s.system(r, 0)) {
			continue
		}
		if got := mutated.explore(); got.violation != "" || got.clipped {
			t.Errorf("%s: %s", s.name, got)
		}
	}
}

// sameAs tells whether two systems consist of the same instructions.
func (s *system) sameAs(o *system) bool {
	return slices.EqualFunc(s.threads, o.threads, func(p, q *program) bool {
		return p.losesStores == q.losesStores && slices.EqualFunc(p.ops, q.ops, func(a, b op) bool {
			return a.kind == b.kind && a.order == b.order && a.dst == b.dst && a.text == b.text && slices.Equal(a.to, b.to)
		})
	})
}

func scenarioNamed(t *testing.T, name string) *scenario {
	for i := range scenarios {
		if scenarios[i].name == name {
			return &scenarios[i]
		}
	}
	t.Fatalf("no scenario %q", name)
	return nil
}

// TestReadme: README.md has the table of mutants as it is.
func TestReadme(t *testing.T) { readme(t, "mutants", mutantTable()) }

func mutantTable() string {
	var b strings.Builder
	b.WriteString("| removed or changed | x86-TSO | Armv8 |\n|---|---|---|\n")
	for i := range mutants {
		m := &mutants[i]
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.name, m.tso, m.armv8)
	}
	return b.String()
}

func (f fate) String() string {
	if f.harmless != "" {
		return "holds: " + f.harmless
	}
	return "*" + inShort[f.violation] + "*"
}
