package model

// system is a set of threads over one memory, to be run in every possible way.
type system struct {
	rules   *rules
	threads []*program
	start   memory
	// final judges the memory when every thread has come to its end.
	final func(m *memory) (violation string)
}

const maxThreads = 4

// state is the state of the whole system. Threads' states are numbered, each thread for itself.
type state struct {
	memory memory
	local  [maxThreads]int32
}

// arrival says how a state was reached first: by a step of a thread.
type arrival struct {
	from   int32
	thread int8
	place  int8 // in the thread's window, or killing
}

const killing = -1

// result of an exploration.
type result struct {
	states    int
	clipped   bool   // a window was too small: behaviours may be missing
	violation string // "" if every state is as it should be
	trace     []string
}

// world is what a system call can see of the system.
type world struct {
	memory *memory
	// settled tells whether what each thread that may be interrupted has performed is just what its program
	// begins with.
	settled bool
}

// numbered is the state of a thread, with what follows from it.
type numbered struct {
	local                     local
	ready                     []uint8
	settled, idle, speculates bool
}

type explorer struct {
	*system
	machines []machine
	numbers  []map[local]int32
	locals   [][]numbered
	states   []state
	arrivals []arrival
	seen     map[state]int32
	edges    [][2]int32 // to, from
	clipped  bool
}

// explore follows every order in which the threads' instructions can be performed, breadth first, and
// stops at the first violation, so that the trace that leads there is one of the shortest.
func (s *system) explore() result {
	e := &explorer{system: s, seen: map[state]int32{}}
	first := []state{{memory: s.start}}
	for t, p := range s.threads {
		e.machines = append(e.machines, machine{p, s.rules, &e.clipped})
		e.numbers = append(e.numbers, map[local]int32{})
		e.locals = append(e.locals, nil)
		var out []outcome
		e.machines[t].settle(local{}, s.start, &out)
		var joint []state
		for _, f := range first {
			for _, o := range out {
				if o.memory != s.start || o.violation != "" {
					panic("model: a note before the first access of " + p.name)
				}
				f.local[t] = e.number(t, &o.local)
				joint = append(joint, f)
			}
		}
		first = joint
	}
	for _, f := range first {
		e.arrive(f, arrival{from: -1})
	}
	for i := 0; i < len(e.states); i++ {
		if violation, last := e.expand(int32(i)); violation != "" {
			return e.result(violation, int32(i), last)
		}
	}
	if i := e.stuck(); i >= 0 {
		return e.result("a thread waits for ever", i, "")
	}
	return e.result("", -1, "")
}

// expand does every step that is possible in state i.
func (e *explorer) expand(i int32) (violation, last string) {
	s := e.states[i]
	w := world{memory: &s.memory, settled: true}
	for t, p := range e.threads {
		w.settled = w.settled && (!p.interrupted || e.at(t, s).settled)
	}
	ended := true
	for t, p := range e.threads {
		k := e.at(t, s)
		ended = ended && k.idle
		if p.killed && (k.settled || p.losesStores) && !e.machines[t].waits(&k.local) {
			after := s
			after.local[t] = e.number(t, &local{killed: true})
			after.memory[dead]++
			e.step(i, after, arrival{i, int8(t), killing})
		}
		for _, place := range k.ready {
			a := arrival{i, int8(t), int8(place)}
			for _, o := range e.machines[t].perform(k.local, s.memory, int(place), w) {
				if o.violation != "" {
					return o.violation, e.describe(a)
				}
				after := s
				after.memory = o.memory
				after.local[t] = e.number(t, &o.local)
				e.step(i, after, a)
			}
		}
	}
	if ended && e.final != nil {
		return e.final(&s.memory), ""
	}
	return "", ""
}

func (e *explorer) at(t int, s state) *numbered { return &e.locals[t][s.local[t]] }

func (e *explorer) number(t int, l *local) int32 {
	if n, ok := e.numbers[t][*l]; ok {
		return n
	}
	k := &e.machines[t]
	n := int32(len(e.locals[t]))
	e.numbers[t][*l] = n
	e.locals[t] = append(e.locals[t], numbered{*l, k.ready(l), k.settled(l), k.idle(l), k.speculates(l)})
	return n
}

func (e *explorer) step(from int32, s state, a arrival) {
	e.edges = append(e.edges, [2]int32{e.arrive(s, a), from})
}

func (e *explorer) arrive(s state, a arrival) int32 {
	if n, ok := e.seen[s]; ok {
		return n
	}
	n := int32(len(e.states))
	e.seen[s] = n
	e.states = append(e.states, s)
	e.arrivals = append(e.arrivals, a)
	return n
}

// stuck returns a state from which there is no way to the end of all threads, if possible one where
// nothing can happen any more; or -1. States with speculation in them do not count: it may be wrong, and
// then they have no future, but for each of them there is one in which it is right.
func (e *explorer) stuck() int32 {
	start := make([]int32, len(e.states)+1)
	for _, edge := range e.edges {
		start[edge[0]+1]++
	}
	for i := range e.states {
		start[i+1] += start[i]
	}
	into := make([]int32, len(e.edges))
	fill := append([]int32(nil), start...)
	moves := make([]bool, len(e.states))
	for _, edge := range e.edges {
		moves[edge[1]] = moves[edge[1]] || edge[0] != edge[1]
		into[fill[edge[0]]] = edge[1]
		fill[edge[0]]++
	}
	ends := make([]bool, len(e.states))
	var todo []int32
	for i, s := range e.states {
		all := true
		for t := range e.threads {
			all = all && e.at(t, s).idle
		}
		if all {
			ends[i] = true
			todo = append(todo, int32(i))
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, from := range into[start[i]:start[i+1]] {
			if !ends[from] {
				ends[from] = true
				todo = append(todo, from)
			}
		}
	}
	found := int32(-1)
	for i, s := range e.states {
		speculates := false
		for t := range e.threads {
			speculates = speculates || e.at(t, s).speculates
		}
		switch {
		case ends[i] || speculates:
		case !moves[i]:
			return int32(i)
		case found < 0:
			found = int32(i)
		}
	}
	return found
}

func (e *explorer) result(violation string, at int32, last string) result {
	r := result{states: len(e.states), clipped: e.clipped, violation: violation}
	for i := at; i >= 0 && e.arrivals[i].from >= 0; i = e.arrivals[i].from {
		r.trace = append([]string{e.describe(e.arrivals[i])}, r.trace...)
	}
	if last != "" {
		r.trace = append(r.trace, last)
	}
	return r
}
