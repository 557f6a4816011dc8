package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

func TestCreateAndAttach(t *testing.T) {
	base := strings.TrimPrefix(testkit.Name(t), "/")
	for _, o := range []Options{{}, {Doorbell: true}} {
		s, err := Create(base, shape(16), o) // with a slash or without one, it is the same name
		require.NoError(t, err)
		assert.Equal(t, "/"+base, s.Name())
		assert.True(t, s.Writable())
		assert.Equal(t, o.Doorbell, s.Waiting() != nil)
		assert.FileExists(t, Dir+"/"+base)
		assert.InDelta(t, time.Now().UnixNano(), s.Geometry().Created, 1e9)

		r := attach(t, "/"+base)
		assert.Equal(t, s.Geometry(), r.Geometry())
		assert.Equal(t, shape(16).Record, r.Geometry().Record)
		assert.Equal(t, o.Doorbell, r.Geometry().Doorbell)
		assert.Equal(t, o.Doorbell, r.Waiting() != nil)
		assert.False(t, r.Writable())
		assert.Len(t, r.Header(), r.Geometry().HeaderSize)
		assert.Len(t, r.Slots(), int(r.Geometry().RingSize()))

		w := newWriter(t, s)
		rec := stampOf(0, 1)
		w.Publish(&rec)
		var got stamp
		n, status := newReader(t, r, ring.ReaderOptions{Start: ring.Oldest()}).Poll(&got)
		assert.Equal(t, ring.Ready, status)
		assert.Zero(t, n)
		assert.Equal(t, rec, got)
		require.NoError(t, w.Close())
		require.NoError(t, s.Close())
		require.NoError(t, Unlink(base))
		assert.Empty(t, testkit.Objects(t, "/"+base), "neither segment nor doorbell")
		_, err = Attach(base)
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.Equal(t, uint64(1), le64(r.Header()[layout.HeadOffset:]), "who has it mapped keeps it")
	}
}

func le64(b []byte) (v uint64) {
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func TestModeIsWhatWasAskedFor(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		syscall.Umask(umask)
		for mode, want := range map[fs.FileMode]fs.FileMode{0: 0o600, 0o600: 0o600, 0o640: 0o640, 0o644: 0o644, 0o660: 0o660, 0o666: 0o666} {
			name := testkit.Name(t)
			s := createFor(t, name, 16, Options{Mode: mode, Doorbell: true})
			info, err := os.Stat(Dir + name)
			require.NoError(t, err)
			assert.Equal(t, want, info.Mode(), "umask %o", umask)
			info, err = os.Stat(doorbellPath(Dir+name, s.Geometry().Created))
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), info.Mode(), "the doorbell is nobody else's")
		}
	}
}

// A reader cannot write, whatever it does: the kernel says so.
func TestReadersMapReadOnly(t *testing.T) {
	name, _ := made(t, Options{Doorbell: true})
	w, err := OpenWriter(name)
	require.NoError(t, err)
	require.Len(t, maps(t, name), 1)
	assert.Contains(t, maps(t, name)[0], " rw-s ")
	require.NoError(t, w.Close())

	s := attach(t, name)
	require.Len(t, maps(t, name), 1)
	assert.Contains(t, maps(t, name)[0], " r--s ")
	bell := strings.TrimPrefix(doorbellPath(name, s.Geometry().Created), "/")
	require.Len(t, maps(t, bell), 1)
	assert.Contains(t, maps(t, bell)[0], " rw-s ", "the one thing of a reader that it may write")

	_, err = ring.NewWriter[stamp](s)
	require.ErrorIs(t, err, ring.ErrReadOnly)
	require.ErrorIs(t, err, fs.ErrPermission)
	assert.Error(t, syscall.Ftruncate(s.fd, 0), "nor through the descriptor")

	require.NoError(t, s.Close())
	assert.Empty(t, maps(t, name))
	assert.Empty(t, maps(t, bell))
}

func TestDescriptorsAreNotInherited(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	attach(t, name)
	child := testkit.Start(t, "descriptors")
	assert.Equal(t, "none", child.Line())
	// A child that goes on living does not keep the lock.
	require.NoError(t, s.Close())
	s, err := OpenWriter(name)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, child.Stop())
}

