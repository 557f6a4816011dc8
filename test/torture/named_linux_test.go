package torture

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/records"
)

// A creation is killed behind each of its system calls and stores: the segment is there, whole, or it is not, and the
// next process that wants it gets it.
func TestCreationKilled(t *testing.T) {
	killNaming(t, func(st *stage, c config, _ *actor) (*scene, string) {
		sc := &scene{t: st.t, st: st, name: testkit.Name(st.t), config: c}
		return sc, sc.command("create")
	})
}

// A removal is killed behind each of its system calls.
func TestRemovalKilled(t *testing.T) {
	killNaming(t, func(st *stage, c config, a *actor) (*scene, string) {
		sc := st.newScene(a, c)
		require.NoError(st.t, sc.w.leave())
		require.NoError(st.t, sc.s.Close())
		a.do("leave")
		return sc, "unlink " + sc.name
	})
}

// killNaming kills a command that gives or takes a name. prepare says what the ring is like before, and the command.
func killNaming(t *testing.T, prepare func(*stage, config, *actor) (*scene, string)) {
	t.Helper()
	tallied(t, func(t *testing.T, sum *tally) {
		all := []config{{records.Legs, options{slots: 4, bell: true}, 0}}
		if wanted(t).long {
			all = append(all, config{records.Trade, options{slots: 4}, 0})
		}
		for _, c := range append(all, onHugePages(t)...) {
			c.filled = 0
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				canTrace(t)
				st := newStage(t, c.kind)
				a := st.start()
				for k, done := 0, false; !done; k += stride {
					sc, command := prepare(st, c, a)
					sc.at("%s, point %d", command, k)
					b := st.start()
					left := k
					done = a.trace(command, func(p point) verdict {
						sc.isWholeOrNot()
						if left--; left >= 0 {
							return goOn
						}
						sum.add(func(s *tally) { s.kills[p]++ })
						return kill
					}) == goOn
					if done {
						a.reply()
						a.kill()
					}
					b.do("%s", sc.command("start"))
					sc.attach()
					sc.goOn(b)
					sc.end(b, sum)
					a = b
				}
				a.kill()
			})
		}
	})
}

// isWholeOrNot checks what others find under the ring's name while it is made or removed.
func (sc *scene) isWholeOrNot() {
	sc.t.Helper()
	s, err := segment.Attach(sc.name)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, segment.ErrNoRing) {
		return
	}
	require.NoError(sc.t, err, sc.what)
	w, err := newWitness(sc.kind, s, true)
	require.NoError(sc.t, err, sc.what)
	require.NoError(sc.t, errors.Join(w.look(), w.leave(), s.Close()), sc.what)
}
