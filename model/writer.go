package model

import "slices"

// code writes programs of the protocol for one architecture, slots slots, and with defects.
type code struct {
	*asm
	rules *rules
	slots uint8
	words int // of a payload
	limit int // no record number reaches it
	cut   defects
	twice bool // three words are copied as two and two: the one in the middle is loaded again

	resume policy // of a reader that was lapped
}

func (c *code) has(d defects) bool { return c.cut&d != 0 }

// without is the order that an instruction has without the defect: with it, it has none.
func (c *code) without(d defects, o order) order {
	if c.has(d) {
		return plain
	}
	return o
}

// dmb is a barrier that only Armv8 needs.
func (c *code) dmb(o order) {
	if c.rules == &armv8 {
		c.barrier(o)
	}
}

// cell is a version word and its payload.
type cell struct {
	version term
	word    func(w int) term
}

func (c *code) slot(n term) cell {
	return cell{
		version: n.then(func(n uint8) uint8 { return slotVersions + n%c.slots }),
		word: func(w int) term {
			return n.then(func(n uint8) uint8 { return slotWords + n%c.slots*maxWords + uint8(w) })
		},
	}
}

var view = cell{num(viewVersion), func(w int) term { return num(viewWords + w) }}

func odd(n uint8) uint8      { return 2*n + 1 }
func finished(n uint8) uint8 { return 2*n + 2 }

// payload is its words in the order in which they are stored, or loaded.
func (c *code) payload(reversed defects) (words []int) {
	for w := range c.words {
		words = append(words, w)
	}
	if c.has(reversed) {
		slices.Reverse(words)
	}
	if c.twice {
		words = slices.Insert(words, 1, words[1])
	}
	return words
}

// storeCell models STORE_CELL, STORE_SLOT3 and STORE_VIEW3 of seqlock/publish_amd64.s and seqlock/publish_arm64.s. (On amd64 all of them
// are MOVs; x86TSO does not tell release from plain.) fetch, if there is one, loads a word before it is stored.
func (c *code) storeCell(to cell, n term, word func(w int) term, fetch func(w int), barrier bool) {
	payload := func() {
		for _, w := range c.payload(otherHalf) {
			if fetch != nil {
				fetch(w)
			}
			c.store(to.word(w), word(w), plain) // W2
		}
	}
	if !c.has(noOddMark) {
		o := plain
		if c.has(releaseOdd) {
			o = release
		}
		c.store(to.version, n.then(odd), o) // W1
		if barrier && !c.has(releaseOdd) {
			c.dmb(storeStore)
		}
	}
	if !c.has(evenFirst) {
		payload()
	}
	c.store(to.version, n.then(finished), c.without(plainEven, release)) // W3
	if c.has(evenFirst) {
		payload()
	}
}

// publish models publish of the same files, for run records from n on, of the writer of that epoch.
// closes says that they are its last, for those defects that close too early.
func (c *code) publish(n term, run, epoch int, closes bool) {
	if c.has(closedFirst) && closes {
		c.close()
	}
	storeHead := func() {
		c.store(num(head), n.then(func(n uint8) uint8 { return n + uint8(run) }), c.without(plainHead, release))
	}
	nth := func(i int) (number term, word func(int) term) {
		number = n.then(func(n uint8) uint8 { return n + uint8(i) })
		return number, func(int) term { return number.then(func(n uint8) uint8 { return record(n, epoch) }) }
	}
	if c.has(headFirst) {
		storeHead()
	}
	for i := range run {
		number, word := nth(i)
		c.storeCell(c.slot(number), number, word, nil, !c.has(noSlotBarrier))
	}
	if c.has(closedBeforeEnd) && closes {
		c.close()
	}
	number, word := nth(run - 1)
	c.storeCell(view, number, word, nil, !c.has(noViewBarrier))
	if !c.has(headFirst) {
		storeHead()
	}
}

// close models Writer.Close of ring/writer_unsafe.go.
func (c *code) close() {
	c.store(num(stateWord), num(closed), c.without(plainClosed, c.atomicStore))
}

// closeAtEnd closes, unless a defect has done so already.
func (c *code) closeAtEnd() {
	if !c.has(closedFirst | closedBeforeEnd) {
		c.close()
	}
}

// add1 is sync/atomic's Add of 1 to a word that only this thread writes. LDADDAL is an acquire and
// a release; XADD is a full barrier.
func (c *code) add1(at int, loaded, stored order) {
	c.load(rE, num(at), loaded)
	c.store(num(at), val(rE).then(func(v uint8) uint8 { return v + 1 }), stored)
}

// nonzero is 1 if r is not 0, truth(b) if b holds: the conditions of unless.
func nonzero(r reg) term { return val(r).then(func(v uint8) uint8 { return min(v, 1) }) }

func truth(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