func descriptors([]string) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	found := "none"
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, Dir) {
			found = target
		}
	}
	say("%s", found)
	untilEOF()
	return nil
}

func TestCloseTwice(t *testing.T) {
	name := testkit.Name(t)
	s, err := Create(name, shape(16), Options{Doorbell: true})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	assert.Empty(t, s.Header())
	assert.Empty(t, s.Slots())
	_, err = s.WriterAlive()
	require.ErrorIs(t, err, syscall.EBADF, "and no other file that got the number since")
	_, err = s.Status()
	require.Error(t, err)
	_, err = ring.NewWriter[stamp](s)
	require.ErrorIs(t, err, ring.ErrGeometry)
}

func TestStatus(t *testing.T) {
	name := testkit.Name(t)
	w := createFor(t, name, 16, Options{})
	r := attach(t, name)
	status := func() Status {
		st, err := r.Status()
		require.NoError(t, err)
		assert.GreaterOrEqual(t, st.Heartbeat, time.Duration(0))
		assert.Less(t, st.Heartbeat, forever)
		st.Heartbeat = 0
		return st
	}
	pid := os.Getpid()
	assert.Equal(t, Status{State: "created", PID: pid, Alive: true}, status())
	writer := newWriter(t, w)
	assert.Equal(t, Status{State: "open", PID: pid, Alive: true, Epoch: 1}, status())
	for n := range uint64(20) {
		rec := stampOf(n, 1)
		writer.Publish(&rec)
	}
	assert.Equal(t, Status{State: "open", PID: pid, Alive: true, Epoch: 1, Head: 20, Oldest: 4}, status())
	require.NoError(t, writer.Close())
	assert.Equal(t, Status{State: "closed", PID: pid, Alive: true, Epoch: 1, Head: 20, Oldest: 4}, status())
	require.NoError(t, w.Close())
	assert.Equal(t, Status{State: "closed", PID: pid, Epoch: 1, Head: 20, Oldest: 4}, status())

	w, err := OpenWriter(name)
	require.NoError(t, err)
	newWriter(t, w)
	assert.Equal(t, Status{State: "open", PID: pid, Alive: true, Epoch: 2, EpochFirst: 20, Head: 20, Oldest: 4}, status())
	mine, err := w.Status()
	require.NoError(t, err)
	assert.True(t, mine.Alive)
	require.NoError(t, w.Close()) // without closing the ring
	assert.Equal(t, Status{State: "dead", PID: pid, Epoch: 2, EpochFirst: 20, Head: 20, Oldest: 4}, status())

	start, err := sys.StartTime(pid)
	require.NoError(t, err)
	assert.Equal(t, start, le64(r.Header()[layout.StartTimeOffset:]))
}

func TestHeartbeat(t *testing.T) {
	name := testkit.Name(t)
	w := createFor(t, name, 16, Options{})
	writer := newWriter(t, w)
	for beat, want := range map[uint64]time.Duration{
		Heartbeat() - uint64(time.Hour): time.Hour,
		Heartbeat() + uint64(time.Hour): 0, // a clock that is not ours
		0:                               -1,
	} {
		writer.Heartbeat(beat)
		st, err := w.Status()
		require.NoError(t, err)
		assert.InDelta(t, want, st.Heartbeat, float64(forever))
		assert.Equal(t, want < 0, st.Heartbeat < 0)
	}
}

