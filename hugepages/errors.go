package hugepages

import (
	"errors"
	"fmt"
)

// ErrUnavailable: huge pages were required and cannot be had.
var ErrUnavailable = errors.New("huge pages unavailable")

// UnavailableError says why, and how to change it.
type UnavailableError struct {
	Reason string // what is missing
	Remedy string // a command, or empty
	Err    error  // of the system, or nil
}

func (e *UnavailableError) Error() string {
	s := fmt.Sprintf("%v: %s", ErrUnavailable, e.Reason)
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	return s
}

// Unwrap makes errors.Is hold for [ErrUnavailable] and for the system's errno.
func (e *UnavailableError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Err}
}
