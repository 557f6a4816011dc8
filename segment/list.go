package segment

import (
	"errors"
	"fmt"

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
		return nil, fmt.Errorf("segment: list %s: %w", Dir, err)
	}
	var entries []Entry
	for _, name := range names {
		if e := inspect("/" + name); !errors.Is(e.Err, ErrNotSegment) && !errors.Is(e.Err, ErrNotRegular) && !errors.Is(e.Err, ErrName) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func inspect(name string) Entry {
	e := Entry{Name: name}
	s, err := attachHeader(name)
	if err != nil {
		e.Bare = errors.Is(err, ErrBare)
		if !e.Bare {
			e.Err = err
		}
		return e
	}
	defer s.Close()
	e.Geometry = s.Geometry()
	e.Err = s.Guard(func() (err error) { e.Status, err = s.Status(); return err })
	return e
}
