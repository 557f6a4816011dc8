//go:build linux

package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads at most len(b) bytes from a descriptor that does not block. n is -1 and err unix.EAGAIN if there is
// nothing; 0 is the end.
func Read(fd int, b []byte) (n int, err error) {
	return result(unix.RawSyscall(unix.SYS_READ, uintptr(fd), address(b), uintptr(len(b))))
}

// Write writes at most len(b) bytes to a descriptor that does not block.
func Write(fd int, b []byte) (n int, err error) {
	return result(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), address(b), uintptr(len(b))))
}

// ReadWaiting reads from a descriptor that blocks, and lets the Go scheduler know.
func ReadWaiting(fd int, b []byte) (n int, err error) {
	for {
		n, err = result(unix.Syscall(unix.SYS_READ, uintptr(fd), address(b), uintptr(len(b))))
		if err != unix.EINTR {
			return n, err
		}
	}
}

// Busy tells of an error of a call that it would have had to wait, or was interrupted: it is to be made again.
func Busy(err error) bool { return err == unix.EAGAIN || err == unix.EINTR }

// SetNonblock makes calls on a descriptor return at once, or wait.
func SetNonblock(fd int, nonblocking bool) error { return unix.SetNonblock(fd, nonblocking) }

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func result(n, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
