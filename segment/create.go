package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// Options say how a segment is made. The zero value is good: mode 0600, huge pages preferred, no doorbell.
type Options struct {
	// Mode is the object's, regardless of the umask: 0600 unless set. 0640 or 0644 lets others read.
	// Whoever may write can do anything to the segment.
	Mode fs.FileMode
	// Pages is the policy for huge pages, from a hugetlbfs or from /dev/shm; what was obtained, Segment.Pages tells.
	Pages hugepages.Policy
	// PageBytes is the size of the huge pages, such as 2 << 20 or 1 << 30; 0 takes what there is.
	PageBytes uint64
	// Node is the NUMA node of the memory; Segment.Nodes tells what came of it. One that cannot be had is an error.
	Node Node
	// Lock keeps the memory from being swapped out, as Segment.Lock does. If that is not permitted it is an error.
	Lock bool
	// Doorbell makes the object on which readers of the same user can block (ring.Block). A reader
	// that is allowed to ring it could also damage it, so it is never opened to other users.
	Doorbell bool
}

// Create makes a segment of the given shape and becomes its writer. If the name is taken the error
// is fs.ErrExist: [OpenWriter] takes a segment over. If the storage cannot be had it is ENOSPC, and
// nothing is left behind.
func Create(name string, g layout.Geometry, o Options) (*Segment, error) {
	s, err := create(name, g, o)
	return s, failed(opCreate, name, err)
}

func create(name string, g layout.Geometry, o Options) (_ *Segment, err error) {
	path, err := path(name)
	if err != nil {
		return nil, err
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if o.Mode&^0o666 != 0 {
		return nil, fmt.Errorf("%w: mode %v has other than read and write bits", fs.ErrInvalid, o.Mode)
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if _, err := sys.StatName(path); err == nil {
		return nil, syscall.EEXIST // early: nothing needs to be reserved for that answer
	}
	sweep(canonical(name)) // it may hold the very pages that are wanted
	fd, err := sys.OpenUnnamed(Dir, o.Mode)
	if err != nil {
		return nil, err
	}
	s := &Segment{name: canonical(name), fd: fd, owner: uint32(os.Geteuid()), writable: true, created: true}
	defer func() {
		if err != nil {
			s.removeCompanions()
			s.abandon()
		}
	}()

	g.Version, g.Doorbell, g.Created = layout.Version, o.Doorbell, uint64(time.Now().UnixNano())
	s.geometry = g
	if err := s.reserve(o); err != nil {
		return nil, err
	}
	if err := sys.WriteAt(fd, layout.Encode(s.geometry), 0); err != nil {
		return nil, err
	}
	if err := s.own(); err != nil {
		return nil, err
	}
	if o.Lock {
		if err := s.lockPages(); err != nil {
			return nil, err
		}
	}
	if g.Doorbell {
		if err := registerBarrier(); err != nil {
			return nil, err
		}
		if s.doorbell, err = createDoorbell(path, g.Created); err != nil {
			return nil, err
		}
	}
	if err := sys.Link(fd, path); err != nil { // complete, and only now with a name
		return nil, err
	}
	return s, nil
}

// own locks the segment for this process, reserves and maps it, and says who the writer is.
func (s *Segment) own() (err error) {
	if err := s.lock(); err != nil {
		return err
	}
	if !s.created {
		if err := s.lookAgain(); err != nil {
			return err
		}
		if err := sys.FillHoles(s.fd, s.geometry.SegmentSize); err != nil { // a copy of a segment may have some
			return err
		}
	}
	if s.memory, err = sys.Map(s.fd, s.geometry.SegmentSize, true); err != nil {
		return err
	}
	// It is for people: 0 if /proc is not there, or is that of another PID namespace.
	start, err := sys.StartTime(os.Getpid())
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrNoProc) {
		return err
	}
	return s.Guard(func() error {
		storeWord(s.memory, layout.PIDOffset, uint64(os.Getpid()))
		storeWord(s.memory, layout.StartTimeOffset, start)
		storeWord(s.memory, layout.HeartbeatOffset, sys.Boottime())
		return nil
	})
}

// lock takes the writer's lock. Where it is not to be had, that of a writer is told from that of a process that may
// read the object, and no more.
func (s *Segment) lock() error {
	for range lockTries {
		if locked, err := sys.TryLock(s.fd); locked || err != nil {
			return err
		}
		if written, err := sys.Locked(s.fd); err != nil {
			return err
		} else if written {
			return s.nameWriter()
		}
	}
	return ErrReadLocked
}

// lockTries are for a writer that goes between the two looks.
const lockTries = 3

// removeCompanions undoes the part of a creation that others can see before the segment has its name.
func (s *Segment) removeCompanions() {
	if s.ring != nil {
		_ = sys.Unlink(s.geometry.RingFile)
	}
	if s.doorbell != nil {
		_ = s.unlink()
	}
}

// abandon undoes an opening that failed half way.
func (s *Segment) abandon() {
	if s.memory != nil {
		_ = s.Close()
		return
	}
	if s.ring != nil {
		_ = sys.Unmap(s.ring)
	}
	sys.Close(s.fd)
}
