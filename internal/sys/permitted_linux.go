package sys

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// PermittedBarrier returns why membarrier cannot be called here, as by a container's seccomp filter. It changes
// nothing, as do those below.
func PermittedBarrier() error { return membarrier(0) } // asks which commands there are

// PermittedBind returns why memory cannot be bound to a NUMA node here.
func PermittedBind() error {
	_, _, errno := unix.Syscall6(unix.SYS_MBIND, 0, 0, 0, 0, 0, 0) // the default policy for no memory
	if errno != 0 {
		return errno
	}
	return nil
}

// PermittedFIFO returns why a thread cannot have SCHED_FIFO at a priority. One has it for a moment.
func PermittedFIFO(priority int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := ScheduleOf(0)
	if err != nil {
		return err
	}
	if err := SetSchedule(0, FIFO(priority)); err != nil {
		return err
	}
	return RestoreSchedule(0, before)
}
