package model

// scenario is a small system of writers and readers.
type scenario struct {
	name  string
	what  string
	slots uint8
	limit int // of record numbers
	build func(b *builder)
}

// builder collects the threads of a scenario.
type builder struct {
	system
	cut    defects
	slots  uint8
	limit  int
	resume policy // of the readers added from now on
}

// mayDie lets a thread be killed at any moment.
func (b *builder) mayDie(p *program) {
	p.killed, p.interrupted, p.losesStores = true, true, b.cut&lostStores != 0
}

func (s *scenario) system(r *rules, cut defects) *system {
	b := &builder{system: system{rules: r}, cut: cut, slots: s.slots, limit: s.limit}
	b.start[epoch], b.start[stateWord] = 1, open
	s.build(b)
	return &b.system
}

// thread adds a thread. Its number, which the code gets, counts from 0.
func (b *builder) thread(name string, body func(c *code, thread int)) *program {
	c := &code{asm: newAsm(name, b.rules), rules: b.rules, slots: b.slots, words: words, limit: b.limit, cut: b.cut, resume: b.resume}
	c.set(rE, num(1))
	body(c, len(b.threads))
	p := c.done()
	b.threads = append(b.threads, p)
	return p
}

// writer adds a thread that publishes runs of records, and then closes the ring or not.
func (b *builder) writer(closes bool, runs ...int) *program {
	return b.thread("writer", func(c *code, _ int) {
		if c.has(wholeBatch) {
			all := 0
			for _, run := range runs {
				all += run
			}
			runs = []int{all}
		}
		n := int(b.start[head])
		for i, run := range runs {
			c.publish(num(n), run, 1, closes && i == len(runs)-1)
			n += run
		}
		if closes {
			b.start[ghostClosing+1] = uint8(n) + 1
			c.closeAtEnd()
		}
	})
}

// fill makes the ring hold the first records from the start.
func (b *builder) fill(records uint8) {
	m := &b.start
	for n := range records {
		slot := n % b.slots
		m[slotVersions+slot], m[viewVersion] = finished(n), finished(n)
		for w := range uint8(words) {
			m[slotWords+slot*maxWords+w], m[viewWords+w] = record(n, 1), record(n, 1)
		}
	}
	m[head] = records
}

// follow adds a reader that polls until it has come to the end.
func (b *builder) follow(end int) {
	b.thread("reader", func(c *code, thread int) {
		c.label("poll")
		c.poll(thread, "poll", "poll")
		c.unless(val(rN).then(func(n uint8) uint8 { return truth(int(n) < end) }), "end")
		c.jump("poll")
		c.label("end")
	})
}

