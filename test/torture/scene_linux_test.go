package torture

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// scene is a ring with its witness.
type scene struct {
	t    testing.TB
	st   *stage
	what string // said with each failure
	name string
	config
	s *segment.Segment
	w witness
}

// newScene has an actor make a ring, and fill it.
func (st *stage) newScene(a *actor, c config) *scene {
	st.t.Helper()
	sc := &scene{t: st.t, st: st, name: testkit.Name(st.t), config: c}
	a.do("%s", sc.command("create"))
	if c.filled > 0 {
		a.do("publish %d", c.filled)
	}
	sc.attach()
	return sc
}

// command makes the ring, by "create" or "start".
func (sc *scene) command(how string) string {
	return fmt.Sprintf("%s %s %d %t %t", how, sc.name, sc.slots, sc.bell, sc.huge)
}

// attach begins to watch the ring, as it is.
func (sc *scene) attach() {
	sc.t.Helper()
	var err error
	sc.s, err = segment.Attach(sc.name)
	require.NoError(sc.t, err)
	sc.w, err = newWitness(sc.kind, sc.s, true)
	require.NoError(sc.t, err)
	sc.look()
	require.NoError(sc.t, sc.w.reached())
	sc.untilAsleep()
}

// untilAsleep waits until the reader that waits is about to sleep on the doorbell: it will be rung.
func (sc *scene) untilAsleep() {
	if bell := sc.s.Waiting(); bell != nil {
		asleep := func() bool { return atomic.LoadUint32(bell) != 0 }
		require.Eventually(sc.t, asleep, hang, 20*time.Microsecond, "%s: nobody sleeps on the doorbell", sc.what)
	}
}

func (sc *scene) look() {
	sc.t.Helper()
	require.NoError(sc.t, sc.w.look(), "%s", sc.what)
}

// status is the ring's. After its writer's death there must be none.
func (sc *scene) status() segment.Status {
	sc.t.Helper()
	st, err := sc.s.Status()
	require.NoError(sc.t, err)
	return st
}

// dead checks what a writer that died has left.
func (sc *scene) dead() {
	sc.t.Helper()
	require.False(sc.t, sc.status().Alive, "%s: the dead writer holds its lock", sc.what)
	sc.look()
	require.LessOrEqual(sc.t, sc.st.takeReceipt(), sc.w.next(), "%s: Publish returned a number, and the record is lost", sc.what)
}

// takeOver has a take the ring over and go on, and checks what there is then.
func (sc *scene) takeOver(a *actor) {
	sc.t.Helper()
	next, epoch := sc.w.next(), sc.status().Epoch
	sc.took(a.do("takeover %s", sc.name), next, epoch+1)
	sc.goOn(a)
}

func (sc *scene) took(r reply, next, epoch uint64) {
	sc.t.Helper()
	require.Equal(sc.t, epoch, r.epoch, sc.what)
	require.Equal(sc.t, "open", sc.status().State, sc.what)
	require.NoError(sc.t, sc.w.took(r, next), "%s", sc.what)
}

// goOn publishes more, past the ring's end.
func (sc *scene) goOn(a *actor) {
	sc.t.Helper()
	a.do("publish 1")
	sc.look()
	a.do("batch %d", sc.slots/2+1)
	sc.look()
	a.do("publish %d", sc.slots+1)
	sc.look()
	require.NoError(sc.t, sc.w.reached(), "%s", sc.what)
	require.Equal(sc.t, sc.st.takeReceipt(), sc.w.next(), "%s", sc.what)
}

// end has a remove the ring, and checks that nothing is left of it.
func (sc *scene) end(a *actor, sum *tally) {
	sc.t.Helper()
	require.NoError(sc.t, sc.w.leave())
	require.NoError(sc.t, sc.s.Close())
	sc.complete()
	a.do("leave")
	a.do("unlink %s", sc.name)
	require.Empty(sc.t, sc.objects(), sc.what)
	sum.add(func(s *tally) {
		s.rings++
		s.records += sc.w.records()
	})
}

// objects are the files that belong to the ring.
func (sc *scene) objects() []string {
	sc.t.Helper()
	found := testkit.Objects(sc.t, sc.name)
	mounts, err := hugepages.Mounts()
	require.NoError(sc.t, err)
	for _, m := range mounts {
		files, err := filepath.Glob(filepath.Join(m.Dir, sc.name[1:]+".*"))
		require.NoError(sc.t, err)
		found = append(found, files...)
	}
	return found
}

// complete checks that the ring has the files that it needs, and no other.
func (sc *scene) complete() {
	sc.t.Helper()
	want := 1
	if sc.bell {
		want++
	}
	if sc.huge {
		want++
	}
	require.Len(sc.t, sc.objects(), want, sc.what)
}

func (sc *scene) at(format string, args ...any) {
	sc.what = sc.config.String() + ", " + fmt.Sprintf(format, args...)
}
