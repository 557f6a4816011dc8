package model

import (
	"fmt"
	"strconv"
)

// describe puts a step in words, as the instruction that is performed.
func (e *explorer) describe(a arrival) string {
	s := e.states[a.from]
	k := &e.machines[a.thread]
	if a.place == killing {
		return fmt.Sprintf("%-8s is killed", k.program.name)
	}
	l := e.at(int(a.thread), s).local
	f := &l.window[a.place]
	o := k.op(f)
	at, x, _ := k.args(f)
	text := o.text
	switch o.kind {
	case opLoad:
		address := o.at.f(at)
		v, from := s.memory[address], ""
		if _, source := k.blocked(&l, int(a.place), o, address, false); source >= 0 {
			_, y, _ := k.args(&l.window[source])
			v, from = k.op(&l.window[source]).value.f(y), " (its own store, not visible yet)"
		}
		text = fmt.Sprintf("%-4s %s: %s%s", k.mnemonic(o), place(address), content(address, v), from)
	case opStore:
		text = fmt.Sprintf("%-4s %s = %s", k.mnemonic(o), place(o.at.f(at)), content(o.at.f(at), o.value.f(x)))
	}
	early := 0
	for i := range int(a.place) {
		if before := &l.window[i]; !before.done && k.op(before).accesses() {
			early++
		}
	}
	if early > 0 {
		text += fmt.Sprintf("   <- before %d access(es) that the program makes first", early)
	}
	return fmt.Sprintf("%-8s %s", k.program.name, text)
}

// content puts the value of a word in words.
func content(at, v uint8) string {
	if payload := at >= slotWords && at < head && at != viewVersion; payload {
		return recordName(v)
	}
	return strconv.Itoa(int(v))
}

func (k *machine) mnemonic(o *op) string {
	switch {
	case o.order == locked:
		return "XCHG"
	case k.rules == &x86TSO:
		return "MOV"
	case o.order == acquire:
		return "LDAR"
	case o.order == release:
		return "STLR"
	case o.kind == opLoad:
		return "LDR"
	}
	return "STR"
}
