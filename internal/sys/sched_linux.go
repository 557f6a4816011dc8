package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Schedule is how the kernel schedules a thread: its policy and what belongs to it, to be put back as it was.
type Schedule = unix.SchedAttr

// ScheduleOf returns that of a thread; 0 is the calling one.
func ScheduleOf(thread int) (*Schedule, error) { return unix.SchedGetAttr(thread, 0) }

// SetSchedule gives it to a thread.
func SetSchedule(thread int, s *Schedule) error { return unix.SchedSetAttr(thread, s, 0) }

// FIFO is SCHED_FIFO at a priority from 1 to 99. Threads and processes that such a thread starts do not
// inherit it.
func FIFO(priority int) *Schedule {
	return &Schedule{Policy: unix.SCHED_FIFO, Priority: uint32(priority), Flags: unix.SCHED_FLAG_RESET_ON_FORK}
}

// RealTime reports whether threads so scheduled keep all others from their CPU for as long as they run,
// and with which priority.
func RealTime(s *Schedule) (priority int, ok bool) {
	return int(s.Priority), s.Policy == unix.SCHED_FIFO || s.Policy == unix.SCHED_RR
}

// RestoreSchedule gives a thread a schedule that it had before [FIFO]. What was started for FIFO stays: without
// privilege nobody can make threads inherit again.
func RestoreSchedule(thread int, s *Schedule) error {
	err := SetSchedule(thread, s)
	if errors.Is(err, unix.EPERM) {
		kept := *s
		kept.Flags |= unix.SCHED_FLAG_RESET_ON_FORK
		err = SetSchedule(thread, &kept)
	}
	return err
}
