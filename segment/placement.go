package segment

import (
	"errors"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/internal/sys"
)

// Node says on which NUMA node a segment's memory is to be. With the zero value it is where the kernel puts
// it: on the node of the thread that creates the segment, if that has room.
type Node struct {
	kind nodeKind
	node int
}

type nodeKind uint8

const (
	anyNode nodeKind = iota
	thisNode
	ownNode
)

// OnNode is the node of a number, and no other.
func OnNode(node int) Node { return Node{thisNode, node} }

// OnOwnNode is the node of the CPU on which the segment is created, and no other: pin the writer first.
func OnOwnNode() Node { return Node{kind: ownNode} }

// bind is what hugepages.Want.Prepare is to do.
func (n Node) bind() (func(fd int, size uint64) error, error) {
	node := n.node
	switch n.kind {
	case anyNode:
		return nil, nil
	case ownNode:
		var err error
		if node, err = host.CurrentNode(); err != nil {
			return nil, err
		}
	}
	return func(fd int, size uint64) error {
		b, err := sys.MapBare(fd, size)
		if err != nil {
			return err
		}
		return errors.Join(host.Bind(b, node), sys.Unmap(b)) // the binding is the object's
	}, nil
}

// Lock faults the segment in and keeps it from being swapped out, in this process, until Close. The error wraps a
// [*host.LockError], which says how to be allowed more; without it the segment is as it was. It locks the
// segment and not the process, for the reasons at [host.Lock].
func (s *Segment) Lock() error { return failed("lock", s.name, s.lockPages()) }

func (s *Segment) lockPages() error {
	header, err := host.Lock(s.memory)
	if err != nil || s.ring == nil {
		return err
	}
	if _, err := host.Lock(s.ring); err != nil {
		return errors.Join(err, header.Undo())
	}
	return nil
}

// Nodes reports on which NUMA nodes the slots lie.
func (s *Segment) Nodes() (host.Pages, error) {
	pages, err := host.PagesOf(s.slotMemory())
	return pages, failed("find the NUMA nodes of", s.name, err)
}
