package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// intercept is [testkit.Intercept], where before is told how many calls of the name came before.
func intercept(t *testing.T, fn func() error, before func(name string, n int, args [6]uint64) syscall.Errno) error {
	t.Helper()
	testkit.CanIntercept(t)
	calls := map[string]int{}
	return testkit.Intercept(fn, func(c testkit.Call) syscall.Errno {
		calls[c.Name]++
		return before(c.Name, calls[c.Name]-1, c.Args)
	})
}

// refusing has all calls of a name fail.
func refusing(t *testing.T, name string, errno syscall.Errno, fn func() error) error {
	t.Helper()
	return intercept(t, fn, func(call string, _ int, _ [6]uint64) syscall.Errno {
		if call == name {
			return errno
		}
		return 0
	})
}

func createAndClose(path string) func() error {
	return func() error {
		fd, err := CreateLocked(path, 0o600)
		if err == nil {
			Close(fd)
		}
		return err
	}
}

// A file whose mode or lock is refused is not left behind, nor is its descriptor.
func TestCreateLockedThatIsRefused(t *testing.T) {
	path := shm + testkit.Name(t)
	for _, call := range []string{"fchmod", "fcntl", "fstat", "newfstatat"} {
		before, err := testkit.Held()
		require.NoError(t, err)
		require.ErrorIs(t, refusing(t, call, syscall.ENOLCK, createAndClose(path)), syscall.ENOLCK, call)
		require.NoFileExists(t, path, call)
		now, err := testkit.Held()
		require.NoError(t, err)
		require.Equal(t, before.Descriptors, now.Descriptors, call)
	}
}

func TestCreateLockedWhereThereIsAFile(t *testing.T) {
	path, opened := shm+testkit.Name(t), 0
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	err := intercept(t, createAndClose(path), func(name string, n int, _ [6]uint64) syscall.Errno {
		if name == "openat" {
			opened = n + 1
		}
		return 0
	})
	require.ErrorIs(t, err, syscall.EEXIST)
	assert.Equal(t, 1, opened, "it waits for nobody")
}

// A sweep locks the new file before its maker does, and keeps it for some time: the maker waits, and makes another.
func TestCreateLockedWaitsForASweep(t *testing.T) {
	path, sweep, opened := shm+testkit.Name(t), -1, 0
	err := intercept(t, createAndClose(path), func(name string, n int, _ [6]uint64) syscall.Errno {
		switch {
		case name == "fcntl" && n == 0:
			fd, err := Open(path, true)
			assert.NoError(t, err)
			ok, err := TryLock(fd)
			assert.NoError(t, err)
			assert.True(t, ok)
			sweep = fd
		case name == "openat" && n == 4:
			assert.NoError(t, Unlink(path))
			Close(sweep)
		}
		if name == "openat" {
			opened = n + 1
		}
		return 0
	})
	require.NoError(t, err)
	assert.Equal(t, 5, opened)
	assert.FileExists(t, path)
}

// However slow a sweep is, its tries do not run out in a moment.
func TestCreateLockedHasPatience(t *testing.T) {
	path, sweep, start := shm+testkit.Name(t), -1, time.Now()
	err := intercept(t, createAndClose(path), func(name string, n int, _ [6]uint64) syscall.Errno {
		switch {
		case name == "fcntl" && n == 0:
			fd, err := Open(path, true)
			assert.NoError(t, err)
			_, err = TryLock(fd)
			assert.NoError(t, err)
			sweep = fd
		case name == "openat" && sweep >= 0 && time.Since(start) > createTries*createPause/2:
			assert.NoError(t, Unlink(path))
			Close(sweep)
			sweep = -1
		}
		return 0
	})
	require.NoError(t, err)
}

// What was made was swept, and its name given to another, before it was locked.
func TestCreateLockedWhoseNameIsGivenAway(t *testing.T) {
	path := shm + testkit.Name(t)
	err := intercept(t, createAndClose(path), func(name string, n int, _ [6]uint64) syscall.Errno {
		switch {
		case name == "fcntl" && n == 0:
			assert.NoError(t, os.Rename(path, path+".old")) // which keeps its number from being used again
			assert.NoError(t, os.WriteFile(path, []byte("another's"), 0o600))
		case name == "openat" && n == 1:
			b, err := os.ReadFile(path)
			assert.NoError(t, err)
			assert.Equal(t, "another's", string(b), "it is not touched")
			assert.NoError(t, Unlink(path))
		}
		return 0
	})
	require.NoError(t, err)
	assert.FileExists(t, path)
}

