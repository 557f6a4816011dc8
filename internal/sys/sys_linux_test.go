package sys

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

const shm = "/dev/shm"

// unnamed makes a file of n bytes that is gone after the test.
func unnamed(t *testing.T, n uint64) int {
	t.Helper()
	fd, err := OpenUnnamed(shm, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { Close(fd) })
	if n > 0 {
		require.NoError(t, Reserve(fd, n))
	}
	return fd
}

func stat(t *testing.T, fd int) syscall.Stat_t {
	t.Helper()
	var st syscall.Stat_t
	require.NoError(t, syscall.Fstat(fd, &st))
	return st
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("file"), []byte("content"), 0o600))
	require.NoError(t, os.Symlink(path("file"), path("link")))
	require.NoError(t, syscall.Mkfifo(path("fifo"), 0o600))

	for _, tc := range []struct {
		name     string
		writable bool
		want     error
	}{
		{"file", false, nil},
		{"file", true, nil},
		{"fifo", false, nil}, // does not wait for a peer
		{"fifo", true, nil},
		{".", false, nil},
		{".", true, syscall.EISDIR},
		{"link", false, syscall.ELOOP},
		{"link", true, syscall.ELOOP},
		{"missing", false, syscall.ENOENT},
	} {
		fd, err := Open(path(tc.name), tc.writable)
		require.ErrorIs(t, err, tc.want, tc.name)
		if err != nil {
			continue
		}
		flags, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		require.NoError(t, err)
		assert.Regexp(t, `flags:\s+02\d{6}`, string(flags), "%s: not closed on exec", tc.name)
		info, err := Stat(fd)
		require.NoError(t, err)
		assert.Equal(t, tc.name == "file", info.Mode.IsRegular(), tc.name)
		Close(fd)
	}
}

func TestOpenUnnamedAndLink(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	name := shm + testkit.Name(t)
	fd, err := OpenUnnamed(shm, 0o644)
	require.NoError(t, err)
	defer Close(fd)
	assert.NoFileExists(t, name)

	require.NoError(t, Link(fd, name))
	require.ErrorIs(t, Link(fd, name), fs.ErrExist)
	opened, err := Stat(fd)
	require.NoError(t, err)
	named, err := StatName(name)
	require.NoError(t, err)
	assert.Equal(t, opened, named)
	assert.Equal(t, fs.FileMode(0o644), named.Mode, "whatever the umask says")
	assert.Equal(t, os.Geteuid(), int(named.UID))

	require.NoError(t, Unlink(name))
	require.ErrorIs(t, Unlink(name), fs.ErrNotExist)
	_, err = StatName(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenUnnamedInNoDirectory(t *testing.T) {
	_, err := OpenUnnamed(shm+testkit.Name(t), 0o600)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestReserve(t *testing.T) {
	stepwise := func(fd int, n uint64) error { return reserveStepwise(fd, 0, n) }
	for name, reserve := range map[string]func(int, uint64) error{"at once": Reserve, "stepwise": stepwise} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []uint64{1, 4096, 1 << 20, reserveStep, 2*reserveStep + 4096 + 5} {
				fd := unnamed(t, 0)
				require.NoError(t, reserve(fd, n))
				st := stat(t, fd)
				assert.Equal(t, int64(n), st.Size)
				assert.GreaterOrEqual(t, st.Blocks*512, st.Size, "storage of %d bytes", n)
				require.NoError(t, reserve(fd, n), "again")
				assert.Equal(t, st.Blocks, stat(t, fd).Blocks)
			}
		})
	}
	fd := unnamed(t, 0)
	for _, n := range []uint64{1 << 50, 1 << 61, 1<<62 + 1, math.MaxUint64} {
		require.ErrorIs(t, Reserve(fd, n), syscall.ENOSPC, n)
	}
	assert.Zero(t, stat(t, fd).Blocks)
}

