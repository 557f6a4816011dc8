package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/ptrace"
)

// fault is what befalls a soak. strike tells whether it could be brought about here.
type fault struct {
	name   string
	weight int
	strike func(s *soak, random *rand.Rand) bool
}

var faults = []fault{
	{"writer killed", 20, (*soak).killWriter},
	{"writer killed within a publish", 6, (*soak).killWithinPublish},
	{"writer closes, another reopens", 10, (*soak).closeAndReopen},
	{"takeover contested", 4, (*soak).contest},
	{"writer stopped and continued", 8, (*soak).stopWriter},
	{"reader stopped and continued", 8, (*soak).stopReader},
	{"reader killed", 6, (*soak).killReader},
	{"reader comes and goes", 6, (*soak).comeAndGo},
	{"segment unlinked", 6, (*soak).unlink},
	{"segment truncated", 5, (*soak).truncate},
	{"garbage beside it", 5, (*soak).garbage},
	{"descriptors exhausted", 3, (*soak).starve},
	{"/dev/shm full", 3, (*soak).fill},
	{"signals", 6, (*soak).bombard},
	{"priority changed", 5, (*soak).renice},
	{"CPUs changed", 5, (*soak).move},
}

var totalWeight = func() (sum int) {
	for _, f := range faults {
		sum += f.weight
	}
	return sum
}()

// minWriters wait or write at any time.
const minWriters = 2

// succeed waits for the first record of a writer that came after a moment, and keeps the time that it took.
func (s *soak) succeed(since uint64) {
	s.t.Helper()
	var first uint64
	s.until("nobody takes over", func() bool {
		for _, a := range s.writers {
			if f := a.place.first.Load(); f > since {
				first = f
				return true
			}
		}
		return false
	})
	s.takeovers = append(s.takeovers, time.Duration(first-since))
}

func (s *soak) killWriter(*rand.Rand) bool {
	s.crowd(minWriters)
	s.ready()
	a := s.writer()
	since := segment.Heartbeat()
	require.NoError(s.t, a.Process.Kill())
	s.bury(a, since)
	return true
}

// ready waits until those who are to take over have been started: the time of that is none of theirs.
func (s *soak) ready() {
	s.t.Helper()
	for _, a := range s.writers {
		s.until("a writer does not start", func() bool { return a.place.goroutines.Load() > 0 || a.place.first.Load() > 0 })
	}
}

// bury waits for the end of a writer that was killed, and for its successor.
func (s *soak) bury(a *actor, since uint64) {
	s.t.Helper()
	a.kill()
	s.writers = s.without(s.writers, a)
	s.succeed(since)
	s.crowd(minWriters)
}

// killWithinPublish stops the writer's thread, and again, and has it make single steps, until a cell is odd, and kills it
// there.
func (s *soak) killWithinPublish(*rand.Rand) bool {
	s.ready()
	a := s.writer()
	tid := int(a.place.thread.Load())
	err := ptrace.Call(ptrace.Seize, tid, 0)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		return false
	}
	require.NoError(s.t, err)
	require.NoError(s.t, ptrace.Call(ptrace.Interrupt, tid, 0))
	stopped := func() bool {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(tid, &ws, ptrace.WaitAll, nil)
		for err == syscall.EINTR {
			_, err = syscall.Wait4(tid, &ws, ptrace.WaitAll, nil)
		}
		require.NoError(s.t, err)
		return ws.Stopped()
	}
	require.True(s.t, stopped())
	seg, err := segment.Attach(s.name)
	require.NoError(s.t, err)
	odd := false
	for range 1000 {
		for range 30 {
			if odd = isOdd(seg); odd {
				break
			}
			require.NoError(s.t, ptrace.Call(syscall.PTRACE_SINGLESTEP, tid, 0))
			require.True(s.t, stopped())
		}
		if odd {
			break
		}
		// Steps are slow, and in the scheduler there are many: some other moment is nearer.
		require.NoError(s.t, ptrace.Call(syscall.PTRACE_CONT, tid, 0))
		require.NoError(s.t, ptrace.Call(ptrace.Interrupt, tid, 0))
		require.True(s.t, stopped())
	}
	require.NoError(s.t, seg.Close())
	since := segment.Heartbeat()
	require.NoError(s.t, a.Process.Kill())
	for stopped() {
	}
	s.bury(a, since)
	return odd // else its turn was at its end just then
}