func TestList(t *testing.T) {
	good, _ := made(t, Options{Doorbell: true})
	live := testkit.Name(t)
	createFor(t, live, 16, Options{})
	bare, small, empty, noise, sem := testkit.Name(t), testkit.Name(t), testkit.Name(t), testkit.Name(t), "/sem."+testkit.Name(t)[1:]
	t.Cleanup(func() { _ = os.Remove(Dir + sem) })
	for name, size := range map[string]int{bare: 24, small: 100, empty: 0, noise: 4096, sem: 32} {
		require.NoError(t, os.WriteFile(Dir+name, make([]byte, size), 0o600))
	}
	damaged, path := made(t, Options{})
	require.NoError(t, os.Truncate(path, 4200))
	odd := Dir + testkit.Name(t) + ". with a space"
	require.NoError(t, os.WriteFile(odd, make([]byte, 24), 0o600))
	defer os.Remove(odd)

	entries, err := List()
	require.NoError(t, err)
	found := map[string]Entry{}
	var names []string
	for _, e := range entries {
		found[e.Name] = e
		names = append(names, e.Name)
	}
	assert.IsIncreasing(t, names)
	e := found[good]
	require.NoError(t, e.Err)
	assert.Equal(t, uint64(16), e.Geometry.Slots)
	assert.Equal(t, "stamp", e.Geometry.Record.Name)
	assert.Equal(t, uint64(20), e.Status.Head)
	assert.Equal(t, "closed", e.Status.State)
	assert.True(t, found[live].Status.Alive)
	assert.Equal(t, Entry{Name: bare, Bare: true}, found[bare])
	require.ErrorIs(t, found[damaged].Err, ErrTruncated)
	require.ErrorIs(t, found[empty].Err, ErrTruncated, "it may have been one of ours")
	for name := range found {
		assert.False(t, strings.HasSuffix(name, doorbellSuffix), name)
	}
	for what, name := range map[string]string{"noise": noise, "small": small, "semaphore": sem, "odd name": strings.TrimPrefix(odd, Dir)} {
		assert.NotContains(t, found, name, what)
	}
}

// Objects come and go while they are listed.
func TestListMeanwhile(t *testing.T) {
	name := testkit.Name(t)
	maker := testkit.Start(t, "maker", name, "300")
	for done := false; !done; {
		entries, err := List()
		require.NoError(t, err)
		for _, e := range entries {
			if e.Name == name {
				require.NoError(t, e.Err)
			}
		}
		_, err = os.Stat(Dir + name + "-done")
		done = err == nil
	}
	require.NoError(t, os.Remove(Dir+name+"-done"))
	require.NoError(t, maker.Wait())
}

func TestUnlinkRemovesDoorbells(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	other, _ := made(t, Options{Doorbell: true})
	// What a creation that was killed can leave.
	require.NoError(t, os.WriteFile(path+".0123456789abcdef.bell", nil, 0o600))
	// A creation that is under way: it holds the lock.
	underWay := path + ".0123456789abcdee.bell"
	fd, err := sys.CreateLocked(underWay, 0o600)
	require.NoError(t, err)
	// What only looks like it.
	for _, suffix := range []string{"x.0123456789abcdef.bell", ".bell", ".0123.bell", ".0123456789abcdef.bells", ".0123456789abcxyz.bell"} {
		require.NoError(t, os.WriteFile(path+suffix, nil, 0o600))
		defer os.Remove(path + suffix)
	}
	require.Len(t, testkit.Objects(t, name), 8)
	require.NoError(t, Unlink(name))
	assert.Len(t, testkit.Objects(t, name), 5)
	assert.FileExists(t, underWay)
	assert.FileExists(t, path+"x.0123456789abcdef.bell")
	assert.Len(t, testkit.Objects(t, other), 2)
	requireError(t, Unlink(name), opUnlink, name, fs.ErrNotExist)
	assert.FileExists(t, underWay)
	sys.Close(fd)
	requireError(t, Unlink(name), opUnlink, name, fs.ErrNotExist)
	assert.NoFileExists(t, underWay, "its creator is gone")
}

