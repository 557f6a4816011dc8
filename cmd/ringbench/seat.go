package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tickring/tickring/internal/sys"
)

// seat is where a process runs its hot loops.
type seat struct {
	cpu     int   // noCPU: wherever the kernel likes
	allowed []int // CPUs of the process
}

// memoryLimit is where the garbage collector would start again. A process that measures allocates
// some megabytes before, and next to nothing while it does.
const memoryLimit = 2 << 30

// settle readies the process for hot loops.
func settle(cpu int) (s seat, err error) {
	runtime.GC()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	s.cpu = cpu
	s.allowed, err = allowedCPUs()
	return s, err
}

func pinError(cpu int, err error) error {
	if err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return nil
}

// stay is what befell a hot loop.
type stay struct {
	Preempted int64 `json:"preempted"` // times that the kernel gave its CPU to another thread; negative: unknown
	Moved     bool  `json:"moved"`     // the Go runtime moved it to another thread, off the CPU that it was pinned to
}

// run runs a hot loop that spins, or one that makes system calls which may sleep.
//
// A loop that spins runs on a pinned thread, with GOMAXPROCS 1, and without runtime.LockOSThread. Go's monitor
// preempts a goroutine that runs for more than 10 ms, up to 50 times a second. One that is locked to its
// thread hands its processor to another thread then, and sleeps until that one hands it back: on two
// busy CPUs, in 2 s, it slept 4 to 21 times, for 3 to 14 ms in all. One that is not locked went on at once
// and never slept, and stayed on its thread, since no other had a processor to take it with. (With
// GOMAXPROCS 2 another one had, and took it.)
//
// A loop that sleeps in system calls would be moved, with GOMAXPROCS 1: while it is in the kernel the runtime
// starts another thread for the processor. It gets two, and the whole process is pinned. For one that
// spins, that would be worse: the runtime's other threads would have to push it aside each time they wake.
func (s seat) run(spins bool, loop func()) (st stay, err error) {
	if !spins {
		return s.runAsleep(loop)
	}
	runtime.GOMAXPROCS(1)
	// Around the loop, the goroutine must not be moved while it is in a system call.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pins := s.cpu != noCPU
	if pins {
		if err := sys.SetThreadCPUs(s.cpu); err != nil {
			return st, pinError(s.cpu, err)
		}
	}
	thread, before := sys.ThreadID(), preemptions()
	runtime.UnlockOSThread()
	loop()
	runtime.LockOSThread()
	moved := sys.ThreadID() != thread
	st = stay{Preempted: preemptions() - before, Moved: moved && pins}
	if before < 0 || moved {
		st.Preempted = -1
	}
	if pins && !moved {
		err = sys.SetThreadCPUs(s.allowed...)
	}
	return st, err
}

// runAsleep runs a hot loop that sleeps now and then.
func (s seat) runAsleep(loop func()) (st stay, err error) {
	runtime.GOMAXPROCS(2)
	if s.cpu != noCPU {
		if err := sys.SetProcessCPUs(s.cpu); err != nil {
			return st, pinError(s.cpu, err)
		}
	}
	loop()
	if s.cpu != noCPU {
		err = sys.SetProcessCPUs(s.allowed...)
	}
	return stay{Preempted: -1}, err
}

// runPair runs two hot loops on a CPU each.
func runPair(cpus [2]int, loops [2]func()) error {
	runtime.GOMAXPROCS(3) // one for whoever listens to the conductor
	var failed [2]error
	done := make(chan struct{})
	for i, loop := range loops {
		go func() {
			defer func() { done <- struct{}{} }()
			// Locked for good: the thread ends with the goroutine, and its pinning with it.
			runtime.LockOSThread()
			if cpus[i] != noCPU {
				failed[i] = pinError(cpus[i], sys.SetThreadCPUs(cpus[i]))
			}
			loop()
		}()
	}
	<-done
	<-done
	return errors.Join(failed[:]...)
}

// preemptions is how often the kernel took the CPU from the calling thread to give it to another;
// negative if unknown.
func preemptions() int64 {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "nonvoluntary_ctxt_switches:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return -1
}
