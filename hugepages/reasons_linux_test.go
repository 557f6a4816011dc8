package hugepages

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

// onMachine makes a test see the files of another machine.
func onMachine(t *testing.T, files map[string]string) {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	defer func(before fs.FS) { t.Cleanup(func() { sys.Root = before }) }(sys.Root)
	sys.Root = tree
}

const (
	mountTable = "proc/self/mountinfo"
	pageSize   = "sys/kernel/mm/transparent_hugepage/hpage_pmd_size"
)

func TestTransparentSize(t *testing.T) {
	for text, want := range map[string]int{"4194304\n": 4 << 20, "none\n": 2 << 20, "": 2 << 20} {
		onMachine(t, map[string]string{pageSize: text})
		assert.Equal(t, want, transparentSize(), text)
	}
	onMachine(t, nil)
	assert.Equal(t, 2<<20, transparentSize())
}

func TestWhyNotFromATmpfs(t *testing.T) {
	const page, dir = 2 << 20, "/nowhere"
	tmpfs := func(options, enabled string) map[string]string {
		return map[string]string{
			mountTable: fmt.Sprintf("26 24 0:24 / %s rw - tmpfs tmpfs rw%s", dir, options), shmemEnabledFile: enabled, pageSize: fmt.Sprint(page),
		}
	}
	for name, tc := range map[string]struct {
		files map[string]string
		n     uint64
		says  string
		cause error
	}{
		"no mount table":       {map[string]string{}, page, "cannot be read", fs.ErrNotExist},
		"nothing is there":     {map[string]string{mountTable: ""}, page, "nothing is mounted", ErrUnavailable},
		"denied":               {tmpfs(",huge=always", "always [deny] force"), page, "denied", ErrUnavailable},
		"no option":            {tmpfs("", "[never]"), page, "without huge pages", ErrUnavailable},
		"never":                {tmpfs(",huge=never", "[never]"), page, "without huge pages", ErrUnavailable},
		"never, but forced":    {tmpfs(",huge=never", "[force]"), page - 1, "less than a huge page", ErrUnavailable},
		"none, but forced":     {tmpfs("", "[force]"), page - 1, "less than a huge page", ErrUnavailable},
		"less than a page":     {tmpfs(",huge=always", "[never]"), page - 1, "less than a huge page", ErrUnavailable},
		"one page, on nothing": {tmpfs(",huge=always", "[never]"), page, "has 0 bytes left", syscall.ENOENT},
	} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, tc.files)
			missing := reserveHuge(-1, dir, tc.n, Want{})
			require.ErrorIs(t, missing, tc.cause)
			assert.Contains(t, missing.Error(), tc.says)
		})
	}
}

// What cannot be sized, or mapped, has no huge pages.
func TestAFileThatTheKernelRefuses(t *testing.T) {
	dir := t.TempDir()
	onMachine(t, map[string]string{
		mountTable: fmt.Sprintf("26 24 0:24 / %s rw - tmpfs tmpfs rw,huge=always", dir), pageSize: "4096",
	})
	missing := reserveHuge(-1, dir, 4096, Want{})
	require.ErrorIs(t, missing, syscall.EBADF)
	assert.Contains(t, missing.Error(), "cannot be made 4096 bytes long")
	file, err := os.Create(dir + "/file")
	require.NoError(t, err)
	defer file.Close()
	testkit.CanIntercept(t)
	require.NoError(t, testkit.Intercept(func() error { missing = reserveHuge(int(file.Fd()), dir, 4096, Want{}); return nil },
		func(c testkit.Call) syscall.Errno {
			if c.Name == "mmap" {
				return syscall.EXDEV
			}
			return 0
		}))
	require.ErrorIs(t, missing, syscall.EXDEV)
	assert.Contains(t, missing.Error(), "refuses huge pages")
	prepared := Want{Prepare: func(int, uint64) error { return nil }}
	require.ErrorIs(t, prepared.prepare(-1, 4096), syscall.EBADF, "what has no size is not prepared")
}

