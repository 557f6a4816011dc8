package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tickring/tickring/internal/mounts"
)

const shm = "/dev/shm"

var named atomic.Int64

// Name returns a name for a segment that no other test and no other process uses. What has it at the
// end of the test is removed, doorbells and ring files included.
func Name(t testing.TB) string {
	t.Helper()
	plain := strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' || c == '/' || c == '.' {
			return '-'
		}
		return c
	}, t.Name())
	name := fmt.Sprintf("/%s%d-%s", ownPrefix(), named.Add(1), plain[:min(len(plain), 80)])
	t.Cleanup(func() {
		for _, object := range Objects(t, name) {
			if err := os.RemoveAll(filepath.Join(shm, object)); err != nil {
				t.Error(err)
			}
		}
		for _, file := range ringFiles(name[1:] + ".") {
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		}
	})
	return name
}

// ringFiles lists the files on a hugetlbfs whose names begin in a way.
func ringFiles(prefix string) (found []string) {
	all, _ := mounts.In(os.DirFS("/"))
	for _, m := range all {
		if m.Type == "hugetlbfs" {
			files, _ := filepath.Glob(filepath.Join(m.Dir, prefix+"*"))
			found = append(found, files...)
		}
	}
	return found
}

// ownPrefix begins all names of this process.
func ownPrefix() string { return fmt.Sprintf("tickring-test-%d-", os.Getpid()) }

// Objects lists the objects in /dev/shm that belong to a segment of [Name]: its own and its doorbells.
func Objects(t testing.TB, name string) []string {
	t.Helper()
	var found []string
	entries, err := os.ReadDir(shm)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if rest, ok := strings.CutPrefix("/"+e.Name(), name); ok && (rest == "" || rest[0] == '.') {
			found = append(found, e.Name())
		}
	}
	return found
}

// withoutLeaks runs tests and returns their exit code, or 1 if they leave something behind.
func withoutLeaks(run func() int) int {
	before := descriptors()
	code := run()
	leaks := 0
	for fd, target := range descriptors() {
		// The Go runtime opens what it polls with when it first needs it.
		if before[fd] != target && !strings.HasPrefix(target, "anon_inode:[event") {
			fmt.Fprintf(os.Stderr, "testkit: file descriptor %s was left open: %s\n", fd, target)
			leaks++
		}
	}
	entries, _ := os.ReadDir(shm)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ownPrefix()) {
			fmt.Fprintf(os.Stderr, "testkit: object was left behind: %s\n", filepath.Join(shm, e.Name()))
			leaks++
		}
	}
	for _, file := range ringFiles(ownPrefix()) {
		fmt.Fprintf(os.Stderr, "testkit: ring file was left behind: %s\n", file)
		leaks++
	}
	if leaks > 0 {
		return max(code, 1)
	}
	return code
}

// descriptors maps the process's open file descriptors to what they are.
func descriptors() map[string]string {
	open := map[string]string{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range links {
		if target, err := os.Readlink(fd); err == nil { // not the one that was reading the directory
			open[fd] = target
		}
	}
	return open
}
