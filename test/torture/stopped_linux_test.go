package torture

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/records"
)

// A writer is stopped with SIGSTOP at each of its stores. Nobody waits for it, nobody takes its place; it goes on, or
// is killed there and has a successor.
func TestStoppedAtEveryStore(t *testing.T) {
	tallied(t, func(t *testing.T, sum *tally) {
		for _, c := range []config{{records.Trade, options{slots: 4}, 9}, {records.Legs, options{slots: 2, bell: true}, 0}, {records.Level, options{slots: 64}, 63}} {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				canTrace(t)
				st := newStage(t, c.kind)
				a := st.start()
				sc := st.newScene(a, c)
				command, _ := c.operation("batch")
				for k, done := 0, false; !done; k += stride {
					sc.at("stopped at store %d", k)
					left := k
					if a.trace(command, func(p point) verdict {
						if p != store {
							return goOn
						}
						if left--; left >= 0 {
							return goOn
						}
						return suspend
					}) == goOn {
						a.reply()
						break
					}
					sc.stopped(a)
					if k%4 != 3 {
						require.NoError(t, syscall.Kill(a.pid, syscall.SIGCONT))
						sc.goneOn(a.reply())
						continue
					}
					a.kill()
					sum.add(func(s *tally) { s.kills[store]++ })
					sc.dead()
					a = st.start()
					sc.takeOver(a)
				}
				sc.end(a, sum)
			})
		}
	})
}

// stopped checks a ring whose writer stands still somewhere.
func (sc *scene) stopped(a *actor) {
	sc.t.Helper()
	sc.look()
	require.NoError(sc.t, sc.w.late(), sc.what)
	require.NoError(sc.t, sc.w.reached(), sc.what)
	require.True(sc.t, sc.status().Alive, sc.what)
	_, err := segment.OpenWriter(sc.name)
	require.ErrorIs(sc.t, err, segment.ErrWriterExists, sc.what)
	require.ErrorContains(sc.t, err, "process", sc.what)
	sc.look()
}

// goneOn checks what a writer has done that went on.
func (sc *scene) goneOn(r reply) {
	sc.t.Helper()
	require.Equal(sc.t, r.head, sc.w.next(), sc.what)
	require.Equal(sc.t, r.head, sc.st.takeReceipt(), sc.what)
	require.NoError(sc.t, sc.w.whole(r.head), sc.what)
	require.NoError(sc.t, sc.w.reached(), sc.what)
	sc.untilAsleep()
}
