package segment

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
)

// intercept is [testkit.Intercept], where before is told how many calls of the name came before.
func intercept(t *testing.T, fn func() error, before func(c testkit.Call, n int) syscall.Errno) error {
	t.Helper()
	testkit.CanIntercept(t)
	calls := map[string]int{}
	return testkit.Intercept(fn, func(c testkit.Call) syscall.Errno {
		calls[c.Name]++
		return before(c, calls[c.Name]-1)
	})
}

// closing closes what an operation returns.
func closing(s *Segment, err error) error {
	if err != nil {
		return err
	}
	return s.Close()
}

// A doorbell that is not to be had costs a reader no more than the sleep on it, unless the want of files or memory is why.
func TestWhatAReaderDoesWithout(t *testing.T) {
	name, _ := made(t, Options{Doorbell: true})
	for errno, without := range map[syscall.Errno]bool{
		syscall.EACCES: true, syscall.EIO: true, syscall.EMFILE: false, syscall.ENFILE: false, syscall.ENOMEM: false,
	} {
		err := intercept(t, func() error { return closing(Attach(name)) }, func(c testkit.Call, _ int) syscall.Errno {
			if c.Name == "openat" && strings.HasSuffix(c.Path(), doorbellSuffix) {
				return errno
			}
			return 0
		})
		if without {
			require.NoError(t, err)
		} else {
			requireError(t, err, opAttach, name, errno)
		}
	}
}

// Between two looks of a writer at the writer before, the object is truncated.
func TestWriterThatIsNotNamed(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{})
	err := intercept(t, func() error { return closing(OpenWriter(name)) }, func(c testkit.Call, n int) syscall.Errno {
		if c.Name == "fcntl" && n == 1 {
			assert.NoError(t, os.Truncate(Dir+name, layout.PIDOffset+4))
		}
		return 0
	})
	requireError(t, err, opWriter, name, ErrWriterExists)
	require.NoError(t, s.Close())
}

// Between the look at the object and the lock, or behind both, it is truncated: it is not made whole again with zeros,
// on which a writer would go on that no reader can find.
func TestTakeoverOfWhatIsCutShort(t *testing.T) {
	cases := map[string]struct {
		behind string // the call
		size   int64
		errs   []error
	}{
		"before the lock, to nothing":    {"fcntl", 0, []error{ErrTruncated}},
		"before the lock, to a bare one": {"fcntl", layout.BareSize, []error{ErrBare}},
		"before the lock, to the header": {"fcntl", 4096, []error{ErrTruncated}},
		"behind the lock, to nothing":    {"fallocate", 0, []error{ErrTruncated}},
		"behind the lock, to a bare one": {"fallocate", layout.BareSize, nil},
		"behind the lock, to the header": {"fallocate", 4096, nil},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			name, path := made(t, Options{Pages: hugepages.Off})
			err := intercept(t, func() error { return closing(OpenWriter(name)) }, func(call testkit.Call, _ int) syscall.Errno {
				if call.Name == c.behind {
					assert.NoError(t, os.Truncate(path, c.size))
				}
				return 0
			})
			if c.errs == nil {
				require.NoError(t, err, "the first access says it")
			} else {
				requireError(t, err, opWriter, name, c.errs...)
			}
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, c.size, info.Size())
		})
	}
}

// Between the look at the object and the lock, another segment is written over it.
func TestTakeoverOfWhatIsOverwritten(t *testing.T) {
	name, path := made(t, Options{Pages: hugepages.Off})
	_, other := made(t, Options{Pages: hugepages.Off})
	content, err := os.ReadFile(other)
	require.NoError(t, err)
	err = intercept(t, func() error { return closing(OpenWriter(name)) }, func(c testkit.Call, _ int) syscall.Errno {
		if c.Name == "fcntl" {
			assert.NoError(t, os.WriteFile(path, content, 0o600))
		}
		return 0
	})
	requireError(t, err, opWriter, name, ErrReplaced)
}

// Whether there is a writer cannot be found out.
func TestWriterThatCannotBeLookedFor(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{})
	err := intercept(t, func() error { return closing(OpenWriter(name)) }, func(c testkit.Call, n int) syscall.Errno {
		if c.Name == "fcntl" && n == 1 {
			return syscall.EIO
		}
		return 0
	})
	require.ErrorIs(t, err, syscall.EIO)
	require.NoError(t, s.Close())
}

func TestNodeThatIsNotToBeHad(t *testing.T) {
	for call, node := range map[string]Node{"getcpu": OnOwnNode(), "mmap": OnNode(0), "mbind": OnNode(0)} {
		name := testkit.Name(t)
		err := intercept(t, func() error { return closing(Create(name, shape(16), Options{Node: node, Pages: hugepages.Off})) },
			func(c testkit.Call, n int) syscall.Errno {
				if c.Name == call && n == 0 {
					return syscall.EXDEV
				}
				return 0
			})
		require.ErrorIs(t, err, syscall.EXDEV)
	}
}

func TestDoorbellTruncatedBeforeItIsRead(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	err := intercept(t, func() error { return closing(OpenWriter(name)) }, func(c testkit.Call, _ int) syscall.Errno {
		if c.Name == "pread64" && c.Args[2] == 8 && c.Args[3] == 0 {
			bells, err := os.ReadDir(Dir)
			assert.NoError(t, err)
			for _, bell := range bells {
				if strings.HasPrefix(Dir+"/"+bell.Name(), path+".") {
					assert.NoError(t, os.Truncate(Dir+"/"+bell.Name(), 4))
				}
			}
		}
		return 0
	})
	requireError(t, err, opWriter, name, ErrNotSegment)
}

