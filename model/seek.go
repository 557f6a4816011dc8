package model

// policy is a Position of ring/position.go: where a reader starts, or goes on after it was lapped.
type policy uint8

const (
	oldestSafe policy = iota
	oldest
	newest
)

// resolve models Position.resolve of ring/position.go.
func (p policy) resolve(slots, head uint8) uint8 {
	first := head - min(head, slots)
	last := max(head, 1) - 1
	switch {
	case p == newest:
		return max(first, last)
	case p == oldest || head <= slots:
		return first
	}
	return min(last, first+max(1, slots/4))
}

// seek models follower.Seek of ring/follower.go, for a reader that has read records of its own, or not.
func (c *code) seek(thread int, to policy, own bool) {
	there := c.fresh()
	c.finishedHead(own)
	c.set(rM, val(rH).then(func(head uint8) uint8 { return to.resolve(c.slots, head) }))
	c.pin(rM, c.limit)
	if to == oldest {
		c.unless(nonzero(rH), there)
		c.load(rV, c.slot(val(rM)).version, c.atomicLoad)
		c.unless(of(func(x []uint8) uint8 { return truth(x[0] != finished(x[1])) }, rV, rM), there)
		c.set(rM, val(rM).then(func(n uint8) uint8 { return n + 1 })) // the record in flight has its place already
		c.label(there)
	}
	c.note(c.sought(thread, to), rM)
	c.set(rN, val(rM))
}

// attach models newFollower of ring/follower.go.
func (c *code) attach(thread int, to policy) {
	c.loadEpoch(rE)
	c.pin(rE, maxThreads)
	c.seek(thread, to, false)
}

// finishedHead models follower.finishedHead of ring/follower.go and leaves its result in rH.
func (c *code) finishedHead(own bool) {
	found := c.fresh()
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
}
