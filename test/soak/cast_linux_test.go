package soak

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

// actor is a process of the soak.
type actor struct {
	*exec.Cmd
	title string
	index int
	place *place
	stdin io.Closer
	said  bytes.Buffer
	ended chan error
	watch watch
}

// cast are the processes that there are.
type cast struct {
	t       testing.TB
	name    string
	page    *os.File
	board   board
	started int
	writers []*actor
	readers []*actor // that live as long as the soak
	victims []*actor // readers that do not
	gone    totals   // what those did that are gone
}

// hang is what nobody's standing still comes near, however busy the machine is.
const hang = 30 * time.Second

func newCast(t testing.TB) *cast {
	t.Helper()
	page, err := os.Create(filepath.Join(t.TempDir(), "board"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = page.Close() })
	require.NoError(t, page.Truncate(places*placeSize))
	b, err := mapBoard(page)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Munmap(b.memory) })
	c := &cast{t: t, name: testkit.Name(t), page: page, board: b}
	t.Cleanup(c.killAll)
	return c
}

// start starts a process with a place of its own on the board.
func (c *cast) start(role string, args ...string) *actor {
	c.t.Helper()
	index := c.freePlace()
	c.board.clear(index)
	a := &actor{
		Cmd: testkit.RoleCommand(role, append([]string{c.name, strconv.Itoa(index)}, args...)...), title: strings.Join(append([]string{role}, args...), " "),
		index: index, place: c.board.place(index), ended: make(chan error, 1), watch: watch{since: time.Now()},
	}
	a.Stderr = &a.said
	a.ExtraFiles = []*os.File{c.page}
	stdin, err := a.StdinPipe()
	require.NoError(c.t, err)
	a.stdin = stdin
	require.NoError(c.t, a.Start())
	go func() { a.ended <- a.Wait() }()
	return a
}

// freePlace is one that no process has. Each is left alone for long: what a dead writer has returned is looked at later.
func (c *cast) freePlace() int {
	used := map[int]bool{}
	for _, a := range c.all() {
		used[a.index] = true
	}
	for c.started++; used[c.started%places]; c.started++ {
	}
	return c.started % places
}

func (c *cast) all() []*actor {
	return append(append(append([]*actor(nil), c.writers...), c.readers...), c.victims...)
}

// check makes sure that nobody has ended who was not told to.
func (c *cast) check() {
	c.t.Helper()
	for _, a := range c.all() {
		select {
		case err := <-a.ended:
			a.ended <- err
			require.Failf(c.t, "a process ended early", "%s: %v: %s", a.title, err, &a.said)
		default:
		}
	}
}

// kill ends a process with SIGKILL, and waits until it is gone.
func (a *actor) kill() {
	_ = a.Process.Kill()
	err := <-a.ended
	a.ended <- err
	_ = a.stdin.Close()
}

// retire has a process end by itself.
func (c *cast) retire(a *actor) {
	c.t.Helper()
	require.NoError(c.t, a.stdin.Close())
	select {
	case err := <-a.ended:
		a.ended <- err
		require.NoError(c.t, err, "%s: %s", a.title, &a.said)
	case <-time.After(hang):
		require.Failf(c.t, "a process does not end", "%s", a.title)
	}
}

func (c *cast) killAll() {
	for _, a := range c.all() {
		a.kill()
	}
}

// without is the list without one, whose deeds are kept.
func (c *cast) without(list []*actor, gone *actor) (rest []*actor) {
	c.gone.add(gone.place)
	for _, a := range list {
		if a != gone {
			rest = append(rest, a)
		}
	}
	return rest
}

// until waits for a condition, which must come about.
func (c *cast) until(what string, condition func() bool) {
	c.t.Helper()
	for limit := time.Now().Add(hang); !condition(); sys.Sleep(100 * time.Microsecond) {
		c.check()
		require.Less(c.t, time.Now(), limit, what)
	}
}

// writer is the one that publishes under the name.
func (c *cast) writer() (found *actor) {
	c.t.Helper()
	c.until("nobody publishes", func() bool {
		created := c.created()
		for _, a := range c.writers {
			if a.place.writing.Load() == 1 && a.place.created.Load() == created && created != 0 {
				found = a
				return true
			}
		}
		return false
	})
	return found
}

// crowd starts writers until there are as many.
func (c *cast) crowd(count int) {
	c.t.Helper()
	for len(c.writers) < count {
		c.writers = append(c.writers, c.start("writer"))
	}
}

// totals are the deeds of many processes.
type totals struct{ published, received, missed, restarts, attached, truncated, torn uint64 }

func (s *totals) add(p *place) {
	s.published += p.published.Load()
	s.received += p.received.Load()
	s.missed += p.missed.Load()
	s.restarts += p.restarts.Load()
	s.attached += p.attached.Load()
	s.truncated += p.truncated.Load()
	s.torn += p.torn.Load()
}

func (c *cast) totals() totals {
	s := c.gone
	for _, a := range c.all() {
		s.add(a.place)
	}
	return s
}

// watch is when a process last got on.
type watch struct {
	progress uint64
	since    time.Time
}

// getOn checks that everybody whose turn it is gets on: each reader, and the one writer.
func (c *cast) getOn() {
	c.t.Helper()
	c.check()
	now := time.Now()
	for _, a := range append(append([]*actor(nil), c.readers...), c.victims...) {
		if p := a.place.progress.Load(); p != a.watch.progress {
			a.watch = watch{p, now}
		}
		require.Less(c.t, now.Sub(a.watch.since), hang, "%s stands still: %s", a.title, c.describe(a))
	}
}

func (c *cast) describe(a *actor) string {
	p := a.place
	return fmt.Sprintf("segment %016x of %016x, %d received, %d missed, %d attached", p.created.Load(), c.created(), p.received.Load(), p.missed.Load(), p.attached.Load())
}