func TestHalfOnHugePages(t *testing.T) {
	b := make([]byte, 16<<10)
	smaps := func(kB int) map[string]string {
		return map[string]string{pageSize: "4194304", "proc/self/smaps": fmt.Sprintf(
			"%08x-ffffffffffff rw-s 0 0 0 /x\nKernelPageSize: 4 kB\n\nShmemPmdMapped: %d kB\nVmFlags: rd mr\n", address(b), kB)}
	}
	for kB, want := range map[int]int{7: 4 << 10, 8: 4 << 20, 9: 4 << 20} {
		onMachine(t, smaps(kB))
		r, err := Measure(b)
		require.NoError(t, err)
		assert.Equal(t, Report{Backing: "tmpfs", PageBytes: want, HugeBytes: uint64(kB) << 10}, r)
	}
	onMachine(t, map[string]string{"proc/self/smaps": fmt.Sprintf("%08x-ffffffffffff rw-s 0 0 0 /x\nRss: x kB\n", address(b))})
	_, err := Measure(b)
	require.ErrorContains(t, err, `"Rss: x kB"`)
}

// Others may take the pages between the look at the pool and the making of the file.
func TestPagesThatWentMeanwhile(t *testing.T) {
	const page, wanted = 2 << 20, 3
	for free, says := range map[uint64]string{wanted: "control group", wanted - 1: "has 2 of 2 pages of 2M free, 3 wanted"} {
		later, _ := folder(t, page, free, "rw")
		tree, dir := folder(t, page, wanted, "rw")
		defer func(before fs.FS) { sys.Root = before }(sys.Root)
		sys.Root = later
		_, missing := newFile(tree, "x", wanted*page, 0o600, Want{Policy: Require, Prepare: func(int, uint64) error { return syscall.ENOSPC }})
		require.ErrorIs(t, missing, syscall.ENOSPC)
		assert.Contains(t, missing.Error(), says)
		assert.NoFileExists(t, dir+"/x")
	}
}

func TestAFileThatThereIs(t *testing.T) {
	tree, dir := folder(t, 2<<20, 3, "rw")
	require.NoError(t, os.WriteFile(dir+"/x", nil, 0o600))
	_, missing := newFile(tree, "x", 2<<20, 0o600, Want{Policy: Require})
	require.ErrorIs(t, missing, syscall.EEXIST)
	assert.Contains(t, missing.Error(), dir+"/x: file exists")
}

// Where it cannot be asked how much room there is, the attempt tells.
func TestRoomThatIsNotKnown(t *testing.T) {
	testkit.CanIntercept(t)
	tree, _ := folder(t, 2<<20, 3, "rw,size=1G")
	var missing *UnavailableError
	require.NoError(t, testkit.Intercept(func() error {
		_, missing = newFile(tree, "x", 2<<20, 0o600, Want{Policy: Require, Prepare: stop})
		return nil
	}, func(c testkit.Call) syscall.Errno {
		if c.Name == "statfs" {
			return syscall.EXDEV
		}
		return 0
	}))
	require.ErrorIs(t, missing, errPrepared)
}

func TestPoolsOfStrangeNames(t *testing.T) {
	tree, _ := folder(t, 1<<30, 3, "rw")
	tree["sys/kernel/mm/hugepages/hugepages-largekB/nr_hugepages"] = &fstest.MapFile{Data: []byte("5")}
	tree["sys/kernel/mm/hugepages/pages-4kB/nr_hugepages"] = &fstest.MapFile{Data: []byte("5")}
	pools := PoolsIn(tree)
	require.Len(t, pools, 1)
	assert.EqualValues(t, 1<<30, pools[0].PageBytes)
	delete(tree, mountTable)
	tree[mountTable] = &fstest.MapFile{}
	_, missing := newFile(tree, "x", 2<<20, 0o600, Want{Policy: Require})
	assert.Contains(t, missing.Error(), "no hugetlbfs with pages of 2M is mounted", "no size was asked for")
}
