package scarcity

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// condition holds of an argument's lower half, if what mask leaves of it is value, or at least value.
type condition struct {
	arg         int
	mask, value uint32
	atLeast     bool
}

// What package syscall lacks.
var (
	seccomp    = map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	membarrier = map[string]uintptr{"amd64": 324, "arm64": 283}[runtime.GOARCH]
)

// refuse has the kernel refuse a system call to this process, if all conditions hold, with an error.
func refuse(call uintptr, errno syscall.Errno, conditions ...condition) error {
	const (
		load, equal, atLeast, and, give = 0x20, 0x15, 0x35, 0x54, 0x06
		errorWith, allow                = 0x00050000, 0x7fff0000
		arguments                       = 16 // offset in struct seccomp_data
	)
	type statement struct {
		code              uint16
		ifTrue, otherwise uint8
		k                 uint32
	}
	rest := uint8(3*len(conditions) + 1) // statements to the last one
	program := []statement{{load, 0, 0, 0}, {equal, 0, rest, uint32(call)}}
	for _, c := range conditions {
		rest -= 3
		test := statement{equal, 0, rest, c.value}
		if c.atLeast {
			test.code = atLeast
		}
		program = append(program, statement{load, 0, 0, uint32(arguments + 8*c.arg)}, statement{and, 0, 0, c.mask}, test)
	}
	program = append(program, statement{give, 0, 0, errorWith | uint32(errno)}, statement{give, 0, 0, allow})

	runtime.LockOSThread() // whose having no new privileges permits the filter, for all threads
	defer runtime.UnlockOSThread()
	const noNewPrivileges, modeFilter, allThreads = 38, 1, 1
	if _, _, errno := syscall.Syscall6(syscall.SYS_PRCTL, noNewPrivileges, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	filter := struct {
		length     uint16
		statements *statement
	}{uint16(len(program)), &program[0]}
	if _, _, errno := syscall.Syscall(seccomp, modeFilter, allThreads, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

const (
	shared   = 1 // MAP_SHARED: none of the Go runtime's own
	setLock  = 37
	whole    = ^uint32(0)
	unnamed  = syscall.O_DIRECTORY | 0x400000 // O_TMPFILE
	readOnly = 0x3
)

// failing are the system calls by which a segment is made or opened. Each is to fail for want of memory, which any can.
var failing = []struct {
	what       string
	call       uintptr
	conditions []condition
	ops        []string
}{
	{"openat of an unnamed file", syscall.SYS_OPENAT, []condition{{2, unnamed, unnamed, false}}, []string{"create", "open as writer without a doorbell"}},
	{"fchmod", syscall.SYS_FCHMOD, nil, []string{"create", "open as writer without a doorbell"}},
	{"fallocate of the object", syscall.SYS_FALLOCATE, []condition{{3, whole, ownPages * page, false}}, []string{"create", "open as writer"}},
	{"fallocate of the doorbell", syscall.SYS_FALLOCATE, []condition{{3, whole, page, false}}, []string{"create", "open as writer without a doorbell"}},
	{"pwrite", syscall.SYS_PWRITE64, nil, []string{"create", "open as writer without a doorbell"}},
	{"pread", syscall.SYS_PREAD64, nil, []string{"attach", "open as writer", "unlink"}},
	{"lock", syscall.SYS_FCNTL, []condition{{1, whole, setLock, false}}, []string{"create", "open as writer"}},
	{"mmap of the object for writing", syscall.SYS_MMAP, []condition{{3, shared, shared, false}, {1, whole, ownPages * page, false}}, []string{"create", "open as writer"}},
	{"mmap of the object for reading", syscall.SYS_MMAP, []condition{{3, shared, shared, false}, {2, readOnly, 1, false}}, []string{"attach", "list", "unlink"}},
	{"mmap of the doorbell", syscall.SYS_MMAP, []condition{{3, shared, shared, false}, {2, readOnly, 3, false}, {1, whole, page, false}},
		[]string{"create", "attach", "open as writer", "open as writer without a doorbell"}},
	{"membarrier", membarrier, nil, []string{"create", "open as writer"}},
	{"linkat", syscall.SYS_LINKAT, nil, []string{"create", "open as writer without a doorbell"}},
}

// Each system call of each operation fails.
func TestSteps(t *testing.T) { scene(t, "steps") }

func steps([]string) error {
	for i, f := range failing {
		for _, op := range f.ops {
			if err := errors.Join(testkit.MountShm("size=1m"), operations[op].prepare()); err != nil {
				return err
			}
			if err := inside("failing step", nil, strconv.Itoa(i), op); err != nil {
				return fmt.Errorf("%s: %s fails: %w", op, f.what, err)
			}
			if op != "create" && op != "list" {
				if err := worksOn(name); err != nil {
					return fmt.Errorf("after %s: %w", op, err)
				}
			}
			if err := syscall.Unmount(segment.Dir, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func failingStep(args []string) error {
	i, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	f, o := failing[i], operations[args[1]]
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	if err := refuse(f.call, syscall.ENOMEM, f.conditions...); err != nil {
		return err
	}
	err = o.do()
	op, of := o.op, o.name
	if op == "list" {
		op, of = "attach", name
	}
	return errors.Join(refused(args[1]+", "+f.what+" fails", err, op, of, syscall.ENOMEM, "ulimit -v"), before.Unchanged())
}

// Older kernels give a fallocate up when a signal comes: so does this one here, if it is of more than 16 KiB.
func TestInterruptedFallocate(t *testing.T) { scene(t, "interrupted fallocate") }

func interruptedFallocate([]string) error {
	if err := testkit.MountShm("size=16m"); err != nil {
		return err
	}
	if err := refuse(syscall.SYS_FALLOCATE, syscall.EINTR, condition{3, whole, 16<<10 + 1, true}); err != nil {
		return err
	}
	return makeOne(name, 1<<18, segment.Options{Pages: hugepages.Off})
}