var scenarios = []scenario{
	{
		name: "stream", slots: 2, limit: 4,
		what: "4 records through 2 slots, so that every slot is used twice; a reader that polls",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.follow(4)
		},
	},
	{
		name: "far lap", slots: 2, limit: 6,
		what: "6 records through 2 slots: a reader may be lapped by more than a lap",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1, 1, 1)
			b.follow(6)
		},
	},
	{
		name: "batch", slots: 4, limit: 6,
		what: "3 batches of 2 records through 4 slots; a reader that polls",
		build: func(b *builder) {
			b.writer(false, 2, 2, 2)
			b.follow(6)
		},
	},
	{
		name: "batches", slots: 2, limit: 4,
		what: "4 records through 2 slots; a reader that polls for 2 at a time",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.thread("reader", func(c *code, thread int) {
				c.label("poll")
				c.pollBatch(thread, 2, "poll", "poll")
				c.unless(val(rN).then(func(n uint8) uint8 { return truth(int(n) < 4) }), "end")
				c.jump("poll")
				c.label("end")
			})
		},
	},
	{
		name: "lease", slots: 2, limit: 4,
		what: "4 records through 2 slots; a reader that looks at them in place",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.thread("reader", func(c *code, thread int) {
				c.label("peek")
				c.peek(thread, "peek", "peek")
				c.unless(val(rN).then(func(n uint8) uint8 { return truth(int(n) < 4) }), "end")
				c.jump("peek")
				c.label("end")
			})
		},
	},
	resuming("resume at the oldest", oldest),
	resuming("resume at the newest", newest),
	seeking("seek the oldest safe", oldestSafe),
	seeking("seek the oldest", oldest),
	seeking("seek the newest", newest),
	{
		name: "seek in batches", slots: 4, limit: 6,
		what: "3 batches of 2 records through 4 slots; a reader that polls for 2 and goes to the newest",
		build: func(b *builder) {
			b.writer(false, 2, 2, 2)
			b.thread("reader", func(c *code, thread int) {
				c.label("poll")
				c.pollBatch(thread, 2, "poll", "poll")
				c.seek(thread, newest, true)
			})
		},
	},
	{
		name: "view", slots: 2, limit: 3,
		what: "3 records; a reader that reads the view 3 times",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1)
			b.thread("reader", func(c *code, thread int) {
				for range 3 {
					c.loadView(thread)
				}
			})
		},
	},
	{
		name: "latest", slots: 2, limit: 4,
		what: "4 records through 2 slots; a reader that polls until it has one, then asks for the latest twice",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.thread("reader", func(c *code, thread int) {
				c.label("poll")
				c.poll(thread, "poll", "poll")
				c.latest(thread, true, "none")
				c.latest(thread, true, "none")
				c.label("none")
			})
		},
	},
	{
		name: "latest of another", slots: 2, limit: 4,
		what: "the same, but the latest is asked for by another reader of that process, which has read none itself",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.thread("reader", func(c *code, thread int) {
				c.label("poll")
				c.poll(thread, "poll", "poll")
				c.latest(thread, false, "none")
				c.label("none")
			})
		},
	},
	{
		name: "head", slots: 2, limit: 3,
		what: "3 records; a reader that looks at the head, then at the slot of the last record that it counts",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1)
			b.thread("reader", func(c *code, _ int) {
				c.load(rN, num(head), c.without(plainHeadLoad, c.atomicLoad))
				c.pin(rN, c.limit)
				c.unless(nonzero(rN), "end")
				c.load(rV, c.slot(val(rN).then(func(n uint8) uint8 { return n - 1 })).version, c.atomicLoad)
				c.note(counted, rN, rV)
				c.label("end")
			})
		},
	},
	{
		name: "close", slots: 2, limit: 2,
		what: "2 records, then the writer closes; a reader that polls until it is told so",
		build: func(b *builder) {
			b.writer(true, 1, 1)
			b.thread("reader", func(c *code, thread int) { c.untilClosed(thread, 1) })
		},
	},
	{
		name: "first writer", slots: 2, limit: 2,
		what: "no writer; then one of 2 records, which closes; a reader that was there before, or comes, and polls until it is told so",
		build: func(b *builder) {
			b.start[epoch], b.start[stateWord] = 0, 0
			b.successor(1, 2, true)
			b.thread("reader", func(c *code, thread int) {
				c.attach(thread, oldestSafe)
				c.untilClosed(thread, 1)
			})
		},
	},
	{
		name: "death", slots: 2, limit: 2,
		what: "a writer of 2 records that closes, killed at any moment; a reader that polls until it is told of the end or of the death",
		build: func(b *builder) {
			b.mayDie(b.writer(true, 1, 1))
			b.thread("reader", func(c *code, thread int) {
				c.label("poll")
				c.poll(thread, "miss", "poll")
				c.jump("poll")
				c.label("miss")
				c.miss("check", "check", "end", "end")
				c.label("check")
				c.checkWriter("poll")
				c.note(c.sawDead, rN)
				c.label("end")
			})
		},
	},
	{
		name: "crash", slots: 2, limit: 2,
		what: "a writer of 1 record, killed at any moment; one that takes over, publishes 1 and closes; a reader that polls until it is told so",
		build: func(b *builder) {
			b.mayDie(b.writer(false, 1))
			b.successor(2, 1, true)
			b.thread("reader", func(c *code, thread int) { c.untilClosed(thread, 1) })
		},
	},
	{
		name: "crash and close", slots: 2, limit: 1,
		what: "the same, but the second writer closes at once",
		build: func(b *builder) {
			b.mayDie(b.writer(false, 1))
			b.successor(2, 0, true)
			b.thread("reader", func(c *code, thread int) { c.untilClosed(thread, 1) })
		},
	},
	{
		name: "crash in a lap", slots: 2, limit: 5,
		what: "a writer of 2 records in a full ring, killed at any moment; otherwise the same as crash",
		build: func(b *builder) {
			b.fill(2)
			b.mayDie(b.writer(false, 1, 1))
			b.successor(2, 1, true)
			b.thread("reader", func(c *code, thread int) { c.untilClosed(thread, 1) })
		},
	},
	{
		name: "crash in a batch", slots: 4, limit: 7,
		what: "a writer of 3 batches of 2 records through 4 slots, killed at any moment; one that takes over",
		build: func(b *builder) {
			b.mayDie(b.writer(false, 2, 2, 2))
			b.successor(2, 1, true)
		},
	},
	{
		name: "crash under a view", slots: 2, limit: 3,
		what: "a writer of 2 records, killed at any moment; one that takes over and publishes 1; a reader that reads the view twice",
		build: func(b *builder) {
			b.mayDie(b.writer(false, 1, 1))
			b.successor(2, 1, false)
			b.thread("reader", func(c *code, thread int) {
				c.loadView(thread)
				c.loadView(thread)
			})
		},
	},
	{
		name: "crashes", slots: 2, limit: 4,
		what: "three writers, each killed at any moment of its first record, and a fourth that takes over",
		build: func(b *builder) {
			b.mayDie(b.writer(false, 1))
			b.mayDie(b.successor(2, 1, false))
			b.mayDie(b.successor(3, 1, false))
			b.successor(4, 1, false)
		},
	},
	{
		name: "close and takeover", slots: 2, limit: 2,
		what: "a writer of 1 record that closes, or is killed before; one that takes over, publishes 1 and closes; a reader that polls until it is told so of the second",
		build: func(b *builder) {
			b.mayDie(b.writer(true, 1))
			b.successor(2, 1, true)
			b.thread("reader", func(c *code, thread int) {
				c.untilClosed(thread, 1)
				c.unless(val(rE).then(func(e uint8) uint8 { return truth(e < 2) }), "end")
				c.untilClosed(thread, 2)
				c.label("end")
			})
		},
	},
	{
		name: "takeovers", slots: 2, limit: 2,
		what: "a writer of 1 record and one that takes over, both killed at any moment; a third that takes over and closes; a reader that polls until it is told so",
		build: func(b *builder) {
			b.mayDie(b.writer(false, 1))
			b.mayDie(b.successor(2, 1, false))
			b.successor(3, 0, true)
			b.thread("reader", func(c *code, thread int) { c.untilClosed(thread, 1) })
		},
	},
	{
		name: "doorbell", slots: 2, limit: 2,
		what: "2 records; a reader that sleeps when there is none",
		build: func(b *builder) {
			b.bellWriter(2, false)
			b.sleeper(2, false)
		},
	},
	{
		name: "doorbell for two", slots: 2, limit: 1,
		what: "1 record; two readers that sleep when there is none",
		build: func(b *builder) {
			b.bellWriter(1, false)
			b.sleeper(1, false)
			b.sleeper(1, false)
		},
	},
	{
		name: "doorbell after a short sleep", slots: 2, limit: 1,
		what: "1 record; a reader that sleeps when there is none, and whose first sleep ends by itself",
		build: func(b *builder) {
			b.bellWriter(1, false)
			b.sleeper(1, true)
		},
	},
	{
		name: "doorbell at the end", slots: 2, limit: 1,
		what: "1 record, then the writer closes; a reader that sleeps until it is told so",
		build: func(b *builder) {
			b.bellWriter(1, true)
			b.sleepUntil(func(c *code, empty string) { c.miss(empty, empty, "end", "end") })
		},
	},
	{
		name: "doorbell at a takeover", slots: 2, limit: 1,
		what: "a writer of 1 record, killed at any moment; one that takes over and no more; a reader that sleeps until it is told so",
		build: func(b *builder) {
			b.mayDie(b.bellWriter(1, false))
			b.successor(2, 0, false).interrupted = true
			b.sleepUntil(func(c *code, empty string) { c.miss(empty, "end", "poll", "end") })
		},
	},
}

