//go:build linux

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxNodes is how many NUMA nodes a kernel can have.
const MaxNodes = 1024

const (
	bindPolicy = 2      // MPOL_BIND
	moveThere  = 1 << 1 // MPOL_MF_MOVE
)

type nodeMask [MaxNodes / 8 / unsafe.Sizeof(uintptr(0))]uintptr

const wordBits = unsafe.Sizeof(uintptr(0)) * 8

// BindToNode makes the pages of b come from one node, and moves those there that are present and that no
// other process has mapped.
func BindToNode(b []byte, node int) error {
	if node < 0 || node >= MaxNodes {
		return unix.EINVAL
	}
	var mask nodeMask
	mask[uintptr(node)/wordBits] = 1 << (uintptr(node) % wordBits)
	// The kernel takes one bit fewer than it is told.
	_, _, errno := unix.Syscall6(unix.SYS_MBIND, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), bindPolicy,
		uintptr(unsafe.Pointer(&mask)), MaxNodes+1, moveThere)
	if errno != 0 {
		return errno
	}
	return nil
}

// CurrentNode is the NUMA node of the CPU that the calling thread runs on just now.
func CurrentNode() (int, error) {
	var node uint32
	if _, _, errno := unix.Syscall(unix.SYS_GETCPU, 0, uintptr(unsafe.Pointer(&node)), 0); errno != 0 {
		return 0, errno
	}
	return int(node), nil
}

// NodesOf says of pages at the given distance from each other, the first at the start of b, on which node
// they are; negative is an errno: ENOENT, if a page is not there.
func NodesOf(b []byte, distance int, nodes []int32) error {
	pages := make([]unsafe.Pointer, len(nodes))
	for i := range pages {
		pages[i] = unsafe.Pointer(&b[i*distance])
	}
	_, _, errno := unix.Syscall6(unix.SYS_MOVE_PAGES, 0, uintptr(len(pages)), uintptr(unsafe.Pointer(unsafe.SliceData(pages))),
		0, uintptr(unsafe.Pointer(unsafe.SliceData(nodes))), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
