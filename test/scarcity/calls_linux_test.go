package scarcity

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// Each system call of each operation fails, one at a time, with an error that means nothing to the library: the operation
// passes it on, or does without the call, and leaves nothing behind.
func TestEachCallFails(t *testing.T) {
	testkit.CanIntercept(t)
	scene(t, "each call fails")
}

func eachCallFails([]string) error {
	if err := testkit.MountShm("size=16m"); err != nil {
		return err
	}
	return failEachCall(plain, map[string]string{
		"attach":         "openat! fstat! pread64! fstat mmap! openat fstat pread64 fstat mmap",
		"attach a bare":  "openat! fstat! fstat mmap!",
		"arm":            "membarrier!",
		"create":         "newfstatat openat getdents64 openat fstat read openat! fchmod! fallocate! pwrite64! fcntl! fstat mmap! openat! fstat read! clock_gettime membarrier! openat! fchmod! fcntl! fallocate! pwrite64! fstat mmap! linkat!",
		"list":           "openat! getdents64! openat! fstat! openat! fstat! pread64! fstat mmap! fcntl!",
		"lock":           "mlock!",
		"nodes":          "move_pages!",
		"open as writer": "openat! fstat! pread64! membarrier! fcntl! fstat! pread64! fallocate! fstat mmap! openat! fstat read! clock_gettime openat! fstat! pread64! fstat mmap! fstat! newfstatat!",
		"pages":          "openat! read!",
		"replaced":       "fstat! newfstatat!",
		"status":         "fcntl!",
		"unlink":         "openat fstat pread64 fstat mmap unlinkat!",
	})
}

// The same with the slots in a file on a hugetlbfs.
func TestEachCallFailsOnAHugetlbfs(t *testing.T) {
	testkit.CanIntercept(t)
	onHugetlbfs(t, "each call fails on a hugetlbfs")
}

func eachCallFailsOnAHugetlbfs(args []string) error {
	if err := errors.Join(testkit.MountHugetlbfs(args[0], "pagesize=2M,mode=1777"), testkit.MountShm("size=16m")); err != nil {
		return err
	}
	return failEachCall(segment.Options{Pages: hugepages.Require, Doorbell: true}, map[string]string{
		"attach":         "openat! fstat! pread64! fstat mmap! openat! fstat! fstatfs! openat! fstat mmap! openat fstat pread64 fstat mmap",
		"open as writer": "openat! fstat! pread64! membarrier! fcntl! fstat! pread64! fallocate! fstat mmap! openat! fstat read! clock_gettime openat! fstat! fstatfs! openat! fallocate! fstat mmap! openat! fstat! pread64! fstat mmap! fstat! newfstatat!",
		"unlink":         "openat fstat pread64 fstat mmap unlinkat! openat! fstat! fstatfs! openat! unlinkat!",
		"lock":           "mlock!",
	})
}

// failEachCall does so with segments that are made with some options. The calls of operations are told in their order, one
// for those of a kind in a row, up to the last that matters; the error of one with an exclamation mark is passed on.
func failEachCall(options segment.Options, told map[string]string) error {
	var wrong error
	for _, what := range slices.Sorted(maps.Keys(calling)) {
		var all []string
		for at := 0; ; at++ {
			call, err, broken := failCall(calling[what], options, at)
			if broken != nil {
				return fmt.Errorf("%s, where call %d, %s, fails: %w: %w", what, at, call, err, broken)
			}
			if call == "" {
				wrong = errors.Join(wrong, err)
				break
			}
			if errors.Is(err, syscall.EXDEV) {
				call += "!"
			} else if err != nil {
				call += "?" // told as another
			}
			all = append(all, call)
		}
		want, ok := told[what]
		is := strings.Join(slices.Compact(all), " ")
		if rest, begins := strings.CutPrefix(is, want); ok && (!begins || strings.ContainsAny(rest, "!?")) {
			wrong = errors.Join(wrong, fmt.Errorf("%s: is\n%s, not\n%s", what, is, want))
		}
	}
	return wrong
}

// calling are operations on a segment that is there, and open, but for create.
var calling = map[string]func(o segment.Options, s *segment.Segment) error{
	"create": func(o segment.Options, _ *segment.Segment) error {
		return closed(segment.Create("/another", shape(1<<16), o))
	},
	"attach":         func(segment.Options, *segment.Segment) error { return closed(segment.Attach(name)) },
	"attach a bare":  func(segment.Options, *segment.Segment) error { return closed(segment.AttachBare("/bare")) },
	"open as writer": func(segment.Options, *segment.Segment) error { return closed(segment.OpenWriter(name)) },
	"unlink":         func(segment.Options, *segment.Segment) error { return segment.Unlink(name) },
	"list": func(segment.Options, *segment.Segment) error {
		found, err := segment.List()
		for _, e := range found {
			err = errors.Join(err, e.Err)
		}
		return err
	},
	"status":   func(_ segment.Options, s *segment.Segment) error { _, err := s.Status(); return err },
	"replaced": func(_ segment.Options, s *segment.Segment) error { _, err := s.Replaced(); return err },
	"pages":    func(_ segment.Options, s *segment.Segment) error { _, err := s.Pages(); return err },
	"nodes":    func(_ segment.Options, s *segment.Segment) error { _, err := s.Nodes(); return err },
	"lock":     func(_ segment.Options, s *segment.Segment) error { return s.Lock() },
	"arm":      func(_ segment.Options, s *segment.Segment) error { _, err := s.Arm(); return err },
}

// failCall does an operation, of which one call fails: the one that is returned, if there are so many. What is broken then
// is told apart from the error of the operation.
func failCall(do func(segment.Options, *segment.Segment) error, o segment.Options, at int) (failed string, err, broken error) {
	if err := errors.Join(makeOne(name, 1<<16, o), bare()); err != nil {
		return "", nil, err
	}
	s, err := segment.Attach(name)
	if err != nil {
		return "", nil, err
	}
	before, err := testkit.Held()
	if err != nil {
		return "", nil, err
	}
	calls := 0
	err = testkit.Intercept(func() error { return do(o, s) }, func(c testkit.Call) syscall.Errno {
		if c.Name == "nanosleep" { // the Go runtime's
			return 0
		}
		if calls++; calls-1 == at {
			failed = c.Name
			return syscall.EXDEV
		}
		return 0
	})
	now, broken := testkit.Held()
	for _, lines := range [][]string{before.Descriptors, before.Mappings, now.Descriptors, now.Mappings} {
		for i := range lines { // what s has of an object whose name an unlink removed
			lines[i] = strings.TrimSuffix(lines[i], " (deleted)")
		}
	}
	gone := slices.ContainsFunc(before.Files, func(f string) bool { return !slices.Contains(now.Files, f) })
	if err == nil || gone { // it was done, or an unlink in part
		before.Files = now.Files
	}
	broken = errors.Join(broken, before.Same(now))
	if !gone {
		broken = errors.Join(broken, worksOn(name))
	}
	broken = errors.Join(broken, s.Close())
	for _, left := range []string{name, "/another", "/bare"} {
		if e := segment.Unlink(left); !errors.Is(e, syscall.ENOENT) {
			broken = errors.Join(broken, e)
		}
	}
	now, e := testkit.Held()
	if len(now.Files) > 0 {
		e = fmt.Errorf("left behind: %v", now.Files)
	}
	return failed, err, errors.Join(broken, e)
}
