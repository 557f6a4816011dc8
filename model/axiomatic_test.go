package model

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The machines against the axioms: the same two architectures once more, as Alglave, Maranget and
// Tautschnig (2014) and Pulte et al. (2018) define them, by which events must not form a cycle. Of
// random programs machine and axioms must allow exactly the same outcomes.

// instruction of a random program.
type instruction struct {
	kind  kind // opLoad, opStore, opBarrier, opBranch
	order order
	at    int
	value uint8
	addr  int // the load of the thread that the address is calculated from, by instruction; -1: none
	data  int // the same of the value, or of the branch
}

func (i instruction) String() string {
	switch i.kind {
	case opLoad:
		return fmt.Sprintf("load %s order %d addr %d", place(uint8(i.at)), i.order, i.addr)
	case opStore:
		return fmt.Sprintf("store %s=%d order %d addr %d data %d", place(uint8(i.at)), i.value, i.order, i.addr, i.data)
	case opBranch:
		return fmt.Sprintf("branch on %d", i.data)
	}
	return fmt.Sprintf("barrier %d", i.order)
}

func TestAxioms(t *testing.T) {
	const programs = 1000
	random := rand.New(rand.NewPCG(1, 2))
	for _, r := range []*rules{&x86TSO, &armv8} {
		t.Run(r.name, func(t *testing.T) {
			outcomes := 0
			for range programs {
				p := randomProgram(random, r)
				operational, axiomatic := runMachine(p, r), runAxioms(p, r)
				outcomes += len(axiomatic)
				if !maps.Equal(operational, axiomatic) {
					t.Fatalf("%v\nthe machine allows %v\nthe axioms allow %v", p, slices.Sorted(maps.Keys(operational)), slices.Sorted(maps.Keys(axiomatic)))
				}
			}
			t.Logf("%d programs, %d outcomes", programs, outcomes)
		})
	}
}

func randomProgram(random *rand.Rand, r *rules) [][]instruction {
	pick := func(o ...order) order { return o[random.IntN(len(o))] }
	value := uint8(0)
	var p [][]instruction
	accesses := 0
	for range 2 + random.IntN(2) {
		var code []instruction
		loads := []int{}
		dependency := func() int {
			if len(loads) == 0 || random.IntN(3) > 0 {
				return -1
			}
			return loads[random.IntN(len(loads))]
		}
		for range 2 + random.IntN(4) {
			i := instruction{at: []int{x, y}[random.IntN(2)], addr: -1, data: -1}
			switch n := random.IntN(10); {
			case n < 4 && len(loads) < 4 && accesses < 9:
				i.kind, i.order, i.addr = opLoad, plain, dependency()
				if r == &armv8 {
					i.order = pick(plain, plain, acquire)
				}
				loads = append(loads, len(code))
				accesses++
			case n < 8 && accesses < 9:
				value++
				i.kind, i.value, i.addr, i.data = opStore, value, dependency(), dependency()
				i.order = pick(plain, plain, release)
				if r == &x86TSO {
					i.order = pick(plain, plain, locked)
				}
				accesses++
			case n == 8 || len(loads) == 0:
				i.kind, i.order = opBarrier, full
				if r == &armv8 {
					i.order = pick(full, storeStore, loadAny)
				}
			default:
				i.kind, i.data = opBranch, loads[random.IntN(len(loads))]
			}
			code = append(code, i)
		}
		p = append(p, code)
	}
	// The machine refuses loads behind a store whose address is not known yet.
	for _, code := range p {
		for k := range code {
			if code[k].kind == opStore && slices.ContainsFunc(code[k:], func(i instruction) bool { return i.kind == opLoad }) {
				code[k].addr = -1
			}
		}
	}
	return p
}

