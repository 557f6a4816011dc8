package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/seqlock"
)

// The model against the machine code: each shipped function is built for both architectures, taken apart, and
// executed in a sandbox, instruction by instruction; the loads, stores, barriers and system calls that it makes to
// shared words must be those of the model's program, in its order, of its kind, with its values, and so must what it
// returns. Swap two stores in the assembly, or leave a barrier out, and these tests fail.

// trial is one call of a shipped function, in one state of the memory.
type trial struct {
	name  string
	start memory
	// later is what the memory becomes before access number when: another thread's doing.
	later *memory
	when  int
	words int // of a payload; 0: all of a TradingData
	model func(c *code)
	call  func(s *sandbox) []uint64
	// results are the registers with what the program returns, which the call's results must equal.
	results []reg
	flags   bool
}

type target struct {
	arch  string
	rules *rules
	isa   instructionSet
}

var (
	amd64 = target{"amd64", &x86TSO, x86code{}}
	arm64 = target{"arm64", &armv8, armv8code{}}
)

const (
	trialSlots = 4
	trialRun   = trialSlots / 2 // what a writer counts at once, at most
)

// compare runs a trial both ways and says how the two differ.
func (tr *trial) compare(to target, built *machineCode) (difference string, accesses int) {
	c := &code{asm: newAsm(tr.name, to.rules), rules: to.rules, slots: trialSlots, words: maxWords, limit: 2 * maxRecords}
	if tr.words > 0 {
		c.words = tr.words
	}
	tr.model(c)
	change := func(m *memory) func(int) {
		return func(n int) {
			if tr.later != nil && n == tr.when {
				*m = *tr.later
			}
		}
	}
	ours, theirs := tr.start, tr.start
	want, registers := c.done().accesses(to.rules, &ours, change(&ours))
	s := newSandbox(built, to.isa, &theirs, change(&theirs), tr.flags)
	failed, results := execute(s, tr.call)
	for i := range max(len(want), len(s.list)) {
		if i >= len(want) || i >= len(s.list) || want[i] != s.list[i] {
			return fmt.Sprintf("%s%s: access %d differs\n%s", tr.name, failed, i, sideBySide(want, s.list)), len(want)
		}
	}
	if failed != "" {
		return tr.name + failed, len(want)
	}
	for i, r := range tr.results {
		if v := uint64(registers[r]); v != results[i] {
			return fmt.Sprintf("%s: result %d is %d, and %d in the model", tr.name, i, results[i], v), len(want)
		}
	}
	return "", len(want)
}

func execute(s *sandbox, call func(s *sandbox) []uint64) (failed string, results []uint64) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			failed = ": the machine code " + string(r)
		default:
			panic(r)
		}
	}()
	return "", call(s)
}

func sideBySide(model, machine []access) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %-44s %s\n", "the model", "the machine code")
	for i := range max(len(model), len(machine)) {
		var left, right string
		if i < len(model) {
			left = model[i].String()
		}
		if i < len(machine) {
			right = machine[i].String()
		}
		mark := " "
		if left != right {
			mark = "*"
		}
		fmt.Fprintf(&b, "  %s %-44s %s\n", mark, left, right)
	}
	return b.String()
}

// object is a Go object in the sandbox. Its fields are set by name, through reflection: offsets are the same on
// both architectures and here.
type object struct {
	*sandbox
	t  reflect.Type
	at uint64
}

func (s *sandbox) object(t reflect.Type) object { return object{s, t, s.alloc(uint64(t.Size()))} }

// field is where a field lies, given as "follower.words.slots".
func (o object) field(path string) uint64 {
	at, t := o.at, o.t
	for _, name := range strings.Split(path, ".") {
		f, ok := t.FieldByName(name)
		if !ok {
			o.fail("%s has no field %s any more", t, name)
		}
		at, t = at+uint64(f.Offset), f.Type
	}
	return at
}

func (o object) set(path string, v uint64)   { o.word(o.field(path), v) }
func (o object) get(path string) uint64      { return o.sandbox.load(o.field(path), 8, plain) }
func (o object) place(path string, at uint8) { o.set(path, addressOf(at)) }

// ringWords sets the words of a ring, below path.
func (o object) ringWords(path string) {
	o.place(path+"slots", slotVersions)
	o.set(path+"stride", slotSize)
	o.set(path+"slotMask", trialSlots-1)
	o.set(path+"words", maxWords)
	o.place(path+"view", viewWords)
	o.place(path+"viewVersion", viewVersion)
	o.place(path+"head", head)
	o.place(path+"epoch", epoch)
	o.place(path+"epochFirst", epochFirst)
	o.place(path+"state", stateWord)
}

func (o object) publisher(path string, next, payload uint64) {
	o.place(path+"Slots", slotVersions)
	o.set(path+"Stride", slotSize)
	o.set(path+"SlotMask", trialSlots-1)
	o.set(path+"Words", payload)
	o.set(path+"Direct", payload)
	o.set(path+"Masks", o.masks())
	o.place(path+"View", viewWords)
	o.place(path+"ViewVersion", viewVersion)
	o.place(path+"Head", head)
	o.set(path+"Next", next)
	o.set(path+"Waiting", o.alloc(4))
}

