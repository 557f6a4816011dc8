package model

// look models what Writer.Publish of ring/writer_unsafe.go does behind publish.
func (c *code) look() {
	quiet := c.fresh()
	c.load(rV, num(waiting), c.without(plainLook, c.atomicLoad))
	c.unless(nonzero(rV), quiet)
	c.ring()
	c.label(quiet)
}

// ring models Doorbell.Ring of segment/doorbell.go.
func (c *code) ring() {
	clearMark := func() { c.store(num(waiting), num(0), c.atomicStore) }
	if !c.has(clearLate) {
		clearMark()
	}
	c.add1(seq, c.atomicLoad, c.atomicStore)
	if c.has(clearLate) {
		clearMark()
	}
	c.call("futex_wake", nil, func(m *memory, _ []uint8) string {
		m[asleep] = 0
		return ""
	})
}

// arm models Doorbell.Arm of segment/doorbell.go. membarrier interrupts the writer between two instructions
// and has it execute a full barrier there: at that moment everything before it is performed and nothing
// behind it.
func (c *code) arm() {
	if !c.has(ticketLate) {
		c.load(rT, num(seq), c.atomicLoad)
	}
	c.store(num(waiting), num(1), c.atomicStore)
	if !c.has(noBarrier) {
		c.call("membarrier, on the writer's CPU too", func(w world) bool { return w.settled }, nil)
	}
}

// wait models Doorbell.Wait of segment/doorbell.go. It goes on behind itself if the sleep ended by itself, which
// happens only if it expires, and to rung if there was a ring. The kernel compares the ticket and puts the
// thread to sleep under a lock that futex_wake takes too, and has a full barrier before that on both sides.
func (c *code) wait(sleeper uint8, expires bool, rung string) {
	if c.has(ticketLate) {
		c.load(rT, num(seq), c.atomicLoad)
	}
	if !expires {
		bit := uint8(1) << sleeper
		c.call("futex_wait", nil, func(m *memory, x []uint8) string {
			if m[seq] == x[0] || c.has(noTicketCheck) {
				m[asleep] |= bit
			}
			return ""
		}, rT)
		c.call("(wakes up, or did not fall asleep)", func(w world) bool { return w.memory[asleep]&bit == 0 }, nil)
	}
	c.load(rV, num(seq), c.atomicLoad)
	if c.has(noNewMark) {
		c.set(rT, val(rV))
	}
	c.unless(of(func(x []uint8) uint8 { return truth(x[0] == x[1]) }, rV, rT), rung)
}
