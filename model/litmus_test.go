package model

import (
	"strings"
	"testing"
)

// The machines against the classic litmus tests: what x86-TSO and Armv8 allow and forbid is known
// for these, from Sewell et al. and from Pulte et al., so they say whether the rules are right.
//
// x, y and z are words; each thread leaves what it loaded in words of its own.
const (
	x = head
	y = seq
	z = waiting
)

type litmus struct {
	name    string
	threads []func(a *asm)
	want    [][]uint8 // by thread, by register: the outcome asked about; nil: none of the thread
	memory  map[int]uint8
	tso     bool // the outcome is allowed
	armv8   bool
}

func ld(r reg, at int, o order) func(*asm) { return func(a *asm) { a.load(r, num(at), o) } }
func st(at, v int, o order) func(*asm)     { return func(a *asm) { a.store(num(at), num(v), o) } }
func fence(o order) func(*asm)             { return func(a *asm) { a.barrier(o) } }
func thread(f ...func(*asm)) func(*asm) {
	return func(a *asm) {
		for _, f := range f {
			f(a)
		}
	}
}

// ctrl makes what follows depend on a branch that tests r.
func ctrl(r reg) func(*asm) {
	return func(a *asm) {
		yes, no := a.fresh(), a.fresh()
		a.branch(of(func(x []uint8) uint8 { return min(x[0], 1) }, r), no, yes)
		a.label(yes)
		a.label(no)
	}
}

// ldAddr loads from at, through an address that is calculated from r.
func ldAddr(dst, r reg, at int) func(*asm) {
	return func(a *asm) { a.load(dst, of(func([]uint8) uint8 { return uint8(at) }, r), plain) }
}

// stAddr and stData store 1 to at, with such an address, or such a value.
func stAddr(r reg, at int) func(*asm) {
	return func(a *asm) { a.store(of(func([]uint8) uint8 { return uint8(at) }, r), num(1), plain) }
}

func stData(r reg, at int) func(*asm) {
	return func(a *asm) { a.store(num(at), of(func([]uint8) uint8 { return 1 }, r), plain) }
}