// Whoever creates a segment, or takes one over, removes what a creation that was killed has left.
func TestLeftoversAreSwept(t *testing.T) {
	for how, open := range map[string]func(name string) (*Segment, error){
		"create":   func(name string) (*Segment, error) { return Create(name, shape(16), Options{}) },
		"takeover": OpenWriter,
	} {
		t.Run(how, func(t *testing.T) {
			name, path := made(t, Options{Doorbell: true})
			if how == "create" {
				require.NoError(t, Unlink(name))
			}
			left := path + ".0123456789abcdef.bell"
			require.NoError(t, os.WriteFile(left, nil, 0o600))
			underWay := path + ".0123456789abcdee.bell"
			fd, err := sys.CreateLocked(underWay, 0o600)
			require.NoError(t, err)
			defer sys.Close(fd)
			s, err := open(name)
			require.NoError(t, err)
			defer s.Close()
			assert.NoFileExists(t, left)
			assert.FileExists(t, underWay)
			if how == "takeover" {
				assert.FileExists(t, doorbellPath(path, s.Geometry().Created))
			}
			require.NoError(t, os.Remove(underWay))
		})
	}
}

// An object that has a name is whole: nobody finds anything but nothing, or a segment.
func TestASegmentAppearsWhole(t *testing.T) {
	name := testkit.Name(t)
	finders := []*testkit.Process{testkit.Start(t, "finder", name), testkit.Start(t, "finder", name)}
	for _, f := range finders {
		require.Equal(t, "looking", f.Line())
	}
	maker := testkit.Start(t, "maker", name, "500", "")
	remover := make(chan error)
	var made atomic.Bool
	go func() {
		for {
			last := made.Load()
			if err := Unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) || last {
				remover <- err
				return
			}
		}
	}()
	assert.NoError(t, maker.Wait())
	made.Store(true)
	if err := <-remover; err != nil {
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
	require.NoError(t, os.Remove(Dir+name+"-done"))
	for _, f := range finders {
		f.Say("enough")
		var attached, opened, missed int
		_, err := fmt.Sscan(f.Line(), &attached, &opened, &missed)
		require.NoError(t, err)
		t.Logf("attached %d, taken over %d, not there %d", attached, opened, missed)
		assert.NotZero(t, attached)
		require.NoError(t, f.Wait())
	}
	assert.Empty(t, testkit.Objects(t, name))
}

// maker makes a segment again and again, and removes it. Arguments: name, rounds; a third one says that
// somebody else removes it.
func maker(args []string) error {
	var rounds int
	if _, err := fmt.Sscan(args[1], &rounds); err != nil {
		return err
	}
	for i := range rounds {
		s, err := Create(args[0], shape(64), Options{Doorbell: i%2 == 0, Mode: 0o600})
		for len(args) > 2 && errors.Is(err, fs.ErrExist) {
			s, err = Create(args[0], shape(64), Options{Doorbell: i%2 == 0, Mode: 0o600})
		}
		if err != nil {
			return err
		}
		w, err := ring.NewWriter[stamp](s)
		if err != nil {
			return err
		}
		rec := stampOf(0, 1)
		w.Publish(&rec)
		err = s.Close()
		if len(args) == 2 {
			err = errors.Join(err, Unlink(args[0]))
		}
		if err != nil {
			return err
		}
	}
	return os.WriteFile(Dir+args[0]+"-done", nil, 0o600)
}

// finder opens, in each way, whatever there is under a name, until it is told to stop.
func finder(args []string) error {
	name := args[0]
	var attached, opened, missed int
	say("looking")
	for {
		select {
		case <-commands():
			say("%d %d %d", attached, opened, missed)
			return nil
		default:
		}
		s, err := Attach(name)
		switch {
		case err == nil:
			attached++
			if g := s.Geometry(); g.Slots != 64 || g.Record.Name != "stamp" {
				return fmt.Errorf("found %+v", g)
			}
			// The name goes before the doorbell goes.
			if s.Geometry().Doorbell && s.Waiting() == nil && s.stillNamed() == nil {
				return errors.New("a segment without its doorbell")
			}
			if err := s.Close(); err != nil {
				return err
			}
		case errors.Is(err, fs.ErrNotExist):
			missed++
		default:
			return err
		}
		s, err = OpenWriter(name)
		switch {
		case err == nil:
			opened++
			if err := s.Close(); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrWriterExists) && !errors.Is(err, ErrReplaced):
			return err
		}
	}
}