// Another version is refused before anything is done, with a doorbell as well.
func TestAnotherLayoutVersionWithADoorbell(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	change(t, path, func(h []byte) { h[72] = 2 })
	requireError(t, closing(OpenWriter(name)), opWriter, name, ErrVersion)
}

func TestNoDoorbellNoBarrier(t *testing.T) {
	name, _ := made(t, Options{})
	require.NoError(t, intercept(t, func() error { return closing(OpenWriter(name)) }, func(c testkit.Call, _ int) syscall.Errno {
		assert.NotEqual(t, "membarrier", c.Name)
		return 0
	}))
}

// A process of another PID namespace than /proc's has no start there.
func TestWriterWithoutAStart(t *testing.T) {
	name := testkit.Name(t)
	require.NoError(t, intercept(t, func() error { return closing(Create(name, shape(16), Options{})) }, func(c testkit.Call, _ int) syscall.Errno {
		if c.Name == "openat" && strings.HasSuffix(c.Path(), "/stat") {
			return syscall.ENOENT
		}
		return 0
	}))
}

// What somebody removes, or gives another name to, before it is taken over is made anew.
func TestCreateOrTakeOverWhatGoesMeanwhile(t *testing.T) {
	for what, meddle := range map[string]struct {
		call string
		then func(path string) error
	}{
		"removed before it is opened": {"openat", os.Remove},
		"replaced before it is mine":  {"fcntl", os.Remove},
	} {
		t.Run(what, func(t *testing.T) {
			name, path := made(t, Options{Doorbell: true})
			done := false
			var s *Segment
			err := intercept(t, func() (err error) {
				s, err = CreateOrTakeOver(name, shape(16), Options{})
				return err
			}, func(c testkit.Call, _ int) syscall.Errno {
				if !done && c.Name == meddle.call && (c.Name != "openat" || c.Path() == path) {
					done = true
					assert.NoError(t, meddle.then(path))
				}
				return 0
			})
			require.NoError(t, err)
			assert.True(t, s.Created())
			require.NoError(t, s.Close())
		})
	}
}

// A file whose name has no segment's in front is no companion of any.
func TestSweepLeavesNamesOfOthers(t *testing.T) {
	other := Dir + "/" + strconv.FormatUint(1<<60|uint64(os.Getpid())<<32|uint64(time.Now().Nanosecond()), 16) + doorbellSuffix
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	defer os.Remove(other)
	sweep(testkit.Name(t))
	assert.FileExists(t, other)
}

// A leftover that cannot be looked into, or whose name went to another one, is left alone.
func TestSweepLeavesWhatItDoesNotKnow(t *testing.T) {
	name := testkit.Name(t)
	left := Dir + companionName(name, 1, doorbellSuffix)
	for what, meddle := range map[string]func(c testkit.Call, n int) syscall.Errno{
		"cannot be opened": func(c testkit.Call, _ int) syscall.Errno {
			if c.Name == "openat" && c.Path() == left {
				return syscall.EACCES
			}
			return 0
		},
		"is another's by now": func(c testkit.Call, n int) syscall.Errno {
			if c.Name == "fcntl" && n == 0 {
				assert.NoError(t, os.Rename(left, left+".old"))
				assert.NoError(t, os.WriteFile(left, nil, 0o600))
			}
			return 0
		},
		"as it cannot be locked": func(c testkit.Call, _ int) syscall.Errno {
			if c.Name == "fcntl" {
				return syscall.ENOLCK
			}
			return 0
		},
	} {
		require.NoError(t, os.WriteFile(left, nil, 0o600))
		require.NoError(t, intercept(t, func() error { sweep(name); return nil }, meddle))
		assert.FileExists(t, left, what)
	}
	sweep(name)
	assert.NoFileExists(t, left)
	require.NoError(t, os.Remove(left+".old"))
}

func TestWhatACompanionsErrorSays(t *testing.T) {
	for _, tc := range []struct {
		kind  string
		cause error
		says  string
	}{
		{ringKind, syscall.ENOSPC, "too few pages"}, {ringKind, syscall.EROFS, "mounted read-only"}, {ringKind, fs.ErrPermission, ""},
		{doorbellKind, syscall.ENOSPC, ""}, {doorbellKind, syscall.EROFS, ""}, {doorbellKind, fs.ErrPermission, "something else"},
		{doorbellKind, ErrNotRegular, "something else"},
	} {
		hint := (&companionError{tc.kind, "/x", tc.cause}).hint()
		assert.Contains(t, hint, tc.says)
		assert.Equal(t, tc.says == "", hint == "", "%s: %v: %s", tc.kind, tc.cause, hint)
	}
}

func TestWhatErrorsSayElsewhere(t *testing.T) {
	assert.Contains(t, hint(opAttach, syscall.ENFILE), "fs.file-max")
	assert.Empty(t, hint("lock", &host.LockError{Err: syscall.ENOMEM}), "it says itself what to do")
	for op, says := range map[string]string{opCreate: "", opList: "", opAttach: "ask its owner", opUnlink: "only its owner"} {
		assert.Contains(t, hint(op, fs.ErrPermission), says)
		if says == "" {
			assert.NotContains(t, hint(op, fs.ErrPermission), "belongs to another user", op)
		}
		err := intercept(t, func() error { return errors.New(hint(op, fs.ErrPermission)) }, func(c testkit.Call, _ int) syscall.Errno { return syscall.EACCES })
		assert.Equal(t, says == "", strings.Contains(err.Error(), "this user may not use"), op)
	}
}