// A file that was cut short meanwhile stays so.
func TestFillHoles(t *testing.T) {
	const keepSize = 1
	stepwise := func(fd int, n uint64) error { return reserveStepwise(fd, keepSize, n) }
	for name, fill := range map[string]func(int, uint64) error{"at once": FillHoles, "stepwise": stepwise} {
		t.Run(name, func(t *testing.T) {
			const size = reserveStep + 4096
			fd := unnamed(t, 0)
			require.NoError(t, syscall.Ftruncate(fd, size))
			assert.Zero(t, stat(t, fd).Blocks)
			require.NoError(t, fill(fd, size))
			assert.EqualValues(t, size/512, stat(t, fd).Blocks)
			require.NoError(t, fill(fd, 2*size))
			assert.EqualValues(t, size, stat(t, fd).Size)
		})
	}
}

func TestReadAndWrite(t *testing.T) {
	fd := unnamed(t, 4096)
	require.NoError(t, WriteAt(fd, []byte("written"), 100))
	b, err := ReadAt(fd, 100, 7)
	require.NoError(t, err)
	assert.Equal(t, "written", string(b))

	b, err = ReadAt(fd, 4000, 200)
	require.NoError(t, err)
	assert.Len(t, b, 96, "what there is")
	b, err = ReadAt(fd, 5000, 200)
	require.NoError(t, err)
	assert.Empty(t, b)

	_, err = ReadAt(-1, 0, 1)
	require.ErrorIs(t, err, syscall.EBADF)
	require.ErrorIs(t, WriteAt(-1, []byte{1}, 0), syscall.EBADF)
}

func TestMap(t *testing.T) {
	fd := unnamed(t, 8192)
	writable, err := Map(fd, 8192, true)
	require.NoError(t, err)
	readOnly, err := Map(fd, 4096, false)
	require.NoError(t, err)
	writable[5] = 42
	assert.Equal(t, byte(42), readOnly[5], "shared")
	assert.Len(t, readOnly, 4096)
	require.NoError(t, Unmap(writable))
	require.NoError(t, Unmap(readOnly))

	_, err = Map(-1, 4096, false)
	assert.ErrorIs(t, err, syscall.EBADF)
}

// A lock belongs to the open file description: another one in the same process is another writer.
func TestLock(t *testing.T) {
	name := shm + testkit.Name(t)
	require.NoError(t, os.WriteFile(name, make([]byte, 64), 0o600))
	open := func(writable bool) int {
		fd, err := Open(name, writable)
		require.NoError(t, err)
		t.Cleanup(func() { Close(fd) })
		return fd
	}
	locked := func(fd int) bool {
		held, err := Locked(fd)
		require.NoError(t, err)
		return held
	}
	reader, first, second := open(false), open(true), open(true)
	assert.False(t, locked(reader))

	ok, err := TryLock(first)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.True(t, locked(reader))
	assert.True(t, locked(second))
	assert.False(t, locked(first), "held by itself")

	ok, err = TryLock(second)
	require.NoError(t, err)
	assert.False(t, ok)
	ok, err = TryLock(first)
	require.NoError(t, err)
	assert.True(t, ok, "again")

	fd, err := syscall.Dup(first)
	require.NoError(t, err)
	require.NoError(t, syscall.Close(fd))
	assert.True(t, locked(reader), "closing a duplicate releases nothing")
	fd = open(true)
	Close(fd)
	assert.True(t, locked(reader), "nor does closing another description, as with POSIX locks")

	_, err = TryLock(reader)
	require.Error(t, err, "needs to be writable")
	_, err = Locked(-1)
	require.ErrorIs(t, err, syscall.EBADF)
}

func TestLockEndsWithTheDescription(t *testing.T) {
	name := shm + testkit.Name(t)
	require.NoError(t, os.WriteFile(name, make([]byte, 4096), 0o600))
	fd, err := Open(name, true)
	require.NoError(t, err)
	ok, err := TryLock(fd)
	require.NoError(t, err)
	require.True(t, ok)
	memory, err := Map(fd, 4096, true)
	require.NoError(t, err)
	require.NoError(t, Unmap(memory))
	Close(fd)

	fd, err = Open(name, true)
	require.NoError(t, err)
	defer Close(fd)
	ok, err = TryLock(fd)
	require.NoError(t, err)
	assert.True(t, ok)
}

