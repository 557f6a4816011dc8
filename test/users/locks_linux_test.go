package users

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// fcntl commands that package syscall lacks.
const (
	ofdSetLock     = 37
	ofdSetLockWait = 38
	setLease       = 1024
)

// grips are what a reader can do to a file that it may only read.
var grips = map[string]func(fd int) error{
	"an OFD read lock":   func(fd int) error { return lock(fd, ofdSetLock, syscall.F_RDLCK) },
	"a POSIX read lock":  func(fd int) error { return lock(fd, syscall.F_SETLK, syscall.F_RDLCK) },
	"a wait for a lock":  func(fd int) error { return lock(fd, ofdSetLockWait, syscall.F_RDLCK) },
	"an exclusive flock": func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) },
	"a locked mapping": func(fd int) error {
		b, err := syscall.Mmap(fd, 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
		return errors.Join(err, syscall.Mlock(b))
	},
	"an inotify watch": func(int) error {
		watch, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
		if err != nil {
			return err
		}
		_, err = syscall.InotifyAddWatch(watch, segment.Dir+name, syscall.IN_ALL_EVENTS)
		return err
	},
}

// holdUp are the grips that keep a writer out.
var holdUp = map[string]bool{"an OFD read lock": true, "a POSIX read lock": true, "a wait for a lock": true}

func lock(fd, command int, kind int16) error {
	l := syscall.Flock_t{Type: kind, Len: 1}
	return syscall.FcntlFlock(uintptr(fd), command, &l)
}

// A reader's locks keep a takeover out, as ADR 0004 says, and that is what the error says; they cannot be taken against a writer
// that lives, and pass for none. Nothing hangs.
func TestReadersLocks(t *testing.T) { scene(t, "locks") }

func init() {
	scenes["locks"] = locks
	acts["grip"] = grip
	acts["locked out"] = lockedOut
	acts["cannot lock"] = cannotLock
}

func locks([]string) error {
	for what := range grips {
		if err := errors.Join(as(owner, "make", "640"), os.Chown(segment.Dir+name, owner, group)); err != nil {
			return err
		}
		w, err := begin(owner, "writer")
		if err != nil {
			return err
		}
		if err := as(member, "cannot lock"); err != nil {
			return errors.Join(err, w.end())
		}
		var holder *companion
		if what == "a wait for a lock" { // that comes to its end with the writer
			waiting := make(chan error, 1)
			go func() {
				var err error
				holder, err = begin(member, "grip", what)
				waiting <- err
			}()
			err = errors.Join(w.end(), <-waiting)
		} else {
			if err := w.end(); err != nil {
				return err
			}
			holder, err = begin(member, "grip", what)
		}
		if err != nil {
			return err
		}
		if holdUp[what] {
			err = as(owner, "locked out", what)
		} else {
			err = as(owner, "take over")
			fmt.Printf("takeover under %s: done\n", what)
		}
		if err := errors.Join(err, holder.end(), as(owner, "take over"), as(owner, "read"), as(owner, "unlink")); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// grip takes hold of the segment until it is told to end.
func grip(args []string) error {
	f, err := os.Open(segment.Dir + name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := grips[args[0]](int(f.Fd())); err != nil {
		return err
	}
	fmt.Println("held")
	<-testkit.Stopped()
	return nil
}

// lockedOut makes sure that its owner is told why a segment cannot be taken over, at once, and can make another.
func lockedOut(args []string) error {
	began := time.Now()
	err := closed(segment.OpenWriter(name))
	if taken := time.Since(began); taken > time.Second {
		return fmt.Errorf("took %v: %w", taken, err)
	}
	if errors.Is(err, segment.ErrWriterExists) {
		return fmt.Errorf("a reader passes for a writer: %w", err)
	}
	err = refused("takeover under "+args[0], err, "open as writer", name, segment.ErrReadLocked, "lslocks shows it")
	s, attachErr := segment.Attach(name)
	if attachErr != nil {
		return errors.Join(err, attachErr)
	}
	if alive, aliveErr := s.WriterAlive(); alive || aliveErr != nil {
		err = errors.Join(err, aliveErr, errors.New("a reader's lock passes for a writer's"))
	}
	moved := segment.Dir + name + "-aside"
	return errors.Join(err, s.Close(), reads(),
		os.Rename(segment.Dir+name, moved), closed(segment.Create(name, shape(), options(0))), segment.Unlink(name), os.Rename(moved, segment.Dir+name))
}

// cannotLock makes sure that a reader has no grip on the segment of a writer that lives.
func cannotLock([]string) error {
	f, err := os.Open(segment.Dir + name)
	if err != nil {
		return err
	}
	defer f.Close()
	fd := int(f.Fd())
	for command, want := range map[int]error{ofdSetLock: syscall.EAGAIN, syscall.F_SETLK: syscall.EAGAIN} {
		if err := lock(fd, command, syscall.F_RDLCK); !errors.Is(err, want) {
			return fmt.Errorf("read lock %d: %w", command, err)
		}
		if err := lock(fd, command, syscall.F_WRLCK); !errors.Is(err, syscall.EBADF) {
			return fmt.Errorf("write lock %d: %w", command, err)
		}
	}
	for _, kind := range []uintptr{syscall.F_RDLCK, syscall.F_WRLCK} {
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), setLease, kind); errno != syscall.EACCES {
			return fmt.Errorf("lease %d on another's file: %w", kind, errno)
		}
	}
	return nil
}

// Whoever may signal, trace or look into a process is for the kernel to say; this is what it says of a stranger.
func TestStrangersProcesses(t *testing.T) { scene(t, "processes") }

func init() {
	scenes["processes"] = processes
	acts["meddle"] = meddle
}

func processes([]string) error {
	if err := as(owner, "make", "644"); err != nil {
		return err
	}
	w, err := begin(owner, "writer")
	if err != nil {
		return err
	}
	return errors.Join(as(stranger, "meddle", fmt.Sprint(w.cmd.Process.Pid)), w.end(), as(owner, "unlink"))
}

func meddle(args []string) error {
	var pid int
	if _, err := fmt.Sscan(args[0], &pid); err != nil {
		return err
	}
	proc := fmt.Sprintf("/proc/%d/", pid)
	_, mem := os.Open(proc + "mem")
	_, fds := os.ReadDir(proc + "fd")
	_, maps := os.ReadFile(proc + "maps")
	var limit syscall.Rlimit
	_, _, prlimit := syscall.Syscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_NOFILE, 0, uintptr(unsafe.Pointer(&limit)), 0, 0)
	return errors.Join(
		denied("SIGTERM", syscall.Kill(pid, syscall.SIGTERM)),
		denied("SIGSTOP", syscall.Kill(pid, syscall.SIGSTOP)),
		denied("ptrace", syscall.PtraceAttach(pid)),
		denied("its memory", mem), denied("its descriptors", fds), denied("its mappings", maps),
		denied("its limits", prlimit), denied("its priority", syscall.Setpriority(syscall.PRIO_PROCESS, pid, 19)),
	)
}
