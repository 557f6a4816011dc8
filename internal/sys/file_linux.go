package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// retry repeats a call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Open opens an object without following a link, without waiting for a peer of a fifo, and closed
// on exec.
func Open(path string, writable bool) (fd int, err error) {
	flags := unix.O_RDONLY
	if writable {
		flags = unix.O_RDWR
	}
	err = retry(func() (err error) {
		fd, err = unix.Open(path, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		return err
	})
	return fd, err
}

// OpenUnnamed makes a file in dir that has no name yet, and is gone if the process ends before
// [Link] gives it one.
func OpenUnnamed(dir string, mode fs.FileMode) (fd int, err error) {
	err = retry(func() (err error) {
		fd, err = unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, uint32(mode.Perm()))
		return err
	})
	if err != nil {
		return -1, err
	}
	if err := unix.Fchmod(fd, uint32(mode.Perm())); err != nil { // whatever the umask says
		Close(fd)
		return -1, err
	}
	return fd, nil
}

// CreateLocked makes the file of a path, with the writer's lock taken before anybody who looks for files without
// one can have removed it. EEXIST if there is one already.
func CreateLocked(path string, mode fs.FileMode) (fd int, err error) {
	for try := range createTries {
		if try > 0 {
			time.Sleep(createPause)
		}
		err = retry(func() (err error) {
			fd, err = unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(mode.Perm()))
			return err
		})
		if try > 0 && errors.Is(err, unix.EEXIST) { // still the one of the try before
			continue
		}
		if err != nil {
			return -1, err
		}
		ours := false
		if err = unix.Fchmod(fd, uint32(mode.Perm())); err == nil { // whatever the umask says
			ours, err = lockNamed(fd, path)
		}
		if err != nil {
			_ = unix.Unlink(path)
			Close(fd)
			return -1, err
		}
		if ours {
			return fd, nil
		}
		Close(fd)
		err = unix.EAGAIN
	}
	return -1, err
}

// lockNamed takes the lock of a file, and tells whether it has both that and the name.
func lockNamed(fd int, path string) (bool, error) {
	if locked, err := TryLock(fd); !locked {
		return false, err
	}
	return IsNamed(fd, path)
}

// createTries and createPause bound how long somebody who looks for files without a lock may hold, before removing
// it, the one that was just made.
const (
	createTries = 1000
	createPause = time.Millisecond
)

// OpenHuge opens a file that must be a regular one on a hugetlbfs, without following a link, and without an effect
// if it is something else. info is zero if the file could not be looked at; ENODEV if it is not on a hugetlbfs.
func OpenHuge(path string, writable bool) (fd int, info Info, pageBytes uint64, err error) {
	var look int
	err = retry(func() (err error) {
		look, err = unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, Info{}, 0, err
	}
	defer Close(look)
	if info, err = Stat(look); err != nil {
		return -1, Info{}, 0, err
	}
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(look, &st) }); err != nil {
		return -1, info, 0, err
	}
	if !info.Mode.IsRegular() || uint32(st.Type) != unix.HUGETLBFS_MAGIC {
		return -1, info, 0, unix.ENODEV
	}
	flags := unix.O_RDONLY
	if writable {
		flags = unix.O_RDWR
	}
	err = retry(func() (err error) { // without waiting for whoever has a lease on it
		fd, err = unix.Open(procPath(look), flags|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		return err
	})
	return fd, info, uint64(st.Bsize), withoutProc(err)
}