// isOdd tells whether a cell is being written.
func isOdd(s *segment.Segment) bool {
	load := func(b []byte, offset int) uint64 { return atomic.LoadUint64((*uint64)(unsafe.Pointer(&b[offset]))) }
	g := s.Geometry()
	head := load(s.Header(), layout.HeadOffset)
	return load(s.Slots(), int(head%g.Slots)*g.SlotStride)%2 != 0 || load(s.Header(), g.ViewVersionOffset)%2 != 0
}

func (s *soak) closeAndReopen(*rand.Rand) bool {
	s.ready()
	since := segment.Heartbeat()
	s.writer().place.order.Store(leave)
	s.succeed(since)
	return true
}

func (s *soak) contest(random *rand.Rand) bool {
	s.crowd(minWriters + 3)
	s.killWriter(random)
	a := s.writer()
	for _, other := range append([]*actor(nil), s.writers...) {
		if other != a && len(s.writers) > minWriters {
			s.retire(other)
			s.writers = s.without(s.writers, other)
		}
	}
	s.crowd(minWriters)
	return true
}

// halt stops a process for a while.
func (s *soak) halt(a *actor, random *rand.Rand) {
	s.t.Helper()
	s.signalTo(a, syscall.SIGSTOP)
	sys.Sleep(time.Duration(random.IntN(80)) * time.Millisecond)
	s.signalTo(a, syscall.SIGCONT)
}

func (s *soak) stopWriter(random *rand.Rand) bool {
	a := s.writer()
	s.signalTo(a, syscall.SIGSTOP)
	sys.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
	seg, err := segment.OpenWriter(s.name)
	if err == nil { // it was just ending its turn
		require.NoError(s.t, seg.Close())
	} else {
		require.ErrorIs(s.t, err, segment.ErrWriterExists)
	}
	s.signalTo(a, syscall.SIGCONT)
	return true
}

// anyOf is one of a list.
func anyOf[T any](random *rand.Rand, list []T) T { return list[random.IntN(len(list))] }

func (s *soak) stopReader(random *rand.Rand) bool {
	s.halt(anyOf(random, append(append([]*actor(nil), s.readers...), s.victims...)), random)
	return true
}

func (s *soak) killReader(random *rand.Rand) bool {
	a := anyOf(random, s.victims)
	a.kill()
	s.victims = append(s.without(s.victims, a), s.start("reader", anyOf(random, ways)))
	return true
}

func (s *soak) comeAndGo(random *rand.Rand) bool {
	a := s.start("reader", anyOf(random, ways))
	s.victims = append(s.victims, a)
	s.until("a late reader gets nothing: "+a.title, func() bool { return a.place.progress.Load() > 0 })
	s.retire(a)
	s.victims = s.without(s.victims, a)
	return true
}

// created is when the segment that has the name was created; 0 if there is none.
func (c *cast) created() uint64 {
	s, err := segment.Attach(c.name)
	if err != nil {
		return 0
	}
	defer s.Close()
	return s.Geometry().Created
}

// unlink takes the name away while everybody goes on: another writer makes a segment anew, and the readers find it.
func (s *soak) unlink(random *rand.Rand) bool {
	s.crowd(minWriters)
	s.ready()
	orphan := s.writer()
	require.NoError(s.t, segment.Unlink(s.name))
	sys.Sleep(time.Duration(random.IntN(10)) * time.Millisecond)
	if random.IntN(2) == 0 {
		orphan.place.order.Store(leave)
	} else {
		orphan.kill()
		s.writers = s.without(s.writers, orphan)
		s.crowd(minWriters)
	}
	s.reattached()
	return true
}

// reattached waits until every reader has the segment that has the name now.
func (s *soak) reattached() {
	s.t.Helper()
	s.writer()
	created := s.created()
	for _, a := range s.readers {
		s.until(a.title+" does not find the new segment", func() bool { return a.place.created.Load() == created })
	}
}

