package segment

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
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

// The doorbell's ticket comes round after 2^32 rings: whoever sleeps meanwhile is woken as ever.
func TestTicketsComeRound(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	const first = 1<<32 - 2
	*s.ticket() = first
	p := testkit.Start(t, "woken", name)
	for i := range uint32(4) {
		require.Equal(t, fmt.Sprint("armed ", first+i), p.Line())
		require.EqualValues(t, 1, *s.Waiting())
		require.NoError(t, s.Ring())
		require.Equal(t, "rung true", p.Line())
	}
	require.NoError(t, p.Stop())
}

// woken sleeps on a doorbell, and says so.
func woken(args []string) error {
	s, err := Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	for range 4 {
		ticket, err := s.Arm()
		if err != nil {
			return err
		}
		say("armed %d", ticket)
		for began := time.Now(); ; {
			rung, err := s.Wait(ticket, forever)
			if err != nil {
				return err
			}
			if rung || time.Since(began) > forever {
				say("rung %v", rung)
				break
			}
		}
	}
	return nil
}

// A sleeper whose ticket came round completely while it fell asleep has missed every ring: it looks again by itself.
func TestATicketOfTheSameNumber(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	newWriter(t, s)
	r := newReader(t, attach(t, name), ring.ReaderOptions{Start: ring.At(0), Wait: ring.Block()})
	asleep := make(chan uint64)
	go func() {
		n, err := r.Next(context.Background(), new(stamp))
		if err != nil {
			n = 99
		}
		asleep <- n
	}()
	require.Eventually(t, func() bool { return atomic.LoadUint32(s.Waiting()) != 0 }, forever, time.Millisecond)
	bell := s.doorbell
	defer func() { s.doorbell = bell }()
	s.doorbell = nil // a publish that rings for nobody is one whose ring was the 2^32nd
	w := newWriter(t, s)
	rec := stampOf(0, 2)
	w.Publish(&rec)
	select {
	case n := <-asleep:
		require.Zero(t, n)
	case <-time.After(forever):
		require.Fail(t, "the reader sleeps for ever")
	}
}

// createdTimes are what a clock may say that was never set, or set back, or forward.
var createdTimes = []uint64{0, 1, uint64(time.Now().Add(-24 * time.Hour).UnixNano()), uint64(time.Now().AddDate(100, 0, 0).UnixNano()), 1 << 63, 1<<64 - 1}

// writeObject makes the object of a segment that was created at a time, without its doorbell.
func writeObject(t testing.TB, name string, created uint64) {
	t.Helper()
	g := shape(16)
	g.Created, g.Doorbell = created, true
	object := append(layout.Encode(g), make([]byte, g.RingSize())...)
	require.NoError(t, os.WriteFile(Dir+name, object, 0o600))
}

// When a segment was created only makes the names of what belongs to it: any time will do, whatever the clock said before or says now.
func TestAnyTimeOfCreation(t *testing.T) {
	for i, created := range createdTimes {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			name := testkit.Name(t)
			writeObject(t, name, created)
			s, err := OpenWriter(name)
			require.NoError(t, err)
			w := newWriter(t, s)
			r := newReader(t, attach(t, name), ring.ReaderOptions{Start: ring.At(0), Wait: ring.Block()})
			rec := stampOf(0, 1)
			w.Publish(&rec)
			n, err := r.Next(context.Background(), new(stamp))
			require.NoError(t, err)
			require.Zero(t, n)
			require.Len(t, testkit.Objects(t, name), 2)

			// What creations of other times left behind goes, whether those came before or after; its own stays.
			for _, other := range createdTimes {
				if other != created {
					require.NoError(t, os.WriteFile(doorbellPath(Dir+name, other), make([]byte, layout.DoorbellSize), 0o600))
				}
			}
			require.NoError(t, s.Close())
			s, err = CreateOrTakeOver(name, shape(16), Options{})
			require.NoError(t, err)
			require.False(t, s.Created())
			require.Len(t, testkit.Objects(t, name), 2)
			require.NoError(t, s.Close())

			entries, err := List()
			require.NoError(t, err)
			require.Condition(t, func() bool {
				for _, e := range entries {
					if e.Name == name {
						return e.Err == nil && e.Geometry.Created == created
					}
				}
				return false
			})
			require.NoError(t, Unlink(name))
			require.Empty(t, testkit.Objects(t, name))
		})
	}
}

// Two creations at the same nanosecond: the second is refused, and takes nothing from the first.
func TestTheSameTimeOfCreation(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	before := testkit.Objects(t, name)
	_, err := createDoorbell(Dir+name, s.Geometry().Created)
	require.ErrorIs(t, err, fs.ErrExist)
	_, err = Create(name, shape(16), Options{Doorbell: true})
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, before, testkit.Objects(t, name))
	require.NotNil(t, attach(t, name).Waiting())
}

// lifeWords are what a header may say of its writer, true or not: the process, its start, its last heartbeat.
func lifeWords(t testing.TB) [][3]uint64 {
	t.Helper()
	start, err := sys.StartTime(os.Getpid())
	require.NoError(t, err)
	now := sys.Boottime()
	return [][3]uint64{
		{0, 0, 0},
		{uint64(os.Getpid()), start, now},     // as if it were this process
		{uint64(os.Getpid()), start + 1, now}, // a process that came later, with the same number
		{1, 0, now + 1e18},
		{1 << 22, 1 << 63, 1},
		{1<<64 - 1, 1<<64 - 1, 1<<64 - 1},
	}
}

