package torture

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/records"
)

// A writer is killed before and behind each of its stores, whatever it is about and however full the ring is.
func TestKilledAtEveryStore(t *testing.T) {
	for i, op := range []string{"publish", "batch", "close"} {
		t.Run(op, func(t *testing.T) {
			tallied(t, func(t *testing.T, sum *tally) {
				for j, c := range append(configs(t, i), onHugePages(t)...) {
					if op == "batch" && j%2 == 1 && !wanted(t).long {
						continue
					}
					t.Run(c.String(), func(t *testing.T) {
						t.Parallel()
						canTrace(t)
						killEverywhere(t, c, op, sum)
					})
				}
			})
		})
	}
}

// onHugePages are configurations with the slots on a hugetlbfs, if there is one with a page to give.
func onHugePages(t testing.TB) []config {
	t.Helper()
	if testkit.Race {
		return nil
	}
	c := config{records.Level, options{slots: 4, bell: true, huge: true}, 5}
	name := testkit.Name(t)
	s, err := segment.Create(name, shapeOf[records.LevelRecord](c.slots), c.segment())
	if err != nil {
		t.Logf("not on a hugetlbfs: %v", err)
		return nil
	}
	require.NoError(t, errors.Join(s.Close(), segment.Unlink(name)))
	return []config{c}
}

// operation is a command, and how many stores to the ring it makes.
func (c config) operation(op string) (command string, stores int) {
	words := map[string]int{records.Trade: 3, records.Level: 5, records.Legs: 6}[c.kind]
	cell := words + 2 // and the version, twice
	if words == 3 {
		cell -= inOne - 1
	}
	single := cell + cell + 1
	switch op {
	case "publish":
		return "publish 2", 2 * single
	case "batch":
		count := min(int(c.slots)/2+1, 3)
		if c.kind == records.Legs { // which are written one by one
			return fmt.Sprintf("batch %d", count), count * single
		}
		runs := (count + int(c.slots)/2 - 1) / (int(c.slots) / 2)
		return fmt.Sprintf("batch %d", count), count*cell + runs*(cell+1)
	}
	return op, 1
}

func killEverywhere(t *testing.T, c config, op string, sum *tally) {
	t.Helper()
	st := newStage(t, c.kind)
	a := st.start()
	command, stores := c.operation(op)
	for k, done := 0, false; !done; k++ {
		sc := st.newScene(a, c)
		sc.at("%s, point %d", command, k)
		b := st.start()
		kill := sc.killAt(k, sum)
		done = a.trace(command, kill.at) == goOn
		if done {
			a.reply()
			a.kill()
			// Rings of the doorbell make two more each.
			require.GreaterOrEqual(t, kill.stores, stores, "not every store was seen")
			require.True(t, kill.stores == stores || c.bell, "%d stores, not %d", kill.stores, stores)
		}
		sc.dead()
		sc.takeOver(b)
		sc.end(b, sum)
		a = b
	}
	a.kill()
}

// killing has everybody read at each point of an operation, and the writer killed at one of them.
type killing struct {
	sc     *scene
	sum    *tally
	left   int  // points
	only   bool // stores count, and nothing else
	stores int
}

func (sc *scene) killAt(k int, sum *tally) *killing { return &killing{sc: sc, sum: sum, left: k} }

func (k *killing) at(p point) verdict {
	k.sc.look()
	if p == store {
		k.stores++
	}
	if k.only && p == exit {
		return goOn
	}
	if k.left--; k.left >= 0 {
		return goOn
	}
	k.sum.add(func(s *tally) { s.kills[p]++ })
	return kill
}

// A takeover is killed behind each of its system calls and stores, the writer before it at one of its own stores, and
// every other time the next takeover as well.
func TestTakeoverKilled(t *testing.T) {
	tallied(t, func(t *testing.T, sum *tally) {
		all := []config{{records.Trade, options{slots: 4}, 0}, {records.Trade, options{slots: 2, bell: true}, 5}}
		all = append(all, onHugePages(t)...)
		if wanted(t).long {
			all = append(all, configs(t, 0)...)
		}
		if testkit.Race {
			all = all[:1]
		}
		for _, c := range all {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				canTrace(t)
				st := newStage(t, c.kind)
				a := st.start()
				_, stores := c.operation("batch")
				for k, done := 0, false; !done; k += stride {
					a, done = st.killTakeover(a, c, sum, k%(stores+1), k, k%2 == 0, false)
				}
				a.kill()
			})
		}
	})
}

// A takeover is killed behind each of its stores, for each store at which the writer before it was killed.
func TestEveryStoreOfATakeover(t *testing.T) {
	tallied(t, func(t *testing.T, sum *tally) {
		all := []config{{records.Trade, options{slots: 4}, 0}, {records.Level, options{slots: 2}, 5}}
		if wanted(t).long {
			for _, c := range configs(t, 0) {
				if c.filled == 0 || c.filled > c.slots && !c.bell {
					all = append(all, c)
				}
			}
		}
		for i, c := range all {
			step := stride
			if !wanted(t).long {
				step *= 2 + i
			}
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				canTrace(t)
				st := newStage(t, c.kind)
				a := st.start()
				_, stores := c.operation("batch")
				for crash := 0; crash <= stores; crash += step {
					for k, done := 0, false; !done; k++ {
						a, done = st.killTakeover(a, c, sum, crash, k, false, true)
					}
				}
				a.kill()
			})
		}
	})
}

// killTakeover makes a ring whose writer is killed at point crash, and the one that takes over at point k, counted in
// stores alone or not; with twice another one, too. done tells that there is no point k. It returns the next actor.
func (st *stage) killTakeover(a *actor, c config, sum *tally, crash, k int, twice, stores bool) (next *actor, done bool) {
	st.t.Helper()
	sc := st.newScene(a, c)
	sc.at("crash at point %d, takeover at point %d", crash, k)
	command, _ := c.operation("batch")
	if a.trace(command, sc.killAt(crash, &tally{}).at) == goOn {
		a.reply()
		a.kill()
	}
	sc.dead()
	b := st.start()
	kill := sc.killAt(k, sum)
	kill.only = stores
	if sc.traceTakeover(b, kill) == goOn {
		sc.goOn(b)
		sc.end(b, sum)
		return b, true
	}
	b = st.start()
	if twice {
		kill = sc.killAt(max(0, k-4), &tally{})
		if sc.traceTakeover(b, kill) == goOn {
			b.kill()
		} else {
			sum.add(func(s *tally) { s.twice++ })
		}
		b = st.start()
	}
	sc.takeOver(b)
	sc.end(b, sum)
	return b, false
}

// traceTakeover has b take the ring over. Whatever comes of it, no record comes or goes.
func (sc *scene) traceTakeover(b *actor, kill *killing) verdict {
	sc.t.Helper()
	next, epoch := sc.w.next(), sc.status().Epoch
	v := b.trace("takeover "+sc.name, kill.at)
	if v == goOn {
		sc.took(b.reply(), next, epoch+1)
	} else {
		sc.dead()
	}
	require.Equal(sc.t, next, sc.w.next(), sc.what)
	return v
}
