package host

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/tickring/tickring/internal/sys"
)

// ErrLockLimit: the process may not lock so much memory.
var ErrLockLimit = errors.New("more than this process may lock")

// LockError says why memory could not be locked.
type LockError struct {
	Bytes  uint64 // that were to be locked
	Locked uint64 // that the process has locked already
	Limit  uint64 // RLIMIT_MEMLOCK
	Hard   uint64 // how far the process may raise it itself
	Reason error  // ErrLockLimit, or nil
	Err    error  // of the system
}

func (e *LockError) Error() string {
	s := fmt.Sprintf("host: lock %d bytes: ", e.Bytes)
	if e.Reason == nil {
		return s + e.Err.Error()
	}
	s += fmt.Sprintf("%v: RLIMIT_MEMLOCK is %d bytes, of which %d are locked", e.Reason, e.Limit, e.Locked)
	if e.Hard > e.Limit && e.Hard-e.Limit >= e.Bytes {
		return s + fmt.Sprintf(": ulimit -l %d in the shell that starts it", (e.Locked+e.Bytes+1023)/1024)
	}
	return s + ": LimitMEMLOCK=infinity in its systemd unit, --ulimit memlock=-1 for its container, or CAP_IPC_LOCK"
}

// Unwrap makes errors.Is hold for the reason and for the system's errno.
func (e *LockError) Unwrap() []error { return present(e.Reason, e.Err) }

// Locked is memory that stays where it is.
type Locked struct{ memory []byte }

// Lock faults all pages of a mapping in, such as a segment's, and keeps them from being swapped out. b must
// be mapped memory, not of the Go heap.
//
// It locks that range and not, by mlockall, the process. A Go program reserves far more addresses than it
// uses, and grows heap and stacks as it runs: with all of it locked, each growth counts against RLIMIT_MEMLOCK
// and the one that goes over it ends the program, and what the garbage collector gives back comes with a
// fault again. What a ring's loop touches beside the ring is a few pages that are never cold.
func Lock(b []byte) (*Locked, error) {
	if len(b) == 0 {
		return nil, errors.New("host: lock no memory")
	}
	if err := sys.Lock(b); err != nil {
		return nil, lockError(uint64(len(b)), err)
	}
	return &Locked{b}, nil
}

// Undo lets the pages be swapped out again. They stay mapped.
func (l *Locked) Undo() error {
	if err := sys.Unlock(l.memory); err != nil {
		return fmt.Errorf("host: unlock %d bytes: %w", len(l.memory), err)
	}
	return nil
}

func lockError(n uint64, err error) *LockError {
	e := &LockError{Bytes: n, Err: err}
	var limitErr error
	if e.Limit, e.Hard, limitErr = sys.LockLimit(); limitErr != nil {
		return e
	}
	if status, err := fs.ReadFile(sys.Root, "proc/self/status"); err == nil {
		e.Locked = lockedBytes(string(status))
	}
	over := e.Limit < e.Locked || e.Limit-e.Locked < n
	// EPERM: the limit is 0. ENOMEM: it is too small; or nothing is mapped there.
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOMEM) && over {
		e.Reason = ErrLockLimit
	}
	return e
}

// lockedBytes is VmLck of /proc/self/status.
func lockedBytes(status string) uint64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "VmLck:"); ok {
			kilobytes, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// Prefault faults all pages of a mapping in, so that no later access pays for it, without locking them. It needs
// no privilege. With writable it makes them ready to be written, and changes none.
func Prefault(b []byte, writable bool) error {
	if len(b) == 0 {
		return nil
	}
	err := sys.Populate(b, writable)
	if errors.Is(err, syscall.EINVAL) {
		err = errors.Join(errors.ErrUnsupported, err) // Linux before 5.14
	}
	if err != nil {
		return fmt.Errorf("host: prefault %d bytes: %w", len(b), err)
	}
	return nil
}