func TestSame(t *testing.T) {
	a := Info{Device: 1, Inode: 2, Size: 3}
	assert.True(t, Same(a, Info{Device: 1, Inode: 2, Size: 4}))
	assert.False(t, Same(a, Info{Device: 2, Inode: 2}))
	assert.False(t, Same(a, Info{Device: 1, Inode: 3}))
}

func TestIsNamed(t *testing.T) {
	path := shm + testkit.Name(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	fd, err := Open(path, false)
	require.NoError(t, err)
	defer Close(fd)
	named, err := IsNamed(fd, path)
	require.NoError(t, err)
	assert.True(t, named)
	named, err = IsNamed(fd, path+"2")
	require.NoError(t, err, "a name that nobody has is not its")
	assert.False(t, named)
	_, err = IsNamed(-1, path+"2")
	require.ErrorIs(t, err, syscall.EBADF)
	_, err = IsNamed(fd, path+"/below")
	require.ErrorIs(t, err, syscall.ENOTDIR)
}

// Each piece that was interrupted is tried at half its length, down to a page, for as long as signals come.
func TestReserveUnderSignals(t *testing.T) {
	fd, lengths := unnamed(t, 0), []uint64{}
	const interrupted = 30
	err := intercept(t, func() error { return Reserve(fd, 64<<10) }, func(name string, n int, args [6]uint64) syscall.Errno {
		if name != "fallocate" {
			return 0
		}
		if lengths = append(lengths, args[3]); n < interrupted {
			return syscall.EINTR
		}
		return 0
	})
	require.NoError(t, err)
	assert.Equal(t, []uint64{64 << 10, 64 << 10, 64 << 10}, lengths[:3], "at once, then by steps of more")
	assert.Contains(t, lengths, uint64(32<<10))
	assert.EqualValues(t, reserveMinimum, lengths[interrupted])
	assert.EqualValues(t, 64<<10, stat(t, fd).Size)
	assert.EqualValues(t, 64<<10/512, stat(t, fd).Blocks)
}

func TestReserveTooMuch(t *testing.T) {
	fd := unnamed(t, 0)
	for _, n := range []uint64{math.MaxInt64, math.MaxInt64 + 1} {
		require.ErrorIs(t, Reserve(fd, n), syscall.ENOSPC, n)
	}
}

func TestBarrierThatIsNotThere(t *testing.T) {
	for errno, unsupported := range map[syscall.Errno]bool{syscall.ENOSYS: true, syscall.EINVAL: true, syscall.EPERM: false} {
		err := refusing(t, "membarrier", errno, Barrier)
		require.ErrorIs(t, err, errno)
		assert.Equal(t, unsupported, errors.Is(err, errors.ErrUnsupported), errno)
	}
}

// A thread that ended meanwhile needs no CPUs; what is refused to another is told.
func TestCPUsOfThreadsThatEnd(t *testing.T) {
	cpus, err := ThreadCPUs()
	require.NoError(t, err)
	set := func() error { return SetProcessCPUs(cpus...) }
	require.NoError(t, refusing(t, "sched_setaffinity", syscall.ESRCH, set))
	require.ErrorIs(t, refusing(t, "sched_setaffinity", syscall.EPERM, set), syscall.EPERM)
}

// A timer's slack is the thread's for good.
func TestSlackOfAShortSleep(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // which ends with the goroutine
		const usual, setSlack, getSlack = 50_000, 29, 30
		slack := func() int {
			n, _, errno := syscall.Syscall(syscall.SYS_PRCTL, getSlack, 0, 0)
			assert.Zero(t, errno)
			return int(n)
		}
		_, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setSlack, usual, 0)
		assert.Zero(t, errno)
		Sleep(100 * time.Microsecond)
		assert.Equal(t, usual, slack())
		Sleep(99 * time.Microsecond)
		assert.Equal(t, 1, slack())
	}()
	<-done
}