// Somebody removes every file that has no lock, as quickly as it can, and holds it for a moment before.
func TestCreateLockedBesideASweep(t *testing.T) {
	path, done, swept := shm+testkit.Name(t), make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { swept <- n }()
		for {
			select {
			case <-done:
				return
			default:
			}
			fd, err := Open(path, true)
			if err != nil {
				continue
			}
			opened, _ := Stat(fd)
			ok, _ := TryLock(fd)
			if named, err := StatName(path); ok && err == nil && named.Inode == opened.Inode {
				runtime.Gosched()
				_ = Unlink(path)
				n++
			}
			Close(fd)
		}
	}()
	for range 2000 {
		fd, err := CreateLocked(path, 0o600)
		if !assert.NoError(t, err) {
			break
		}
		assert.NoError(t, Unlink(path))
		Close(fd)
	}
	close(done)
	t.Logf("%d were removed before they were locked", <-swept)
}

func TestFree(t *testing.T) {
	free, err := Free(shm)
	require.NoError(t, err)
	assert.NotZero(t, free)
	_, err = Free(shm + testkit.Name(t))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFreeOfAFileSystemWithoutLimit(t *testing.T) {
	require.NoError(t, testkit.StartWith(t, "free", testkit.OwnMounts(t)).Wait())
}

func TestReadDir(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
	names, err := ReadDir(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, names)
	_, err = ReadDir(filepath.Join(dir, "c"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFutex(t *testing.T) {
	const forever = 30 * time.Second
	var word uint32
	var asleep atomic.Uint32

	start := time.Now()
	require.NoError(t, FutexWait(&word, 1, forever), "the word has another value")
	require.Less(t, time.Since(start), forever/2)

	start = time.Now()
	require.NoError(t, FutexWait(&word, 0, 2*time.Millisecond))
	assert.GreaterOrEqual(t, time.Since(start), 2*time.Millisecond)

	done := make(chan time.Duration)
	for range 2 {
		go func() {
			start := time.Now()
			asleep.Add(1)
			for atomic.LoadUint32(&word) == 0 {
				assert.NoError(t, FutexWait(&word, 0, forever))
			}
			done <- time.Since(start)
		}()
	}
	require.Eventually(t, func() bool { return asleep.Load() == 2 }, forever, time.Millisecond)
	atomic.StoreUint32(&word, 1)
	require.NoError(t, FutexWake(&word))
	assert.Less(t, <-done, forever/2)
	assert.Less(t, <-done, forever/2, "all are woken")
}

// That it is a barrier for others is shown in package segment, where a wake-up depends on it.
func TestBarrier(t *testing.T) {
	require.NoError(t, RegisterBarrier())
	require.NoError(t, Barrier())
}

func TestBoottime(t *testing.T) {
	first := Boottime()
	b, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	second := Boottime()
	assert.NotZero(t, first)
	assert.GreaterOrEqual(t, second, first)
	var uptime float64
	_, err = fmt.Sscan(string(b), &uptime)
	require.NoError(t, err)
	assert.InDelta(t, uptime, float64(second)/1e9, 1)
}

func TestSleep(t *testing.T) {
	for _, d := range []time.Duration{time.Microsecond, 50 * time.Microsecond, 500 * time.Microsecond} {
		start := time.Now()
		for range 20 {
			Sleep(d)
		}
		assert.GreaterOrEqual(t, time.Since(start), 10*d, "a signal may cut short a few")
	}
}

// The command's name stands in the middle of what is parsed, and may hold anything.
func TestStartTime(t *testing.T) {
	if testkit.Emulated() {
		t.Skip("the emulator makes up the file, differently for each thread")
	}
	before, err := StartTime(os.Getpid())
	require.NoError(t, err)
	assert.NotZero(t, before)

	comm, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	for _, name := range []string{"a b c", ") R 1 (x", "((()))", ")"} {
		require.NoError(t, os.WriteFile("/proc/self/comm", []byte(name), 0o600))
		during, err := StartTime(os.Getpid())
		require.NoError(t, err)
		assert.Equal(t, before, during, name)
	}
	require.NoError(t, os.WriteFile("/proc/self/comm", []byte(strings.TrimSpace(string(comm))), 0o600))

	parent, err := StartTime(os.Getppid())
	require.NoError(t, err)
	assert.LessOrEqual(t, parent, before)
	_, err = StartTime(math.MaxInt32)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
