package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/tickring/tickring/internal/layout"
)

// What can be wrong with an object, besides the errnos of the system (fs.ErrExist, fs.ErrNotExist,
// fs.ErrPermission, syscall.ENOSPC, …). All are tested for with errors.Is.
var (
	ErrWriterExists = fmt.Errorf("another writer has the segment: %w", syscall.EBUSY)
	ErrNotRegular   = fmt.Errorf("not a shared memory object: %w", syscall.EINVAL)
	ErrBare         = errors.New("a 24-byte segment of a program from before the ring, without a version")
	ErrReplaced     = errors.New("the name was given to another object meanwhile")

	ErrNotSegment = layout.ErrMagic     // the object begins with something else
	ErrVersion    = layout.ErrVersion   // another layout version
	ErrByteOrder  = layout.ErrByteOrder // made on a machine of the other byte order
	ErrChecksum   = layout.ErrChecksum  // the header was damaged
	ErrTruncated  = layout.ErrTruncated // the object is shorter than it says
	ErrGeometry   = layout.ErrGeometry  // the header contradicts itself
	ErrSchema     = layout.ErrSchema    // the description of the record is not valid
)

// Error says which operation on which segment failed, and what to do about it.
type Error struct {
	Op   string // "create", "attach", "open as writer", …
	Name string // of the segment
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("segment: %s %s: %v", e.Op, e.Name, e.Err)
	if hint := hint(e.Op, e.Err); hint != "" {
		s += ": " + hint
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Name: canonical(name), Err: err}
}

// hint says what to do next.
func hint(op string, err error) string {
	switch {
	case errors.Is(err, fs.ErrExist):
		return "open it as the writer, or remove it first"
	case errors.Is(err, fs.ErrNotExist):
		return "no segment has this name: is the writer running?"
	case errors.Is(err, fs.ErrPermission):
		return "it belongs to another user: ask its owner for a mode that lets you in"
	case errors.Is(err, syscall.ENOSPC):
		return Dir + " is too small or too full: fewer slots, or a larger tmpfs (mount -o remount,size=…)"
	case errors.Is(err, syscall.ELOOP):
		return "the name is a symbolic link, which is never followed"
	case errors.Is(err, ErrBare) && op == opAttach:
		return "read it with AttachBare"
	case errors.Is(err, ErrTruncated), errors.Is(err, ErrNotSegment), errors.Is(err, ErrChecksum), errors.Is(err, ErrGeometry):
		return "the object is damaged or another program's: look at it, then remove it and create it anew"
	}
	return ""
}

const (
	opCreate = "create"
	opAttach = "attach"
	opWriter = "open as writer"
	opUnlink = "unlink"
)
