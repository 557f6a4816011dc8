package model

import (
	"fmt"
	"slices"

	"github.com/tickring/tickring/ring"
)

// functions are the shipped functions that are compared.
var functions = map[string]func() []trial{
	"seqlock.Publish":     publishTrials,
	"seqlock.PublishRun":  runTrials,
	"seqlock.store":       storeTrials,
	"seqlock.Cell.Load":   cellTrials,
	"Writer.PublishBatch": batchTrials,
	"Writer.Close":        closeTrials,
	"NewWriter":           takeoverTrials,
	"Reader.Poll":         pollTrials,
	"Reader.TryPoll":      tryPollTrials,
	"Reader.PollBatch":    pollBatchTrials,
	"Reader.Peek":         peekTrials,
	"Reader.Latest":       latestTrials,
	"Reader.Seek":         seekTrials,
	"doorbell.Arm":        armTrials,
	"doorbell.Wait":       waitTrials,
}

// history is the memory after each store of a writer of 8 records, the second half in runs, that closes; and of one
// that takes over, publishes a ninth and closes.
func history() []memory {
	c := &code{asm: newAsm("history", &armv8), rules: &armv8, slots: trialSlots, words: maxWords, limit: 2 * maxRecords}
	for n := range trialSlots {
		c.publish(num(n), 1, 1, false)
	}
	for n := trialSlots; n < 2*trialSlots; n += trialRun {
		c.publish(num(n), trialRun, 1, false)
	}
	c.close()
	c.takeOver(func(*memory, []uint8) string { return "" })
	c.publish(num(2*trialSlots), 1, 2, false)
	c.close()
	var m memory
	m[epoch], m[stateWord] = 1, open
	var all []memory
	c.done().accesses(c.rules, &m, func(int) { all = append(all, m) })
	return slices.Compact(append(all, m))
}

// publishTrials: with a doorbell whose mark is set, or not, and without one. It is what Writer.Publish inlines.
func publishTrials() (trials []trial) {
	for payload := 2; payload <= maxWords; payload++ {
		for n := range 4 {
			for bell := range 3 {
				t := trial{
					name: fmt.Sprintf("record %d of %d words, bell %d", n, payload, bell), words: payload,
					model: func(c *code) {
						c.publish(num(n), 1, 1, false)
						if bell > 0 {
							c.look()
						}
					},
					call: func(s *sandbox) []uint64 {
						p := s.object(publisherType)
						p.publisher("", uint64(n), uint64(payload))
						if bell > 0 {
							p.rings("")
						}
						return s.call("seqlock.Publish.abi0", p.at, s.records(n, 1, payload, 1))
					},
				}
				t.start[waiting] = truth(bell == 2)
				trials = append(trials, t)
			}
		}
	}
	return trials
}

func runTrials() (trials []trial) {
	for payload := 2; payload <= maxWords; payload++ {
		for n := range 4 {
			for run := 1; run <= trialRun; run++ {
				trials = append(trials, trial{
					name: fmt.Sprintf("%d records of %d words from %d on", run, payload, n), words: payload,
					model: func(c *code) { c.publish(num(n), run, 1, false) },
					call: func(s *sandbox) []uint64 {
						p := s.object(publisherType)
						p.publisher("", uint64(n), uint64(payload))
						return s.call("seqlock.PublishRun.abi0", p.at, s.records(n, run, payload, 1), uint64(run))
					},
				})
			}
		}
	}
	return trials
}

// storeTrials: store is what Cell.Store calls, and mendView.
func storeTrials() (trials []trial) {
	for payload := 1; payload <= maxWords; payload++ {
		trials = append(trials, trial{
			name: fmt.Sprintf("%d words", payload), words: payload,
			model: func(c *code) {
				c.storeCell(view, num(5), func(int) term { return num(int(record(5, 1))) }, nil, true)
			},
			call: func(s *sandbox) []uint64 {
				return s.call("seqlock.store.abi0", addressOf(viewVersion), addressOf(viewWords),
					s.records(5, 1, payload, 1), s.masks(), uint64(payload), uint64(odd(5)))
			},
		})
	}
	return trials
}

// cellTrials try once, where the model tries until it succeeds.
func cellTrials() (trials []trial) {
	for _, m := range history() {
		if v := m[viewVersion]; v%2 == 1 {
			continue
		}
		trials = append(trials, trial{
			name: fmt.Sprintf("version %d", m[viewVersion]), start: m,
			model: func(c *code) { c.loadView(0) },
			call: func(s *sandbox) []uint64 {
				return s.call("seqlock.(*Cell[T]).Load", addressOf(viewVersion), s.alloc(256), s.alloc(24), 1)
			},
		})
	}
	return trials
}

