package hugepages

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machine is a made-up one with two pools, and with what is mounted.
func machine(mounts ...string) fstest.MapFS {
	tree := fstest.MapFS{"proc/self/mountinfo": {Data: []byte(strings.Join(mounts, "\n"))}}
	for name, text := range map[string]string{
		"2048kB/nr_hugepages": "512", "2048kB/free_hugepages": "500", "2048kB/resv_hugepages": "100",
		"2048kB/surplus_hugepages": "12", "2048kB/nr_overcommit_hugepages": "20",
		"1048576kB/nr_hugepages": "4", "1048576kB/free_hugepages": "3",
	} {
		tree["sys/kernel/mm/hugepages/hugepages-"+name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	tree["sys/kernel/mm/hugepages/other"] = &fstest.MapFile{}
	return tree
}

const (
	mount2M = "26 24 0:24 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M"
	mount1G = "27 24 0:25 / /mnt/huge rw - hugetlbfs hugetlbfs rw,uid=1000,gid=100,mode=1770,pagesize=1024M,size=4194304K,min_size=2097152K"
)

func TestPoolsIn(t *testing.T) {
	pools := PoolsIn(machine())
	assert.Equal(t, []Pool{
		{PageBytes: 2 << 20, Total: 512, Free: 500, Reserved: 100, Surplus: 12, Overcommit: 20},
		{PageBytes: 1 << 30, Total: 4, Free: 3},
	}, pools)
	assert.EqualValues(t, 400, pools[0].Available())
	assert.EqualValues(t, 8, pools[0].OnDemand())
	assert.EqualValues(t, 3, pools[1].Available())
	assert.Zero(t, Pool{Free: 1, Reserved: 2, Surplus: 2, Overcommit: 1}.Available(), "read at different moments")
	assert.Zero(t, Pool{Surplus: 2, Overcommit: 1}.OnDemand())
	assert.Empty(t, PoolsIn(fstest.MapFS{}))
}

func TestMountsIn(t *testing.T) {
	found, err := MountsIn(machine(mount1G, mount2M, "28 24 0:26 / /dev/shm rw - tmpfs tmpfs rw", ""))
	require.NoError(t, err)
	assert.Equal(t, []Mount{
		{Dir: "/dev/hugepages", PageBytes: 2 << 20, Mode: 0o755},
		{Dir: "/mnt/huge", PageBytes: 1 << 30, SizeBytes: 4 << 30, MinBytes: 2 << 30, UID: 1000, GID: 100, Mode: fs.ModeSticky | 0o770},
	}, found)
	_, err = MountsIn(fstest.MapFS{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// What there is no file for, and what would help, in numbers.
func TestNewFileSaysWhatIsMissing(t *testing.T) {
	for name, tc := range map[string]struct {
		tree  fs.FS
		n     uint64
		want  Want
		says  string
		errno error
	}{
		"not mounted": {machine(), 64 << 20, Want{Policy: Require},
			"no hugetlbfs with pages of 2M is mounted: as root: ringctl hugepages --mount /dev/hugepages", syscall.ENODEV},
		"not mounted, nor enough": {machine(), 1000 << 20, Want{Policy: Require},
			"no hugetlbfs with pages of 2M is mounted: as root: ringctl hugepages --reserve 612 --mount /dev/hugepages", syscall.ENODEV},
		"another size": {machine(mount2M), 4 << 30, Want{PageBytes: 1 << 30},
			"no hugetlbfs with pages of 1G is mounted: as root: ringctl hugepages --reserve 5 --size 1G --mount /dev/hugepages", syscall.ENODEV},
		"a size that there is not": {machine(mount2M), 4 << 30, Want{PageBytes: 16 << 20},
			"this machine has no huge pages of 16M, but of 2M and 1G", syscall.ENODEV},
		"larger pages are not taken unasked": {machine(mount1G), 64 << 20, Want{},
			"no hugetlbfs with pages of 2M is mounted: as root: ringctl hugepages --mount /dev/hugepages", syscall.ENODEV},
		"less than a page, preferred": {machine(mount2M), 1 << 20, Want{},
			"1048576 bytes are less than a huge page of 2M: more slots", nil},
		"no mount table": {fstest.MapFS{}, 64 << 20, Want{}, "mount table: open proc/self/mountinfo: file does not exist", fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			f, missing := newFile(tc.tree, "x", tc.n, 0o600, tc.want)
			require.Nil(t, f)
			require.NotNil(t, missing)
			assert.Equal(t, "huge pages unavailable: "+tc.says, missing.Error())
			if tc.errno != nil {
				require.ErrorIs(t, missing, tc.errno)
			}
		})
	}
}

func TestBoth(t *testing.T) {
	first := &UnavailableError{Reason: "a", Remedy: "b", PageBytes: 1, Wanted: 2, Free: 3, Err: syscall.ENODEV}
	second := &UnavailableError{Reason: "c", Remedy: "d", Err: syscall.ENOSPC}
	both := second.and(first)
	assert.Equal(t, "a: b; c: d", both.text())
	assert.EqualValues(t, 2, both.Wanted)
	require.ErrorIs(t, both, syscall.ENODEV)
	require.ErrorIs(t, both, syscall.ENOSPC)
	assert.Same(t, second, second.and(nil))
	assert.Same(t, first, first.and(&UnavailableError{Reason: "x", Remedy: "b"}), "mended by the same")
}

func TestSizes(t *testing.T) {
	for text, n := range map[string]uint64{"2M": 2 << 20, "1G": 1 << 30, "1024m": 1 << 30, "2048K": 2 << 20, "4096": 4096, "0": 0, "15T": 15 << 40} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		assert.Equal(t, n, got, text)
	}
	for _, text := range []string{"", "M", "-1", "2 M", "2MB", "1e3", "18446744073709551616", "18014398509481984K"} {
		_, err := ParseSize(text)
		require.ErrorContains(t, err, "is not a size", text)
	}
	for n, text := range map[uint64]string{2 << 20: "2M", 1 << 30: "1G", 3 << 40: "3T", 1000: "1000", 0: "0", 1<<20 + 1024: "1025K"} {
		assert.Equal(t, text, FormatSize(n))
	}
}