func TestOneWriterWins(t *testing.T) {
	name, _ := made(t, Options{Doorbell: true})
	contenders := []*testkit.Process{testkit.Start(t, "contender", name), testkit.Start(t, "contender", name)}
	for _, c := range contenders {
		require.Equal(t, "ready", c.Line())
	}
	rounds := uint64(100)
	for round := range rounds {
		for _, c := range contenders {
			c.Say("try")
		}
		won := 0
		for _, c := range contenders {
			switch line := c.Line(); line {
			case "won":
				won++
			case "lost":
			default:
				require.Fail(t, line)
			}
		}
		require.Equal(t, 1, won, "round %d", round)
		for _, c := range contenders {
			c.Say("release")
			require.Equal(t, "released", c.Line())
		}
	}
	st, err := attach(t, name).Status()
	require.NoError(t, err)
	assert.Equal(t, rounds+1, st.Epoch)
	assert.False(t, st.Alive)
}

// contender tries to be the writer whenever it is told to.
func contender(args []string) error {
	say("ready")
	for {
		if err := awaits("try"); err != nil {
			return err
		}
		s, err := OpenWriter(args[0])
		switch {
		case err == nil:
			if _, err := ring.NewWriter[stamp](s); err != nil {
				return err
			}
			say("won")
		case errors.Is(err, ErrWriterExists):
			say("lost")
		default:
			return err
		}
		if err := errors.Join(awaits("release"), s.closed()); err != nil {
			return err
		}
		say("released")
	}
}

func TestOneGoroutineWins(t *testing.T) {
	name, _ := made(t, Options{})
	for range 50 {
		const openers = 4
		results := make(chan *Segment, openers)
		for range openers {
			go func() {
				s, err := OpenWriter(name)
				if err != nil {
					assert.ErrorIs(t, err, ErrWriterExists)
				}
				results <- s
			}()
		}
		var winner *Segment
		for range openers {
			if s := <-results; s != nil {
				require.Nil(t, winner)
				winner = s
			}
		}
		require.NotNil(t, winner)
		require.NoError(t, winner.Close())
	}
}