// Who asks whether it may be real-time keeps its thread to itself no longer than that.
func TestPermittedFIFOLetsGoOfTheThread(t *testing.T) {
	_ = PermittedFIFO(1)
	stack := make([]byte, 1<<10)
	header, _, _ := strings.Cut(string(stack[:runtime.Stack(stack, false)]), "\n")
	assert.NotContains(t, header, "locked to thread")
}

// A /proc of an emulator, or of a kernel from another world.
func TestStartTimeOfFewFields(t *testing.T) {
	defer func(before fs.FS) { Root = before }(Root)
	stat := func(fields int) {
		text := "1 (name) " + strings.TrimSpace(strings.Repeat("7 ", fields))
		Root = fstest.MapFS{"proc/1/task/1/stat": {Data: []byte(text)}}
	}
	stat(20)
	start, err := StartTime(1)
	require.NoError(t, err)
	assert.EqualValues(t, 7, start)
	stat(19)
	_, err = StartTime(1)
	require.ErrorContains(t, err, "19 fields")
}

// Each call that fails says so, and with what the kernel says.
func TestRefusedCalls(t *testing.T) {
	fd, page := unnamed(t, 4096), make([]byte, 4096)
	huge := func() error { _, _, _, err := OpenHuge("/dev/null", false); return err }
	populate := func() error { return PopulateHuge(fd, 4096, func([]byte) error { return nil }) }
	for _, tc := range []struct {
		call string
		fn   func() error
	}{
		{"sched_getaffinity", func() error { _, err := ThreadCPUs(); return err }},
		{"openat", func() error { return SetProcessCPUs(0) }},
		{"fstat", huge},
		{"fstatfs", huge},
		{"fstat", func() error { _, err := Stat(fd); return err }},
		{"mmap", populate},
		{"getcpu", func() error { _, err := CurrentNode(); return err }},
		{"move_pages", func() error { return NodesOf(page, 4096, make([]int32, 1)) }},
		{"mbind", PermittedBind},
		{"mbind", func() error { return BindToNode(page, 0) }},
		{"sched_getattr", func() error { return PermittedFIFO(1) }},
		{"statfs", func() error { _, _, err := Space(shm); return err }},
		{"statfs", func() error { _, err := Free(shm); return err }},
	} {
		require.ErrorIs(t, refusing(t, tc.call, syscall.EXDEV, tc.fn), syscall.EXDEV, tc.call)
	}
	require.NoError(t, refusing(t, "clock_gettime", syscall.EXDEV, func() error {
		if now := Boottime(); now != 0 {
			return fmt.Errorf("it is %d", now)
		}
		return nil
	}))
	_, _, _, err := Owner(shm + testkit.Name(t))
	require.ErrorIs(t, err, fs.ErrNotExist)
	err = intercept(t, func() error { return PermittedFIFO(1) }, func(name string, n int, _ [6]uint64) syscall.Errno {
		if name == "sched_setattr" && n == 0 {
			return syscall.EXDEV
		}
		return 0
	})
	require.ErrorIs(t, err, syscall.EXDEV, "though what was before can be had again")
}

func TestReserveFailsInTheMiddle(t *testing.T) {
	fd := unnamed(t, 0)
	err := intercept(t, func() error { return Reserve(fd, 64<<10) }, func(name string, n int, _ [6]uint64) syscall.Errno {
		switch {
		case name != "fallocate":
			return 0
		case n == 0:
			return syscall.EINTR
		}
		return syscall.ENOSPC
	})
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func TestFutexOfMemoryThatIsGone(t *testing.T) {
	b, err := Map(unnamed(t, 4096), 4096, true)
	require.NoError(t, err)
	word := (*uint32)(unsafe.Pointer(unsafe.SliceData(b)))
	require.NoError(t, FutexWake(word))
	require.NoError(t, Unmap(b))
	require.ErrorIs(t, FutexWake(word), syscall.EFAULT)
	require.ErrorIs(t, FutexWait(word, 0, time.Millisecond), syscall.EFAULT)
}