// resuming is a scenario of a reader that goes on at to when it was lapped.
func resuming(name string, to policy) scenario {
	return scenario{
		name: name, slots: 2, limit: 4,
		what: "4 records through 2 slots; a reader that polls, and goes on there when it was lapped",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.resume = to
			b.follow(4)
		},
	}
}

// seeking is a scenario of a reader that goes to another place.
func seeking(name string, to policy) scenario {
	return scenario{
		name: name, slots: 2, limit: 4,
		what: "4 records through 2 slots; a reader that polls until it has one, goes there, and polls until it has another",
		build: func(b *builder) {
			b.writer(false, 1, 1, 1, 1)
			b.thread("reader", func(c *code, thread int) {
				c.label("first")
				c.poll(thread, "first", "first")
				c.seek(thread, to, true)
				c.label("second")
				c.poll(thread, "unless none", "second")
				c.jump("end")
				c.label("unless none")
				c.unless(val(rN).then(func(n uint8) uint8 { return truth(n < 4) }), "end")
				c.jump("second")
				c.label("end")
			})
		},
	}
}

// untilClosed polls until the reader is told that the ring is closed, in that epoch or a later one.
func (c *code) untilClosed(thread, epoch int) {
	poll, miss, isClosed := c.fresh(), c.fresh(), c.fresh()
	c.label(poll)
	c.poll(thread, miss, poll)
	c.jump(poll)
	c.label(miss)
	c.miss(poll, poll, isClosed, isClosed)
	c.label(isClosed)
	c.unless(val(rE).then(func(e uint8) uint8 { return truth(int(e) >= epoch) }), poll)
	c.load(rH, num(head), c.atomicLoad) // for the property
	c.note(c.sawClosed, rN, rE, rH)
}

