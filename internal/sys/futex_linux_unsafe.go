//go:build linux

package sys

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The futex operations are the shared ones: the waiters are in other processes.
const (
	futexWait = 0
	futexWake = 1
)

// Commands of membarrier(2).
const (
	globalExpedited         = 1 << 1
	registerGlobalExpedited = 1 << 2
)

// FutexWait sleeps while *word is want, until [FutexWake] or for d. It may return early.
func FutexWait(word *uint32, want uint32, d time.Duration) error {
	ts := unix.NsecToTimespec(int64(d))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(want), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == 0 || errno == unix.EAGAIN || errno == unix.ETIMEDOUT || errno == unix.EINTR {
		return nil
	}
	return errno
}

// FutexWake wakes all who wait for word.
func FutexWake(word *uint32) error {
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1<<30, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// RegisterBarrier lets [Barrier] in any process order the memory accesses of this one.
func RegisterBarrier() error { return membarrier(registerGlobalExpedited) }

// Barrier is a full memory barrier on every thread that runs in a process that called
// [RegisterBarrier], and on the caller.
func Barrier() error { return membarrier(globalExpedited) }

func membarrier(command uintptr) error {
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, command, 0, 0)
	switch {
	case errno == 0:
		return nil
	case errno == unix.EINVAL: // as ENOSYS does, of itself
		return errors.Join(errors.ErrUnsupported, errno)
	}
	return errno
}
