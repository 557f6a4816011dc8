package torture

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/test/internal/records"
)

// A reader is killed anywhere: no writer and no other reader sees anything of it.
func TestReaderKilled(t *testing.T) {
	tallied(t, func(t *testing.T, sum *tally) {
		for _, c := range []config{{records.Trade, options{slots: 4, bell: true}, 6}, {records.Legs, options{slots: 4}, 3}} {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				canTrace(t)
				st := newStage(t, c.kind)
				a := st.start()
				sc := st.newScene(a, c)
				random := newRandom(t)
				for i := range 24 {
					for _, way := range []string{"poll", "latest"} {
						sc.killReader(a, way, func(b *actor) func(point) verdict { return b.stepInto(random, 300) }, sum)
					}
					// Its system calls, and its stores to the doorbell.
					left := i
					sc.killReader(a, "next", func(*actor) func(point) verdict {
						return func(point) verdict {
							if left--; left >= 0 {
								return goOn
							}
							return kill
						}
					}, sum)
				}
				sc.end(a, sum)
			})
		}
	})
}

// stepInto lets a thread make some instructions, up to limit, and be killed there.
func (a *actor) stepInto(random *rand.Rand, limit int) func(point) verdict {
	return func(point) verdict {
		for range random.IntN(limit) {
			if a.resume(syscall.PTRACE_SINGLESTEP) != syscall.SIGTRAP {
				break // the mark at its end
			}
		}
		return kill
	}
}

func (sc *scene) killReader(a *actor, way string, how func(*actor) func(point) verdict, sum *tally) {
	sc.t.Helper()
	sc.at("a reader is killed in %s", way)
	b := sc.st.start()
	b.do("follow %s", sc.name)
	before := bytes.Clone(sc.s.Header())
	slots := bytes.Clone(sc.s.Slots())
	if b.trace(way, how(b)) == goOn {
		b.reply()
		b.kill()
	} else {
		sum.add(func(s *tally) { s.kills[beginning]++ })
	}
	require.Equal(sc.t, before, sc.s.Header(), sc.what)
	require.Equal(sc.t, slots, sc.s.Slots(), sc.what)
	r := a.do("publish 1")
	require.Equal(sc.t, r.head, sc.st.takeReceipt())
	sc.look()
	require.NoError(sc.t, sc.w.reached(), sc.what)
}
