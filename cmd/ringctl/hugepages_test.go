//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
)

const (
	pool2M   = "sys/kernel/mm/hugepages/hugepages-2048kB/"
	pool1G   = "sys/kernel/mm/hugepages/hugepages-1048576kB/"
	node1    = "sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
	mountsIn = "proc/self/mountinfo"
)

// hugeHost is a host with two NUMA nodes, and pages of 2 MiB in its pool.
func hugeHost() fstest.MapFS {
	tree := quietHost.Tree()
	testkit.Change(tree, pool1G+"surplus_hugepages", "0")
	testkit.Change(tree, node1+"nr_hugepages", "256")
	testkit.Change(tree, node1+"surplus_hugepages", "0")
	testkit.Change(tree, "proc/meminfo", "MemTotal:  8388608 kB\nMemFree:  1048576 kB\nMemAvailable:  4194304 kB")
	return tree
}

func hugeJSON(t *testing.T, r result) (s hugeStatus) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &s), r.stdout)
	return s
}

func TestHugePagesOnThisHost(t *testing.T) {
	r := succeed(t, "hugepages")
	assert.Empty(t, r.stderr)
	s := hugeJSON(t, succeed(t, "hugepages", "--json"))
	require.Len(t, s.Pools, len(hugepages.Pools()))
	for i, p := range hugepages.Pools() {
		assert.Equal(t, p.PageBytes, s.Pools[i].PageBytes)
		assert.Regexp(t, `(?m)^`+hugepages.FormatSize(p.PageBytes)+` +\d+ +\d+ +\d+ +\d+$`, r.stdout)
	}
	all, err := hugepages.Mounts()
	require.NoError(t, err)
	require.Len(t, s.Mounts, len(all))
	for i, m := range all {
		assert.Equal(t, m.Dir, s.Mounts[i].Dir)
		assert.NotNil(t, s.Mounts[i].Writable)
		assert.Contains(t, r.stdout, m.Dir)
	}
}

func TestHugePagesShown(t *testing.T) {
	tree := hugeHost()
	testkit.Change(tree, pool2M+"free_hugepages", "100")
	testkit.Change(tree, pool2M+"resv_hugepages", "7")
	testkit.Change(tree, pool2M+"nr_overcommit_hugepages", "9")
	testkit.Change(tree, mountsIn,
		"26 24 0:24 / /mnt/huge rw - hugetlbfs x rw,uid=1,gid=2,mode=1770,pagesize=2M,size=8192K\n"+
			"27 24 0:25 / /mnt/giga ro - hugetlbfs hugetlbfs rw,pagesize=1024M")
	root := copied(t, tree)
	assert.Equal(t, `POOL  TOTAL  FREE  RESERVED  ON DEMAND
2M    512    100   7         9
1G    0      0     0         0

pages of a segment of 65536 slots: 1 of 2M, or 1 of 1G

MOUNT      PAGES  LIMIT  OWNER  MODE  WRITABLE
/mnt/huge  2M     8M     1:2    1770  unknown
/mnt/giga  1G     none   0:0    0755  read-only
`, succeed(t, "hugepages", "--root", root).stdout)

	r := succeed(t, "hugepages", "--json", "--root", root)
	assert.Equal(t, strings.Fields("pools mounts segment_slots segment_bytes unmounted reservation mounted error next"),
		topLevelKeys(t, r.stdout))
	s := hugeJSON(t, r)
	of2M := hugepages.Pool{PageBytes: 2 << 20, Total: 512, Free: 100, Reserved: 7, Overcommit: 9}
	assert.Equal(t, hugePool{of2M, 1}, s.Pools[0])
	var raw struct{ Pools, Mounts []json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &raw))
	assert.Equal(t, strings.Fields("page_bytes total free reserved surplus overcommit segment_pages"),
		topLevelKeys(t, string(raw.Pools[0])))
	assert.JSONEq(t, `{"dir": "/mnt/huge", "page_bytes": 2097152, "size_bytes": 8388608, "min_bytes": 0,
		"read_only": false, "uid": 1, "gid": 2, "mode": "1770", "writable": null}`, string(raw.Mounts[0]))
}