func TestNameGivenAway(t *testing.T) {
	for _, o := range []Options{{}, {Doorbell: true}} {
		for _, again := range []bool{false, true} {
			name, _ := made(t, o)
			s, err := open(name, true)
			require.NoError(t, err)
			require.NoError(t, Unlink(name)) // after it was found, and before it is locked
			if again {
				createFor(t, name, 16, Options{})
			}
			require.ErrorIs(t, s.takeOver(), ErrReplaced)
			s.abandon()
			assert.Len(t, testkit.Objects(t, name), btoi(again), "no doorbell for a segment that is gone")
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestCreateOrTakeOver(t *testing.T) {
	name := testkit.Name(t)
	for epoch := range uint64(3) {
		s, err := CreateOrTakeOver(name, shape(16<<epoch), Options{Doorbell: true})
		require.NoError(t, err)
		assert.Equal(t, epoch == 0, s.Created())
		assert.EqualValues(t, 16, s.Geometry().Slots, "it keeps its shape")
		w := newWriter(t, s)
		assert.Equal(t, epoch, w.Head())
		rec := stampOf(epoch, epoch)
		w.Publish(&rec)
		_, err = CreateOrTakeOver(name, shape(16), Options{})
		require.ErrorIs(t, err, ErrWriterExists)
		require.NoError(t, s.Close())
	}
	_, err := CreateOrTakeOver("/a/b", shape(16), Options{})
	require.ErrorIs(t, err, ErrName)
}

// A reader of a ring that was closed, and opened again.
func TestTakeoverOfAClosedRing(t *testing.T) {
	for wait, o := range map[string]ring.ReaderOptions{
		"backoff": {Start: ring.Oldest()},
		"block":   {Start: ring.Oldest(), Wait: ring.Block()},
	} {
		t.Run(wait, func(t *testing.T) {
			name, _ := made(t, Options{Doorbell: true})
			r := newReader(t, attach(t, name), o)
			var rec stamp
			for n := uint64(4); n < 20; n++ {
				got, err := r.Next(t.Context(), &rec)
				require.NoError(t, err)
				require.Equal(t, n, got)
			}
			_, err := r.Next(t.Context(), &rec)
			require.ErrorIs(t, err, ring.ErrClosed)
			require.ErrorIs(t, err, fs.ErrClosed)
			alive, err := r.WriterAlive()
			require.NoError(t, err)
			assert.False(t, alive)

			s, err := OpenWriter(name)
			require.NoError(t, err)
			defer s.Close()
			w := newWriter(t, s)
			_, err = r.Next(t.Context(), &rec)
			var restart *ring.RestartError
			require.ErrorAs(t, err, &restart)
			assert.Equal(t, ring.RestartError{Epoch: 2, First: 20}, *restart)
			rec = stampOf(20, 2)
			w.Publish(&rec)
			n, err := r.Next(t.Context(), &rec)
			require.NoError(t, err)
			assert.Equal(t, uint64(20), n)
			require.NoError(t, w.Close())
			_, err = r.Next(t.Context(), &rec)
			require.ErrorIs(t, err, ring.ErrClosed)
		})
	}
}

var waits = map[string]ring.Wait{
	"spin": ring.Spin(), "backoff": ring.Backoff(0), "every": ring.Every(10 * time.Microsecond), "block": ring.Block(),
}

// publisher becomes the writer of a segment and publishes as fast as it can until it is killed.
// Arguments: name, "create" or "open".
func publisher(args []string) error {
	say("ready")
	if err := awaits("go"); err != nil {
		return err
	}
	var s *Segment
	var err error
	if args[1] == "create" {
		s, err = Create(args[0], shape(1<<14), Options{Doorbell: true})
	} else {
		s, err = OpenWriter(args[0])
	}
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[stamp](s)
	if err != nil {
		return err
	}
	st, err := s.Status()
	if err != nil {
		return err
	}
	say("epoch %d", st.Epoch)
	batch := make([]stamp, 100)
	for {
		for range 500 {
			rec := stampOf(w.Head(), st.Epoch)
			w.Publish(&rec)
		}
		for i := range batch {
			batch[i] = stampOf(w.Head()+uint64(i), st.Epoch)
		}
		w.PublishBatch(batch)
	}
}

func TestWriterKilled(t *testing.T) {
	for wait, how := range waits {
		t.Run(wait, func(t *testing.T) {
			name := testkit.Name(t)
			p := testkit.Start(t, "publisher", name, "create")
			require.Equal(t, "ready", p.Line())
			p.Say("go")
			require.Equal(t, "epoch 1", p.Line())
			s := attach(t, name)
			r := newReader(t, s, ring.ReaderOptions{Wait: how})
			alive, err := r.WriterAlive()
			require.NoError(t, err)
			assert.True(t, alive)
			st, err := s.Status()
			require.NoError(t, err)
			assert.Equal(t, "open", st.State)
			assert.Equal(t, p.Cmd.Process.Pid, st.PID)
			p.Kill()

			alive, err = r.WriterAlive()
			require.NoError(t, err)
			assert.False(t, alive)
			st, err = s.Status()
			require.NoError(t, err)
			assert.Equal(t, "dead", st.State)
			assert.False(t, st.Alive)

			// Everything that was published, then the news, once.
			var rec stamp
			for {
				n, err := r.Next(t.Context(), &rec)
				var lap *ring.LapError
				if errors.As(err, &lap) {
					continue
				}
				if err != nil {
					require.ErrorIs(t, err, ring.ErrWriterDead)
					require.GreaterOrEqual(t, n, st.Head)
					break
				}
				require.True(t, rec.whole())
				require.Equal(t, n, rec.Number)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond) // two more looks
			defer cancel()
			_, err = r.Next(ctx, &rec)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// Writers are killed at a moment of chance, one after another, and taken over from. The readers get
// every record once, or are told that it is lost.
func TestNothingIsLostByATakeover(t *testing.T) {
	rounds := 13
	if testkit.Race || testkit.Emulated() {
		rounds = 3
	}
	for wait, how := range waits {
		t.Run(wait, func(t *testing.T) {
			name := testkit.Name(t)
			next := testkit.Start(t, "publisher", name, "create")
			f := following{t: t, wait: how}
			for epoch := uint64(1); epoch <= uint64(rounds); epoch++ {
				writer := next
				require.Equal(t, "ready", writer.Line())
				writer.Say("go")
				if epoch == 1 {
					require.Equal(t, "epoch 1", writer.Line())
					f.attach(name)
				}
				next = testkit.Start(t, "publisher", name, "open")
				f.follow(epoch, 1+rand.IntN(20_000))
				writer.Kill()
				f.untilDead(epoch)
			}
			t.Logf("%d records, %d of them read", f.next, f.read)
			assert.Equal(t, f.next, f.read+f.r.Missed())
			assert.Equal(t, f.read, f.r.Received())
			st, err := f.s.Status()
			require.NoError(t, err)
			assert.Equal(t, uint64(rounds), st.Epoch)
			assert.LessOrEqual(t, f.next-st.Head, uint64(100), "the head counts all but the last batch")
		})
	}
}

// following is a reader that believes nothing.
type following struct {
	t        *testing.T
	wait     ring.Wait
	s        *Segment
	r        *ring.Reader[stamp]
	next     uint64
	read     uint64
	last     stamp  // the last one read
	gap      bool   // between the last one read and the next
	restarts uint64 // epoch of the last restart that was told
	first    uint64 // of that epoch
}

func (f *following) attach(name string) {
	f.s = attach(f.t, name)
	f.r = newReader(f.t, f.s, ring.ReaderOptions{Start: ring.At(0), Wait: f.wait})
	f.restarts = 1
}

// step takes the next record or event. It returns the error of an event.
func (f *following) step() error {
	var rec stamp
	n, err := f.r.Next(f.t.Context(), &rec)
	var lap *ring.LapError
	var restart *ring.RestartError
	switch {
	case err == nil:
		if n != f.next || rec.Number != n || !rec.whole() {
			require.Failf(f.t, "wrong record", "%d, want %d: %+v", n, f.next, rec)
		}
		if rec.Epoch < f.last.Epoch || !f.gap && rec.Epoch > f.last.Epoch+1 {
			require.Failf(f.t, "wrong epoch", "%+v behind %+v", rec, f.last)
		}
		if n >= f.first && rec.Epoch < f.restarts {
			require.Failf(f.t, "a record of a writer that is gone", "%+v, epoch %d began at %d", rec, f.restarts, f.first)
		}
		f.last, f.gap = rec, false
		f.next, f.read = n+1, f.read+1
	case errors.As(err, &lap):
		require.Equal(f.t, f.next, lap.First)
		require.Greater(f.t, lap.Next, lap.First)
		f.next, f.gap = lap.Next, true
	case errors.As(err, &restart):
		require.Equal(f.t, f.restarts+1, restart.Epoch, "each takeover is told once")
		if f.last.Epoch >= restart.Epoch {
			require.Less(f.t, restart.First, f.next)
		} else {
			require.GreaterOrEqual(f.t, restart.First, f.next, "what the old writer published comes first")
		}
		f.restarts, f.first = restart.Epoch, restart.First
	}
	return err
}

// follow reads records of an epoch until it has got so many.
func (f *following) follow(epoch uint64, records int) {
	for got := 0; got < records; {
		err := f.step()
		require.NotErrorIs(f.t, err, ring.ErrWriterDead)
		require.NotErrorIs(f.t, err, ring.ErrCorrupt)
		if err == nil && f.last.Epoch == epoch {
			got++
		}
	}
}

// untilDead reads what the killed writer left, up to the news of its death.
func (f *following) untilDead(epoch uint64) {
	for {
		if err := f.step(); errors.Is(err, ring.ErrWriterDead) {
			break
		}
	}
	require.Equal(f.t, epoch, f.last.Epoch)
	require.Equal(f.t, epoch, f.restarts, "the takeover was told")
	// The newest record is there for those who ask for it, too.
	var rec stamp
	n, status := f.r.Latest(&rec)
	require.Equal(f.t, ring.Ready, status)
	require.Equal(f.t, f.next-1, n)
	require.Equal(f.t, f.last, rec)
}
