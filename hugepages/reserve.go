package hugepages

import (
	"fmt"

	"github.com/tickring/tickring/internal/sys"
)

// Reserve gives the new file fd on the tmpfs mounted at dir n bytes of storage, on huge pages as
// policy says. fallback is empty if policy is Off, or if the kernel was asked for huge pages (what it
// gave, [Measure] tells); otherwise it is the reason why it was not. ENOSPC, if dir has not n bytes left.
func Reserve(fd int, dir string, n uint64, policy Policy) (fallback string, err error) {
	if policy != Off {
		switch missing := reserveHuge(fd, dir, n); {
		case missing != nil && policy == Require:
			return "", missing
		case missing != nil:
			fallback = missing.Reason
			if missing.Remedy != "" {
				fallback += ": " + missing.Remedy
			}
		}
	}
	return fallback, sys.Reserve(fd, n) // keeps the huge pages that are there already
}

// reserveHuge fills the file through a mapping, since advice is given to mappings. It returns why it
// could not.
func reserveHuge(fd int, dir string, n uint64) *UnavailableError {
	huge, err := mountOption(dir, "huge")
	switch {
	case err != nil:
		return &UnavailableError{Reason: fmt.Sprintf("the mount options of %s cannot be read: %v", dir, err), Err: err}
	case huge == "" || huge == "never":
		return &UnavailableError{
			Reason: fmt.Sprintf("%s is a tmpfs mounted without huge pages", dir),
			Remedy: fmt.Sprintf("as root: mount -o remount,huge=advise %s", dir),
		}
	}
	// Populating what does not fit would fill the memory of the machine before it fails.
	if free, err := sys.Free(dir); err != nil || free < n {
		return &UnavailableError{Reason: fmt.Sprintf("%s has %d bytes left, %d wanted", dir, free, n), Err: err}
	}
	if err := sys.Resize(fd, n); err != nil {
		return &UnavailableError{Reason: fmt.Sprintf("file cannot be made %d bytes long: %v", n, err), Err: err}
	}
	if err := sys.PopulateHuge(fd, n); err != nil {
		return &UnavailableError{Reason: fmt.Sprintf("the kernel refuses huge pages on %s: %v", dir, err), Err: err}
	}
	return nil
}
