package hugepages_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
)

// needPool ends a test on a machine that has not so many huge pages of 2 MiB to reserve, and no right to mount.
func needPool(t *testing.T, pages uint64) {
	t.Helper()
	if testkit.Emulated() {
		t.Skip("the pages of an emulated program are not its own")
	}
	if os.Geteuid() != 0 {
		testkit.Require(t, "hugetlbfs", "only root mounts a hugetlbfs")
	}
	for _, p := range hugepages.Pools() {
		if p.PageBytes == huge && p.Available() >= pages {
			return
		}
	}
	testkit.Require(t, "hugetlbfs", fmt.Sprintf("%d huge pages of 2 MiB are not there: ringctl hugepages --reserve %[1]d", pages))
}

// onHugetlbfs runs a role with a hugetlbfs of its own, of so many pages that nobody else can take.
func onHugetlbfs(t *testing.T, pages int, role string, args ...string) *testkit.Process {
	t.Helper()
	needPool(t, uint64(pages))
	options := fmt.Sprintf("pagesize=2M,mode=1777,size=%dM,min_size=%[1]dM", 2*pages)
	dir, err := os.MkdirTemp("", "h") //nolint:usetesting // t.TempDir is too long for a text of limited size
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.Remove(dir) })
	return testkit.StartWith(t, role, testkit.OwnMounts(t), append([]string{dir, options}, args...)...)
}

// mountHuge leaves this process the hugetlbfs of the first two arguments, and a tmpfs without huge pages.
func mountHuge(args []string) error {
	if err := testkit.MountHugetlbfs(args[0], args[1]); err != nil {
		return err
	}
	return testkit.MountShm("size=16m")
}

// The kernel says that the slots lie on huge pages, in both processes, and a
// program from before the ring finds its record where it always was.
func TestRingOnHugetlbfs(t *testing.T) {
	for _, policy := range []hugepages.Policy{hugepages.Require, hugepages.Prefer} {
		t.Run(policy.String(), func(t *testing.T) {
			p := onHugetlbfs(t, 4, "on hugetlbfs", policy.String())
			var got obtained
			require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
			require.NoError(t, p.Wait())
			want := hugepages.Report{Backing: "hugetlbfs", PageBytes: huge, HugeBytes: 4 * huge}
			assert.Equal(t, obtained{want, want}, got)
			assert.Equal(t, "hugetlbfs, 2048 KiB pages", want.String())
		})
	}
}

func TestHugetlbfsRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		pages int
		args  []string // policy, slots, page size, texts of the error
	}{
		"too few pages":       {2, []string{"require", "262144", "0", "has room for 2 pages of 2M, 4 wanted: as root: umount "}},
		"absurdly few pages":  {1, []string{"require", "1099511627776", "0", "pages of 2M free, 16777216 wanted: as root: ringctl hugepages --reserve 167772"}},
		"another page size":   {1, []string{"require", "65536", "4096", "this machine has no huge pages of 4K, but of 2M"}},
		"1 GiB not mounted":   {1, []string{"require", "65536", "1073741824", "no hugetlbfs with pages of 1G is mounted", "--size 1G --mount", "/dev/shm gives huge pages of 2M, not of 1G"}},
		"not this user's":     {1, []string{"require", "65536", "0", "is not writable by user 65534 (it is user 0's, mode 0755)", "as root: chmod 1777 "}},
		"mounted read-only":   {1, []string{"require", "65536", "0", "is mounted read-only", "as root: mount -o remount,rw "}},
		"full object storage": {4, []string{"require", "262144", "0", "no space left on device"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, onHugetlbfs(t, tc.pages, "refused on hugetlbfs", append([]string{name}, tc.args...)...).Wait())
		})
	}
}

func TestPreferFallsBackFromHugetlbfs(t *testing.T) {
	p := onHugetlbfs(t, 1, "fall back")
	var got obtained
	require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
	require.NoError(t, p.Wait())
	assert.Equal(t, got.Writer, got.Reader)
	assert.Equal(t, "tmpfs", got.Reader.Backing)
	assert.Zero(t, got.Reader.HugeBytes)
	assert.Contains(t, got.Reader.Fallback, "has room for 1 pages of 2M, 2 wanted: as root: umount ")
	assert.Contains(t, got.Reader.Fallback, "; /dev/shm is a tmpfs mounted without huge pages: as root: mount -o remount,huge=advise /dev/shm")
}

// The pages of a segment are its own from the moment it is made: that others take all the rest, or that root
// takes the pool away, is nothing to those who attach it later.
func TestPoolEmptiedAfterCreate(t *testing.T) {
	require.NoError(t, onHugetlbfs(t, 2, "emptied").Wait())
}

// Whatever point of its creation or life a writer is killed at, what it leaves in both places is removed by the next
// create, takeover or removal; and a takeover keeps what belongs to the segment.
func TestKilledOnHugetlbfs(t *testing.T) {
	for _, next := range []string{"create", "takeover", "rm"} {
		t.Run(next, func(t *testing.T) {
			require.NoError(t, onHugetlbfs(t, 4, "killed", next).Wait())
		})
	}
}

// A header is whoever's who may write to the object: what it says of the ring file is believed only if it can be
// nothing else.
func TestHostileRingFile(t *testing.T) {
	require.NoError(t, onHugetlbfs(t, 2, "hostile").Wait())
}

// A ring file that is cut short under a reader is an error, like an object that is.
func TestRingFileTruncated(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector touches the memory from C, where a fault cannot be recovered from")
	}
	require.NoError(t, onHugetlbfs(t, 2, "truncated").Wait())
}

// A user without any right to huge pages reads a ring that has them.
func TestReaderOfAnotherUser(t *testing.T) {
	p := onHugetlbfs(t, 2, "other user")
	var got hugepages.Report
	require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
	require.NoError(t, p.Wait())
	assert.Equal(t, hugepages.Report{Backing: "hugetlbfs", PageBytes: huge, HugeBytes: huge}, got)
}

// With no privilege, no hugetlbfs and a /dev/shm without huge pages, all goes on as well, and says so.
func TestWithoutPrivileges(t *testing.T) {
	p := testkit.StartWith(t, "unprivileged", testkit.OwnMounts(t))
	var got obtained
	require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
	require.NoError(t, p.Wait())
	assert.Equal(t, os.Getpagesize(), got.Reader.PageBytes)
	assert.True(t, strings.HasPrefix(got.Reader.Fallback, "no hugetlbfs with pages of 2M is mounted"), got.Reader.Fallback)
}

// ringFiles are the names in a hugetlbfs.
func ringFiles(dir string) []string {
	all, _ := filepath.Glob(filepath.Join(dir, "*"))
	return all
}

func expect(what string, got, want any) error {
	if !assert.ObjectsAreEqual(want, got) {
		return fmt.Errorf("%s: %v, not %v", what, got, want)
	}
	return nil
}

var errno = map[string]error{
	"too few pages": syscall.ENOSPC, "absurdly few pages": syscall.ENOSPC, "not this user's": syscall.EACCES,
	"mounted read-only": syscall.EROFS, "1 GiB not mounted": syscall.ENODEV, "another page size": syscall.ENODEV,
	"full object storage": syscall.ENOSPC,
}
