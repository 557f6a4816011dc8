package model

// supply hands the result of place i to the instructions and registers that wait for it.
func (l *local) supply(i int, v uint8) {
	known := operand{value: v}
	from := uint8(i + 1)
	for r := range l.regs {
		if l.regs[r].from == from {
			l.regs[r] = known
		}
	}
	for j := i + 1; j < int(l.n); j++ {
		in := &l.window[j].in
		for a := range in {
			if in[a].from == from {
				in[a] = known
			}
		}
	}
}

// settle does everything that only the thread itself can notice: calculates, confirms branches,
// retires what is finished, and fetches. It adds one outcome for each way that a branch can be predicted,
// and none if a prediction turned out wrong.
func (k *machine) settle(l local, m memory, out *[]outcome) {
	for {
		for i := range int(l.n) {
			f := &l.window[i]
			o := k.op(f)
			if f.done || o.kind != opSet && o.kind != opBranch {
				continue
			}
			_, x, known := k.args(f)
			if !known {
				continue
			}
			v := o.value.f(x)
			if o.kind == opBranch && v != f.guess {
				return
			}
			f.done = true
			if o.kind == opSet {
				l.supply(i, v)
			}
		}
		violation := k.retire(&l, &m)
		if violation != "" {
			*out = append(*out, outcome{l, m, violation})
			return
		}
		if !k.squeeze(&l) {
			return
		}
		if !k.worthFetching(&l) {
			break
		}
		o := &k.ops[l.pc]
		f := inflight{op: l.pc}
		known := true
		var x [maxInputs]uint8
		for i := range o.inputs() {
			f.in[i] = l.regs[o.regs(i)]
			x[i] = f.in[i].value
			known = known && f.in[i].from == 0
		}
		switch {
		case o.kind == opSet && known:
			l.regs[o.dst] = operand{value: o.value.f(x[:o.inputs()])}
			l.pc++
			continue
		case o.kind == opBranch && known:
			l.pc = uint8(o.to[o.value.f(x[:o.inputs()])])
			continue
		case l.n == maxWindow:
			*k.clipped = true
			*out = append(*out, outcome{l, m, ""})
			return
		}
		l.window[l.n] = f
		l.n++
		switch o.kind {
		case opBranch:
			for i, to := range o.to {
				way := l
				way.window[l.n-1].guess = uint8(i)
				way.pc = uint8(to)
				k.settle(way, m, out)
			}
			return
		case opLoad, opSet:
			l.regs[o.dst] = operand{from: l.n}
		}
		l.pc++
	}
	*out = append(*out, outcome{l, m, ""})
}

// retire takes finished instructions from the front of the window. Notes are taken there, in program order.
func (k *machine) retire(l *local, m *memory) (violation string) {
	var gone [maxWindow]bool
	for i := range int(l.n) {
		f := &l.window[i]
		o := k.op(f)
		if o.kind == opNote {
			_, x, _ := k.args(f) // known: everything before it is done
			if v := o.note(m, x); v != "" {
				return v
			}
		} else if !f.done && o.kind != opBarrier {
			break
		}
		gone[i] = true
	}
	l.remove(&gone)
	return ""
}

// squeeze takes out of the window what is done and no longer matters to anybody, so that a thread that
// goes round a loop ahead of some slow load comes back to a state that it was in. A load that is done
// matters if an earlier one, perhaps of the same address, is not: see coherent. squeeze returns
// false if two such loads contradict each other already.
func (k *machine) squeeze(l *local) bool {
	var gone [maxWindow]bool
	for i := range int(l.n) {
		f := &l.window[i]
		o := k.op(f)
		if !f.done {
			continue
		}
		gone[i] = true
		if o.kind == opLoad {
			possible, matters := k.vouches(l, i)
			if !possible {
				return false
			}
			gone[i] = !matters
		}
		if gone[i] && k.interrupted && o.accesses() {
			for j := i - 1; j >= 0; j-- {
				if e := &l.window[j]; !e.done && k.op(e).accesses() {
					e.passed = true
					break
				}
			}
		}
	}
	l.remove(&gone)
	return true
}

// vouches tells whether the load at place i, which is done, matters to one before it that is not, and
// whether there is still a value which that one may have.
func (k *machine) vouches(l *local, i int) (possible, matters bool) {
	at, _ := k.address(&l.window[i])
	same := false // a load of this address is outstanding
	for j := range i {
		f := &l.window[j]
		if f.done || k.op(f).kind != opLoad {
			continue
		}
		t, known := k.address(f)
		same = same || known && t == at
		matters = matters || !known || t == at
	}
	if !matters {
		return true, false
	}
	for j := i + 1; j < int(l.n); j++ {
		f := &l.window[j]
		o := k.op(f)
		if !o.accesses() {
			continue
		}
		t, known := k.address(f)
		switch {
		case o.kind == opStore && (!known || t == at):
			return true, true
		case o.kind != opLoad || !f.done || t != at:
		case f.value == l.window[i].value:
			return true, false // the later one vouches for it as well
		default:
			return !same, true
		}
	}
	return true, true
}

// remove takes instructions out of the window.
func (l *local) remove(gone *[maxWindow]bool) {
	var to [maxWindow + 1]uint8 // 1 + the new place, by 1 + the old
	n := uint8(0)
	for i := range l.n {
		if !gone[i] {
			l.window[n] = l.window[i]
			n++
			to[i+1] = n
		}
	}
	if n == l.n {
		return
	}
	clear(l.window[n:l.n])
	l.n = n
	for i := range n {
		in := &l.window[i].in
		for a := range in {
			in[a].from = to[in[a].from]
		}
	}
	for r := range l.regs {
		l.regs[r].from = to[l.regs[r].from]
	}
}

var (
	someLoad  = op{kind: opLoad}
	someStore = op{kind: opStore}
)

// worthFetching tells whether an instruction fetched now could be performed before those in flight.
// If none could, whatever its kind, fetching can wait, and so can the guess that it may take.
func (k *machine) worthFetching(l *local) bool {
	if l.killed || k.ops[l.pc].kind == opHalt {
		return false
	}
	if l.n == 0 {
		return true
	}
	if k.loads[l.pc] {
		if wait, _ := k.blocked(l, int(l.n), &someLoad, 0, true); !wait {
			return true
		}
	}
	if k.stores[l.pc] {
		if wait, _ := k.blocked(l, int(l.n), &someStore, 0, true); !wait {
			return true
		}
	}
	return false
}
