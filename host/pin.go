package host

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/tickring/tickring/internal/sys"
)

// Reasons for which a thread cannot be pinned.
var (
	ErrNoCPU         = errors.New("this machine has no such CPU")
	ErrOffline       = errors.New("it is offline")
	ErrOutsideCPUSet = errors.New("it is outside the control group's cpuset")
)

// ErrOtherThread: what a thread did can be undone only by the goroutine that did it.
var ErrOtherThread = errors.New("host: called on another thread than what it undoes")

// PinError says why a thread cannot run on a CPU.
type PinError struct {
	CPU    int
	Reason error // one of those above, or nil
	Remedy string
	Err    error // of the system
}

func (e *PinError) Error() string {
	reason := e.Reason
	if reason == nil {
		reason = e.Err
	}
	s := fmt.Sprintf("host: pin to CPU %d: %v", e.CPU, reason)
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	return s
}

// Unwrap makes errors.Is hold for the reason and for the system's errno.
func (e *PinError) Unwrap() []error { return present(e.Reason, e.Err) }

// present are the errors that are not nil.
func present(all ...error) []error {
	return slices.DeleteFunc(all, func(err error) bool { return err == nil })
}

// Pinned is a goroutine that is locked to its thread, on one CPU.
type Pinned struct {
	CPU    int
	thread int
	before []int
}

// Pin locks the calling goroutine to its thread, and the thread to a CPU. Threads that the Go runtime starts
// meanwhile are not bound by it.
//
// A goroutine that is locked and spins pays for it: when the runtime stops it, every 10 ms at most, it hands
// its processor to another thread, sleeps, and is woken again. With GOMAXPROCS 1, one that only spins stays on its
// thread without: it may call runtime.UnlockOSThread after Pin, and LockOSThread before Undo. docs/TUNING.md
// has the figures.
func Pin(cpu int) (*Pinned, error) {
	if cpu < 0 {
		return nil, &PinError{CPU: cpu, Reason: ErrNoCPU}
	}
	runtime.LockOSThread()
	before, err := sys.ThreadCPUs()
	if err == nil {
		err = sys.SetThreadCPUs(cpu)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return nil, pinError(tree{os.DirFS("/")}, cpu, err)
	}
	return &Pinned{CPU: cpu, thread: sys.ThreadID(), before: before}, nil
}

func pinError(files tree, cpu int, err error) *PinError {
	e := &PinError{CPU: cpu, Err: err}
	if errors.Is(err, errors.ErrUnsupported) {
		return e
	}
	there, knownThere := files.cpus("sys/devices/system/cpu/present")
	online, knownOnline := files.cpus("sys/devices/system/cpu/online")
	permitted, knownPermitted := files.cpuset()
	switch {
	case knownThere && !slices.Contains(there, cpu):
		e.Reason, e.Remedy = ErrNoCPU, "it has "+FormatCPUs(there)
	case knownOnline && !slices.Contains(online, cpu):
		e.Reason = ErrOffline
		e.Remedy = fmt.Sprintf("as root: echo 1 > /sys/devices/system/cpu/cpu%d/online", cpu)
	case knownPermitted && !slices.Contains(permitted, cpu):
		e.Reason = ErrOutsideCPUSet
		e.Remedy = fmt.Sprintf("which is %s: add it to the cpuset.cpus of the group, or give the container --cpuset-cpus", FormatCPUs(permitted))
	}
	return e
}

// Undo lets the thread run where it could before, and the goroutine on any thread. Only the goroutine that
// called [Pin] can.
func (p *Pinned) Undo() error {
	if sys.ThreadID() != p.thread {
		return ErrOtherThread
	}
	if err := sys.SetThreadCPUs(p.before...); err != nil {
		return fmt.Errorf("host: let the thread run on CPU %s again: %w", FormatCPUs(p.before), err)
	}
	runtime.UnlockOSThread()
	return nil
}