// Link gives the file of [OpenUnnamed] its name; EEXIST if there is one already.
func Link(fd int, path string) error {
	return withoutProc(unix.Linkat(unix.AT_FDCWD, procPath(fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW))
}

// procPath is a name of an open file.
func procPath(fd int) string { return fmt.Sprintf("%s/%d", procFiles, fd) }

const procFiles = "/proc/self/fd"

// withoutProc tells a [procPath] that is missing from another file that is.
func withoutProc(err error) error {
	if errors.Is(err, unix.ENOENT) {
		if _, missing := StatName(procFiles); missing != nil {
			return ErrNoProc
		}
	}
	return err
}

// Close closes fd. There is nothing to be done about an error: nothing is buffered.
func Close(fd int) { _ = unix.Close(fd) }

// Unlink removes a name.
func Unlink(path string) error { return unix.Unlink(path) }

// Info is what fstat says of a file.
type Info struct {
	Device, Inode uint64
	Size          uint64 // bytes
	Mode          fs.FileMode
	UID           uint32
}

func info(st *unix.Stat_t) Info {
	mode := fs.FileMode(st.Mode & 0o777)
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		mode |= fs.ModeIrregular
	}
	return Info{Device: uint64(st.Dev), Inode: st.Ino, Size: uint64(st.Size), Mode: mode, UID: st.Uid}
}

// Stat describes an open file.
func Stat(fd int) (Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Info{}, err
	}
	return info(&st), nil
}

// StatName describes the file of a name, without following a link.
func StatName(path string) (Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Lstat(path, &st) }); err != nil {
		return Info{}, err
	}
	return info(&st), nil
}

// IsNamed tells whether path is the name of the open file. It is an error if that cannot be found out.
func IsNamed(fd int, path string) (bool, error) {
	opened, err := Stat(fd)
	if err != nil {
		return false, err
	}
	named, err := StatName(path)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return Same(named, opened), err
}

// Same reports whether two names, or descriptors, are of one file.
func Same(a, b Info) bool { return a.Device == b.Device && a.Inode == b.Inode }

// Reserve gives fd the size n and reserves the storage for all of it, so that no later access fails
// for want of memory. EFBIG, if RLIMIT_FSIZE forbids it; the Go runtime ignores the signal that comes with that.
func Reserve(fd int, n uint64) error { return reserve(fd, 0, n) }

// FillHoles reserves the storage for the first n bytes, as [Reserve] does, of a file that may be cut short meanwhile: it
// stays as short, where Reserve would put zeros in the place of what was lost.
func FillHoles(fd int, n uint64) error { return reserve(fd, unix.FALLOC_FL_KEEP_SIZE, n) }

func reserve(fd int, mode uint32, n uint64) error {
	n = min(n, math.MaxInt64) // which is too much as well
	err := unix.Fallocate(fd, mode, 0, int64(n))
	if errors.Is(err, unix.EINTR) {
		return reserveStepwise(fd, mode, n)
	}
	return err
}

// reserveSteps are the largest, of a few milliseconds, and the smallest, of one page.
const (
	reserveStep    = 8 << 20
	reserveMinimum = 4 << 10
)

// reserveStepwise reserves piece by piece. Kernels before 6.18 give up the whole of a fallocate on tmpfs
// when any signal comes, such as those of a profiler: repeated as a whole, it might never end. Nor would a
// piece, if signals come faster than it is done: each that was interrupted is tried at half its length.
func reserveStepwise(fd int, mode uint32, n uint64) error {
	step := uint64(reserveStep)
	for at := uint64(0); at < n; {
		length := min(n-at, step)
		switch err := unix.Fallocate(fd, mode, int64(at), int64(length)); {
		case errors.Is(err, unix.EINTR):
			step = max(step/2, reserveMinimum)
		case err != nil:
			return err
		default:
			at += length
		}
	}
	return nil
}

// ReadAt reads n bytes at an offset; fewer are io.ErrUnexpectedEOF's business: it returns what there is.
func ReadAt(fd, offset, n int) ([]byte, error) {
	b := make([]byte, n)
	have := 0
	for have < n {
		var got int
		err := retry(func() (err error) { got, err = unix.Pread(fd, b[have:], int64(offset+have)); return err })
		if err != nil {
			return nil, err
		}
		if got == 0 {
			break
		}
		have += got
	}
	return b[:have], nil
}

