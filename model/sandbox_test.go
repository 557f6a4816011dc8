package model

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// sandbox executes machine code one instruction after the other, on a memory of its own, and notes what it does
// to the words that readers and writers share. It is how the tests find out what a base register and an offset
// mean: by calculating them.
//
// Instructions that it does not know, and calls of functions that nobody expected, are failures, not guesses.
type sandbox struct {
	*machineCode
	isa    instructionSet
	bytes  map[uint64]byte
	shared *memory         // the words of the protocol, as the model has them
	before func(n int)     // see program.accesses
	list   []access        // of the shared words
	stubs  map[string]stub // by function
	flags  bool            // what is read of the runtime's flags: here, whether the CPU has LSE atomics

	r     map[string]uint64
	wide  map[string][2]uint64
	cmp   comparison
	pc    uint64
	arena uint64
}

// instructionSet is what differs between architectures.
type instructionSet interface {
	step(s *sandbox, o *machineOp) // executes one instruction; s.pc is behind it
	enter(s *sandbox, back uint64) // what a call does with the place to come back to
	leave(s *sandbox) uint64       // what a return does
	registers() (arguments []string, stack string, toArgs uint64)
}

// stub stands for a function that is not executed. Its arguments and results are registers.
type stub func(s *sandbox, args []uint64) (results []uint64)

// comparison is the last one that set the flags.
type comparison struct {
	a, b uint64
	bits uint
}

// Where things lie: what is at none of these places is private, and 0 until it is written.
const (
	slotsAt   = 0x1000_0000
	slotSize  = 8 + 8*maxWords
	viewAt    = 0x2000_0000 // version, then payload, so that it is a seqlock.Cell as well
	wordsAt   = 0x3000_0000 // the others, 128 bytes apart
	bellAt    = 0x3100_0000 // seq and waiting, at the offsets of segment.doorbell
	arenaAt   = 0x4000_0000
	globalsAt = 0x5000_0000
	stackAt   = 0x6000_0000
	stubsAt   = 0x7000_0000 // where function values of stubs point to
	returnAt  = 0x7fff_0000
)

// addressOf is where the sandbox has a word of the model.
func addressOf(at uint8) uint64 {
	switch {
	case at < slotWords:
		return slotsAt + uint64(at)*slotSize
	case at < viewVersion:
		w := uint64(at - slotWords)
		return slotsAt + w/maxWords*slotSize + 8 + w%maxWords*8
	case at < head:
		return viewAt + 8*uint64(at-viewVersion)
	case at == seq:
		return bellAt + 128
	case at == waiting:
		return bellAt + 256
	}
	return wordsAt + 128*uint64(at-head)
}

var placeAt = func() map[uint64]uint8 {
	m := map[uint64]uint8{}
	for at := range uint8(waiting + 1) {
		m[addressOf(at)] = at
	}
	return m
}()

func newSandbox(c *machineCode, isa instructionSet, m *memory, before func(n int), flags bool) *sandbox {
	return &sandbox{
		machineCode: c, isa: isa, shared: m, before: before, flags: flags, bytes: map[uint64]byte{}, arena: arenaAt,
		r: map[string]uint64{}, wide: map[string][2]uint64{}, stubs: map[string]stub{},
	}
}