func runMachine(p [][]instruction, r *rules) map[string]bool {
	const leave = slotVersions // by thread, four words
	s := system{rules: r}
	for t, code := range p {
		a := newAsm("thread", r)
		registers := map[int]reg{}
		from := func(i int, v int) term {
			if i < 0 {
				return num(v)
			}
			return of(func([]uint8) uint8 { return uint8(v) }, registers[i])
		}
		for n, i := range code {
			switch i.kind {
			case opLoad:
				registers[n] = reg(len(registers))
				at := from(i.addr, i.at)
				a.load(registers[n], at, i.order)
			case opStore:
				a.store(from(i.addr, i.at), from(i.data, int(i.value)), i.order)
			case opBarrier:
				a.barrier(i.order)
			case opBranch:
				ctrl(registers[i.data])(a)
			}
		}
		a.note(func(m *memory, x []uint8) string {
			copy(m[leave+4*t:], x)
			return ""
		}, 0, 1, 2, 3)
		s.threads = append(s.threads, a.done())
	}
	outcomes := map[string]bool{}
	s.final = func(m *memory) string {
		var b strings.Builder
		for t, code := range p {
			n := 0
			for _, i := range code {
				if i.kind == opLoad {
					fmt.Fprintf(&b, "%d ", m[leave+4*t+n])
					n++
				}
			}
		}
		fmt.Fprintf(&b, "| %d %d", m[x], m[y])
		outcomes[b.String()] = true
		return ""
	}
	if got := s.explore(); got.clipped || got.violation != "" {
		panic("model: " + got.violation)
	}
	return outcomes
}

// event is an access of an execution.
type event struct {
	instruction
	thread, index int
}

// relation holds, by event, the set of events it is related to.
type relation []uint16

func (r relation) add(a, b int)      { r[a] |= 1 << b }
func (r relation) has(a, b int) bool { return r[a]>>b&1 != 0 }

func (r relation) with(s relation) relation {
	u := slices.Clone(r)
	for i := range s {
		u[i] |= s[i]
	}
	return u
}

func (r relation) acyclic() bool {
	c := slices.Clone(r)
	for k := range c {
		for i := range c {
			if c.has(i, k) {
				c[i] |= c[k]
			}
		}
	}
	for i := range c {
		if c.has(i, i) {
			return false
		}
	}
	return true
}

// runAxioms tries every way in which loads can get their values from stores and stores to a word can
// follow each other, and keeps those that the axioms allow.
func runAxioms(p [][]instruction, r *rules) map[string]bool {
	var events []event
	for t, code := range p {
		for n, i := range code {
			if i.kind == opLoad || i.kind == opStore {
				events = append(events, event{i, t, n})
			}
		}
	}
	outcomes := map[string]bool{}
	storesTo := func(at int) (s []int) {
		for i, e := range events {
			if e.kind == opStore && e.at == at {
				s = append(s, i)
			}
		}
		return s
	}
	source := make([]int, len(events)) // of a load: the store that it reads, or -1
	for _, coX := range permutations(storesTo(x)) {
		for _, coY := range permutations(storesTo(y)) {
			rank := make([]int, len(events)) // of a store: 1 + its place among those to the word
			for i, s := range coX {
				rank[s] = i + 1
			}
			for i, s := range coY {
				rank[s] = i + 1
			}
			var choose func(i int)
			choose = func(i int) {
				if i == len(events) {
					if allowed(p, r, events, source, rank) {
						outcomes[observed(events, source, coX, coY)] = true
					}
					return
				}
				if events[i].kind == opStore {
					choose(i + 1)
					return
				}
				for _, s := range append(storesTo(events[i].at), -1) {
					source[i] = s
					choose(i + 1)
				}
			}
			choose(0)
		}
	}
	return outcomes
}

func observed(events []event, source, coX, coY []int) string {
	var b strings.Builder
	value := func(i int) uint8 {
		if i < 0 {
			return 0
		}
		return events[i].value
	}
	last := func(co []int) uint8 {
		if len(co) == 0 {
			return 0
		}
		return value(co[len(co)-1])
	}
	for i, e := range events {
		if e.kind == opLoad {
			fmt.Fprintf(&b, "%d ", value(source[i]))
		}
	}
	fmt.Fprintf(&b, "| %d %d", last(coX), last(coY))
	return b.String()
}

