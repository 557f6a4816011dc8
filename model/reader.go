package model

// Registers of the protocol's programs.
const (
	rN reg = iota // the next record
	rV            // a version
	rA            // payload
	rB
	rC
	rH // the head
	rM // the record that latest reads
	rE // the reader's epoch; scratch in a writer
	rF // the epoch as it is now
	rO // the first record of that epoch
	rS // the state
	rT // the ticket of the doorbell
	registers
)

// loadCell models seqlock.Load: seqlock/load_arm64.s, on amd64 seqlock/load_go_unsafe.go, and for three words
// load3 of ring/load3_go_unsafe.go and seqlock/loadrun_amd64.s. It goes on behind itself with record n in rA, rB, and to less or
// more, with the version in rV, if the version is too small, or too large. second is the order of R3.
func (c *code) loadCell(n reg, second order, less, more string) {
	from := c.slot(val(n))
	whole, same := c.fresh(), c.fresh()
	compare := of(func(x []uint8) uint8 {
		want := finished(x[1])
		if c.has(anyEven) && x[0] > 0 && x[0]%2 == 0 {
			want = x[0]
		}
		return truth(x[0] >= want) + truth(x[0] > want)
	}, rV, n)
	c.load(rV, from.version, c.without(plainVersion, c.atomicLoad)) // R1
	c.branch(compare, less, whole, more)
	c.label(whole)
	for _, w := range c.payload(otherHalfFirst) {
		c.load(rA+reg(w), from.word(w), plain) // R2
	}
	switch {
	case c.has(noRecheck):
		return
	case c.has(acquireRecheck):
		c.load(rV, from.version, acquire)
	default:
		fence := noLoadBarrier
		if second != plain {
			fence = noLeaseFence
		}
		if !c.has(fence) {
			c.dmb(loadAny)
		}
		c.load(rV, from.version, second) // R3
	}
	// R3 is not less than R1, whatever the order: loads of one word never see it go back.
	c.branch(compare.then(func(way uint8) uint8 { return way - 1 }), same, more)
	c.label(same)
}

// poll models Reader.Poll of ring/reader_unsafe.go, and follower.miss and follower.lapped of
// ring/follower.go up to where miss looks at the epoch. It goes on behind itself if a record was
// read, to nothing if there is none, and to lapped after being lapped.
func (c *code) poll(thread int, nothing, lapped string) { c.read(thread, plain, nothing, lapped) }

// tryPoll models Reader.TryPoll of ring/trypoll_inline_unsafe.go and ring/trypoll.go. It goes on behind itself if a record
// was read, to nothing if not, whatever the reason.
func (c *code) tryPoll(thread int, nothing string) {
	c.loadCell(rN, plain, nothing, nothing)
	c.got(thread)
}

// peek models Reader.Peek of ring/peek_inplace_unsafe.go in the same way. What the callback reads are plain
// loads, and the fence behind them is seqlock.LoadFence; the second look is one of sync/atomic.
func (c *code) peek(thread int, nothing, lapped string) {
	c.read(thread, c.atomicLoad, nothing, lapped)
}

// pollBatch models Reader.PollBatch of ring/reader_unsafe.go for a buffer of size records. It goes on behind
// itself if it has read at least one.
func (c *code) pollBatch(thread, size int, nothing, lapped string) {
	end := c.fresh()
	c.poll(thread, nothing, lapped)
	for range size - 1 {
		c.loadCell(rN, plain, end, end)
		c.got(thread)
	}
	c.label(end)
}

// got is what follows when record rN was read.
func (c *code) got(thread int) {
	c.note(c.delivered(thread), rN, rA, rB)
	c.set(rN, val(rN).then(func(n uint8) uint8 { return n + 1 }))
}

