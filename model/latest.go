package model

// latest models Reader.Latest of ring/reader_unsafe.go, for a reader that has read records of its own, or
// not. It goes on behind itself with a record, and to none if there is none. It tries for as long as it
// takes, not a few thousand times.
func (c *code) latest(thread int, own bool, none string) {
	again, empty, got := c.fresh(), c.fresh(), c.fresh()
	c.label(again)
	c.finishedHead(own)
	c.unless(nonzero(rH), empty)
	c.set(rM, val(rH).then(func(h uint8) uint8 { return h - 1 }))
	c.loadCell(rM, plain, again, again)
	c.note(c.sawLatest(thread), rM, rA, rB)
	c.jump(got)
	c.label(empty)
	if !c.has(emptyAtZero) {
		c.load(rV, num(slotVersions), c.atomicLoad)
		c.unless(val(rV).then(func(v uint8) uint8 { return truth(v <= finished(0)) }), again)
	}
	c.note(c.sawNone(thread))
	c.jump(none)
	c.label(got)
}
