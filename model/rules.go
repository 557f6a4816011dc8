package model

// rules say which accesses of one thread must be performed in program order, for two accesses to
// different addresses. (To the same address: see machine.go, the same for every architecture.)
type rules struct {
	name string
	// ordered: earlier is performed before later, whatever stands between them.
	ordered func(earlier, later *op) bool
	// keeps: a barrier of that order between them makes it so.
	keeps func(barrier order, earlier, later *op) bool
}

// x86TSO: loads and stores keep their order, but for a store and a later load: the store may wait in
// the store buffer while the load is performed. An instruction with a lock prefix waits for the
// buffer to drain. A FIFO buffer and "stores are performed in order, later than later loads if
// they like" are the same thing: what waits in the buffer are the stores not yet performed, and a load
// of the same address gets the newest of them.
var x86TSO = rules{
	name: "x86-TSO",
	ordered: func(earlier, later *op) bool {
		if earlier.order == locked || later.order == locked {
			return true
		}
		return !(earlier.kind == opStore && later.kind == opLoad)
	},
	keeps: func(barrier order, _, _ *op) bool { return barrier == full },
}

// armv8: nothing keeps its order but what is asked for. (Dependencies: see machine.go.)
var armv8 = rules{
	name: "Armv8",
	ordered: func(earlier, later *op) bool {
		switch {
		case earlier.order == acquire, later.order == release:
			return true
		case earlier.order == release && later.order == acquire:
			return true // LDAR waits for an earlier STLR: "RCsc"
		}
		return false
	},
	keeps: func(barrier order, earlier, later *op) bool {
		switch barrier {
		case full:
			return true
		case storeStore:
			return earlier.kind == opStore && later.kind == opStore
		case loadAny:
			return earlier.kind == opLoad
		}
		return false
	},
}