// WriteAt writes b at an offset.
func WriteAt(fd int, b []byte, offset int) error {
	for len(b) > 0 {
		var n int
		err := retry(func() (err error) { n, err = unix.Pwrite(fd, b, int64(offset)); return err })
		if err != nil {
			return err
		}
		b, offset = b[n:], offset+n
	}
	return nil
}

// Map maps the first n bytes of fd, shared, and faults them in, so that no first access pays for it. A file with holes
// is not faulted in: that would reserve storage for all of what somebody may have made only to look large.
func Map(fd int, n uint64, writable bool) ([]byte, error) {
	var st unix.Stat_t
	_ = retry(func() error { return unix.Fstat(fd, &st) }) // else it is taken for one with holes
	prot, flags := unix.PROT_READ, unix.MAP_SHARED
	if writable {
		prot |= unix.PROT_WRITE
	}
	if uint64(st.Blocks)*blockSize >= n {
		flags |= unix.MAP_POPULATE
	}
	return unix.Mmap(fd, 0, int(n), prot, flags)
}

// blockSize is the unit of st_blocks, whatever the file system's own is.
const blockSize = 512

// MapBare maps the first n bytes of fd, shared and for writing, and touches none of them.
func MapBare(fd int, n uint64) ([]byte, error) {
	return unix.Mmap(fd, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// Unmap undoes [Map] and [MapBare].
func Unmap(b []byte) error { return unix.Munmap(b) }

// Resize gives fd the size n without reserving storage.
func Resize(fd int, n uint64) error {
	return retry(func() error { return unix.Ftruncate(fd, int64(n)) })
}

// PopulateHuge maps the first n bytes of fd for writing with the advice to use huge pages, faults all of
// it in, lets look see what came of it, and unmaps it again: the file then keeps what pages it got.
func PopulateHuge(fd int, n uint64, look func([]byte) error) error {
	b, err := MapBare(fd, n)
	if err != nil {
		return err
	}
	err = unix.Madvise(b, unix.MADV_HUGEPAGE)
	if err == nil {
		err = retry(func() error { return unix.Madvise(b, unix.MADV_POPULATE_WRITE) })
	}
	if err == nil {
		err = look(b)
	}
	return errors.Join(err, unix.Munmap(b))
}

// Free is the number of bytes that the file system of path has left; all there are, for a tmpfs without
// a limit.
func Free(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(path, &st) }); err != nil {
		return 0, err
	}
	if st.Blocks == 0 {
		return math.MaxUint64, nil
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// lockRange is the byte of the object that the writer locks.
func lockRange(kind int16) unix.Flock_t {
	return unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: 0, Len: 1}
}

// TryLock takes the writer's lock for the open file description of fd; ok is false if another has
// it. It is released when the description is closed, however the process ends.
func TryLock(fd int) (ok bool, err error) {
	lock := lockRange(unix.F_WRLCK)
	err = retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock) })
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	return err == nil, err
}

// Locked reports whether another open file description holds the writer's lock. fd may be read-only.
func Locked(fd int) (bool, error) {
	lock := lockRange(unix.F_RDLCK) // conflicts with a writer's lock, not with another reader's
	err := retry(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock) })
	return lock.Type == unix.F_WRLCK, err
}

// ReadDir lists the names in dir, an absolute path.
func ReadDir(dir string) ([]string, error) {
	entries, err := fs.ReadDir(Root, strings.TrimPrefix(dir, "/"))
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// Boottime is CLOCK_BOOTTIME in ns: one clock for all processes, which nobody sets. 0 where there is none.
func Boottime() uint64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return uint64(ts.Nano())
}

// Sleep suspends the calling thread. time.Sleep rounds up to a millisecond when the process has
// nothing else to do; this takes the time asked for and some microseconds.
func Sleep(d time.Duration) {
	if d < 100*time.Microsecond {
		// The default slack of 50 µs would be most of the sleep. It is the thread's, and a tighter
		// one on a thread of the Go runtime makes timers more exact, no more.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // a signal may cut it short: the caller looks again anyway
}
