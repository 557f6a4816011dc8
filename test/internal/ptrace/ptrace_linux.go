// Package ptrace is what package syscall lacks of ptrace(2) and wait(2). All of it is for the thread that traces: lock it.
package ptrace

import (
	"os"
	"runtime"
	"syscall"
)

// Requests, options and stops.
const (
	Seize          = 0x4206
	Interrupt      = 0x4207
	GetRegisters   = 12
	SetRegisters   = 13
	SysGood        = 0x1
	ExitKill       = 0x100000
	WaitAll        = 0x40000000 // of wait(2)
	SystemCallStop = syscall.SIGTRAP | 0x80
)

// Call makes a request about a thread.
func Call(request, tid int, data uintptr) error {
	if _, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(tid), 0, data, 0, 0); errno != 0 {
		return os.NewSyscallError("ptrace", errno)
	}
	return nil
}

// Registers are the kernel's user_regs_struct of amd64.
type Registers [27]uint64

// Some of them.
const (
	RAX    = 10
	RDX    = 12
	RSI    = 13
	RDI    = 14
	Number = 15 // orig_rax: of the system call
	RIP    = 16
)

// OffMainThread calls fn on a thread of its own. A process is not gone before its main thread is, and that one is
// left to whoever waits for the process, not to whoever traces the thread.
func OffMainThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() == syscall.Getpid() {
			done <- OffMainThread(fn) // while this one keeps the main thread
		} else {
			done <- fn()
		}
	}()
	return <-done
}