func batchTrials() (trials []trial) {
	for n := 1; n <= 5; n++ {
		trials = append(trials, trial{
			name: fmt.Sprintf("%d records", n),
			model: func(c *code) {
				for first := 0; first < n; first += trialRun {
					c.publish(num(first), min(n-first, trialRun), 1, false)
				}
				c.look()
			},
			call: func(s *sandbox) []uint64 {
				w := s.writer(0, true)
				return w.method("ring.(*Writer[T]).PublishBatch", s.records(0, n, maxWords, 1), uint64(n), uint64(n))
			},
		})
	}
	return trials
}

func closeTrials() []trial {
	return []trial{{
		name:  "rings",
		model: func(c *code) { c.close(); c.ring() },
		call:  func(s *sandbox) []uint64 { return s.writer(1, true).method("ring.(*Writer[T]).end") },
	}}
}

// takeoverTrials: after each store of the writers before, and with either way in which an arm64 adds; and with a view
// that nobody can have begun.
func takeoverTrials() (trials []trial) {
	var begun memory
	begun[viewVersion] = odd(0)
	for i, m := range append(history(), begun) {
		for _, flags := range []bool{false, true} {
			trials = append(trials, trial{
				name: fmt.Sprintf("after %d stores, LSE: %v", i, flags), start: m, flags: flags,
				model: func(c *code) {
					c.takeOver(func(*memory, []uint8) string { return "" })
					c.ring()
				},
				call:    func(s *sandbox) []uint64 { return []uint64{s.newWriter().get("publisher.Next")} },
				results: []reg{rN},
			})
		}
	}
	return trials
}

// newWriter makes a writer and opens it, which is what ring.NewWriter does that touches shared memory.
func (s *sandbox) newWriter() object {
	w := s.writer(0, true)
	w.set("masks", s.masks())
	s.word(w.field("masks")+8, maxWords)
	s.word(w.field("masks")+16, maxWords)
	w.method("ring.(*Writer[T]).open")
	return w
}

func pollTrials() []trial {
	return readerTrials("Poll", 5, 0, func(c *code) { c.poll(0, "miss", "lapped") })
}

func tryPollTrials() []trial {
	return readerTrials("TryPoll", 4, 0, func(c *code) {
		c.twice = c.rules == &x86TSO
		c.tryPoll(0, "empty")
	})
}

func pollBatchTrials() []trial {
	return readerTrials("PollBatch", 7, 3, func(c *code) { c.pollBatch(0, 3, "miss", "lapped") })
}

func peekTrials() []trial {
	return readerTrials("Peek", 5, 0, func(c *code) { c.peek(0, "miss", "lapped") })
}

// readerTrials: of a method that reads the next record, at each moment of the history; with records of the first writer
// to be read, or none; by a reader that knows of no writer, of the first, or of the second; and while the
// history goes on in between, before one of the first most accesses. room is that of a batch, or 0.
func readerTrials(method string, most, room int, read func(c *code)) (trials []trial) {
	all := history()
	for i := range all {
		published := lastFinished(&all[i])
		for _, behind := range []int{0, 1, trialSlots, trialSlots + 1} {
			next := published - behind
			if next < 0 {
				continue
			}
			base := func(known int) trial {
				return trial{
					name: fmt.Sprintf("after %d stores, at record %d, epoch %d", i, next, known), start: all[i],
					results: []reg{rS, rN, rE},
					model: func(c *code) {
						c.set(rN, num(next))
						c.set(rE, num(known))
						read(c)
						c.outcome(ring.Ready)
						c.label("lapped")
						c.outcome(ring.Lapped)
						c.label("miss")
						c.miss("empty", "restarted", "closed", "corrupt")
						c.label("empty")
						c.outcome(ring.Empty)
						c.label("restarted")
						c.outcome(ring.Restarted)
						c.label("closed")
						c.outcome(ring.Closed)
						c.label("corrupt")
						c.outcome(ring.Corrupt)
						c.label("end")
					},
					call: func(s *sandbox) []uint64 {
						r := s.reader(uint64(next), 0, uint64(known), oldestSafe)
						status := r.read(method, room)
						return []uint64{status, r.get("follower.next"), r.get("follower.epoch")}
					},
				}
			}
			for known := range 3 {
				trials = append(trials, base(known))
			}
			for when := range most {
				for _, further := range []int{5, 25} {
					t := base(1)
					t.when, t.later = when, &all[min(i+further, len(all)-1)]
					t.name += fmt.Sprintf(", and %d stores more before access %d", further, when)
					trials = append(trials, t)
				}
			}
		}
	}
	return trials
}