// What is missing is said as a command.
func TestHugePagesMissing(t *testing.T) {
	mounted := func(options string) string { return "26 24 0:24 / /mnt/huge " + options }
	for what, tc := range map[string]struct {
		change func(tree fstest.MapFS)
		next   string
	}{
		"nothing": {func(fstest.MapFS) {}, ""},
		"no mount": {func(tree fstest.MapFS) {
			testkit.Change(tree, mountsIn, "")
		}, "as root: ringctl hugepages --mount /dev/hugepages"},
		"neither": {func(tree fstest.MapFS) {
			testkit.Change(tree, mountsIn, "")
			testkit.Change(tree, pool2M+"nr_hugepages", "0")
			testkit.Change(tree, pool2M+"free_hugepages", "0")
		}, "as root: ringctl hugepages --reserve 64 --mount /dev/hugepages"},
		"all in use": {func(tree fstest.MapFS) {
			testkit.Change(tree, pool2M+"free_hugepages", "0")
		}, "as root: ringctl hugepages --reserve 576"},
		"of 1G": {func(tree fstest.MapFS) {
			testkit.Change(tree, mountsIn, mounted("rw - hugetlbfs x rw,pagesize=1024M"))
		}, "as root: ringctl hugepages --reserve 1 --size 1G"},
		"read-only": {func(tree fstest.MapFS) {
			testkit.Change(tree, mountsIn, mounted("ro - hugetlbfs x rw,pagesize=2M"))
		}, "as root: mount -o remount,rw /mnt/huge"},
		"no pools": {func(tree fstest.MapFS) {
			testkit.Remove(tree, "sys/kernel/mm/hugepages")
		}, "the kernel shows no huge pages (/sys/kernel/mm/hugepages): in a container, look on its host"},
	} {
		t.Run(what, func(t *testing.T) {
			tree := hugeHost()
			tc.change(tree)
			root := copied(t, tree)
			assert.Equal(t, tc.next, hugeJSON(t, succeed(t, "hugepages", "--json", "--root", root)).Next)
			human := succeed(t, "hugepages", "--root", root).stdout
			if tc.next == "" {
				assert.NotContains(t, human, "next:")
			} else {
				assert.True(t, strings.HasSuffix(human, "\nnext: "+tc.next+"\n"), human)
			}
		})
	}
}

func TestReserve(t *testing.T) {
	root := copied(t, hugeHost())
	is := func(file, want string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		assert.Equal(t, want+"\n", string(b))
	}
	says := func(line string, args ...string) {
		t.Helper()
		assert.Equal(t, line+"\n", succeed(t, append([]string{"hugepages", "--root", root, "--reserve"}, args...)...).stdout)
	}
	says("the pool has 1024 pages of 2M (before: 512)", "1024")
	is(pool2M+"nr_hugepages", "1024")
	says("NUMA node 1 has 300 pages of 2M (before: 256)", "300", "--node", "1")
	is(node1+"nr_hugepages", "300")
	is(pool2M+"nr_hugepages", "1024")
	says("the pool has 2 pages of 1G (before: 0)", "2", "--size", "1G")
	is(pool1G+"nr_hugepages", "2")

	s := hugeJSON(t, succeed(t, "hugepages", "--reserve", "0", "--json", "--root", root))
	assert.Equal(t, &reservation{PageBytes: 2 << 20, Before: 1024}, s.Reservation)
	assert.Zero(t, s.Pools[0].Total, "as it is afterwards")
	is(pool2M+"nr_hugepages", "0")
	s = hugeJSON(t, succeed(t, "hugepages", "--reserve", "8", "--node", "1", "--json", "--root", root))
	require.NotNil(t, s.Reservation.Node)
	assert.Equal(t, 1, *s.Reservation.Node)
}

// Pages in use stay until they are released, and are none of those that were asked for.
func TestPagesInUseAreNotCounted(t *testing.T) {
	r := &reservation{PageBytes: 2 << 20, Before: 64, Got: 8, Wanted: 8, Surplus: 5}
	const says = "the pool has 8 pages of 2M (before: 64); 5 more are in use, and go back when they are released"
	assert.Equal(t, says, r.String())
	tree := hugeHost()
	testkit.Change(tree, pool2M+"surplus_hugepages", "12")
	set, surplus, err := poolPages(tree, strings.TrimSuffix(pool2M, "/"))
	require.NoError(t, err)
	assert.Equal(t, []uint64{500, 12}, []uint64{set, surplus})
}

