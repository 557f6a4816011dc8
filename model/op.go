package model

// memory is everything that the threads share: one byte for each word of the protocol, and behind
// those the ghost words, which only the properties look at.
type memory [memorySize]uint8

// reg is a register of a thread.
type reg uint8

// order is what an instruction demands beyond its plain effect.
type order uint8

const (
	plain      order = iota // MOV; LDR, STR
	acquire                 // LDAR
	release                 // STLR
	locked                  // XCHG: a store that is a full barrier as well
	storeStore              // DMB ISHST
	loadAny                 // DMB ISHLD
	full                    // MFENCE; DMB ISH
)

type kind uint8

const (
	opLoad kind = iota
	opStore
	opBarrier
	opSet    // a calculation between registers
	opBranch // to one of several places
	opNote   // tells a property what the thread did; no instruction of the program
	opCall   // a system call: atomic, a full barrier, and it may block
	opHalt
)

// term is a value calculated from registers. Which registers, decides about dependencies.
type term struct {
	regs []reg
	f    func(x []uint8) uint8
}

func num(v int) term { return term{f: func([]uint8) uint8 { return uint8(v) }} }

func val(r reg) term { return of(func(x []uint8) uint8 { return x[0] }, r) }

func of(f func(x []uint8) uint8, regs ...reg) term { return term{regs, f} }

// then is the term g(t).
func (t term) then(g func(uint8) uint8) term {
	return term{t.regs, func(x []uint8) uint8 { return g(t.f(x)) }}
}

// op is one instruction.
type op struct {
	kind  kind
	order order
	dst   reg   // opLoad, opSet
	at    term  // opLoad, opStore: the address
	value term  // opStore, opSet: the value; opBranch: which of to; opNote, opCall: the arguments, by regs
	to    []int // opBranch
	text  string

	note  note
	ready func(w world) bool // opCall: nil if it never blocks
}

func (o *op) accesses() bool { return o.kind == opLoad || o.kind == opStore }

// regs are the registers that the instruction reads: those of its address, then those of its value.
func (o *op) regs(i int) reg {
	if i < len(o.at.regs) {
		return o.at.regs[i]
	}
	return o.value.regs[i-len(o.at.regs)]
}

func (o *op) inputs() int { return len(o.at.regs) + len(o.value.regs) }

// program is the code of one thread.
type program struct {
	name   string
	ops    []op
	killed bool // the thread may be killed, between any two of its instructions
	// losesStores: if it is killed, stores before that point need not become visible any more.
	losesStores bool
	// interrupted: how far the thread has come in its program matters to others (see settled).
	interrupted bool
	// loads and stores tell for each instruction whether one can still be reached from it.
	loads, stores []bool
}
