package hugepages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tickring/tickring/internal/sys"
)

// File is a new file on a hugetlbfs that has all of its pages already. Its maker holds its lock, as a writer
// holds a segment's, for as long as FD or a mapping of it lives.
type File struct {
	FD   int
	Path string
	Size uint64 // bytes: what was asked for, in whole pages
}

// NewFile makes the file name, in the first hugetlbfs that can give n bytes in pages of the wanted size: by
// the mount table, smallest pages first. A file of less than one page gets one only if that is required, and pages
// above 2 MiB only if it is as large as one of them, or if that size is wanted. The file that is returned has all of its pages: no later access can fail.
func NewFile(name string, n uint64, mode fs.FileMode, want Want) (*File, *UnavailableError) {
	return newFile(sys.Root, name, n, mode, want)
}

const usualSize = 2 << 20

func (w Want) size() uint64 {
	if w.PageBytes != 0 {
		return w.PageBytes
	}
	return usualSize
}

func newFile(root fs.FS, name string, n uint64, mode fs.FileMode, want Want) (*File, *UnavailableError) {
	found, err := MountsIn(root)
	if err != nil {
		return nil, &UnavailableError{Reason: err.Error(), Err: err}
	}
	pools := PoolsIn(root)
	if want.Policy == Prefer && n < want.size() {
		return nil, tooSmall(n, want.size())
	}
	var missing *UnavailableError
	for _, m := range found {
		if m.PageBytes == 0 || want.PageBytes != 0 && m.PageBytes != want.PageBytes ||
			want.PageBytes == 0 && m.PageBytes > max(n, usualSize) {
			continue
		}
		f, not := m.newFile(poolOf(pools, m.PageBytes), name, n, mode, want)
		if not == nil {
			return f, nil
		}
		missing = not.and(missing)
	}
	if missing == nil {
		missing = notMounted(pools, n, want)
	}
	return nil, missing
}

// notMounted is why there is no file where no hugetlbfs has such pages.
func notMounted(pools []Pool, n uint64, want Want) *UnavailableError {
	size := want.size()
	e := &UnavailableError{PageBytes: size, Wanted: pages(n, size), Err: syscall.ENODEV}
	if all := sizes(pools); want.PageBytes != 0 && len(all) > 0 && !slices.Contains(all, FormatSize(size)) {
		e.Reason = fmt.Sprintf("this machine has no huge pages of %s, but of %s", FormatSize(size), strings.Join(all, " and "))
		return e
	}
	pool := poolOf(pools, size)
	e.Free = pool.Available()
	e.Reason = fmt.Sprintf("no hugetlbfs with pages of %s is mounted", FormatSize(size))
	e.Remedy = reserve(pool, e.Wanted, "/dev/hugepages")
	return e
}

func sizes(pools []Pool) (texts []string) {
	for _, p := range pools {
		texts = append(texts, FormatSize(p.PageBytes))
	}
	return texts
}

// reserve is the command that makes a pool large enough for wanted pages more than are in use, and mounts it.
func reserve(p Pool, wanted uint64, dir string) string {
	return "as root: " + reserveCommand(p, wanted, dir)
}

func reserveCommand(p Pool, wanted uint64, dir string) string {
	command := "ringctl hugepages"
	if wanted > p.Available() {
		command += fmt.Sprintf(" --reserve %d", p.Total-p.Available()+wanted)
	}
	if p.PageBytes != usualSize {
		command += " --size " + FormatSize(p.PageBytes)
	}
	return command + " --mount " + dir
}

func pages(n, size uint64) uint64 { return (n + size - 1) / size }

// newFile makes the file on m.
func (m Mount) newFile(pool Pool, name string, n uint64, mode fs.FileMode, want Want) (*File, *UnavailableError) {
	e := &UnavailableError{PageBytes: m.PageBytes, Wanted: pages(n, m.PageBytes), Free: pool.Available() + m.MinBytes/m.PageBytes}
	room, err := sys.Free(m.Dir)
	if room /= m.PageBytes; err != nil || m.SizeBytes == 0 {
		room = e.Wanted // no limit but the pool's
	}
	switch {
	case m.ReadOnly:
		e.Reason, e.Err = m.Dir+" is mounted read-only", syscall.EROFS
		e.Remedy = "as root: mount -o remount,rw " + m.Dir
		return nil, e
	case !sys.Writable(m.Dir):
		e.Reason, e.Err = fmt.Sprintf("%s is not writable by user %d", m.Dir, os.Geteuid()), syscall.EACCES
		if info, err := sys.StatName(m.Dir); err == nil {
			e.Reason += fmt.Sprintf(" (it is user %d's, mode %04o)", info.UID, info.Mode.Perm())
		}
		e.Remedy = "as root: chmod 1777 " + m.Dir
		return nil, e
	case e.Wanted > (1<<62)/m.PageBytes || e.Wanted > e.Free+pool.OnDemand():
		return nil, e.shortOf(m, pool)
	case e.Wanted > room:
		e.Free, e.Err = room, syscall.ENOSPC
		e.Reason = fmt.Sprintf("%s has room for %d pages of %s, %d wanted", m.Dir, room, FormatSize(m.PageBytes), e.Wanted)
		e.Remedy = m.anew(pool, e.Wanted)
		return nil, e
	}
	f := &File{Path: filepath.Join(m.Dir, name), Size: e.Wanted * m.PageBytes}
	if f.FD, err = sys.CreateLocked(f.Path, mode); err == nil {
		if err = want.prepare(f.FD, f.Size); err == nil {
			err = sys.Reserve(f.FD, f.Size)
		}
		if err == nil {
			return f, nil
		}
		f.Abandon()
	}
	if now := poolOf(Pools(), m.PageBytes); errors.Is(err, syscall.ENOSPC) && e.Wanted > now.Available() {
		e.Free = now.Available()
		return nil, e.shortOf(m, now) // somebody took them meanwhile
	}
	e.Err = err
	e.Reason = fmt.Sprintf("%s: %v", f.Path, err)
	switch {
	case errors.Is(err, syscall.ENOSPC) && f.FD == -1:
		e.Reason = m.Dir + " has no inode left"
		e.Remedy = m.anew(pool, e.Wanted)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.ENOMEM):
		e.Reason += ": does the control group limit huge pages (hugetlb.*.max)?"
	}
	return nil, e
}

// anew is the command that mounts it without the limits that it has: to remount it succeeds and changes none.
func (m Mount) anew(pool Pool, wanted uint64) string {
	return fmt.Sprintf("as root: umount %s && %s", m.Dir, reserveCommand(pool, wanted, m.Dir))
}

// shortOf says that the pool has too few pages.
func (e *UnavailableError) shortOf(m Mount, pool Pool) *UnavailableError {
	e.Err = syscall.ENOSPC
	e.Reason = fmt.Sprintf("%s has %d of %d pages of %s free, %d wanted", m.Dir, e.Free, pool.Total, FormatSize(m.PageBytes), e.Wanted)
	e.Remedy = reserve(pool, e.Wanted, m.Dir)
	return e
}

// Abandon removes the file.
func (f *File) Abandon() {
	_ = sys.Unlink(f.Path) // its lock is held: nobody else's file has the name
	sys.Close(f.FD)
}
