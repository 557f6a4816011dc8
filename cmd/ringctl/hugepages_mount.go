package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/mounts"
	"github.com/tickring/tickring/internal/sys"
)

const hugetlbfs = "hugetlbfs"

// mounted is a hugetlbfs that is now where it was wanted.
type mounted struct {
	Dir       string `json:"dir"`
	PageBytes uint64 `json:"page_bytes"`
	New       bool   `json:"new"` // false: it was mounted already
	UID       uint32 `json:"uid"`
	GID       uint32 `json:"gid"`
	Mode      string `json:"mode"`
}

func (m *mounted) String() string {
	how := "mounted"
	if !m.New {
		how = "already mounted"
	}
	return fmt.Sprintf("%s: %s with pages of %s, owner %d:%d, mode %s",
		how, m.Dir, hugepages.FormatSize(m.PageBytes), m.UID, m.GID, m.Mode)
}

// mountHuge mounts a hugetlbfs, unless one with the same pages is there; to that it gives the mode and the
// owner that were asked for.
func (f *hugeFlags) mountHuge() (*mounted, error) {
	if _, err := (&reservation{PageBytes: f.size.value}).dir(os.DirFS("/")); err != nil {
		return nil, err // clearer than the kernel's EINVAL
	}
	_, err := os.Stat(f.mount)
	missing := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(f.mount, 0o755); err != nil {
		return nil, err
	}
	dir, there, err := mountAt(f.mount)
	if err != nil {
		return nil, err
	}
	m := &mounted{Dir: dir, PageBytes: f.size.value, New: there.Type == ""}
	if m.New {
		err = sys.Mount(hugetlbfs, dir, fmt.Sprintf("pagesize=%s,mode=%s,uid=%d,gid=%d",
			hugepages.FormatSize(f.size.value), dirModeText(f.mode.value), f.uid, f.gid))
		if err != nil && missing {
			_ = os.Remove(dir)
		}
	} else if err = f.fits(there); err == nil {
		err = f.change(dir)
	}
	if err == nil {
		var mode os.FileMode
		m.UID, m.GID, mode, err = sys.Owner(dir)
		m.Mode = dirModeText(mode)
	}
	if err != nil {
		return nil, fmt.Errorf("mount a hugetlbfs with pages of %s on %s: %w", hugepages.FormatSize(f.size.value), dir, err)
	}
	return m, nil
}

// fits says why what is mounted is not what is wanted.
func (f *hugeFlags) fits(there mounts.Mount) error {
	page, _ := hugepages.ParseSize(there.Options["pagesize"])
	switch {
	case there.Type != hugetlbfs:
		return &advised{fmt.Errorf("a %s is mounted there", there.Type),
			"give another directory, such as --mount /dev/hugepages"}
	case page != f.size.value:
		return &advised{fmt.Errorf("one with pages of %s is mounted there", hugepages.FormatSize(page)),
			fmt.Sprintf("give another directory, or first: ringctl hugepages --unmount %s", there.Dir)}
	case there.ReadOnly:
		return &advised{errors.New("it is mounted there, but read-only"), "as root: mount -o remount,rw " + there.Dir}
	}
	return nil
}

// change gives what is mounted already the mode and owner that were asked for, and no others.
func (f *hugeFlags) change(dir string) error {
	uid, gid := -1, -1
	if f.given("uid") {
		uid = int(f.uid)
	}
	if f.given("gid") {
		gid = int(f.gid)
	}
	if uid != -1 || gid != -1 {
		if err := os.Chown(dir, uid, gid); err != nil {
			return err
		}
	}
	if f.given("mode") {
		return os.Chmod(dir, f.mode.value)
	}
	return nil
}

// mountAt is the path of a directory as the mount table has it, and what is mounted there; a zero mount if nothing is.
func mountAt(name string) (dir string, m mounts.Mount, err error) {
	if dir, err = filepath.Abs(name); err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", m, err
	}
	all, err := mounts.In(os.DirFS("/"))
	m, _ = mounts.At(all, dir)
	return dir, m, err
}

const whereMounted = "ringctl hugepages shows where one is mounted"

// unmountHuge unmounts a hugetlbfs without files. Those of one that nobody has mapped would be gone with it, and
// with them the records of their segments.
func unmountHuge(name string) (string, error) {
	dir, there, err := mountAt(name)
	if errors.Is(err, os.ErrNotExist) {
		err = &advised{err, whereMounted}
	}
	if err != nil {
		return "", fmt.Errorf("unmount %s: %w", name, err)
	}
	var files []string
	if there.Type != hugetlbfs {
		err = &advised{errors.New("no hugetlbfs is mounted there"), whereMounted}
	} else {
		files, err = sys.ReadDir(dir)
	}
	if err == nil && len(files) > 0 {
		slices.Sort(files)
		err = &advised{fmt.Errorf("files are in it that would be lost, such as %s", files[0]),
			"ringctl ls lists the segments, ringctl rm removes them with their files"}
	}
	if err == nil {
		err = sys.Unmount(dir)
	}
	if errors.Is(err, syscall.EBUSY) {
		err = &advised{err, "end the programs that use it; as root: fuser -m " + dir + " shows them"}
	}
	if err != nil {
		return "", fmt.Errorf("unmount %s: %w", dir, err)
	}
	return dir, nil
}
