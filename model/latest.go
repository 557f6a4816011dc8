package model

// latest models Reader.Latest of ring/reader_unsafe.go with finishedHead of ring/follower.go, for a reader
// that has read records of its own, or not. It goes on behind itself, with or without a record. It
// tries for as long as it takes, not a few thousand times.
func (c *code) latest(thread int, own bool) {
	again, found, none, got := c.fresh(), c.fresh(), c.fresh(), c.fresh()
	c.label(again)
	c.load(rH, num(head), c.atomicLoad)
	if own && !c.has(noOwn) {
		c.set(rH, of(func(x []uint8) uint8 { return max(x[0], x[1]) }, rH, rN))
		c.pin(rH, c.limit)
	}
	if !c.has(noProbe) {
		for range c.slots {
			c.load(rV, c.slot(val(rH)).version, c.atomicLoad)
			c.unless(of(func(x []uint8) uint8 { return truth(x[0] == finished(x[1])) }, rV, rH), found)
			c.set(rH, val(rH).then(func(h uint8) uint8 { return h + 1 }))
		}
		c.label(found)
	}
	c.unless(nonzero(rH), none)
	c.set(rM, val(rH).then(func(h uint8) uint8 { return h - 1 }))
	c.loadCell(rM, again, again)
	c.note(c.sawLatest(thread), rM, rA, rB)
	c.jump(got)
	c.label(none)
	if !c.has(emptyAtZero) {
		c.load(rV, num(slotVersions), c.atomicLoad)
		c.unless(val(rV).then(func(v uint8) uint8 { return truth(v <= finished(0)) }), again)
	}
	c.note(c.sawNone(thread))
	c.label(got)
}