func (c *code) read(thread int, second order, nothing, lapped string) {
	more, on, sane, insane := c.fresh(), c.fresh(), c.fresh(), c.fresh()
	if c.has(earlyHead) {
		c.load(rH, num(head), c.atomicLoad)
	}
	c.loadCell(rN, second, nothing, more)
	c.got(thread)
	c.jump(on)

	c.label(more) // follower.lapped
	if !c.has(earlyHead) {
		if !c.has(noLapFence) {
			c.dmb(loadAny)
		}
		c.load(rH, num(head), c.atomicLoad)
	}
	c.branch(of(func(x []uint8) uint8 { return truth(taken(x[0]) > x[1]+c.slots) }, rV, rH), sane, insane)
	c.label(insane)
	c.damaged()
	c.label(sane)
	c.set(rM, of(func(x []uint8) uint8 {
		return max(x[0]+1, c.resume.resolve(c.slots, max(x[2], taken(x[1]))))
	}, rN, rV, rH))
	c.note(c.lost(thread), rN, rM)
	c.set(rN, val(rM))
	c.pin(rN, c.limit)
	c.jump(lapped)
	c.label(on)
}

func (c *code) damaged() {
	c.note(func(*memory, []uint8) string { return "a reader takes the ring for damaged" })
}

// taken is the record whose version v is.
func taken(v uint8) uint8 { return (v - 1) / 2 }

// miss models the rest of follower.miss of ring/follower.go: it goes to restarted, isClosed, empty, or corrupt.
func (c *code) miss(empty, restarted, isClosed, corrupt string) {
	same, other, later, restart, life, again, back := c.fresh(), c.fresh(), c.fresh(), c.fresh(), c.fresh(), c.fresh(), c.fresh()
	sameEpoch := of(func(x []uint8) uint8 { return truth(x[0] == x[1]) }, rF, rE)
	c.loadEpoch(rF)
	c.branch(sameEpoch, other, same)

	c.label(other)
	c.branch(of(func(x []uint8) uint8 { return truth(x[0] > x[1]) }, rF, rE), back, later)
	c.label(later)
	c.branch(nonzero(rE), life, restart) // the first writer came; that is no restart
	c.label(restart)
	c.unless(of(func(x []uint8) uint8 { return truth(x[0] >= x[1]) }, rN, rO), empty)
	c.set(rE, val(rF))
	c.pin(rE, maxThreads)
	c.note(c.restarted, rE, rO)
	c.jump(restarted)

	c.label(life)
	c.set(rE, val(rF))
	c.pin(rE, maxThreads)
	c.label(same)
	c.load(rS, num(stateWord), c.without(plainState, c.atomicLoad))
	c.unless(val(rS).then(func(s uint8) uint8 { return truth(s == closed) }), empty)
	if !c.has(noRepoll) {
		c.load(rV, c.slot(val(rN)).version, c.atomicLoad)
		c.unless(of(func(x []uint8) uint8 { return truth(x[0] < finished(x[1])) }, rV, rN), empty)
	}
	if !c.has(noEpochCheck) {
		c.load(rF, num(epoch), c.atomicLoad)
		c.branch(sameEpoch, empty, again)
		c.label(again)
	}
	c.jump(isClosed)
	c.label(back)
	c.damaged()
	c.jump(corrupt)
}

// loadEpoch models follower.loadEpoch of ring/follower.go: the epoch to r, its first record to rO.
func (c *code) loadEpoch(r reg) {
	c.load(r, num(epoch), c.atomicLoad)
	c.load(rO, num(epochFirst), c.atomicLoad)
}

// checkWriter models what follower.checkWriter of ring/wait.go does when it is time to ask whether the writer
// lives. It goes to alive, or on behind itself when the writer is found dead. (Here the reader asks until it is:
// that the answer was "yes" a few times makes no difference.)
func (c *code) checkWriter(alive string) {
	c.call("finds the writer's lock free", func(w world) bool { return w.memory[dead] > 0 }, nil)
	if !c.has(noLastLook) {
		c.load(rV, c.slot(val(rN)).version, c.atomicLoad)
		c.unless(of(func(x []uint8) uint8 { return truth(x[0] < finished(x[1])) }, rV, rN), alive)
	}
	c.load(rS, num(stateWord), c.atomicLoad)
	c.unless(val(rS).then(func(s uint8) uint8 { return truth(s == open) }), alive)
}
