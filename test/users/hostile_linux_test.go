package users

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// A reader of a stranger's segment is at that user's mercy as to what it reads, and in nothing else: what the stranger does to
// it is an error of the reader's loop.
func TestHostileOwner(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector touches the memory from C, where a fault cannot be recovered from")
	}
	scene(t, "hostile")
}

// hostilities are what an owner can do to its segment at any time, and what a reader then has.
var hostilities = map[string]struct {
	do    func(f *os.File) error
	cause error
}{
	"truncates all":          {func(f *os.File) error { return f.Truncate(0) }, segment.ErrTruncated},
	"truncates the slots":    {func(f *os.File) error { return f.Truncate(4096) }, segment.ErrTruncated},
	"fills with ones":        {scribble(0xff), ring.ErrCorrupt},
	"fills with zeros":       {scribble(0), ring.ErrCorrupt},
	"takes the right away":   {func(f *os.File) error { return f.Chmod(0) }, ring.ErrWriterDead},
	"removes it":             {func(f *os.File) error { return os.Remove(f.Name()) }, ring.ErrWriterDead},
	"gives its name to none": {func(f *os.File) error { return os.Rename(f.Name(), f.Name()+"-away") }, ring.ErrWriterDead},
}

// attaching is what then comes of attaching anew.
var attaching = map[string]attempt{
	"truncates all": isEmpty, "truncates the slots": isEmpty, "fills with ones": {segment.ErrNotSegment, "damaged or another program's"},
	"fills with zeros":     {segment.ErrNotSegment, "damaged or another program's"},
	"takes the right away": isClosed, "removes it": {os.ErrNotExist, "is the writer running?"}, "gives its name to none": {os.ErrNotExist, "is the writer running?"},
}

func scribble(with byte) func(f *os.File) error {
	return func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		_, err = f.WriteAt(bytes.Repeat([]byte{with}, int(info.Size())), 0)
		return err
	}
}

// lease has the kernel ask this process before anybody else may open the file.
func lease(f *os.File) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), setLease, syscall.F_WRLCK); errno != 0 {
		return errno
	}
	return nil
}

func init() {
	scenes["hostile"] = hostile
	acts["be hostile"] = beHostile
	acts["suffer"] = suffer
}

func hostile([]string) error {
	for what := range hostilities {
		if err := as(stranger, "make", "644"); err != nil {
			return err
		}
		c, err := begin(owner, "suffer", what)
		if err != nil {
			return err
		}
		if err := errors.Join(as(stranger, "be hostile", what), c.end(), emptied()); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func emptied() error {
	entries, err := os.ReadDir(segment.Dir)
	for _, e := range entries {
		err = errors.Join(err, os.Remove(segment.Dir+"/"+e.Name()))
	}
	return err
}

func beHostile(args []string) error {
	f, err := os.OpenFile(segment.Dir+name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(hostilities[args[0]].do(f), f.Close())
}

// suffer reads on when the segment's owner has done its worst.
func suffer(args []string) error {
	what := args[0]
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	r, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{Start: ring.Oldest()})
	if err != nil {
		return err
	}
	var got ring.TradingData
	if _, err := r.Next(context.Background(), &got); err != nil || got != first {
		return fmt.Errorf("%+v %w", got, err)
	}
	fmt.Println("reading")
	<-testkit.Stopped()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond) // what a quiet ring is waited for
	defer cancel()
	err = s.Guard(func() error {
		n, err := r.Next(ctx, &got)
		if err == nil {
			return fmt.Errorf("record %d: %+v", n, got)
		}
		return err
	})
	if !errors.Is(err, hostilities[what].cause) {
		return fmt.Errorf("not %w: %w", hostilities[what].cause, err)
	}
	fmt.Printf("read a segment whose owner %s: %v\n", what, err)
	anew := attaching[what]
	return errors.Join(s.Close(),
		refused("attach to a segment whose owner "+what, closed(segment.Attach(name)), "attach", name, anew.cause, anew.next), nothingOpen(before))
}

// nothingOpen is Unchanged but for files, which are for their owner to remove.
func nothingOpen(before testkit.Holdings) error {
	now, err := testkit.Held()
	before.Files = now.Files
	return errors.Join(err, before.Unchanged())
}

// What its owner has a lease on is not waited for.
func TestLease(t *testing.T) { scene(t, "lease") }

func init() {
	scenes["lease"] = leased
	acts["hold a lease"] = holdLease
	acts["find leased"] = findLeased
}

func leased([]string) error {
	if err := as(stranger, "make", "666"); err != nil {
		return err
	}
	c, err := begin(stranger, "hold a lease")
	if err != nil {
		return err
	}
	return errors.Join(as(owner, "find leased"), c.end())
}

func holdLease([]string) error {
	f, err := os.OpenFile(segment.Dir+name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	signal.Ignore(syscall.SIGIO) // by which the kernel asks for it back
	if err := lease(f); err != nil {
		return err
	}
	fmt.Println("held")
	<-testkit.Stopped()
	return nil
}

func findLeased([]string) error {
	began := time.Now()
	err := errors.Join(
		refused("attach to what is leased", closed(segment.Attach(name)), "attach", name, syscall.EAGAIN, "holds a lease"),
		refused("takeover of what is leased", closed(segment.OpenWriter(name)), "open as writer", name, syscall.EAGAIN, "holds a lease"),
	)
	if waited := time.Since(began); waited > time.Second {
		err = errors.Join(err, fmt.Errorf("held up for %v", waited))
	}
	return err
}

// Names that look like those of what belongs to another segment are names like any other: to remove one segment removes no other.
func TestNamesLikeCompanions(t *testing.T) { scene(t, "names") }

func init() {
	scenes["names"] = names
	acts["name segments"] = nameSegments
}

func names([]string) error { return as(owner, "name segments") }

func nameSegments([]string) error {
	all := []string{"/x", "/x.", "/x.0123456789abcdef", "/x.0123456789abcdef.ring", "/x.0123456789abcdef.bells", "/.x", "/x.bell.", "/" + strings.Repeat("x", 200)}
	for _, name := range all {
		if err := closed(segment.Create(name, shape(), options(0))); err != nil {
			return err
		}
	}
	for len(all) > 0 {
		if err := segment.Unlink(all[0]); err != nil {
			return err
		}
		all = all[1:]
		found, err := segment.List()
		if err != nil || len(found) != len(all) {
			return fmt.Errorf("%d are listed, %d were not removed: %w", len(found), len(all), err)
		}
		for _, e := range found {
			if e.Err != nil || !slices.Contains(all, e.Name) {
				return fmt.Errorf("%s: %w", e.Name, e.Err)
			}
			if s, err := segment.Attach(e.Name); err != nil || s.Waiting() == nil {
				return fmt.Errorf("%s: doorbell is gone: %w", e.Name, closed(s, err))
			} else if err := s.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// In a hugetlbfs that all may use, a stranger takes the name of a ring file that is gone: it is not mapped.
func TestSquattedRingFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "only root mounts a hugetlbfs")
	}
	for _, p := range hugepages.Pools() {
		if p.PageBytes == hugePage && p.Available() >= 2 {
			dir, err := os.MkdirTemp("", "h") //nolint:usetesting // others cannot look into t.TempDir
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.Remove(dir) })
			scene(t, "squatted ring file", dir)
			return
		}
	}
	testkit.Require(t, "hugetlbfs", "2 huge pages of 2 MiB are not there: ringctl hugepages --reserve 2")
}

