package torture

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/test/internal/ptrace"
	"github.com/tickring/tickring/test/internal/records"
)

var turns atomic.Int64

// canTrace ends a test that cannot trace its children. It binds the test to its thread, the only one that may, and
// to a CPU, with all children: to wake a thread on another CPU takes long.
func canTrace(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" || testkit.Emulated() {
		testkit.Require(t, "ptrace", "an emulator has none, and the registers of other processors than amd64 are not known here")
	}
	runtime.LockOSThread()
	cpus, err := sys.ThreadCPUs()
	require.NoError(t, err)
	require.NoError(t, sys.SetThreadCPUs(cpus[int(turns.Add(1))%len(cpus)]))
	a := newStage(t, records.Trade).start()
	if err := a.seize(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		testkit.Require(t, "ptrace", err.Error())
	} else {
		require.NoError(t, err)
	}
	a.kill()
}

func (a *actor) seize() error {
	err := ptrace.Call(ptrace.Seize, a.worker, ptrace.SysGood|ptrace.ExitKill)
	a.traced = err == nil
	return err
}

// reap waits for the end of the thread that was traced: the process does not end before.
func (a *actor) reap() {
	for a.traced {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(a.worker, &ws, ptrace.WaitAll, nil)
		a.traced = err == syscall.EINTR || err == nil && ws.Stopped()
	}
}

// resume lets the thread run until its next stop, and returns the signal that it stopped for.
func (a *actor) resume(request int) syscall.Signal {
	a.t.Helper()
	require.NoError(a.t, ptrace.Call(request, a.worker, 0))
	return a.wait()
}

func (a *actor) wait() syscall.Signal {
	a.t.Helper()
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(a.worker, &ws, ptrace.WaitAll, nil)
		if err == syscall.EINTR {
			continue
		}
		require.NoError(a.t, err)
		if !ws.Stopped() {
			a.traced = false
			a.Line() // fails with what the process said
		}
		return ws.StopSignal()
	}
}

func (a *actor) registers() (r ptrace.Registers) {
	a.t.Helper()
	require.NoError(a.t, ptrace.Call(ptrace.GetRegisters, a.worker, uintptr(unsafe.Pointer(&r))))
	return r
}

func (a *actor) setRegisters(r ptrace.Registers) {
	a.t.Helper()
	require.NoError(a.t, ptrace.Call(ptrace.SetRegisters, a.worker, uintptr(unsafe.Pointer(&r))))
}

// mapping is a part of the thread's address space that it shares with others.
type mapping struct{ from, to uint64 }

// findShared finds what is mapped for writing of segments, those without a name included.
func (a *actor) findShared() {
	a.t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", a.pid))
	require.NoError(a.t, err)
	known := a.shared
	a.shared = nil
	for line := range strings.Lines(string(maps)) {
		var m mapping
		var mode string
		_, err := fmt.Sscanf(line, "%x-%x %s", &m.from, &m.to, &mode)
		require.NoError(a.t, err)
		ours := strings.Contains(line, "/tickring-test-") || strings.Contains(line, "/dev/shm/#")
		if ours && (mode == "rw-s" || slices.Contains(known, m)) { // one that is known is protected
			a.shared = append(a.shared, m)
		}
	}
}

// protect has the thread permit or forbid itself to write to what it shares. It stands still before and after.
func (a *actor) protect(permissions uint64) {
	a.t.Helper()
	if len(a.shared) == 0 {
		return
	}
	saved := a.registers()
	for _, m := range a.shared {
		call := saved
		call[ptrace.Number], call[ptrace.RIP], call[ptrace.RAX] = ^uint64(0), a.gate, syscall.SYS_MPROTECT
		call[ptrace.RDI], call[ptrace.RSI], call[ptrace.RDX] = m.from, m.to-m.from, permissions
		a.setRegisters(call)
		require.Equal(a.t, ptrace.SystemCallStop, a.resume(syscall.PTRACE_SYSCALL))
		require.Equal(a.t, ptrace.SystemCallStop, a.resume(syscall.PTRACE_SYSCALL))
		done := a.registers()
		require.Zero(a.t, done[ptrace.RAX], "mprotect %#x", m)
	}
	a.setRegisters(saved)
}

const (
	readOnly = syscall.PROT_READ
	readable = syscall.PROT_READ | syscall.PROT_WRITE
)

// verdict is what becomes of a process at a point.
type verdict int

const (
	goOn    verdict = iota
	kill            // with SIGKILL
	suspend         // with SIGSTOP
)

// point is a place at which a writer can die so that it makes a difference to others.
type point int

const (
	beginning point = iota
	store           // one was made
	exit            // of a system call
)

// trace has a do a command, and calls at for each point of it, while the thread stands still there. It returns the last
// verdict: goOn, if the operation came to its end; then the reply is still to be read.
//
// Each store is found by the fault that it makes in memory that the thread may not write to: the fault is told to the
// tracer alone, which lets this one instruction write.
func (a *actor) trace(command string, at func(point) verdict) verdict {
	a.t.Helper()
	require.NoError(a.t, a.seize())
	a.Say("traced " + command)
	require.Equal(a.t, marker, a.wait())
	begin := a.registers()
	a.gate = begin[ptrace.RIP] - 2 // the instruction "syscall"
	a.findShared()
	a.protect(readOnly)
	if v := at(beginning); v != goOn {
		return a.end(v)
	}
	for inCall := false; ; {
		what := store
		switch signal := a.resume(syscall.PTRACE_SYSCALL); signal {
		case syscall.SIGSEGV:
			a.protect(readable)
			require.Equal(a.t, syscall.SIGTRAP, a.resume(syscall.PTRACE_SINGLESTEP), "a fault of its own")
			a.protect(readOnly)
		case ptrace.SystemCallStop:
			now := a.registers()
			if !inCall && now[ptrace.Number] == syscall.SYS_TGKILL {
				require.Equal(a.t, ptrace.SystemCallStop, a.resume(syscall.PTRACE_SYSCALL))
				require.Equal(a.t, marker, a.resume(syscall.PTRACE_SYSCALL))
				return a.end(goOn)
			}
			if inCall = !inCall; inCall {
				continue // nothing has happened since the last point
			}
			what = exit
			if now[ptrace.Number] == syscall.SYS_MMAP || now[ptrace.Number] == syscall.SYS_MUNMAP {
				a.findShared()
				a.protect(readOnly)
			}
		default:
			require.Failf(a.t, "the thread stopped", "%v", signal)
		}
		if v := at(what); v != goOn {
			return a.end(v)
		}
	}
}

// end carries a verdict out, and lets the thread go.
func (a *actor) end(v verdict) verdict {
	a.t.Helper()
	if v == kill {
		a.kill()
		return v
	}
	a.protect(readable)
	if v == suspend {
		require.NoError(a.t, syscall.Kill(a.pid, syscall.SIGSTOP))
	}
	require.NoError(a.t, syscall.PtraceDetach(a.worker))
	a.traced = false
	if v == suspend {
		a.untilStopped()
	}
	return v
}

// untilStopped waits until the process stands still after a SIGSTOP.
func (a *actor) untilStopped() {
	a.t.Helper()
	var ws syscall.WaitStatus
	err := error(syscall.EINTR)
	for err == syscall.EINTR {
		_, err = syscall.Wait4(a.pid, &ws, syscall.WUNTRACED, nil)
	}
	require.NoError(a.t, err)
	require.True(a.t, ws.Stopped())
}
