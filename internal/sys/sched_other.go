//go:build !linux

package sys

// Schedule is for Linux.
type Schedule struct{}

// ScheduleOf is for Linux.
func ScheduleOf(int) (*Schedule, error) { return nil, errUnsupported }

// SetSchedule is for Linux.
func SetSchedule(int, *Schedule) error { return errUnsupported }

// FIFO is for Linux.
func FIFO(int) *Schedule { return &Schedule{} }

// RealTime is for Linux.
func RealTime(*Schedule) (int, bool) { return 0, false }

// RestoreSchedule is for Linux.
func RestoreSchedule(int, *Schedule) error { return errUnsupported }