// Whether there is a writer is told by its lock and by nothing that the header says.
func TestOnlyTheLockTellsOfLife(t *testing.T) {
	name := testkit.Name(t)
	holder := testkit.Start(t, "hold", name)
	require.Equal(t, "created", holder.Line())
	s := attach(t, name)
	says := func(words [3]uint64) Status {
		object, err := os.OpenFile(Dir+name, os.O_WRONLY, 0)
		require.NoError(t, err)
		defer object.Close()
		for i, offset := range []int64{layout.PIDOffset, layout.StartTimeOffset, layout.HeartbeatOffset} {
			_, err := object.WriteAt(binary.LittleEndian.AppendUint64(nil, words[i]), offset)
			require.NoError(t, err)
		}
		st, err := s.Status()
		require.NoError(t, err)
		assert.Equal(t, int(words[0]), st.PID)
		return st
	}
	for _, words := range lifeWords(t) {
		require.True(t, says(words).Alive, words)
		_, err := OpenWriter(name)
		require.ErrorIs(t, err, ErrWriterExists, words)
	}
	holder.Kill()
	for _, words := range lifeWords(t) {
		require.False(t, says(words).Alive, words)
		alive, err := s.WriterAlive()
		require.NoError(t, err)
		require.False(t, alive, words)
		next, err := OpenWriter(name)
		require.NoError(t, err, words)
		require.NoError(t, next.Close())
	}
}

// A heartbeat's age is never negative but for one that never was, and is exact otherwise.
func TestAgesOfHeartbeats(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{})
	w := newWriter(t, s)
	age := func(beat uint64) time.Duration {
		w.Heartbeat(beat)
		st, err := s.Status()
		require.NoError(t, err)
		return st.Heartbeat
	}
	now := sys.Boottime()
	assert.Negative(t, age(0))
	assert.GreaterOrEqual(t, age(1), time.Duration(now-1))
	assert.GreaterOrEqual(t, age(now-min(now, 1e9)), time.Duration(min(now, 1e9)))
	for _, future := range []uint64{now + 1e15, 1<<63 - 1, 1 << 63, 1<<63 + now, 1<<64 - 1} {
		assert.Zero(t, age(future), future)
	}
}

// Processes whose CLOCK_BOOTTIME differs, as in containers, share a segment: only ages of heartbeats differ.
func TestAnotherBoottime(t *testing.T) {
	for _, offset := range []string{"1000000", "-100"} {
		t.Run(offset, func(t *testing.T) {
			name := testkit.Name(t)
			s := createFor(t, name, 16, Options{Doorbell: true})
			w := newWriter(t, s)
			rec := stampOf(0, 1)
			w.Publish(&rec)
			st := elsewhen(t, offset, "another time", name)
			require.Equal(t, []string{"true", "open", "0"}, st[:3], st)
			seconds, err := strconv.ParseFloat(st[3], 64)
			require.NoError(t, err)
			if offset[0] == '-' {
				require.Zero(t, seconds)
			} else {
				require.InDelta(t, 1e6, seconds, 100)
			}
			require.NoError(t, s.Close())
			require.Equal(t, []string{"1"}, elsewhen(t, offset, "writer of another time", name))
			r := attach(t, name)
			now, err := r.Status()
			require.NoError(t, err)
			assert.Equal(t, "dead", now.State)
			assert.EqualValues(t, 2, now.Epoch)
			assert.EqualValues(t, 2, now.Head)
			assert.GreaterOrEqual(t, now.Heartbeat, time.Duration(0))
		})
	}
}

// elsewhen runs a role where CLOCK_BOOTTIME is seconds ahead.
func elsewhen(t testing.TB, seconds, role, name string) []string {
	t.Helper()
	p := testkit.Start(t, "elsewhen", seconds, role, name)
	line := p.Line()
	if why, cannot := strings.CutPrefix(line, "cannot: "); cannot {
		testkit.Require(t, "time-namespace", why)
	}
	require.NoError(t, p.Wait())
	return strings.Fields(line)
}

const newTime = 0x80 // CLONE_NEWTIME

// elsewhenRole gives its children a time namespace of their own, and runs one. Arguments: seconds, role, argument.
func elsewhenRole(args []string) error {
	runtime.LockOSThread() // whose children they are
	_, _, errno := syscall.RawSyscall(syscall.SYS_UNSHARE, newTime, 0, 0)
	err := error(errno)
	if errno == 0 {
		err = os.WriteFile(fmt.Sprintf("/proc/%d/timens_offsets", syscall.Gettid()), []byte("boottime "+args[0]+" 0\n"), 0)
	}
	if err != nil {
		say("cannot: %v", err)
		return nil
	}
	out, err := testkit.Run(args[1], args[2])
	say("%s", strings.TrimSpace(out))
	return err
}

// anotherTime looks at a segment and its writer, and reads it.
func anotherTime(args []string) error {
	s, err := Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := OpenWriter(args[0]); !errors.Is(err, ErrWriterExists) {
		return fmt.Errorf("taken over from a writer that lives: %w", err)
	}
	st, err := s.Status()
	if err != nil {
		return err
	}
	r, err := ring.NewReader[stamp](s, ring.ReaderOptions{Start: ring.At(0), Wait: ring.Block()})
	if err != nil {
		return err
	}
	n, err := r.Next(context.Background(), new(stamp))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := r.Next(ctx, new(stamp)); !errors.Is(err, context.DeadlineExceeded) { // and not that the writer is dead
		return fmt.Errorf("waited: %w", err)
	}
	say("%v %s %d %f", st.Alive, st.State, n, st.Heartbeat.Seconds())
	return nil
}

// writerOfAnotherTime takes a segment over, publishes, and goes without closing.
func writerOfAnotherTime(args []string) error {
	s, err := OpenWriter(args[0])
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[stamp](s)
	if err != nil {
		return err
	}
	rec := stampOf(1, 2)
	say("%d", w.Publish(&rec))
	w.Heartbeat(Heartbeat())
	return nil
}
