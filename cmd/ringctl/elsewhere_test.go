//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
)

// roles are played by processes of a test that need mounts of their own.
var roles = map[string]func([]string) error{"hold mounts": holdMounts}

// holdMounts has a /dev/shm and a hugetlbfs of its own until the test ends. Arguments: directory and options of the
// hugetlbfs, which may be empty, and options of /dev/shm.
func holdMounts(args []string) error {
	if err := errors.Join(testkit.MountHugetlbfs(args[0], args[1]), testkit.MountShm(args[2])); err != nil {
		return err
	}
	fmt.Println("mounted")
	<-testkit.Stopped()
	return nil
}

// elsewhere is where other things are mounted than here.
type elsewhere struct {
	pid string
	dir string // empty, but for what is mounted there
}

// otherMounts starts an elsewhere.
func otherMounts(t *testing.T, hugeOptions, shmOptions string) elsewhere {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Require(t, "mount", "only root mounts a hugetlbfs")
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		testkit.Require(t, "mount", err.Error())
	}
	dir := t.TempDir()
	p := testkit.StartWith(t, "hold mounts", testkit.OwnMounts(t), dir, hugeOptions, shmOptions)
	require.Equal(t, "mounted", p.Line())
	return elsewhere{strconv.Itoa(p.Cmd.Process.Pid), dir}
}

// onHugetlbfs starts an elsewhere with so many huge pages of 2 MiB that nobody else can take.
func onHugetlbfs(t *testing.T, pages uint64) elsewhere {
	t.Helper()
	for _, p := range hugepages.Pools() {
		if p.PageBytes == 2<<20 && p.Available() >= pages {
			return otherMounts(t, fmt.Sprintf("pagesize=2M,mode=1777,size=%dM,min_size=%[1]dM", 2*pages), "size=16m")
		}
	}
	testkit.Require(t, "hugetlbfs", fmt.Sprintf("%d huge pages of 2 MiB: ringctl hugepages --reserve %[1]d", pages))
	return elsewhere{}
}

func (e elsewhere) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", e.pid, "-m", "--", program}, args...)...)
}

func (e elsewhere) ringctl(t *testing.T, args ...string) result {
	t.Helper()
	return startCommand(t, e.command(args...)).wait(t)
}

func (e elsewhere) succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := e.ringctl(t, args...)
	require.Equal(t, 0, r.code, "ringctl %v: %s", args, r.stderr)
	return r
}

func (e elsewhere) stat(t *testing.T, name string) (s status) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.succeed(t, "stat", "--name", name, "--json").stdout), &s))
	return s
}

// files are the paths of what is in the hugetlbfs.
func (e elsewhere) files(t *testing.T) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", e.pid, "root", e.dir))
	require.NoError(t, err)
	for _, f := range entries {
		paths = append(paths, filepath.Join(e.dir, f.Name()))
	}
	return paths
}

// startSlow is like the function of that name.
func (e elsewhere) startSlow(t *testing.T, name string, args ...string) *process {
	t.Helper()
	data, err := filepath.Abs(testkit.DataFile(t, iexFile))
	require.NoError(t, err)
	p := startCommand(t, e.command(append([]string{"replay", "--name", name, "--speed", "0.00001", data}, args...)...))
	require.Eventually(t, func() bool {
		var s status
		r := e.ringctl(t, "stat", "--name", name, "--json")
		return r.code == 0 && json.Unmarshal([]byte(r.stdout), &s) == nil && s.Head == 1
	}, patience, time.Millisecond)
	return p
}
