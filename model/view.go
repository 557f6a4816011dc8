package model

// loadView models Cell.Load of seqlock/cell_unsafe.go, for the one-record view, whose version the reader looks
// at. It tries for as long as it takes.
func (c *code) loadView(thread int) {
	again, some, even, whole, same, none := c.fresh(), c.fresh(), c.fresh(), c.fresh(), c.fresh(), c.fresh()
	equal := of(func(x []uint8) uint8 { return truth(x[0] == x[1]) }, rV, rM)
	c.label(again)
	c.load(rM, num(viewVersion), c.without(plainVersion, c.atomicLoad))
	c.branch(nonzero(rM), none, some)
	c.label(some)
	c.branch(val(rM).then(func(v uint8) uint8 { return v % 2 }), even, again)
	c.label(even)
	c.load(rV, num(viewVersion), c.without(plainVersion, c.atomicLoad)) // R1
	c.branch(equal, again, whole)
	c.label(whole)
	for _, w := range c.payload(otherHalfFirst) {
		c.load(rA+reg(w), view.word(w), plain) // R2
	}
	switch {
	case c.has(noRecheck):
		c.jump(same)
	case c.has(acquireRecheck):
		c.load(rV, num(viewVersion), acquire)
	default:
		if !c.has(noLoadBarrier) {
			c.dmb(loadAny)
		}
		c.load(rV, num(viewVersion), plain) // R3
	}
	c.branch(equal, again, same)
	c.label(same)
	c.set(rM, val(rM).then(func(v uint8) uint8 { return v/2 - 1 }))
	c.note(c.sawLatest(thread), rM, rA, rB)
	c.label(none)
}
