package segment

import (
	"errors"
	"io/fs"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// Segment is a mapped segment. It is a ring.Memory.
type Segment struct {
	name      string
	fd        int    // -1 when closed
	owner     uint32 // of the object
	geometry  layout.Geometry
	memory    []byte // the object from its start: all of it, or the header alone
	ring      []byte // the ring file, if the slots are in one
	writable  bool
	created   bool // by this process
	*doorbell      // nil without one
}

// Name is the segment's, with its slash.
func (s *Segment) Name() string { return s.name }

// Geometry is the segment's shape, as validated when it was opened. It is zero for a bare segment.
func (s *Segment) Geometry() layout.Geometry { return s.geometry }

// Header is the mapped start of the object.
func (s *Segment) Header() []byte {
	if s.geometry.HeaderSize == 0 || s.memory == nil {
		return s.memory
	}
	return s.memory[:s.geometry.HeaderSize]
}

// Slots is the mapped ring; nil if only the header is mapped, or the segment is bare.
func (s *Segment) Slots() []byte {
	m := s.slotMemory()
	if s.geometry.HeaderSize == 0 || uint64(len(m)) <= s.geometry.RingOffset {
		return nil
	}
	return m[s.geometry.RingOffset:]
}

// slotMemory is the mapping in which the slots lie.
func (s *Segment) slotMemory() []byte {
	if s.geometry.Backing == layout.BackingHugetlbfs {
		return s.ring
	}
	return s.memory
}

// Writable reports whether this Segment holds the writer's lock.
func (s *Segment) Writable() bool { return s.writable }

// Owner is the user ID of whoever has the object, and so may at any time rewrite it, truncate it, or let others in.
func (s *Segment) Owner() uint32 { return s.owner }

// Created reports whether this process made the segment, rather than opened one that there was.
func (s *Segment) Created() bool { return s.created }

// WriterAlive reports whether a process holds the writer's lock. It makes one system call.
func (s *Segment) WriterAlive() (bool, error) {
	if s.writable {
		return true, nil
	}
	alive, err := sys.Locked(s.fd)
	return alive, failed("look for the writer of", s.name, err)
}

// Replaced reports whether another object has the segment's name by now: whoever attaches gets that one, and this one
// has seen its last writer, if not its last record. A segment whose name is merely gone is not replaced. It makes two system calls.
func (s *Segment) Replaced() (bool, error) {
	opened, err := sys.Stat(s.fd)
	if err != nil {
		return false, failed(opName, s.name, err)
	}
	named, err := sys.StatName(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return !sys.Same(named, opened), failed(opName, s.name, err)
}

// Pages reports which pages the slots have in this process.
func (s *Segment) Pages() (hugepages.Report, error) {
	r, err := hugepages.Measure(s.slotMemory())
	r.Fallback = s.geometry.Fallback
	return r, failed("measure the pages of", s.name, err)
}

// Close unmaps the segment and, in the writer, gives up its lock; the segment itself stays. Nothing
// that was made from s may be used any more. A second Close does nothing.
func (s *Segment) Close() error {
	if s.memory == nil {
		return nil
	}
	err := errors.Join(sys.Unmap(s.memory), s.doorbell.close())
	if s.ring != nil {
		err = errors.Join(err, sys.Unmap(s.ring))
	}
	sys.Close(s.fd)
	s.fd, s.memory, s.ring, s.doorbell, s.writable = -1, nil, nil, nil, false
	return failed("close", s.name, err)
}
