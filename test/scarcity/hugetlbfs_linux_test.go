package scarcity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

const hugePage = 2 << 20

// onHugetlbfs is [scene] of a role with a hugetlbfs of its own, in a folder that is its first argument.
func onHugetlbfs(t *testing.T, role string) {
	t.Helper()
	needRoot(t)
	for _, p := range hugepages.Pools() {
		if p.PageBytes == hugePage && p.Available() >= 2 {
			dir, err := os.MkdirTemp("", "h") //nolint:usetesting // others cannot look into t.TempDir
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.Remove(dir) })
			scene(t, role, dir)
			return
		}
	}
	testkit.Require(t, "hugetlbfs", "2 huge pages of 2 MiB are not there: ringctl hugepages --reserve 2")
}

// A hugetlbfs whose inodes are used up says so, and not that it lacks pages.
func TestHugetlbfsInodes(t *testing.T) { onHugetlbfs(t, "hugetlbfs inodes") }

func hugetlbfsInodes(args []string) error {
	err := errors.Join(testkit.MountHugetlbfs(args[0], "pagesize=2M,mode=1777,nr_inodes=2"), testkit.MountShm("size=8m"))
	if err != nil {
		return err
	}
	filler, err := os.Create(filepath.Join(args[0], "filler"))
	if err != nil {
		return err
	}
	defer filler.Close()
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	const next = "has no inode left: as root: umount "
	return errors.Join(
		refused("create on a hugetlbfs without inodes", closed(segment.Create(name, shape(1<<16), segment.Options{Pages: hugepages.Require, Doorbell: true})),
			"create", name, hugepages.ErrUnavailable, next),
		before.Unchanged(), fallsBack(next), before.Unchanged(),
	)
}

// fallsBack makes sure that a segment that only prefers huge pages is made, and keeps the reason for its plain ones.
func fallsBack(reason string) error {
	s, err := segment.Create(name, shape(1<<16), segment.Options{})
	if err != nil {
		return err
	}
	if fallback := s.Geometry().Fallback; !strings.Contains(fallback, reason) {
		err = fmt.Errorf("fallback: %q", fallback)
	}
	return errors.Join(err, s.Close(), segment.Unlink(name))
}

// A ring file with a hole, for which the pool has no page any more, is not taken over until there is one.
func TestHugetlbfsTakeover(t *testing.T) { onHugetlbfs(t, "hugetlbfs takeover") }

func hugetlbfsTakeover(args []string) error {
	err := errors.Join(testkit.MountHugetlbfs(args[0], "pagesize=2M,mode=1777,size=4M"), testkit.MountShm("size=1m"))
	if err != nil {
		return err
	}
	if err := makeOne(name, 1<<16, segment.Options{Pages: hugepages.Require}); err != nil {
		return err
	}
	files, err := filepath.Glob(args[0] + "/*.ring")
	if err != nil || len(files) != 1 {
		return fmt.Errorf("ring files: %v %w", files, err)
	}
	if err := punch(files[0]); err != nil {
		return err
	}
	filler, missing := hugepages.NewFile("filler", 2*hugePage, 0o600, hugepages.Want{})
	if missing != nil {
		return missing
	}
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	err = refused("takeover on an exhausted hugetlbfs", closed(segment.OpenWriter(name)), "open as writer", name, syscall.ENOSPC, "ringctl hugepages shows")
	err = errors.Join(err, before.Unchanged())
	filler.Abandon()
	return errors.Join(err, closed(segment.OpenWriter(name)), segment.Unlink(name))
}

// punch gives up all pages of a file.
func punch(path string) error {
	const hole, keepSize = 2, 1
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return syscall.Fallocate(int(f.Fd()), hole|keepSize, 0, hugePage)
}

// Header and slots are two mappings: either both are locked, or none.
func TestLockLimitOfARingFile(t *testing.T) { onHugetlbfs(t, "lock limit of a ring file") }

func lockLimitOfARingFile(args []string) error {
	err := errors.Join(testkit.MountHugetlbfs(args[0], "pagesize=2M,mode=1777"), testkit.MountShm("size=1m"),
		makeOne(name, 1<<16, segment.Options{Pages: hugepages.Require, Mode: 0o644}), testkit.BecomeNobody())
	if err != nil {
		return err
	}
	if _, err := setLimit(rlimitMemlock, page); err != nil {
		return err
	}
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	err = refused("lock a header and a ring file with a limit of a page", s.Lock(), "lock", name, host.ErrLockLimit, "ulimit -l")
	return errors.Join(err, nothingLocked(), s.Close())
}
