package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"syscall"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
)

// What can be wrong with an object, besides the errnos of the system (fs.ErrExist, fs.ErrNotExist,
// fs.ErrPermission, syscall.ENOSPC, …). All are tested for with errors.Is.
var (
	ErrWriterExists = fmt.Errorf("another writer has the segment: %w", syscall.EBUSY)
	ErrNotRegular   = fmt.Errorf("not a shared memory object: %w", syscall.EINVAL)
	ErrBare         = errors.New("a 24-byte segment of a program from before the ring, without a version")
	ErrNotBare      = errors.New("not a 24-byte segment of a program from before the ring")
	ErrNoRing       = errors.New("the slots are gone")
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
	name := e.Name
	if quoted := strconv.Quote(name); quoted[1:len(quoted)-1] != name {
		name = quoted // one that could steer a terminal
	}
	s := fmt.Sprintf("segment: %s %s: %v", e.Op, name, e.Err)
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
	case errors.Is(err, hugepages.ErrUnavailable):
		return "" // it has its own
	case errors.Is(err, ErrNoRing):
		return "mount it as the writer has it (a container: the same directory), or remove the segment and create it anew"
	case errors.Is(err, fs.ErrNotExist):
		return "no segment has this name: is the writer running?"
	case errors.Is(err, fs.ErrPermission):
		return "it belongs to another user: ask its owner for a mode that lets you in"
	case errors.Is(err, syscall.ENOSPC):
		return Dir + " is too small or too full: fewer slots, or a larger tmpfs (mount -o remount,size=…)"
	case errors.Is(err, syscall.ELOOP):
		return "the name is a symbolic link, which is never followed"
	case errors.Is(err, ErrWriterExists):
		return "a segment has one writer: end that one first, or attach to read"
	case errors.Is(err, ErrBare) && op == opWriter:
		return "only the program that made it can write it: remove it and create a segment to publish"
	case errors.Is(err, ErrBare):
		return "read it with AttachBare"
	case errors.Is(err, ErrNotBare):
		return "attach it as a segment"
	case errors.Is(err, ErrNotRegular):
		return "give the name of a shared memory object, or remove what lies there"
	case errors.Is(err, ErrVersion), errors.Is(err, ErrByteOrder):
		return "it was made by another version of this program, or for another machine: use that one, or create it anew"
	case errors.Is(err, ErrReplaced):
		return "open it again"
	case op == opCreate: // of the options, or of a size that is told
		return ""
	case errors.Is(err, ErrTruncated), errors.Is(err, ErrNotSegment), errors.Is(err, ErrChecksum), errors.Is(err, ErrGeometry), errors.Is(err, ErrSchema):
		return "the object is damaged or another program's: look at it, then remove it and create it anew"
	}
	return ""
}

const (
	opCreate = "create"
	opAttach = "attach"
	opWriter = "open as writer"
	opUnlink = "unlink"
	opAccess = "access"
	opStatus = "read the status of"
)
