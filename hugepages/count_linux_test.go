package hugepages_test

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// openMisses counts the calling thread's loads, in user mode, whose address was not in the data TLB. The error
// says why they cannot be counted: most virtual machines have no such counter.
func openMisses() (*os.File, error) {
	const (
		cacheEvents       = 3
		loadMisses        = 3 | 0<<8 | 1<<16 // of the data TLB; loads; misses
		pinned            = 1 << 2           // all of the time, or the file is at its end
		excludeKernel     = 1 << 5           // else the user needs a privilege
		excludeHypervisor = 1 << 6
		thisThread        = 0
		anyCPU            = ^uintptr(0)
		noGroup           = ^uintptr(0)
		closeOnExec       = 8
	)
	attr := struct { // the kernel's perf_event_attr, as short as it may be
		kind, size                                   uint32
		config, period, sampled, readFormat, options uint64
		wakeup, breakpoint                           uint32
		config1                                      uint64
	}{kind: cacheEvents, config: loadMisses, options: pinned | excludeKernel | excludeHypervisor}
	attr.size = uint32(unsafe.Sizeof(attr))
	fd, _, errno := syscall.Syscall6(syscall.SYS_PERF_EVENT_OPEN,
		uintptr(unsafe.Pointer(&attr)), thisThread, anyCPU, noGroup, closeOnExec, 0)
	switch errno {
	case 0:
	case syscall.ENOENT:
		return nil, fmt.Errorf("perf_event_open: the kernel sees no such counter on this machine: %w", errno)
	default:
		return nil, fmt.Errorf("perf_event_open: %w", errno)
	}
	return os.NewFile(fd, "dTLB load misses"), nil
}

// count reads a counter; nil counts nothing.
func count(counter *os.File) (n uint64, err error) {
	if counter == nil {
		return 0, nil
	}
	if _, err := counter.Read((*[8]byte)(unsafe.Pointer(&n))[:]); err != nil {
		return 0, fmt.Errorf("%s: somebody else counts them: %w", counter.Name(), err)
	}
	return n, nil
}
