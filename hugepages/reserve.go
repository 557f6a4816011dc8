package hugepages

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/tickring/tickring/internal/mounts"
	"github.com/tickring/tickring/internal/sys"
)

// Reserve gives the new file fd on the tmpfs mounted at dir n bytes of storage, on huge pages as want
// says. fallback is empty if no huge pages are wanted, or if every whole huge page of the file is one;
// otherwise it is the reason why not, after the reason why there is no [File]. ENOSPC, if dir has not n bytes left.
func Reserve(fd int, dir string, n uint64, want Want, noFile *UnavailableError) (fallback string, err error) {
	if err := want.prepare(fd, n); err != nil {
		return "", err
	}
	if want.Policy != Off {
		switch missing := reserveHuge(fd, dir, n, want); {
		case missing != nil && want.Policy == Require:
			return "", missing.and(noFile)
		case missing != nil:
			fallback = missing.and(noFile).text()
		}
	}
	return fallback, sys.Reserve(fd, n) // keeps the huge pages that are there already
}

// reserveHuge fills the file through a mapping, since advice is given to mappings. It returns why it
// could not.
func reserveHuge(fd int, dir string, n uint64, want Want) *UnavailableError {
	page := uint64(transparentSize())
	all, err := mounts.In(sys.Root)
	m, mounted := mounts.At(all, dir)
	huge := m.Options["huge"]
	switch enabled := shmemEnabled(); {
	case err != nil:
		return &UnavailableError{Reason: fmt.Sprintf("the mount options of %s cannot be read: %v", dir, err), Err: err}
	case !mounted:
		return &UnavailableError{Reason: "nothing is mounted at " + dir}
	case want.PageBytes != 0 && want.PageBytes != page:
		return &UnavailableError{Reason: fmt.Sprintf("%s gives huge pages of %s, not of %s", dir, FormatSize(page), FormatSize(want.PageBytes))}
	case enabled == "deny":
		return &UnavailableError{
			Reason: "shared memory is denied transparent huge pages",
			Remedy: "as root: echo never >/" + shmemEnabledFile,
		}
	case (huge == "" || huge == "never") && enabled != "force":
		return &UnavailableError{
			Reason: fmt.Sprintf("%s is a tmpfs mounted without huge pages", dir),
			Remedy: fmt.Sprintf("as root: mount -o remount,huge=advise %s", dir),
		}
	}
	if n < page {
		return tooSmall(n, page)
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

const shmemEnabledFile = "sys/kernel/mm/transparent_hugepage/shmem_enabled"

// shmemEnabled is the chosen word of the kernel's switch for all of shared memory, of which "deny" and "force" outdo
// the options of a mount.
func shmemEnabled() string {
	b, _ := fs.ReadFile(sys.Root, shmemEnabledFile)
	_, rest, _ := strings.Cut(string(b), "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}
