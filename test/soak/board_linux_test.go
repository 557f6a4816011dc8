package soak

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// board is the memory, shared by all processes of a soak, on which they say how they do: it outlives a SIGKILL and costs
// no system call.
type board struct{ memory []byte }

const (
	boardFD   = 3 // the first of exec.Cmd.ExtraFiles
	places    = 256
	placeSize = 128
)

func mapBoard(file *os.File) (board, error) {
	m, err := syscall.Mmap(int(file.Fd()), 0, places*placeSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return board{m}, err
}

// openBoard is for a process that was started with it.
func openBoard() (board, error) {
	file := os.NewFile(boardFD, "board")
	defer file.Close()
	return mapBoard(file)
}

// place is one process's part of the board. It alone writes there, but for order.
type place struct {
	created    atomic.Uint64 // of the segment that it has
	returned   atomic.Uint64 // by Publish: one more than the last number; writers only
	writing    atomic.Uint64 // 1 while it is a writer
	first      atomic.Uint64 // when it had published the first record of its tenure, ns of CLOCK_BOOTTIME
	thread     atomic.Uint64 // that publishes
	order      atomic.Uint64 // what it is asked to do
	progress   atomic.Uint64 // records, and events, so far
	received   atomic.Uint64
	missed     atomic.Uint64
	restarts   atomic.Uint64
	attached   atomic.Uint64 // segments
	truncated  atomic.Uint64 // segments that went away under it
	torn       atomic.Uint64 // as old programs may see records
	goroutines atomic.Uint64
	published  atomic.Uint64 // in all tenures
	_          uint64
}

var _ = [1]int{}[unsafe.Sizeof(place{})-placeSize]

func (b board) place(i int) *place { return (*place)(unsafe.Pointer(&b.memory[i%places*placeSize])) }

// clear makes a place ready for another process.
func (b board) clear(i int) { clear(b.memory[i%places*placeSize:][:placeSize]) }

// Orders.
const (
	goOn  = iota
	leave // close the ring, and then be a writer like the others that wait
)