// truncate takes the storage away under everybody, then the name.
func (s *soak) truncate(random *rand.Rand) bool {
	if testkit.Race { // under which nothing guards
		return false
	}
	a := s.writer()
	created := a.place.created.Load()
	require.NoError(s.t, os.Truncate(segment.Dir+s.name, anyOf(random, []int64{0, 24, 4096, 4096 + slots*16})))
	s.until("the writer does not find out", func() bool { return a.place.writing.Load() == 0 })
	require.NoError(s.t, segment.Unlink(s.name))
	s.reattached()
	require.NotEqual(s.t, created, s.created())
	return true
}

// garbage has objects of other names beside the segment that are none: they are listed, looked at, attached and taken over.
func (s *soak) garbage(random *rand.Rand) bool {
	header, err := os.ReadFile(segment.Dir + s.name)
	require.NoError(s.t, err)
	for i := range 8 {
		object := append([]byte(nil), header...)
		for range 1 + random.IntN(8) {
			object[random.IntN(min(len(object), 900))] ^= byte(1 + random.IntN(255))
		}
		object = object[:random.IntN(len(object))]
		if i%4 == 0 {
			for j := range object {
				object[j] = byte(random.Uint32())
			}
		}
		name := fmt.Sprintf("%s-garbage%d", s.name, i)
		require.NoError(s.t, os.WriteFile(segment.Dir+name, object, 0o600))
		if seg, err := segment.Attach(name); err == nil { // what was changed was a live word
			_, err := seg.Status()
			require.NoError(s.t, errors.Join(err, seg.Close()))
		}
		if seg, err := segment.OpenWriter(name); err == nil {
			require.NoError(s.t, seg.Close())
		}
	}
	entries, err := segment.List()
	require.NoError(s.t, err)
	require.NotEmpty(s.t, entries)
	for i := range 8 {
		require.NoError(s.t, segment.Unlink(fmt.Sprintf("%s-garbage%d", s.name, i)))
	}
	return true
}

// helper runs a role to its end.
func (s *soak) helper(role string, prepare func(*exec.Cmd)) {
	s.t.Helper()
	cmd := testkit.RoleCommand(role, s.name)
	if prepare != nil {
		prepare(cmd)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s: %s", role, out)
}

func (s *soak) starve(*rand.Rand) bool {
	s.helper("starved", nil)
	return true
}

func (s *soak) fill(*rand.Rand) bool {
	if s.ownMounts == nil {
		return false
	}
	s.helper("brim", s.ownMounts)
	return true
}

// bombard interrupts the system calls of a process.
func (s *soak) bombard(random *rand.Rand) bool {
	a := anyOf(random, append(append([]*actor{s.writer()}, s.readers...), s.victims...))
	for range 200 {
		s.signalTo(a, syscall.SIGWINCH)
		sys.Sleep(time.Duration(random.IntN(100)) * time.Microsecond)
	}
	return true
}

// threads are those of a process.
func (s *soak) threads(a *actor) (all []int) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(a.Process.Pid), "task"))
	require.NoError(s.t, err)
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		require.NoError(s.t, err)
		all = append(all, tid)
	}
	return all
}

// unlessGone checks what a call about a thread said, which may have ended meanwhile.
func (s *soak) unlessGone(err error) {
	s.t.Helper()
	if !errors.Is(err, syscall.ESRCH) {
		require.NoError(s.t, err)
	}
}

func (s *soak) renice(random *rand.Rand) bool {
	now, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	require.NoError(s.t, err)
	now = 20 - now // as the system call has it
	for _, tid := range s.threads(anyOf(random, append(append([]*actor(nil), s.readers...), s.writers...))) {
		s.unlessGone(syscall.Setpriority(syscall.PRIO_PROCESS, tid, min(19, now+random.IntN(6))))
	}
	return true
}

func (s *soak) move(random *rand.Rand) bool {
	cpus, err := sys.ThreadCPUs()
	require.NoError(s.t, err)
	a := anyOf(random, append(append([]*actor(nil), s.readers...), s.writers...))
	var mask [16]uint64
	for _, cpu := range cpus {
		if random.IntN(2) == 0 {
			mask[cpu/64] |= 1 << (cpu % 64)
		}
	}
	if mask == [16]uint64{} {
		mask[cpus[0]/64] |= 1 << (cpus[0] % 64)
	}
	for _, tid := range s.threads(a) {
		_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
		if errno != 0 {
			s.unlessGone(errno)
		}
	}
	return true
}
