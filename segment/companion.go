package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/sys"
)

// Companions are the files that belong to a segment beside its object: the doorbell, in the same place, and the ring
// file, on a hugetlbfs. Their names carry the time at which the segment was created, which tells those of one
// segment from those of the next of its name.
//
// They get their names before the object does, so a creation that is killed may leave them behind. Its process
// holds the lock of each for as long as it lives; one that nobody has locked, and that the object of the
// name does not call its own, is nobody's any more, and [sweep] removes it.
const (
	doorbellSuffix = ".bell"
	ringSuffix     = ".ring"
)

// companionName is the name, or path, of a companion of the segment of a name without its slash, or a path.
func companionName(segment string, created uint64, suffix string) string {
	return fmt.Sprintf("%s.%016x%s", segment, created, suffix)
}

// companionError says that a companion is what an error is about.
type companionError struct {
	kind, path string
	err        error
}

func (e *companionError) Error() string { return fmt.Sprintf("%s %s: %v", e.kind, e.path, e.err) }
func (e *companionError) Unwrap() error { return e.err }

// hint says what to do next, where that is another thing than for the object.
func (e *companionError) hint() string {
	is := func(causes ...error) bool {
		return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(e.err, cause) })
	}
	switch {
	case e.kind == ringKind && is(syscall.ENOSPC):
		return "its hugetlbfs has too few pages left: ringctl hugepages shows them"
	case e.kind == ringKind && is(syscall.EROFS):
		return "its hugetlbfs is mounted read-only, which is enough to read alone"
	case e.kind == doorbellKind && is(fs.ErrPermission, ErrNotRegular, ErrTruncated, ErrNotSegment, syscall.ELOOP, syscall.EISDIR, syscall.ENXIO):
		return "something else has its name: have whoever put it there, or root, remove that"
	}
	return ""
}

const (
	doorbellKind = "doorbell"
	ringKind     = "ring file"
)

// companion is a file that was found.
type companion struct {
	path    string
	created uint64
}

// companions finds all that bear the name of a segment.
func companions(name string) (found []companion) {
	look := func(dir, suffix string) {
		names, _ := sys.ReadDir(dir)
		for _, n := range names {
			middle, ok := strings.CutPrefix(n, strings.TrimPrefix(name, "/")+".")
			middle, is := strings.CutSuffix(middle, suffix)
			if created, err := strconv.ParseUint(middle, 16, 64); ok && is && len(middle) == 16 && err == nil {
				found = append(found, companion{filepath.Join(dir, n), created})
			}
		}
	}
	look(Dir, doorbellSuffix)
	all, _ := hugepages.Mounts()
	for _, m := range all {
		look(m.Dir, ringSuffix)
	}
	return found
}

// sweep removes what crashed creations of a segment have left behind. What this user may not remove stays.
func sweep(name string) {
	for _, c := range companions(name) {
		c.removeIfLeft(name)
	}
}

func (c companion) removeIfLeft(name string) {
	fd, err := sys.Open(c.path, true)
	if err != nil {
		return
	}
	defer sys.Close(fd)
	// With the lock in hand its creator is dead: if it gave the object its name, that can be seen now.
	if locked, _ := sys.TryLock(fd); !locked {
		return // in use
	}
	if named, _ := sys.IsNamed(fd, c.path); !named {
		return // removed meanwhile by another who had the lock
	}
	s, err := attachHeader(name)
	if err == nil {
		left := s.geometry.Created != c.created
		_ = s.Close()
		if !left {
			return
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return
	}
	_ = sys.Unlink(c.path)
}
