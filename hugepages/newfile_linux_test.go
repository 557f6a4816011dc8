package hugepages

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A folder is as good as a hugetlbfs for all that is decided before the kernel gives pages. These tests give none.

var errPrepared = errors.New("prepared")

func stop(int, uint64) error { return errPrepared }

// folder is a machine with a pool of pages, and with a mount table that says that a folder is a hugetlbfs.
func folder(t *testing.T, pageBytes, free uint64, options string) (tree fstest.MapFS, dir string) {
	dir = t.TempDir()
	pool := fmt.Sprintf("sys/kernel/mm/hugepages/hugepages-%dkB/", pageBytes>>10)
	number := func(n uint64) *fstest.MapFile { return &fstest.MapFile{Data: fmt.Appendf(nil, "%d\n", n)} }
	return fstest.MapFS{
		"proc/self/mountinfo": {Data: fmt.Appendf(nil, "26 24 0:24 / %s rw - hugetlbfs hugetlbfs pagesize=%s,%s", dir, FormatSize(pageBytes), options)},
		pool + "nr_hugepages": number(free), pool + "free_hugepages": number(free),
	}, dir
}

func TestNewFileLooksBeforeItMakesOne(t *testing.T) {
	const page = 2 << 20
	for name, tc := range map[string]struct {
		free    uint64 // pages
		options string
		n       uint64
		says    string
		errno   error
	}{
		"enough":                 {3, "rw", 3 * page, "prepared", errPrepared},
		"enough in the folder":   {3, "rw,size=1G", 3 * page, "prepared", errPrepared},
		"enough without a limit": {1 << 22, "rw", (1 << 22) * page, "prepared", errPrepared}, // whatever the folder has room for
		"read-only":              {3, "ro", page, "is mounted read-only: as root: mount -o remount,rw ", syscall.EROFS},
		"one page short":         {2, "rw", 3 * page, "has 2 of 2 pages of 2M free, 3 wanted: as root: ringctl hugepages --reserve 3", syscall.ENOSPC},
		"more than there can be": {math.MaxUint64 >> 1, "rw", (1<<41 + 1) * page,
			"pages of 2M free, 2199023255553 wanted", syscall.ENOSPC},
		"more than fit into the folder": {1 << 41, "rw,size=1G", 1 << 60, "has room for ", syscall.ENOSPC},
		"as many as can be":             {1 << 41, "rw,size=1G", (1 << 41) * page, "has room for ", syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			tree, dir := folder(t, page, tc.free, tc.options)
			f, missing := newFile(tree, "x", tc.n, 0o600, Want{Policy: Require, Prepare: stop})
			require.Nil(t, f)
			require.ErrorIs(t, missing, tc.errno)
			assert.Contains(t, missing.Error(), tc.says)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, entries, "nothing is left")
		})
	}
	tree, dir := folder(t, page, 3, "rw")
	require.NoError(t, os.Remove(dir))
	_, missing := newFile(tree, "x", page, 0o600, Want{Policy: Require})
	require.ErrorIs(t, missing, syscall.EACCES)
}

func TestWhichPagesAreTaken(t *testing.T) {
	const large = 1 << 30
	tree, _ := folder(t, large, 9, "rw")
	for _, tc := range []struct {
		n     uint64
		want  Want
		taken bool
	}{
		{large, Want{}, true},
		{large - 1, Want{}, false},
		{large - 1, Want{Policy: Require, PageBytes: large}, true},
		{large - 1, Want{PageBytes: large}, false}, // preferred, but less than a page
		{2 * large, Want{PageBytes: 2 << 20}, false},
	} {
		tc.want.Prepare = stop
		_, missing := newFile(tree, "x", tc.n, 0o600, tc.want)
		assert.Equal(t, tc.taken, errors.Is(missing, errPrepared), "%d bytes, pages of %d: %v", tc.n, tc.want.PageBytes, missing)
	}
	small, _ := folder(t, 1<<20, 9, "rw")
	_, missing := newFile(small, "x", 1<<20, 0o600, Want{Policy: Require, Prepare: stop})
	require.ErrorIs(t, missing, errPrepared, "pages below the usual size are taken for less than that")
	unknown := fstest.MapFS{"proc/self/mountinfo": {Data: []byte("26 24 0:24 / /x rw - hugetlbfs hugetlbfs rw")}}
	_, missing = newFile(unknown, "x", 2<<20, 0o600, Want{Policy: Require})
	require.ErrorIs(t, missing, syscall.ENODEV, "a mount that does not say its page size")
	_, missing = newFile(unknown, "x", 2<<20, 0o600, Want{PageBytes: 2 << 20})
	assert.Contains(t, missing.Error(), "no hugetlbfs", "a machine without pools lists none")
	_, missing = newFile(machine(), "x", 2<<20, 0o600, Want{PageBytes: 2 << 20, Policy: Require})
	assert.Contains(t, missing.Error(), "no hugetlbfs", "a size that there is")
}

func TestWhatToReserve(t *testing.T) {
	p := Pool{PageBytes: 2 << 20, Total: 4, Free: 4}
	assert.NotContains(t, reserve(p, 4, "/d"), "--reserve", "as many as there are")
	assert.Contains(t, reserve(p, 5, "/d"), "--reserve 5")
}

func TestReserveOfAnotherPageSize(t *testing.T) {
	f, err := os.CreateTemp("/dev/shm", fmt.Sprintf("tickring-test-%d-", os.Getpid()))
	require.NoError(t, err)
	require.NoError(t, os.Remove(f.Name()))
	defer f.Close()
	fallback, err := Reserve(int(f.Fd()), "/dev/shm", 4<<20, Want{PageBytes: 1 << 30}, nil)
	require.NoError(t, err)
	assert.Contains(t, fallback, "not of 1G")
	fallback, err = Reserve(int(f.Fd()), "/dev/shm", 4<<20, Want{PageBytes: uint64(transparentSize())}, nil)
	require.NoError(t, err)
	assert.NotContains(t, fallback, "not of")
}

func TestUnavailableWithoutAnErrno(t *testing.T) {
	assert.Equal(t, []error{ErrUnavailable}, (&UnavailableError{}).Unwrap())
	plain, first := &UnavailableError{Reason: "a"}, &UnavailableError{Reason: "b"}
	assert.Equal(t, "b; a", plain.and(first).text(), "no remedy is no common one")
}

func TestCorners(t *testing.T) {
	assert.Equal(t, "1024T", FormatSize(1<<50), "there is no larger unit")
	n, err := ParseSize(fmt.Sprintf("%dK", uint64(math.MaxUint64)>>10))
	require.NoError(t, err)
	assert.Equal(t, uint64(math.MaxUint64&^1023), n)
	assert.Equal(t, "Policy(3)", Policy(3).String())
	found, err := MountsIn(machine(strings.Replace(mount1G, "mode=1770", "mode=0755", 1)))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), found[0].Mode)
	assert.Empty(t, PoolsIn(fstest.MapFS{"sys/kernel/mm/hugepages/2048kB/nr_hugepages": {Data: []byte("1")}}))
}
