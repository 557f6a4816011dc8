package sys

import "golang.org/x/sys/unix"

// Lock keeps the pages of b in memory, faulting in those that are not there.
func Lock(b []byte) error { return unix.Mlock(b) }

// Unlock undoes [Lock].
func Unlock(b []byte) error { return unix.Munlock(b) }

// Populate faults the pages of b in, for reading or for writing, and changes nothing in them. EINVAL before
// Linux 5.14.
func Populate(b []byte, writable bool) error {
	advice := unix.MADV_POPULATE_READ
	if writable {
		advice = unix.MADV_POPULATE_WRITE
	}
	return retry(func() error { return unix.Madvise(b, advice) })
}