func TestReserveFails(t *testing.T) {
	root := copied(t, hugeHost())
	for what, tc := range map[string]struct {
		args []string
		says []string
	}{
		"no such size": {[]string{"--reserve", "1", "--size", "4M"},
			[]string{"no huge pages of 4M", "next: give a --size that it has: 2M, 1G"}},
		"size 0":       {[]string{"--reserve", "1", "--size", "0"}, []string{"no huge pages of 0"}},
		"no such node": {[]string{"--reserve", "1", "--node", "7"}, []string{"no NUMA node 7"}},
		"size of node": {[]string{"--reserve", "1", "--node", "1", "--size", "1G"}, []string{"no huge pages of 1G"}},
		"more than memory": {[]string{"--reserve", "2561"},
			[]string{"2561 pages of 2M are not in this host: the pool has 512, " +
				"and 4.0 GiB (4294967296 bytes) of memory are left",
				"next: reserve fewer"}},
		"absurdly many": {[]string{"--reserve", "18446744073709551615"}, []string{"are not in this host"}},
	} {
		t.Run(what, func(t *testing.T) {
			args := append([]string{"hugepages", "--root", root}, tc.args...)
			r := ringctl(t, args...)
			assert.Equal(t, 1, r.code)
			assert.Empty(t, r.stdout)
			for _, text := range tc.says {
				assert.Contains(t, r.stderr, text)
			}
			j := ringctl(t, append(args, "--json")...)
			assert.Equal(t, 1, j.code)
			s := hugeJSON(t, j)
			assert.Contains(t, r.stderr, s.Error)
			assert.Contains(t, s.Error, tc.says[0])
			assert.Contains(t, r.stderr, s.Next)
			assert.Nil(t, s.Reservation)
			assert.EqualValues(t, 512, s.Pools[0].Total, "nothing was changed")
		})
	}
}

// stingyKernel answers for the file of a pool: it says before, takes what is written, and then says after.
func stingyKernel(t *testing.T, file, before, after string) (asked <-chan string) {
	t.Helper()
	require.NoError(t, os.Remove(file))
	require.NoError(t, syscall.Mkfifo(file, 0o600))
	written := make(chan string, 1)
	go func() { // each open waits for the other side
		_ = os.WriteFile(file, []byte(before), 0)
		b, _ := os.ReadFile(file)
		_ = os.WriteFile(file, []byte(after), 0)
		written <- string(b)
	}()
	return written
}

func TestKernelGivesFewerPages(t *testing.T) {
	const says, next = "of 300 pages of 2M that were wanted, NUMA node 1 has 260 (before: 256)",
		"memory is fragmented, or in use: as root: echo 1 >/proc/sys/vm/compact_memory, " +
			"or echo 3 >/proc/sys/vm/drop_caches, and try again; " +
			"or reserve at boot, by the kernel's command line: hugepagesz=2M hugepages=1:300"
	for _, asJSON := range []bool{false, true} {
		root := copied(t, hugeHost())
		asked := stingyKernel(t, filepath.Join(root, node1, "nr_hugepages"), "256\n", "260\n")
		args := []string{"hugepages", "--root", root, "--reserve", "300", "--node", "1"}
		if asJSON {
			args = append(args, "--json")
		}
		r := ringctl(t, args...)
		assert.Equal(t, 1, r.code)
		assert.Equal(t, "300\n", <-asked)
		assert.Equal(t, "ringctl: "+says+"\n  next: "+next+"\n", r.stderr)
		if !asJSON {
			assert.Equal(t, "NUMA node 1 has 260 pages of 2M (before: 256)\n", r.stdout)
			continue
		}
		s := hugeJSON(t, r)
		assert.Equal(t, says, s.Error)
		assert.Equal(t, next, s.Next)
		one := 1
		assert.Equal(t, &reservation{PageBytes: 2 << 20, Node: &one, Before: 256, Wanted: 300, Got: 260}, s.Reservation)
	}
}