var litmusTests = []litmus{
	{name: "MP", tso: false, armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), st(y, 1, plain)), thread(ld(0, y, plain), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+dmb.st+po", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)), thread(ld(0, y, plain), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+dmb.st+dmb.ld",
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)), thread(ld(0, y, plain), fence(loadAny), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+dmb.ld+dmb.ld: a load barrier does not order stores", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(loadAny), st(y, 1, plain)), thread(ld(0, y, plain), fence(loadAny), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+dmb.st+dmb.st: a store barrier does not order loads", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)), thread(ld(0, y, plain), fence(storeStore), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+rel+acq",
		threads: []func(*asm){thread(st(x, 1, plain), st(y, 1, release)), thread(ld(0, y, acquire), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+rel of the first+acq: a release does not order what follows", armv8: true,
		threads: []func(*asm){thread(st(x, 1, release), st(y, 1, plain)), thread(ld(0, y, acquire), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+rel+acq of the second: an acquire does not order what precedes", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), st(y, 1, release)), thread(ld(0, y, plain), ld(1, x, acquire))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+dmb.st+addr",
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)), thread(ld(0, y, plain), ldAddr(1, 0, x))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "MP+dmb.st+ctrl: loads go ahead of branches", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)), thread(ld(0, y, plain), ctrl(0), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "SB", tso: true, armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), ld(0, y, plain)), thread(st(y, 1, plain), ld(0, x, plain))},
		want:    [][]uint8{{0}, {0}}},
	{name: "SB+fences",
		threads: []func(*asm){thread(st(x, 1, plain), fence(full), ld(0, y, plain)), thread(st(y, 1, plain), fence(full), ld(0, x, plain))},
		want:    [][]uint8{{0}, {0}}},
	{name: "SB+fence on one side", tso: true, armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(full), ld(0, y, plain)), thread(st(y, 1, plain), ld(0, x, plain))},
		want:    [][]uint8{{0}, {0}}},
	{name: "SB+xchg, stlr and ldar: the two are ordered on Armv8, and xchg on x86",
		threads: []func(*asm){thread(atomicStore(x, 1), atomicLoad(0, y)), thread(atomicStore(y, 1), atomicLoad(0, x))},
		want:    [][]uint8{{0}, {0}}},
	{name: "SB+rel+plain loads", tso: true, armv8: true,
		threads: []func(*asm){thread(st(x, 1, release), ld(0, y, plain)), thread(st(y, 1, release), ld(0, x, plain))},
		want:    [][]uint8{{0}, {0}}},
	{name: "SB+rfi: a thread sees its own store early", tso: true, armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), ld(0, x, plain), ld(1, y, plain)), thread(st(y, 1, plain), ld(0, y, plain), ld(1, x, plain))},
		want:    [][]uint8{{1, 0}, {1, 0}}},
	{name: "SB+rfi+dmb.ld between the loads: the store can still be late", tso: true, armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), ld(0, x, plain), fence(loadAny), ld(1, y, plain)), thread(st(y, 1, plain), ld(0, y, plain), fence(loadAny), ld(1, x, plain))},
		want:    [][]uint8{{1, 0}, {1, 0}}},
	{name: "LB", armv8: true,
		threads: []func(*asm){thread(ld(0, x, plain), st(y, 1, plain)), thread(ld(0, y, plain), st(x, 1, plain))},
		want:    [][]uint8{{1}, {1}}},
	{name: "LB+data+po", armv8: true,
		threads: []func(*asm){thread(ld(0, x, plain), stData(0, y)), thread(ld(0, y, plain), st(x, 1, plain))},
		want:    [][]uint8{{1}, {1}}},
	{name: "LB+datas",
		threads: []func(*asm){thread(ld(0, x, plain), stData(0, y)), thread(ld(0, y, plain), stData(0, x))},
		want:    [][]uint8{{1}, {1}}},
	{name: "LB+ctrls: stores do not go ahead of branches",
		threads: []func(*asm){thread(ld(0, x, plain), ctrl(0), st(y, 1, plain)), thread(ld(0, y, plain), ctrl(0), st(x, 1, plain))},
		want:    [][]uint8{{1}, {1}}},
	{name: "LB+addr+addr",
		threads: []func(*asm){thread(ld(0, x, plain), stAddr(0, y)), thread(ld(0, y, plain), stAddr(0, x))},
		want:    [][]uint8{{1}, {1}}},
	{name: "LB+addr-po+addr-po: nor ahead of an address not known yet",
		threads: []func(*asm){thread(ld(0, x, plain), ldAddr(1, 0, z), st(y, 1, plain)), thread(ld(0, y, plain), ldAddr(1, 0, z), st(x, 1, plain))},
		want:    [][]uint8{{1}, {1}}},
	{name: "LB+dmb.ld",
		threads: []func(*asm){thread(ld(0, x, plain), fence(loadAny), st(y, 1, plain)), thread(ld(0, y, plain), fence(loadAny), st(x, 1, plain))},
		want:    [][]uint8{{1}, {1}}},
	{name: "2+2W", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), st(y, 2, plain)), thread(st(y, 1, plain), st(x, 2, plain))},
		memory:  map[int]uint8{x: 1, y: 1}},
	{name: "2+2W+dmb.st",
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 2, plain)), thread(st(y, 1, plain), fence(storeStore), st(x, 2, plain))},
		memory:  map[int]uint8{x: 1, y: 1}},
	{name: "CoRR: two loads of a word never see it go back",
		threads: []func(*asm){thread(st(x, 1, plain)), thread(ld(0, x, plain), ld(1, x, plain))},
		want:    [][]uint8{nil, {1, 0}}},
	{name: "CoWR", // a load sees its own thread's store, or a later one
		threads: []func(*asm){thread(st(x, 1, plain), ld(0, x, plain)), thread(st(x, 2, plain))},
		want:    [][]uint8{{0}}},
	{name: "CoRW", // a load does not see a later store of its own thread
		threads: []func(*asm){thread(ld(0, x, plain), st(x, 1, plain))},
		want:    [][]uint8{{1}}},
	{name: "CoWW",
		threads: []func(*asm){thread(st(x, 1, plain), st(x, 2, plain))},
		memory:  map[int]uint8{x: 1}},
	{name: "MP+dmb.st+rsw: two loads of one store may be performed out of order", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)),
			thread(ld(0, y, plain), ldAddr(1, 0, z), ld(2, z, plain), ldAddr(3, 2, x))},
		want: [][]uint8{nil, {1, 0, 0, 0}}},
	{name: "WRC+addrs: all other threads see a store at the same moment",
		threads: []func(*asm){thread(st(x, 1, plain)), thread(ld(0, x, plain), stData(0, y)), thread(ld(0, y, plain), ldAddr(1, 0, x))},
		want:    [][]uint8{nil, {1}, {1, 0}}},
	{name: "PPOCA: a load takes the value of a store on a predicted way", armv8: true,
		threads: []func(*asm){thread(st(x, 1, plain), fence(storeStore), st(y, 1, plain)),
			thread(ld(0, y, plain), ctrl(0), st(z, 1, plain), ld(1, z, plain), ldAddr(2, 1, x))},
		want: [][]uint8{nil, {1, 1, 0}}},
}

// atomicStore and atomicLoad are those of sync/atomic; the test fills in what they are on each machine.
func atomicStore(at, v int) func(*asm) {
	return func(a *asm) { a.store(num(at), num(v), a.atomicStore) }
}
func atomicLoad(r reg, at int) func(*asm) { return func(a *asm) { a.load(r, num(at), a.atomicLoad) } }

func TestLitmus(t *testing.T) {
	for _, r := range []*rules{&x86TSO, &armv8} {
		for _, l := range litmusTests {
			t.Run(r.name+"/"+l.name, func(t *testing.T) {
				allowed := l.tso
				if r == &armv8 {
					allowed = l.armv8
				}
				got := l.run(r)
				if found := got.violation != ""; found != allowed {
					t.Errorf("found: %v, allowed: %v\n%s", found, allowed, strings.Join(got.trace, "\n"))
				}
				if got.clipped {
					t.Error("the window is too small")
				}
			})
		}
	}
}

// run looks for the outcome and reports it as a violation.
func (l *litmus) run(r *rules) result {
	const leave = slotVersions // where threads leave what they loaded: four words each
	s := system{rules: r}
	for i, code := range l.threads {
		a := newAsm("thread", r)
		code(a)
		a.note(func(m *memory, x []uint8) string {
			copy(m[leave+4*i:], x)
			return ""
		}, 0, 1, 2, 3)
		s.threads = append(s.threads, a.done())
	}
	s.final = func(m *memory) string {
		for i, want := range l.want {
			for r, v := range want {
				if m[leave+4*i+r] != v {
					return ""
				}
			}
		}
		for at, v := range l.memory {
			if m[at] != v {
				return ""
			}
		}
		return "the outcome"
	}
	return s.explore()
}
