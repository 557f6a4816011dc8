package testkit

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tickring/tickring/internal/mounts"
)

// Holdings are what an operation that failed may not leave behind: descriptors and mappings of files in this
// process, and files in /dev/shm and on each hugetlbfs.
type Holdings struct{ Descriptors, Mappings, Files []string }

// Held is what there is now.
func Held() (h Holdings, err error) {
	for fd, target := range descriptors() {
		// The Go runtime's own are opened when it first needs them.
		if !strings.HasPrefix(target, "anon_inode:[event") && !strings.HasPrefix(target, "/sys/fs/cgroup/") {
			h.Descriptors = append(h.Descriptors, fd+" "+target)
		}
	}
	slices.Sort(h.Descriptors)
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return h, err
	}
	for line := range strings.Lines(string(maps)) {
		if fields := strings.Fields(line); fields[4] != "0" { // an inode
			h.Mappings = append(h.Mappings, strings.TrimSpace(line))
		}
	}
	all, err := mounts.In(os.DirFS("/"))
	if err != nil {
		return h, err
	}
	for _, m := range all {
		if m.Dir != shm && m.Type != "hugetlbfs" {
			continue
		}
		entries, err := os.ReadDir(m.Dir)
		if err != nil {
			return h, err
		}
		for _, e := range entries {
			h.Files = append(h.Files, m.Dir+"/"+e.Name())
		}
	}
	return h, nil
}

// Unchanged says what came or went since.
func (h Holdings) Unchanged() error {
	now, err := Held()
	return errors.Join(err, h.Same(now))
}

// Same says how others differ.
func (h Holdings) Same(now Holdings) error {
	return errors.Join(
		sameLines("descriptors", h.Descriptors, now.Descriptors),
		sameLines("mappings", h.Mappings, now.Mappings),
		sameLines("files", h.Files, now.Files),
	)
}

func sameLines(what string, before, now []string) error {
	var changes []string
	for _, line := range now {
		if !slices.Contains(before, line) {
			changes = append(changes, "left behind: "+line)
		}
	}
	for _, line := range before {
		if !slices.Contains(now, line) {
			changes = append(changes, "gone: "+line)
		}
	}
	if changes == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", what, strings.Join(changes, "; "))
}