func (s *sandbox) fail(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

type failure string

// alloc returns memory of n bytes.
func (s *sandbox) alloc(n uint64) uint64 {
	at := s.arena
	s.arena += (n + 127) &^ 127
	return at
}

// word writes private memory.
func (s *sandbox) word(address, v uint64) { s.write(address, 8, v) }

func (s *sandbox) write(address uint64, size int, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	for i := range size {
		s.bytes[address+uint64(i)] = b[i]
	}
}

// load of size bytes, of shared memory with an order.
func (s *sandbox) load(address uint64, size int, o order) uint64 {
	if at, ok := s.place(address, size); ok {
		s.before(len(s.list))
		v := s.shared[at]
		s.list = append(s.list, access{kind: opLoad, order: o, at: at, value: v})
		return uint64(v)
	}
	if s.flags && size == 1 && address>>28 == globalsAt>>28 {
		return 1
	}
	var b [8]byte
	for i := range size {
		b[i] = s.bytes[address+uint64(i)]
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (s *sandbox) store(address uint64, size int, v uint64, o order) {
	at, ok := s.place(address, size)
	if !ok {
		s.write(address, size, v)
		return
	}
	s.before(len(s.list))
	if v > 255 {
		s.fail("stores %#x to %s", v, place(at))
	}
	s.shared[at] = uint8(v)
	s.list = append(s.list, access{kind: opStore, order: o, at: at, value: uint8(v)})
}

func (s *sandbox) barrier(o order) { s.list = append(s.list, access{kind: opBarrier, order: o}) }

func (s *sandbox) kernel(call string) { s.list = append(s.list, access{kind: opCall, call: call}) }

// place is the shared word at an address. An access of another size than the word's is a failure.
func (s *sandbox) place(address uint64, size int) (uint8, bool) {
	if address < slotsAt || address >= arenaAt {
		return 0, false
	}
	at, ok := placeAt[address]
	want := 8
	if at == seq || at == waiting {
		want = 4
	}
	if !ok || size != want {
		s.fail("accesses %d bytes at %#x", size, address)
	}
	return at, true
}

// call executes a function and returns the registers in which it leaves results. A function in assembly takes its
// arguments on the stack.
func (s *sandbox) call(name string, args ...uint64) []uint64 {
	registers, stack, toArgs := s.isa.registers()
	s.r[stack] = stackAt
	for i, v := range args {
		if strings.HasSuffix(name, ".abi0") {
			s.word(stackAt+toArgs+8*uint64(i), v)
		} else {
			s.r[registers[i]] = v
		}
	}
	entry, ok := s.entry[name]
	if !ok {
		s.fail("there is no %s", name)
	}
	s.isa.enter(s, returnAt)
	s.pc = entry
	for steps := 0; s.pc != returnAt; steps++ {
		o := s.ops[s.pc]
		if o == nil || steps > 10_000 {
			s.fail("%s comes to %#x in %d steps", name, s.pc, steps)
		}
		s.pc = o.next
		s.isa.step(s, o)
	}
	return s.results()
}

func (s *sandbox) results() (x []uint64) {
	registers, _, _ := s.isa.registers()
	for _, r := range registers {
		x = append(x, s.r[r])
	}
	return x
}

// callTo is a CALL: of a name, or of an address in a register. It executes the function, or its stub.
func (s *sandbox) callTo(name string, address uint64) {
	if name == "" {
		if name = s.names[address]; name == "" && address >= stubsAt {
			name = stubNames[address-stubsAt]
		}
	}
	if f, ok := s.stubs[name]; ok {
		registers, _, _ := s.isa.registers()
		for i, v := range f(s, s.results()) {
			s.r[registers[i]] = v
		}
		return
	}
	entry, ok := s.entry[name]
	if !ok {
		s.fail("calls %q (%#x)", name, address)
	}
	s.isa.enter(s, s.pc)
	s.pc = entry
}

// holds tells whether the last comparison came out so. Both architectures' names are taken.
func (s *sandbox) holds(condition string) bool {
	shift := 64 - s.cmp.bits
	a, b := s.cmp.a<<shift, s.cmp.b<<shift
	switch condition {
	case "E", "EQ":
		return a == b
	case "NE":
		return a != b
	case "A", "HI":
		return a > b
	case "AE", "CS", "HS":
		return a >= b
	case "B", "CC", "LO":
		return a < b
	case "BE", "LS":
		return a <= b
	case "G", "GT":
		return int64(a) > int64(b)
	case "GE":
		return int64(a) >= int64(b)
	case "L", "LT":
		return int64(a) < int64(b)
	case "LE":
		return int64(a) <= int64(b)
	}
	s.fail("does not know the condition %s", condition)
	return false
}