// rings gives a publisher a doorbell.
func (o object) rings(path string) (itab, data uint64) {
	itab, data = o.bell()
	o.place(path+"Waiting", waiting)
	wake := o.alloc(24) // a function value, with the doorbell that it has caught
	for i, v := range []uint64{o.function("ring.waker.func1"), itab, data} {
		o.word(wake+8*uint64(i), v)
	}
	o.set(path+"Wake", wake)
	return itab, data
}

var (
	writerType    = reflect.TypeFor[ring.Writer[ring.TradingData]]()
	readerType    = reflect.TypeFor[ring.Reader[ring.TradingData]]()
	publisherType = reflect.TypeFor[seqlock.Publisher]()
	doorbellType  = fieldType(reflect.TypeFor[segment.Segment](), "doorbell").Elem()
)

func fieldType(t reflect.Type, name string) reflect.Type {
	f, _ := t.FieldByName(name)
	return f.Type
}

// masks of a record without padding.
func (s *sandbox) masks() uint64 {
	at := s.alloc(8 * maxWords)
	for w := range uint64(maxWords) {
		s.word(at+8*w, ^uint64(0))
	}
	return at
}

// records in private memory, as the model's writer of an epoch has them.
func (s *sandbox) records(first, n, payload, epoch int) uint64 {
	at := s.alloc(uint64(8 * n * payload))
	for i := range n {
		for w := range payload {
			s.word(at+uint64(8*(i*payload+w)), uint64(record(uint8(first+i), epoch)))
		}
	}
	return at
}

// itab of an interface, for a value whose methods, in order of their names, are these functions.
func (s *sandbox) itab(methods ...string) uint64 {
	at := s.alloc(uint64(24 + 8*len(methods)))
	s.word(at+8, at) // the type, which must not be 0
	for i, m := range methods {
		s.word(at+24+8*uint64(i), s.function(m))
	}
	return at
}

// function is the address of a function, or of its stub.
func (s *sandbox) function(name string) uint64 {
	if i := slices.Index(stubNames, name); i >= 0 {
		return stubsAt + uint64(i)
	}
	entry, ok := s.entry[name]
	if !ok {
		s.fail("there is no %s", name)
	}
	return entry
}

var stubNames = []string{"look"}

func nothing(*sandbox, []uint64) []uint64 { return []uint64{0, 0, 0} }

func futex(call string) stub {
	return func(s *sandbox, _ []uint64) []uint64 {
		s.kernel(call)
		return []uint64{0, 0}
	}
}

// bell makes a doorbell, and the system calls that it takes known.
func (s *sandbox) bell() (itab, data uint64) {
	s.stubs["internal/sys.FutexWake"] = futex("futex_wake")
	s.stubs["internal/sys.FutexWait"] = futex("futex_wait")
	s.stubs["internal/sys.membarrier"] = futex("membarrier")
	d := s.object(doorbellType)
	memory := d.field("memory")
	s.word(memory, bellAt)
	s.word(memory+8, 4096)
	s.word(memory+16, 4096)
	const p = "segment.(*doorbell)."
	return s.itab(p+"Arm", p+"Ring", p+"Wait", p+"Waiting"), d.at
}

// writer makes a ring.Writer.
func (s *sandbox) writer(next int, rings bool) object {
	w := s.object(writerType)
	w.publisher("publisher.", uint64(next), maxWords)
	w.ringWords("words.")
	w.set("run", trialRun)
	s.stubs["host.(*Entered).Leave"] = nothing
	if rings {
		itab, data := w.rings("publisher.")
		w.set("bell", itab)
		s.word(w.field("bell")+8, data)
	}
	return w
}

// reader makes a ring.Reader that reads record next, and has read the one before if it began earlier.
func (s *sandbox) reader(next, origin, epoch uint64, resume policy) object {
	r := s.object(readerType)
	r.ringWords("follower.words.")
	r.set("follower.next", next)
	r.set("follower.origin", origin)
	r.set("follower.epoch", epoch)
	r.set("follower.slots", trialSlots)
	r.set("follower.resume", uint64(resume))
	s.stubs["runtime.memclrNoHeapPointers"] = nothing
	return r
}

// method calls a method of an object with a dictionary between it and the other arguments, as generic ones have.
func (o object) method(name string, args ...uint64) []uint64 {
	return o.call(name, append([]uint64{o.at, o.alloc(256)}, args...)...)
}

// TestMachineCode: the shipped functions do what the model's programs do.
func TestMachineCode(t *testing.T) {
	for _, to := range []target{amd64, arm64} {
		t.Run(to.arch, func(t *testing.T) {
			t.Parallel()
			built := compile(t, to.arch)
			for name, trials := range functions {
				difference, accesses := compareAll(trials(), to, built)
				if difference != "" {
					t.Errorf("%s: %s", name, difference)
				}
				t.Logf("%-20s %5d trials, %6d accesses", name, len(trials()), accesses)
			}
		})
	}
}

// compareAll stops at the first difference.
func compareAll(trials []trial, to target, built *machineCode) (difference string, accesses int) {
	for i := range trials {
		difference, n := trials[i].compare(to, built)
		if difference != "" {
			return difference, accesses
		}
		accesses += n
	}
	return "", accesses
}
