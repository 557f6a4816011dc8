//go:build linux

package testkit

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// Call is a system call that is about to be made.
type Call struct {
	Name string
	Args [6]uint64
}

// Path is the name that a call is about which takes a folder's descriptor before it. What the thread that makes the call
// has written is there, of which the race detector knows nothing.
//
//go:norace
func (c Call) Path() string {
	var path []byte
	for at := *(*unsafe.Pointer)(unsafe.Pointer(&c.Args[1])); *(*byte)(at) != 0; at = unsafe.Add(at, 1) {
		path = append(path, *(*byte)(at))
	}
	return string(path)
}

// Sleep is how long a nanosleep is to take.
//
//go:norace
func (c Call) Sleep() time.Duration {
	return time.Duration((*(**syscall.Timespec)(unsafe.Pointer(&c.Args[0]))).Nano())
}

// intercepted are the system calls of package sys, by their numbers on amd64 and arm64, but those by which memory and
// descriptors are given back, and those that the Go runtime makes as well: of mmap it is what is shared, of fcntl locks.
var intercepted = map[string][2]uint32{
	"openat": {257, 56}, "fstat": {5, 80}, "newfstatat": {262, 79}, "statfs": {137, 43}, "fstatfs": {138, 44},
	"faccessat": {269, 48}, "faccessat2": {439, 439}, "getdents64": {217, 61}, "read": {0, 63}, "pread64": {17, 67},
	"pwrite64": {18, 68}, "ftruncate": {77, 46}, "fallocate": {285, 47}, "fchmod": {91, 52}, "fcntl": {72, 25},
	"linkat": {265, 37}, "unlinkat": {263, 35}, "mmap": {9, 222}, "mlock": {149, 228}, "membarrier": {324, 283},
	"mbind": {237, 235}, "nanosleep": {35, 101}, "move_pages": {279, 239}, "getcpu": {309, 168}, "clock_gettime": {228, 113},
	"sched_setaffinity": {203, 122}, "sched_getaffinity": {204, 123}, "sched_setattr": {314, 274}, "sched_getattr": {315, 275},
}

// Intercept calls fn on a thread of its own. Each of the thread's system calls waits until decide, which is called on
// another, has returned: the error that the call fails with, or 0 to let it be made. So a test can have any call fail,
// and can do between two of them what another process might.
func Intercept(fn func() error, decide func(Call) syscall.Errno) error {
	arch, ok := map[string]int{"amd64": 0, "arm64": 1}[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("intercept: %w: numbers of system calls are not known on %s", errors.ErrUnsupported, runtime.GOARCH)
	}
	names := map[uint32]string{}
	for name, numbers := range intercepted {
		names[numbers[arch]] = name
	}
	// A thread that waits in a call of which the Go runtime does not know would hold up a collection, and that what answers.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	listeners, done := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		listener, err := listen(names)
		if err != nil {
			close(listeners)
			done <- err
			return
		}
		listeners <- listener
		done <- fn()
	}()
	listener, ok := <-listeners
	if !ok {
		return <-done
	}
	defer syscall.Close(listener)
	ended, end, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ended.Close()
	answered := make(chan error, 1)
	go func() { answered <- answer(listener, int(ended.Fd()), names, decide) }()
	err = <-done
	return errors.Join(err, end.Close(), <-answered)
}

// Structures and numbers of seccomp_unotify(2).
type (
	notification struct {
		id         uint64
		pid, flags uint32
		number     uint32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	response struct {
		id    uint64
		value int64
		err   int32
		flags uint32
	}
)

const (
	receiveNotification = 0xc0502100
	sendResponse        = 0xc0182101
	goOn                = 1
)

// listen has the calling thread wait before each of these system calls for what is answered through the descriptor.
func listen(names map[uint32]string) (fd int, err error) {
	const (
		load, equal, atLeast, anyOf, give = 0x20, 0x15, 0x35, 0x45, 0x06
		ask, allow                        = 0x7fc00000, 0x7fff0000
		number, arguments                 = 0, 16 // offsets in struct seccomp_data
	)
	type statement struct {
		code              uint16
		ifTrue, otherwise uint8
		k                 uint32
	}
	program := []statement{{load, 0, 0, number}}
	for n, name := range names {
		var some []statement
		switch name {
		case "mmap":
			some = []statement{{load, 0, 0, arguments + 8*3}, {anyOf, 1, 0, syscall.MAP_SHARED}, {give, 0, 0, allow}}
		case "fcntl":
			const getLock = 36 // F_OFD_GETLK, before F_OFD_SETLK
			some = []statement{{load, 0, 0, arguments + 8*1}, {atLeast, 1, 0, getLock}, {give, 0, 0, allow}}
		}
		program = append(program, statement{equal, 0, uint8(len(some) + 1), n})
		program = append(append(program, some...), statement{give, 0, 0, ask})
	}
	program = append(program, statement{give, 0, 0, allow})
	const noNewPrivileges, modeFilter, newListener, uninterrupted = 38, 1, 1 << 3, 1 << 5
	if _, _, errno := syscall.Syscall6(syscall.SYS_PRCTL, noNewPrivileges, 1, 0, 0, 0, 0); errno != 0 {
		return -1, os.NewSyscallError("prctl", errno)
	}
	filter := struct {
		length     uint16
		statements *statement
	}{uint16(len(program)), &program[0]}
	seccomp := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	r, _, errno := syscall.Syscall(seccomp, modeFilter, newListener|uninterrupted, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return -1, os.NewSyscallError("seccomp", errno)
	}
	return int(r), nil
}

// answer answers until ended is at its end.
func answer(listener, ended int, names map[uint32]string, decide func(Call) syscall.Errno) error {
	type poll struct {
		fd              int32
		events, revents int16
	}
	for {
		both := [2]poll{{fd: int32(listener), events: 1}, {fd: int32(ended), events: 1}}
		if _, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&both)), 2, 0, 0, 0, 0); errno == syscall.EINTR {
			continue
		} else if errno != 0 {
			return os.NewSyscallError("ppoll", errno)
		}
		if both[1].revents != 0 {
			return nil
		}
		var n notification
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), receiveNotification, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // a signal came first, after which the call is made again
		}
		r := response{id: n.id, flags: goOn}
		if errno := decide(Call{names[n.number], n.args}); errno != 0 {
			r.err, r.flags = -int32(errno), 0
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), sendResponse, uintptr(unsafe.Pointer(&r))); errno != 0 {
			return os.NewSyscallError("answer", errno)
		}
	}
}

// CanIntercept ends a test that needs [Intercept] where there is none.
func CanIntercept(t testing.TB) {
	t.Helper()
	if Emulated() {
		t.Skip("an emulator has no filter for system calls")
	}
	if err := Intercept(func() error { return nil }, nil); err != nil {
		Require(t, "seccomp", err.Error())
	}
}