// successor adds a writer that takes over when those before it are dead, and publishes one run of
// records. The system then ends with a sound ring.
func (b *builder) successor(number, run int, closes bool) *program {
	name := "writer " + string(rune('0'+number))
	p := b.thread(name, func(c *code, _ int) {
		c.call("gets the lock of the dead writer", func(w world) bool { return int(w.memory[dead]) >= number-1 }, c.bury)
		c.takeOver(func(m *memory, x []uint8) string {
			is := m[epoch] + 1 // unless it is killed before it says so
			m[ghostFirsts+is] = x[0] + 1
			if closes {
				m[ghostClosing+is] = x[0] + uint8(run) + 1
			}
			return ""
		})
		c.note(func(m *memory, x []uint8) string { return c.sound(m, x[0]) }, rN)
		if !c.has(noRingAtStart) {
			c.ring()
		}
		if run > 0 {
			c.publish(val(rN), run, number, closes)
		}
		if closes {
			c.closeAtEnd()
		}
	})
	c := &code{slots: b.slots}
	b.final = func(m *memory) string { return c.sound(m, m[head]) }
	return p
}

// bellWriter adds a writer that rings for those who sleep.
func (b *builder) bellWriter(records int, closes bool) *program {
	p := b.thread("writer", func(c *code, _ int) {
		for n := range records {
			c.publish(num(n), 1, 1, false)
			c.look()
		}
		if closes {
			b.start[ghostClosing+1] = uint8(records) + 1
			c.close()
			if !c.has(noRingAtEnd) {
				c.ring()
			}
		}
	})
	p.interrupted = true
	return p
}

// sleeper adds a reader that spins for one poll and then sleeps, until it has come to the end.
func (b *builder) sleeper(end int, expires bool) {
	b.asleep(expires, func(c *code, empty string) { c.jump(empty) }, func(c *code) {
		c.unless(val(rN).then(func(n uint8) uint8 { return truth(int(n) < end) }), "end")
	})
}

// sleepUntil adds one that does so until miss goes to end.
func (b *builder) sleepUntil(miss func(c *code, empty string)) {
	b.asleep(false, miss, func(*code) {})
}

// asleep models follower.pause and follower.block of ring/wait.go for a reader that blocks: in one round it
// announces the sleep, in the next it sleeps. expires makes the first sleep end by itself.
func (b *builder) asleep(expires bool, miss func(c *code, empty string), check func(c *code)) {
	b.thread("reader", func(c *code, thread int) {
		round := func(empty string) {
			none := c.fresh()
			c.poll(thread, none, "poll")
			check(c)
			c.jump("poll")
			c.label(none)
			miss(c, empty)
		}
		c.label("poll")
		round("arm")
		c.label("arm")
		c.arm()
		if expires {
			round("expire")
			c.label("expire")
			c.wait(uint8(thread), true, "poll")
		}
		c.label("armed")
		if !c.has(noLastPoll) {
			round("sleep")
			c.label("sleep")
		}
		c.wait(uint8(thread), false, "poll")
		c.jump("armed")
		c.label("end")
	})
}
