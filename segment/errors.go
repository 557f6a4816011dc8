package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"syscall"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// What can be wrong with an object, besides the errnos of the system (fs.ErrExist, fs.ErrNotExist,
// fs.ErrPermission, syscall.ENOSPC, …). All are tested for with errors.Is.
var (
	ErrWriterExists = fmt.Errorf("another writer has the segment: %w", syscall.EBUSY)
	ErrReadLocked   = fmt.Errorf("no writer has the segment, but a process that may read it holds a lock on it: %w", syscall.EBUSY)
	ErrOwner        = fmt.Errorf("made by another user, who could rewrite or truncate it: %w", fs.ErrPermission)
	ErrNoProc       = sys.ErrNoProc
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
	if c, ok := errors.AsType[*companionError](err); ok && c.hint() != "" {
		return c.hint()
	}
	switch {
	case hasHint(err):
		return ""
	case errors.Is(err, fs.ErrExist):
		return "open it as the writer, or remove it first"
	case errors.Is(err, ErrNoProc):
		return "mount it, as root: mount -t proc proc /proc"
	case errors.Is(err, ErrNoRing):
		return "mount it as the writer has it (a container: the same directory), or remove the segment and create it anew"
	case errors.Is(err, fs.ErrNotExist) && (op == opCreate || op == opList):
		return "there is no " + Dir + ": as root: mkdir -p " + Dir + " && " + mountShm
	case errors.Is(err, fs.ErrNotExist):
		return "no segment has this name: is the writer running?"
	case errors.Is(err, ErrOwner):
		return "have its owner or root remove it, give another name, or say by OpenWriterOf that you trust that user"
	case errors.Is(err, fs.ErrPermission):
		return permissionHint(op)
	case errors.Is(err, syscall.ENOSPC):
		return Dir + " is too small or too full: fewer slots, or a larger tmpfs (mount -o remount,size=…; nr_inodes=… if df -i says so)"
	case errors.Is(err, syscall.EFBIG):
		return "this process may not make files that large: fewer slots, or a higher limit (ulimit -f)"
	case errors.Is(err, syscall.EMFILE):
		return "this process has too many files open: close some, or a higher limit (ulimit -n)"
	case errors.Is(err, syscall.ENFILE):
		return "this machine has too many files open: as root: sysctl fs.file-max=…"
	case errors.Is(err, syscall.ENOMEM):
		return "memory, or the address space of this process, is short: fewer slots, or a higher limit (ulimit -v, the container's memory, sysctl vm.max_map_count)"
	case errors.Is(err, syscall.EROFS):
		return Dir + " is mounted read-only, which is enough to read alone: as root: mount -o remount,rw " + Dir
	case errors.Is(err, syscall.EOPNOTSUPP):
		return Dir + " has to be a tmpfs: as root: " + mountShm
	case errors.Is(err, ErrReadLocked):
		return "end that process (lslocks shows it), or remove the segment and create it anew with a mode that keeps its user out"
	case errors.Is(err, syscall.EAGAIN):
		return "its owner holds a lease on it: have the owner give that up"
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

const mountShm = "mount -t tmpfs -o mode=1777 tmpfs " + Dir

// hasHint tells of errors that say themselves what to do next.
func hasHint(err error) bool {
	_, lock := errors.AsType[*host.LockError](err)
	return lock || errors.Is(err, hugepages.ErrUnavailable)
}

func permissionHint(op string) string {
	switch {
	case op == opUnlink:
		return "it belongs to another user: only its owner and root can remove it"
	case op != opCreate && op != opList:
		return "it belongs to another user: ask its owner for a mode that lets you in"
	case !sys.Writable(Dir):
		return "this user may not use " + Dir + ": as root: chmod 1777 " + Dir
	}
	return ""
}

const (
	opCreate = "create"
	opList   = "list"
	opAttach = "attach"
	opWriter = "open as writer"
	opUnlink = "unlink"
	opAccess = "access"
	opStatus = "read the status of"
	opName   = "look for the name of"
)
