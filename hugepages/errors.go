package hugepages

import (
	"errors"
	"fmt"
)

// ErrUnavailable: huge pages were required and cannot be had.
var ErrUnavailable = errors.New("huge pages unavailable")

// UnavailableError says why, and how to change it. Where a pool is what is short, it has the numbers.
type UnavailableError struct {
	Reason string // what is missing
	Remedy string // a command, or empty

	PageBytes uint64 // size of the pages that were asked for; 0 if it did not come to that
	Wanted    uint64 // pages
	Free      uint64 // pages to be had, at the most: what a mount has of its own counts, also where its files have it already

	Err error // of the system, or nil
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("%v: %s", ErrUnavailable, e.text()) }

func (e *UnavailableError) text() string {
	if e.Remedy == "" {
		return e.Reason
	}
	return e.Reason + ": " + e.Remedy
}

// Unwrap makes errors.Is hold for [ErrUnavailable] and for the system's errno.
func (e *UnavailableError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Err}
}

// tooSmall: for less than one page, huge ones gain nothing.
func tooSmall(n, page uint64) *UnavailableError {
	return &UnavailableError{
		Reason: fmt.Sprintf("%d bytes are less than a huge page of %s", n, FormatSize(page)), Remedy: "more slots",
		PageBytes: page, Wanted: 1,
	}
}

// and is e after what was tried first, and failed as well.
func (e *UnavailableError) and(first *UnavailableError) *UnavailableError {
	if first == nil || first.Remedy != "" && first.Remedy == e.Remedy {
		return e // one reason that is mended by the same
	}
	both := *first
	both.Reason, both.Remedy = first.text()+"; "+e.Reason, e.Remedy
	both.Err = errors.Join(first.Err, e.Err)
	return &both
}