// Nothing of it is tried by any but root, who is told the very command to give.
func TestHugePagesNeedRoot(t *testing.T) {
	all := hugepages.Pools()
	if len(all) == 0 {
		testkit.Require(t, "hugetlbfs", "the kernel has no huge pages")
	}
	dir := filepath.Join(t.TempDir(), "it's here")
	for _, args := range [][]string{
		{"hugepages", "--reserve", "1", "--size", hugepages.FormatSize(all[0].PageBytes)},
		{"hugepages", "--mount", dir, "--size", hugepages.FormatSize(all[0].PageBytes)},
	} {
		cmd := command(args...)
		cmd.Args[0] = "ringctl" // found by a shell, in a place where sudo may not look
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testkit.Nobody, Gid: testkit.Nobody}}
		}
		r := startCommand(t, cmd).wait(t)
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.stdout)
		assert.Regexp(t, "permission denied|not permitted", r.stderr)
		typed := strings.Replace(strings.Join(args, " "), dir, "'"+strings.Replace(dir, "'", `'\''`, 1)+"'", 1)
		assert.Contains(t, r.stderr, "ringctl: only root may do that: ")
		assert.Contains(t, r.stderr, "next: sudo "+program+" "+typed+"\n")
	}
	assert.NoDirExists(t, dir)
}

func TestMountHugetlbfs(t *testing.T) {
	there := otherMounts(t, "", "size=16m")
	dir := there.dir
	inside := func(path string) string { return filepath.Join("/proc", there.pid, "root", path) }
	refused := func(says, next string, args ...string) {
		t.Helper()
		r := there.ringctl(t, append([]string{"hugepages"}, args...)...)
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, says)
		assert.Contains(t, r.stderr, "next: "+next)
	}
	says := func(line string, args ...string) {
		t.Helper()
		assert.Equal(t, line+"\n", there.succeed(t, append([]string{"hugepages"}, args...)...).stdout)
	}
	says("mounted: "+dir+" with pages of 2M, owner 0:0, mode 1777", "--mount", dir)
	assert.Contains(t, there.succeed(t, "hugepages").stdout, dir)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	says("already mounted: "+dir+" with pages of 2M, owner 0:0, mode 1777", "--mount", link)

	// Where it is mounted, what was asked for is changed, and nothing else.
	s := hugeJSON(t, there.succeed(t, "hugepages", "--mount", dir, "--mode", "0770", "--gid", "7", "--json"))
	assert.Equal(t, &mounted{Dir: dir, PageBytes: 2 << 20, GID: 7, Mode: "0770"}, s.Mounted)
	require.Len(t, s.Mounts, 1)
	assert.Equal(t, "0770", s.Mounts[0].Mode)
	assert.EqualValues(t, 7, s.Mounts[0].GID)
	assert.True(t, *s.Mounts[0].Writable)
	says("already mounted: "+dir+" with pages of 2M, owner 9:7, mode 0770", "--mount", dir, "--uid", "9")

	refused("a tmpfs is mounted there", "give another directory", "--mount", "/dev/shm")
	if len(hugepages.Pools()) > 1 {
		refused("one with pages of 2M is mounted there",
			"give another directory, or first: ringctl hugepages --unmount "+dir, "--mount", dir, "--size", "1G")
	}
	refused("no huge pages of 3M", "give a --size that it has: ", "--mount", dir, "--size", "3M")
	refused("no hugetlbfs is mounted there", "ringctl hugepages shows where", "--unmount", "/dev/shm")
	refused("missing: no such file", "ringctl hugepages shows where", "--unmount", dir+"/missing")

	// A file that nobody has mapped would be gone with its file system.
	file := filepath.Join(dir, "file")
	f, err := os.Create(inside(file))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	refused("files are in it that would be lost, such as file", "ringctl ls lists", "--unmount", dir)
	f, err = os.Open(inside(file))
	require.NoError(t, err)
	require.NoError(t, os.Remove(inside(file)))
	refused("device or resource busy", "end the programs that use it", "--unmount", dir)
	require.NoError(t, f.Close())
	says("unmounted "+dir, "--unmount", link)
	assert.Empty(t, hugeJSON(t, there.succeed(t, "hugepages", "--json")).Mounts)

	made := filepath.Join(dir, "made/for it")
	s = hugeJSON(t, there.succeed(t, "hugepages", "--mount", made, "--mode", "0700", "--uid", "5", "--gid", "6", "--json"))
	assert.Equal(t, &mounted{Dir: made, PageBytes: 2 << 20, New: true, UID: 5, GID: 6, Mode: "0700"}, s.Mounted)
	assert.Equal(t, made, hugeJSON(t, there.succeed(t, "hugepages", "--unmount", made, "--json")).Unmounted)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "made")))
}