const hugePage = 2 << 20

func init() {
	scenes["squatted ring file"] = squattedRingFile
	acts["make on huge pages"] = func([]string) error {
		g := shape()
		return closed(segment.Create(name, g, segment.Options{Mode: 0o644, Pages: hugepages.Require}))
	}
	acts["hold a ring file"] = holdRingFile
	acts["find ring file squatted"] = findRingFileSquatted
}

func squattedRingFile(args []string) error {
	if err := testkit.MountHugetlbfs(args[0], "pagesize=2M,mode=1777"); err != nil {
		return err
	}
	if err := as(owner, "make on huge pages"); err != nil {
		return err
	}
	files, err := filepath.Glob(args[0] + "/*.ring")
	if err != nil || len(files) != 1 {
		return fmt.Errorf("ring files: %v %w", files, err)
	}
	if err := as(owner, "leave", files[0]); err != nil {
		return err
	}
	for _, leased := range []string{"open to all", "leased"} {
		c, err := begin(stranger, "hold a ring file", files[0], leased)
		if err != nil {
			return err
		}
		began := time.Now()
		err = as(owner, "find ring file squatted", leased)
		if waited := time.Since(began); waited > 10*time.Second {
			err = errors.Join(err, fmt.Errorf("held up for %v", waited))
		}
		if err := errors.Join(err, c.end()); err != nil {
			return err
		}
	}
	return as(owner, "unlink")
}

// holdRingFile makes a file of a ring file's name and size, and keeps it until it is told to end.
func holdRingFile(args []string) error {
	syscall.Umask(0)
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(hugePage); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGIO)
	if args[1] == "leased" {
		if err := lease(f); err != nil {
			return err
		}
	}
	fmt.Println("held")
	<-testkit.Stopped()
	return os.Remove(args[0])
}

func findRingFileSquatted(args []string) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	cause, next := os.ErrPermission, "ask its owner"
	if args[0] == "leased" {
		cause, next = syscall.EAGAIN, "holds a lease"
	}
	return errors.Join(
		refused("attach with a squatted ring file, "+args[0], closed(segment.Attach(name)), "attach", name, cause, next),
		refused("takeover with a squatted ring file, "+args[0], closed(segment.OpenWriter(name)), "open as writer", name, cause, next),
		before.Unchanged(),
	)
}