func allowed(p [][]instruction, r *rules, events []event, source, rank []int) bool {
	n := len(events)
	empty := func() relation { return make(relation, n) }
	poLoc, com, external, internal, local := empty(), empty(), empty(), empty(), empty()
	communicate := func(a, b int) {
		com.add(a, b)
		if events[a].thread != events[b].thread {
			external.add(a, b)
		} else {
			internal.add(a, b)
		}
	}
	readFrom := func(load int) int { // the rank of what it read
		if source[load] < 0 {
			return 0
		}
		return rank[source[load]]
	}
	for a, e := range events {
		for b, f := range events {
			if a == b {
				continue
			}
			if e.thread == f.thread && e.index < f.index {
				if e.at == f.at {
					poLoc.add(a, b)
				}
				if locallyOrdered(p, r, events, source, rank, a, b) {
					local.add(a, b)
				}
			}
			if e.at != f.at {
				continue
			}
			switch {
			case e.kind == opStore && f.kind == opStore && rank[a] < rank[b], // co
				e.kind == opStore && f.kind == opLoad && source[b] == a,        // rf
				e.kind == opLoad && f.kind == opStore && readFrom(a) < rank[b]: // fr
				communicate(a, b)
			}
		}
	}
	if !poLoc.with(com).acyclic() {
		return false
	}
	return local.with(external).acyclic()
}

// locallyOrdered: event a comes before b, of the same thread, in the order that all threads agree on.
func locallyOrdered(p [][]instruction, r *rules, events []event, source, rank []int, a, b int) bool {
	e, f := events[a], events[b]
	code := p[e.thread]
	between := func(o order) bool {
		return slices.ContainsFunc(code[e.index:f.index], func(i instruction) bool { return i.kind == opBarrier && i.order == o })
	}
	load, store := e.kind == opLoad, e.kind == opStore
	toLoad, toStore := f.kind == opLoad, f.kind == opStore
	if between(full) {
		return true
	}
	if r == &x86TSO {
		return !(store && toLoad) || e.order == locked || f.order == locked
	}

	// bob: barriers and half barriers.
	switch {
	case between(storeStore) && store && toStore, between(loadAny) && load:
		return true
	case e.order == acquire, f.order == release, e.order == release && f.order == acquire:
		return true
	}
	for k, g := range events { // po; [L]; coi
		if g.thread == e.thread && g.index > e.index && g.index < f.index && g.order == release &&
			toStore && g.at == f.at && rank[k] < rank[b] {
			return true
		}
	}

	// dob: dependencies. dependsOn: f's address, or value, comes from the load at that index.
	dependent := func(f event, load int) bool { return f.addr == load || f.kind == opStore && f.data == load }
	control := func(load, upto int) bool {
		return slices.ContainsFunc(code[load:upto], func(i instruction) bool { return i.kind == opBranch && i.data == load })
	}
	if load {
		switch {
		case dependent(f, e.index):
			return true
		case toStore && control(e.index, f.index):
			return true
		}
		for k, g := range events {
			if g.thread != e.thread || g.index <= e.index || g.index >= f.index {
				continue
			}
			switch {
			case g.addr == e.index && toStore: // addr; po; [W]
				return true
			case g.kind == opStore && (g.data == e.index || control(e.index, g.index)) && toStore && g.at == f.at && rank[k] < rank[b]: // (data | ctrl); coi
				return true
			case g.kind == opStore && dependent(g, e.index) && toLoad && source[b] == k: // (addr | data); rfi
				return true
			}
		}
	}
	return false
}

func permutations(s []int) [][]int {
	if len(s) == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for i, first := range s {
		rest := slices.Delete(slices.Clone(s), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]int{first}, p...))
		}
	}
	return all
}
