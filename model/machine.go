package model

const (
	maxWindow = 32
	maxInputs = 4
)

// operand is an input of an instruction: a value, or the instruction in flight that will supply it.
type operand struct {
	value uint8
	from  uint8 // 0: the value is known; else 1 + the supplier's place in the window
}

// inflight is an instruction that was fetched and is not finished, or that waits for earlier ones
// to finish.
type inflight struct {
	op   uint8 // its place in the program
	done bool  // performed, calculated, or confirmed
	// passed: an access behind it was performed first, and has left the window.
	passed bool
	guess  uint8 // opBranch: the way that was predicted
	value  uint8 // opLoad, opSet: the result
	in     [maxInputs]operand
}

// local is the state of one thread. The window holds the instructions in flight in program order.
type local struct {
	pc     uint8 // the next instruction to fetch
	n      uint8 // instructions in the window
	killed bool
	regs   [registers]operand
	window [maxWindow]inflight
}

// machine runs one thread under the rules of one architecture. What it does itself, for all of them:
//
//   - to one address, nothing is performed before an earlier store, and no store before an earlier
//     load; a load gets the value of the newest earlier store of its thread, visible or not yet;
//   - two loads of one address may be performed in either order if they yield the same (see coherent);
//   - an instruction waits for what its address and its value are calculated from;
//   - a store waits for every earlier branch to be certain, and for every earlier address. A load does
//     not: it goes ahead on the way that was predicted, and counts if that was the right one.
type machine struct {
	*program
	*rules
	clipped *bool // set if the window was ever too small
}

func (k *machine) op(f *inflight) *op { return &k.ops[f.op] }

// args are the inputs of an instruction, if all are known.
func (k *machine) args(f *inflight) (at, value []uint8, known bool) {
	var x [maxInputs]uint8
	o := k.op(f)
	n := o.inputs()
	for i := range n {
		if f.in[i].from != 0 {
			return nil, nil, false
		}
		x[i] = f.in[i].value
	}
	return x[:len(o.at.regs)], x[len(o.at.regs):n], true
}

// address is where an access goes, unless that depends on an instruction that is not done.
func (k *machine) address(f *inflight) (at uint8, known bool) {
	o := k.op(f)
	var x [maxInputs]uint8
	for i := range o.at.regs {
		if f.in[i].from != 0 {
			return 0, false
		}
		x[i] = f.in[i].value
	}
	return o.at.f(x[:len(o.at.regs)]), true
}

// blocked tells whether an instruction at place i of the window must wait for an earlier one. For a load
// that need not, source is the place of the earlier store that hands it its value, or -1: memory.
// private says that the address is one that nobody else uses.
func (k *machine) blocked(l *local, i int, o *op, at uint8, private bool) (wait bool, source int) {
	source = -1
	found := false // the newest earlier store to this address
	var passed [full + 1]bool
	for j := i - 1; j >= 0; j-- {
		f := &l.window[j]
		e := k.op(f)
		switch {
		case e.kind == opBarrier:
			passed[e.order] = true
			continue
		case e.kind == opCall:
			return true, -1
		case e.kind == opBranch && !f.done && o.kind == opStore:
			return true, -1 // a store waits until it is certain to lie on the program's way
		case !e.accesses():
			continue
		}
		t, known := k.address(f)
		same := known && !private && t == at
		if !f.done {
			if k.ordered(e, o) {
				return true, -1
			}
			for barrier, p := range passed {
				if p && k.keeps(order(barrier), e, o) {
					return true, -1
				}
			}
			if o.kind == opStore && (same || !known) {
				return true, -1
			}
			if o.kind == opLoad && e.kind == opStore && !known {
				panic("model: " + k.program.name + " loads past a store whose address is not known yet")
			}
		}
		if same && e.kind == opStore && !found {
			found = true
			if !f.done {
				if _, _, ok := k.args(f); !ok {
					return true, -1
				}
				source = j
			}
		}
	}
	return false, source
}

// ready lists the places of the window whose instruction can be performed next.
func (k *machine) ready(l *local) (places []uint8) {
	for i := range int(l.n) {
		f := &l.window[i]
		o := k.op(f)
		if o.kind == opCall && i == 0 {
			places = append(places, 0)
		}
		if f.done || !o.accesses() {
			continue
		}
		if _, _, known := k.args(f); !known {
			continue
		}
		at, _ := k.address(f)
		if wait, _ := k.blocked(l, i, o, at, false); !wait {
			places = append(places, uint8(i))
		}
	}
	return places
}

// settled tells whether what the thread has performed is just what its program begins with: an
// interrupt at this moment would find it so.
func (k *machine) settled(l *local) bool {
	for i := range int(l.n) {
		if f := &l.window[i]; f.passed || f.done && k.op(f).accesses() {
			return false
		}
	}
	return true
}

// speculates tells whether the thread has done something that may turn out wrong, so that this course of
// events is dropped: it predicted a branch, or performed a load while an earlier load, perhaps of
// the same address, was outstanding.
func (k *machine) speculates(l *local) bool {
	outstanding := false
	for i := range int(l.n) {
		f := &l.window[i]
		switch o := k.op(f); {
		case o.kind == opBranch && !f.done, o.kind == opLoad && f.done && outstanding:
			return true
		case o.kind == opLoad && !f.done:
			outstanding = true
		}
	}
	return false
}

// waits tells whether the thread is in a system call, or no more.
func (k *machine) waits(l *local) bool {
	return l.killed || l.n > 0 && k.op(&l.window[0]).kind == opCall
}

// idle tells whether the program is at its end and everything of it is performed.
func (k *machine) idle(l *local) bool {
	return l.killed || l.n == 0 && k.ops[l.pc].kind == opHalt
}

// outcome is what a step can lead to.
type outcome struct {
	local     local
	memory    memory
	violation string
}

// perform does the instruction at place i of the window, and what follows from it within the thread.
func (k *machine) perform(l local, m memory, i int, w world) (out []outcome) {
	f := &l.window[i]
	o := k.op(f)
	at, x, _ := k.args(f)
	switch o.kind {
	case opLoad:
		address := o.at.f(at)
		_, source := k.blocked(&l, i, o, address, false)
		v := m[address]
		if source >= 0 {
			s := &l.window[source]
			_, y, _ := k.args(s)
			v = k.op(s).value.f(y)
		}
		if !k.coherent(&l, i, address, v) {
			return nil
		}
		f.done, f.value = true, v
		l.supply(i, v)
	case opStore:
		m[o.at.f(at)] = o.value.f(x)
		f.done = true
	case opCall:
		if o.ready != nil && !o.ready(w) {
			return nil
		}
		f.done = true
		if o.note != nil {
			if v := o.note(&m, x); v != "" {
				return []outcome{{l, m, v}}
			}
		}
	}
	k.settle(l, m, &out)
	return out
}

// coherent tells whether the load at place i may yield v, seeing that a later load of the same address may
// have been performed first: then it must not be the older value that came later. A processor
// notices that the word has changed in between, and starts the later load again; here that course of
// events is dropped, because the one in which the later load came later is followed as well.
// (Values stand for the stores that wrote them, which allows more, not less.)
func (k *machine) coherent(l *local, i int, at, v uint8) bool {
	for j := i + 1; j < int(l.n); j++ {
		f := &l.window[j]
		o := k.op(f)
		if !o.accesses() {
			continue
		}
		t, known := k.address(f)
		if !known || t != at {
			continue
		}
		if o.kind == opStore {
			return true
		}
		if f.done && f.value != v {
			return false
		}
	}
	return true
}
