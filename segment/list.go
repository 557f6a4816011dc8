package segment

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// Entry is a segment in a listing.
type Entry struct {
	Name     string
	Bare     bool            // of a program from before the ring: Geometry and Status are zero
	Geometry layout.Geometry // valid if Err is nil
	Status   Status          // valid if Err is nil
	Err      error           // why it could not be looked at, or what is wrong with it
}

// List returns the segments in [Dir] by name: those of this layout, bare ones, and those that cannot be
// read or are damaged, with the reason. Other objects are left out.
func List() ([]Entry, error) {
	names, err := sys.ReadDir(Dir)
	if err != nil {
		return nil, failed(opList, Dir, err)
	}
	var entries []Entry
	for _, name := range names {
		if e := inspect("/" + name); !foreign(e) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// foreign reports whether an object is none of ours, or gone since the names were read.
func foreign(e Entry) bool {
	for _, err := range []error{ErrNotSegment, ErrNotRegular, ErrName, fs.ErrNotExist} {
		if errors.Is(e.Err, err) {
			return true
		}
	}
	return strings.HasPrefix(e.Name, semaphorePrefix) && errors.Is(e.Err, ErrTruncated)
}

// semaphorePrefix is how glibc names POSIX semaphores, objects of 32 bytes in the same place.
const semaphorePrefix = "/sem."

func inspect(name string) Entry {
	e := Entry{Name: name}
	s, err := attachHeader(name)
	if err != nil {
		e.Bare = errors.Is(err, ErrBare)
		if !e.Bare {
			e.Err = failed(opAttach, name, err)
		}
		return e
	}
	defer s.Close()
	e.Geometry = s.Geometry()
	e.Status, e.Err = s.Status()
	return e
}
