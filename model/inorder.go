package model

import (
	"fmt"
	"strings"
)

// access is one thing that a program does to the shared memory, or the kernel for it.
type access struct {
	kind  kind // opLoad, opStore, opBarrier, opCall
	order order
	at    uint8 // opLoad, opStore: the word
	value uint8 // that is loaded, or stored
	call  string
}

func (a access) String() string {
	switch a.kind {
	case opBarrier:
		return "barrier " + orderNames[a.order]
	case opCall:
		return a.call
	}
	verb, to := "load", ""
	if a.kind == opStore {
		verb, to = "store", " ="
	}
	return fmt.Sprintf("%s %s %s%s %d", orderNames[a.order], verb, place(a.at), to, a.value)
}

var orderNames = map[order]string{
	plain: "plain", acquire: "acquire", release: "release", locked: "locked",
	storeStore: "store-store", loadAny: "load-any", full: "full",
}

// accesses are those of the program when it runs alone and in order, which is what the machine code of the
// function that it models must do. before is called before each, with its number, and may change the memory as another
// thread would. What the registers hold at the end is returned with them.
func (p *program) accesses(r *rules, m *memory, before func(n int)) (list []access, x [registers]uint8) {
	input := func(t term) []uint8 {
		in := make([]uint8, len(t.regs))
		for i, r := range t.regs {
			in[i] = x[r]
		}
		return in
	}
	for pc := 0; ; pc++ {
		o := &p.ops[pc]
		a := access{kind: o.kind, order: r.visible(o.order)}
		switch o.kind {
		case opLoad:
			before(len(list))
			a.at = o.at.f(input(o.at))
			a.value = m[a.at]
			x[o.dst] = a.value
		case opStore:
			before(len(list))
			a.at, a.value = o.at.f(input(o.at)), o.value.f(input(o.value))
			m[a.at] = a.value
		case opCall:
			if strings.HasPrefix(o.text, "(") {
				continue // what the kernel does later
			}
			a.call, _, _ = strings.Cut(o.text, ",")
		case opSet:
			x[o.dst] = o.value.f(input(o.value))
			continue
		case opBranch:
			pc = o.to[o.value.f(input(o.value))] - 1
			continue
		case opNote:
			continue
		case opHalt:
			return list, x
		}
		list = append(list, a)
	}
}

// visible is the order that an instruction of the architecture shows: on x86 every MOV is an acquire and a
// release.
func (r *rules) visible(o order) order {
	if r == &x86TSO && (o == acquire || o == release) {
		return plain
	}
	return o
}
