package model

// takeOver models recoverRing of ring/recover_unsafe.go and NewWriter of ring/writer_unsafe.go. It
// leaves the number of the next record in rN, and tells begun as soon as that is known.
func (c *code) takeOver(begun note) {
	refuse, found, probe, on := c.fresh(), c.fresh(), c.fresh(), c.fresh()
	loadVersion := func(back uint8) { // of record rN-back
		n := val(rN).then(func(n uint8) uint8 { return n - back })
		c.load(rV, c.slot(n).version, c.atomicLoad)
	}
	isFinished := func(back uint8) term {
		return of(func(x []uint8) uint8 { return truth(x[0] == finished(x[1]-back)) }, rV, rN)
	}

	c.load(rN, num(head), c.atomicLoad)
	c.unless(nonzero(rN), probe)
	loadVersion(1)
	c.unless(isFinished(1), refuse)
	c.label(probe)
	if !c.has(noRollForward) {
		for range c.slots {
			loadVersion(0)
			c.unless(isFinished(0), found)
			c.set(rN, val(rN).then(func(n uint8) uint8 { return n + 1 }))
		}
		c.label(found)
		loadVersion(0)
		c.unless(of(func(x []uint8) uint8 { return truth(x[0] <= finished(x[1])) }, rV, rN), refuse)
	}

	c.note(begun, rN)
	if !c.has(noMend) {
		c.mendView()
	}
	if !c.has(noHead) {
		c.store(num(head), val(rN), c.atomicStore)
	}

	storeFirst := func() { c.store(num(epochFirst), val(rN), c.atomicStore) }
	storeOpen := func() {
		if !c.has(noOpen) {
			c.store(num(stateWord), num(open), c.atomicStore)
		}
	}
	if !c.has(firstLate) {
		storeFirst()
	}
	if !c.has(openLate) {
		storeOpen()
	}
	c.add1(epoch, c.without(plainEpoch, c.atomicLoad), c.without(plainEpoch, c.atomicStore))
	if c.has(firstLate) {
		storeFirst()
	}
	if c.has(openLate) {
		storeOpen()
	}

	c.jump(on)
	c.label(refuse)
	c.note(func(*memory, []uint8) string { return "the new writer takes the ring for damaged" })
	c.label(on)
}

// mendView models mendView of ring/recover_unsafe.go. The next record is in rN.
func (c *code) mendView() {
	empty, mended := c.fresh(), c.fresh()
	c.load(rV, num(viewVersion), c.atomicLoad)
	c.unless(nonzero(rN), empty)
	c.unless(of(func(x []uint8) uint8 { return truth(x[0] != 2*x[1]) }, rV, rN), mended)
	last := val(rN).then(func(n uint8) uint8 { return n - 1 })
	from := c.slot(last)
	c.storeCell(view, last,
		func(w int) term { return val(rA + reg(w)) },
		func(w int) { c.load(rA+reg(w), from.word(w), plain) },
		!c.has(noViewBarrier))
	c.jump(mended)

	c.label(empty)
	c.unless(nonzero(rV), mended)
	for w := range c.words {
		c.store(view.word(w), num(0), c.atomicStore)
	}
	c.store(view.version, num(0), c.atomicStore)
	c.label(mended)
}
