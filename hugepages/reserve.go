package hugepages

import (
	"fmt"
	"syscall"

	"github.com/tickring/tickring/internal/sys"
)

// Reserve gives the new file fd on the tmpfs mounted at dir n bytes of storage, on huge pages as
// policy says. fallback is empty if policy is Off, or if every whole huge page of the file is one;
// otherwise it is the reason why not. ENOSPC, if dir has not n bytes left.
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
	page := uint64(transparentSize())
	if n < page {
		return &UnavailableError{Reason: fmt.Sprintf("%d bytes are less than a huge page of %d", n, page), Remedy: "more slots"}
	}
	// Populating what does not fit would fill the memory of the machine before it fails.
	free, err := sys.Free(dir)
	if err == nil && free < n {
		err = syscall.ENOSPC
	}
	if err != nil {
		return &UnavailableError{Reason: fmt.Sprintf("%s has %d bytes left, %d wanted", dir, free, n), Err: err}
	}
	if err := sys.Resize(fd, n); err != nil {
		return &UnavailableError{Reason: fmt.Sprintf("file cannot be made %d bytes long: %v", n, err), Err: err}
	}
	var got Report
	err = sys.PopulateHuge(fd, n, func(b []byte) (err error) { got, err = Measure(b); return err })
	if err != nil {
		return &UnavailableError{Reason: fmt.Sprintf("the kernel refuses huge pages on %s: %v", dir, err), Err: err}
	}
	if want := n / page * page; got.HugeBytes < want {
		return &UnavailableError{
			Reason: fmt.Sprintf("the kernel gave huge pages for %d of %d bytes", got.HugeBytes, want),
			Remedy: "is memory short or fragmented (as root: echo 1 > /proc/sys/vm/compact_memory), or are they switched off (/sys/kernel/mm/transparent_hugepage)?",
		}
	}
	return nil
}
