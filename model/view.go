package model

// loadView models a reader of the one-record view that looks at its version: Cell.Load of
// seqlock/cell_unsafe.go, less its first look, so with fewer orders than that has.
func (c *code) loadView(thread int) {
	again, whole, same, none := c.fresh(), c.fresh(), c.fresh(), c.fresh()
	c.label(again)
	c.load(rV, num(viewVersion), c.without(plainVersion, c.atomicLoad)) // R1
	c.branch(val(rV).then(func(v uint8) uint8 { return min(v, 1) + v%2 }), none, whole, again)
	c.label(whole)
	for w := range words {
		c.load(rA+reg(w), view.word(w), plain) // R2
	}
	c.set(rM, val(rV))
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
	c.branch(of(func(x []uint8) uint8 { return truth(x[0] == x[1]) }, rV, rM), again, same)
	c.label(same)
	c.set(rM, val(rM).then(func(v uint8) uint8 { return v/2 - 1 }))
	c.note(c.sawLatest(thread), rM, rA, rB)
	c.label(none)
}