// read calls a method that reads and returns its status.
func (o object) read(method string, room int) (status uint64) {
	const receiver = "ring.(*Reader[T])."
	to := o.alloc(24 * uint64(max(room, 1)))
	switch method {
	case "TryPoll":
		if o.call("main.tryPoll", o.at, to)[0]&1 == 0 {
			return uint64(ring.Empty)
		}
		return uint64(ring.Ready)
	case "PollBatch":
		return o.method(receiver+method, to, uint64(room), uint64(room))[2]
	case "Peek":
		o.stubs["look"] = func(s *sandbox, args []uint64) []uint64 {
			for w := range uint64(maxWords) { // plain loads, as a callback makes them
				s.load(args[1]+8*w, 8, plain)
			}
			return nil
		}
		look := o.alloc(8)
		o.word(look, o.function("look"))
		return o.method(receiver+method, look)[1]
	}
	return o.method(receiver+method, to)[1]
}

// outcome leaves a status in rS and ends.
func (c *code) outcome(s ring.Status) {
	c.set(rS, num(int(s)))
	c.jump("end")
}

// lastFinished is the number of records that are finished.
func lastFinished(m *memory) int { return int(slices.Max(m[slotVersions:slotVersions+trialSlots])) / 2 }

// latestTrials: by a reader that has read something, or not, while the history goes on.
func latestTrials() []trial {
	return headTrials(func(next int, own bool) trial {
		return trial{
			results: []reg{rS, rO},
			model: func(c *code) {
				c.set(rN, num(next))
				c.latest(0, own, "none")
				c.set(rO, val(rM))
				c.outcome(ring.Ready)
				c.label("none")
				c.outcome(ring.Empty)
				c.label("end")
			},
			call: func(s *sandbox) []uint64 {
				r := s.reader(uint64(next), origin(next, own), 1, oldestSafe)
				got := r.method("ring.(*Reader[T]).Latest", s.alloc(24))
				return []uint64{got[1], got[0]}
			},
		}
	})
}

func seekTrials() (trials []trial) {
	for to := oldestSafe; to <= newest; to++ {
		trials = append(trials, headTrials(func(next int, own bool) trial {
			return trial{
				results: []reg{rN},
				model: func(c *code) {
					c.set(rN, num(next))
					c.seek(0, to, own)
				},
				call: func(s *sandbox) []uint64 {
					r := s.reader(uint64(next), origin(next, own), 1, oldestSafe)
					s.call("ring.(*follower).Seek", r.at, uint64(to), 0)
					return []uint64{r.get("follower.next")}
				},
			}
		})...)
	}
	return trials
}

// headTrials are those of a reader that looks for the newest record.
func headTrials(of func(next int, own bool) trial) (trials []trial) {
	all := history()
	for i := range all {
		for _, own := range []bool{false, true} {
			for when := range 8 {
				next := lastFinished(&all[i])
				t := of(next, own && next > 0)
				t.start, t.when, t.later = all[i], when, &all[min(i+9, len(all)-1)]
				t.name = fmt.Sprintf("after %d stores, at record %d, having read: %v, and 9 stores more before access %d",
					i, next, own, when)
				trials = append(trials, t)
			}
		}
	}
	return trials
}

// origin is where a reader began that has read records of its own, or not.
func origin(next int, own bool) uint64 {
	if own {
		return 0
	}
	return uint64(next)
}

func armTrials() []trial {
	return []trial{{
		name: "arms", results: []reg{rT},
		model: func(c *code) { c.arm() },
		call: func(s *sandbox) []uint64 {
			_, bell := s.bell()
			return s.call("segment.(*doorbell).Arm", bell)
		},
	}}
}

func waitTrials() (trials []trial) {
	for ticket := range 2 {
		trials = append(trials, trial{
			name: fmt.Sprintf("with ticket %d", ticket), results: []reg{rS},
			model: func(c *code) {
				c.set(rT, num(ticket))
				c.wait(0, false, "rung")
				c.jump("end")
				c.label("rung")
				c.set(rS, num(1))
				c.label("end")
			},
			call: func(s *sandbox) []uint64 {
				_, bell := s.bell()
				return s.call("segment.(*doorbell).Wait", bell, uint64(ticket), 1000)
			},
		})
	}
	return trials
}
