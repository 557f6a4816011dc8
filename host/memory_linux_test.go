package host

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

// mapped maps n bytes that nobody has touched; of a file in /dev/shm if shared.
func mapped(t testing.TB, n int, shared bool) []byte {
	t.Helper()
	fd, flags := -1, syscall.MAP_PRIVATE|syscall.MAP_ANON
	if shared {
		var err error
		fd, err = sys.OpenUnnamed("/dev/shm", 0o600)
		require.NoError(t, err)
		defer sys.Close(fd)
		require.NoError(t, sys.Resize(fd, uint64(n)))
		flags = syscall.MAP_SHARED
	}
	b, err := syscall.Mmap(fd, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Munmap(b)) })
	return b
}

func locked(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	return lockedBytes(string(status))
}

func TestLockAndUndo(t *testing.T) {
	for _, shared := range []bool{false, true} {
		b := mapped(t, 1<<20, shared)
		before := locked(t)
		l, err := Lock(b)
		if errors.Is(err, ErrLockLimit) {
			testkit.Require(t, "memlock", err.Error())
		}
		require.NoError(t, err)
		assert.Equal(t, uint64(len(b)), locked(t)-before)
		assert.Zero(t, absent(t, b), "all there")
		require.NoError(t, l.Undo())
		assert.Equal(t, before, locked(t))
	}
	_, err := Lock(nil)
	assert.Error(t, err)
}

// absent is how much of b is not mapped in; as far as the kernel tells.
func absent(t *testing.T, b []byte) uint64 {
	t.Helper()
	p, err := PagesOf(b)
	if _, refused := errors.AsType[*NodeError](err); refused {
		testkit.Require(t, "numa", err.Error())
	}
	require.NoError(t, err)
	return p.Absent
}

func TestPrefault(t *testing.T) {
	for _, writable := range []bool{false, true} {
		b := mapped(t, 1<<20, true)
		b[5] = 77
		assert.Equal(t, uint64(len(b)-os.Getpagesize()), absent(t, b))
		require.NoError(t, Prefault(b, writable))
		assert.Zero(t, absent(t, b))
		assert.Equal(t, byte(77), b[5])
	}
	require.NoError(t, Prefault(nil, true))
}

func TestLockSaysTheLimit(t *testing.T) {
	p := testkit.Start(t, "small limit")
	require.NoError(t, p.Wait())
}

// smallLimitRole locks what fits into a limit of 64 KiB, and what does not.
func smallLimitRole([]string) error {
	if os.Geteuid() == 0 {
		if err := testkit.BecomeNobody(); err != nil {
			return err
		}
	}
	limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(8, &limit); err != nil { // RLIMIT_MEMLOCK
		return err
	}
	b, err := syscall.Mmap(-1, 0, 1<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return err
	}
	if _, err := Lock(b[:32<<10]); err != nil {
		return err
	}
	_, err = Lock(b[32<<10:])
	e, ok := errors.AsType[*LockError](err)
	if !ok || !errors.Is(err, ErrLockLimit) || !errors.Is(err, syscall.ENOMEM) || e.Limit != 64<<10 || e.Locked != 32<<10 || e.Bytes != 992<<10 {
		return fmt.Errorf("not what was to be locked, and the limit: %w", err)
	}
	for _, text := range []string{"65536 bytes, of which 32768 are locked", "LimitMEMLOCK=infinity", "CAP_IPC_LOCK"} {
		if !strings.Contains(err.Error(), text) {
			return fmt.Errorf("%w: does not say %q", err, text)
		}
	}
	return Prefault(b, true) // goes without
}

func TestLockErrors(t *testing.T) {
	e := &LockError{Bytes: 1 << 20, Locked: 4096, Limit: 64 << 10, Hard: 8 << 20, Reason: ErrLockLimit, Err: syscall.ENOMEM}
	assert.Contains(t, e.Error(), "ulimit -l 1028 in the shell", "within the hard limit")
	e.Reason = nil
	assert.Equal(t, "host: lock 1048576 bytes: cannot allocate memory", e.Error(), "nothing is mapped there")
	assert.EqualValues(t, 13844<<10, lockedBytes("VmSize:\t 3 kB\nVmLck:\t   13844 kB\n"))
	assert.Zero(t, lockedBytes(""))
}

func TestBindAndPagesOf(t *testing.T) {
	topology, err := ReadTopology()
	require.NoError(t, err)
	if len(topology.Nodes) == 0 {
		testkit.Require(t, "numa", "the kernel shows no NUMA nodes")
	}
	for _, shared := range []bool{false, true} {
		for _, touched := range []bool{false, true} {
			b := mapped(t, 64*os.Getpagesize(), shared)
			b = b[:len(b)-7] // need not end with a page
			if touched {
				require.NoError(t, Prefault(b, true))
			}
			node := topology.Nodes[0]
			err := Bind(b, node)
			if errors.Is(err, ErrForbidden) || errors.Is(err, errors.ErrUnsupported) {
				testkit.Require(t, "numa", err.Error())
			}
			require.NoError(t, err)
			require.NoError(t, Prefault(b, true))
			p, err := PagesOf(b)
			require.NoError(t, err)
			assert.Equal(t, Pages{ByNode: map[int]uint64{node: uint64(len(b))}}, p)
		}
	}
	b := mapped(t, os.Getpagesize(), true)
	assert.ErrorIs(t, Bind(b, -5), ErrNoNode)
	for _, node := range []int{1000, 5000} {
		err := Bind(b, node)
		assert.ErrorIs(t, err, ErrNoNode)
		assert.ErrorContains(t, err, fmt.Sprintf("host: bind to node %d", node))
	}
	assert.Error(t, Bind(nil, 0))
	if err := Bind(mapped(t, 2*os.Getpagesize(), true)[8:], topology.Nodes[0]); assert.ErrorIs(t, err, syscall.EINVAL) {
		assert.NotErrorIs(t, err, ErrNoNode, "it does not begin at a page")
	}
}

func TestPagesOfMuch(t *testing.T) {
	b := mapped(t, 5000*os.Getpagesize(), false)
	require.NoError(t, Prefault(b[4500*os.Getpagesize():], true))
	assert.EqualValues(t, 4500*os.Getpagesize(), absent(t, b), "in several batches")
}

func TestNodeErrors(t *testing.T) {
	for errno, tc := range map[syscall.Errno]struct {
		reason error
		says   string
	}{
		syscall.EPERM:  {ErrForbidden, "--cap-add SYS_NICE"},
		syscall.ENOSYS: {errors.ErrUnsupported, "this kernel knows no NUMA"},
		syscall.EINVAL: {ErrNoNode, "no such NUMA node"},
		syscall.ENOMEM: {syscall.ENOMEM, "host: bind to node 3: cannot allocate memory"},
	} {
		err := nodeError("bind to", 3, errno)
		assert.ErrorIs(t, err, tc.reason)
		assert.ErrorIs(t, err, errno)
		assert.ErrorContains(t, err, tc.says)
	}
	assert.Equal(t, "4096 bytes on node 0, 8192 bytes on node 2, 5 bytes not there yet",
		Pages{ByNode: map[int]uint64{2: 8192, 0: 4096}, Absent: 5}.String())
}
