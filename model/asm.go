package model

import "strconv"

// asm writes a program.
type asm struct {
	program
	labels map[string]int
	jumps  map[int][]string
	used   int // labels made by fresh

	// What sync/atomic compiles to.
	atomicLoad, atomicStore order
}

func newAsm(name string, r *rules) *asm {
	a := &asm{program: program{name: name}, labels: map[string]int{}, jumps: map[int][]string{}}
	a.atomicLoad, a.atomicStore = acquire, release
	if r == &x86TSO {
		a.atomicLoad, a.atomicStore = plain, locked
	}
	return a
}

func (a *asm) add(o op) { a.ops = append(a.ops, o) }

func (a *asm) load(dst reg, at term, o order) { a.add(op{kind: opLoad, order: o, dst: dst, at: at}) }

func (a *asm) store(at, value term, o order) {
	a.add(op{kind: opStore, order: o, at: at, value: value})
}

func (a *asm) barrier(o order) { a.add(op{kind: opBarrier, order: o}) }

func (a *asm) set(dst reg, value term) { a.add(op{kind: opSet, dst: dst, value: value}) }

// branch goes to the label that selector numbers.
func (a *asm) branch(selector term, labels ...string) {
	a.jumps[len(a.ops)] = labels
	a.add(op{kind: opBranch, value: selector})
}

func (a *asm) jump(label string) { a.branch(num(0), label) }

// unless goes on behind itself if the condition is not 0, and to label otherwise.
func (a *asm) unless(condition term, label string) {
	next := a.fresh()
	a.branch(condition, label, next)
	a.label(next)
}

func (a *asm) label(name string) { a.labels[name] = len(a.ops) }

// fresh is a label that is used nowhere else.
func (a *asm) fresh() string {
	a.used++
	return "." + strconv.Itoa(a.used)
}

func (a *asm) note(f note, args ...reg) {
	a.add(op{kind: opNote, value: term{regs: args}, note: f})
}

// call is a system call that waits until ready and then does what effect does, at once.
func (a *asm) call(text string, ready func(w world) bool, effect note, args ...reg) {
	a.add(op{kind: opCall, text: text, value: term{regs: args}, note: effect, ready: ready})
}

func (a *asm) halt() { a.add(op{kind: opHalt}) }

// pin cuts the data dependencies on r, whose value is at most limit: from here on it counts as a
// prediction, like the way that a branch goes. That allows more than any processor does that
// keeps the dependency, and covers one that does not: conditional selects need not carry it.
func (a *asm) pin(r reg, limit int) {
	end := a.fresh()
	var labels []string
	for range limit + 1 {
		labels = append(labels, a.fresh())
	}
	a.branch(val(r), labels...)
	for v, l := range labels {
		a.label(l)
		a.set(r, num(v))
		a.jump(end)
	}
	a.label(end)
}

func (a *asm) done() *program {
	a.halt()
	for i, labels := range a.jumps {
		for _, l := range labels {
			at, ok := a.labels[l]
			if !ok {
				panic("model: no label " + l + " in " + a.name)
			}
			a.ops[i].to = append(a.ops[i].to, at)
		}
	}
	for i := range a.ops {
		if a.ops[i].inputs() > maxInputs {
			panic("model: too many inputs in " + a.name)
		}
	}
	p := a.program
	p.loads = p.reach(func(o *op) bool { return o.kind == opLoad })
	p.stores = p.reach(func(o *op) bool { return o.kind == opStore })
	return &p
}

// reach tells for each instruction whether one with the property can be reached from it.
func (p *program) reach(has func(*op) bool) []bool {
	r := make([]bool, len(p.ops))
	for changed := true; changed; {
		changed = false
		for i := len(p.ops) - 1; i >= 0; i-- {
			o := &p.ops[i]
			now := has(o)
			switch o.kind {
			case opHalt:
			case opBranch:
				for _, to := range o.to {
					now = now || r[to]
				}
			default:
				now = now || r[i+1]
			}
			if now != r[i] {
				r[i], changed = now, true
			}
		}
	}
	return r
}
