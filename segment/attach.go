package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// Attach maps a segment read-only. It may have a writer or not. Read it within [Segment.Guard]: whoever
// may write to the object may also truncate it, and the next access would end the process. Any user can make
// a segment of a name that is free: [Segment.Owner] tells whose it is.
func Attach(name string) (*Segment, error) {
	s, err := open(name, false)
	if err == nil {
		err = s.mapReadOnly(s.geometry.SegmentSize)
	}
	if err == nil {
		err = s.openRing(false)
	}
	if err == nil && s.geometry.Doorbell {
		// A doorbell that is gone, or another user's, costs the reader no more than blocking on it.
		if s.doorbell, err = openDoorbell(s.path(), s.geometry.Created, s.owner); !scarce(err) {
			err = nil
		}
	}
	return s.orAbandon(failed(opAttach, name, err))
}

// AttachBare maps the 24-byte segment of a program from before the ring, for a ring.BareReader.
func AttachBare(name string) (*Segment, error) {
	s, size, err := openObject(name, false)
	if err == nil && size != layout.BareSize {
		err = fmt.Errorf("%w: %d bytes", ErrNotBare, size)
	}
	if err == nil {
		err = s.mapReadOnly(size)
	}
	return s.orAbandon(failed(opAttach, name, err))
}

// attachHeader maps the header alone: enough to say how a segment does. What fails is not said to be an attachment.
func attachHeader(name string) (*Segment, error) {
	s, err := open(name, false)
	if err == nil {
		err = s.mapReadOnly(uint64(s.geometry.HeaderSize))
	}
	return s.orAbandon(err)
}

// OpenWriter makes this process the writer of a segment whose writer closed it, died, or never came. If
// another process is its writer the error is [ErrWriterExists]. A ring.Writer then goes on behind the
// last record.
//
// The segment must be this user's, or root's; else the error is [ErrOwner], which is fs.ErrPermission: another user
// who made it, under a name that was free, could rewrite or truncate it at any time.
func OpenWriter(name string) (*Segment, error) { return OpenWriterOf(name, uint32(os.Geteuid())) }

// OpenWriterOf is [OpenWriter] of a segment that may also be the given user's, whom this process trusts.
func OpenWriterOf(name string, uid uint32) (*Segment, error) {
	s, err := openWriter(name, uid)
	return s, failed(opWriter, name, err)
}

func openWriter(name string, uid uint32) (*Segment, error) {
	s, err := open(name, true)
	if err == nil && s.owner != uid && s.owner != uint32(os.Geteuid()) && s.owner != 0 {
		err = fmt.Errorf("%w: user %d", ErrOwner, s.owner)
	}
	if err == nil {
		err = s.takeOver()
	}
	return s.orAbandon(err)
}

// takeOver makes this process the writer of a segment that it opened for writing.
func (s *Segment) takeOver() (err error) {
	s.writable = true
	if s.geometry.Version != layout.Version {
		err = fmt.Errorf("%w: segment has version %d, this program writes version %d", ErrVersion, s.geometry.Version, layout.Version)
	}
	if err == nil && s.geometry.Doorbell {
		// A process's first takes milliseconds, in which the ring need not be without a writer.
		err = registerBarrier()
	}
	if err == nil {
		err = s.own()
	}
	if err == nil {
		err = s.openRing(true)
	}
	if err == nil && s.geometry.Doorbell {
		s.doorbell, err = reopenDoorbell(s.path(), s.geometry.Created, s.owner)
	}
	if err == nil {
		err = s.stillNamed()
		if errors.Is(err, ErrReplaced) && s.doorbell != nil {
			_ = s.unlink() // nobody else would any more
		}
	}
	if err == nil {
		sweep(s.name)
	}
	return err
}

// open opens an object and validates its header, from a private copy of it.
func open(name string, writable bool) (*Segment, error) {
	s, _, err := openObject(name, writable)
	if err == nil {
		err = s.readGeometry()
	}
	return s, err
}

// readGeometry validates the header of the object as it is now.
func (s *Segment) readGeometry() error {
	info, err := sys.Stat(s.fd)
	if err != nil {
		return err
	}
	if info.Size == layout.BareSize {
		return ErrBare
	}
	s.geometry, err = layout.Decode(info.Size, func(offset, n int) ([]byte, error) { return sys.ReadAt(s.fd, offset, n) })
	return err
}

// lookAgain looks, now that this process has the lock, whether the object is still what it was: the writer before may
// have ended because it was cut short, or overwritten in place.
func (s *Segment) lookAgain() error {
	created := s.geometry.Created
	err := s.readGeometry()
	if err == nil && s.geometry.Created != created {
		err = ErrReplaced
	}
	return err
}

// openObject opens the regular file of a name. The segment that it returns, also with an error, is
// to be abandoned.
func openObject(name string, writable bool) (s *Segment, size uint64, err error) {
	path, err := path(name)
	if err != nil {
		return nil, 0, err
	}
	fd, err := sys.Open(path, writable)
	if errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENXIO) { // a directory, or a socket
		err = fmt.Errorf("%w: %w", ErrNotRegular, err)
	}
	if err != nil {
		return nil, 0, err
	}
	s = &Segment{name: canonical(name), fd: fd}
	info, err := sys.Stat(fd)
	switch {
	case err != nil:
		return s, 0, err
	case !info.Mode.IsRegular():
		return s, 0, ErrNotRegular
	}
	s.owner = info.UID
	return s, info.Size, nil
}

func (s *Segment) mapReadOnly(n uint64) (err error) {
	s.memory, err = sys.Map(s.fd, n, false)
	return err
}

// scarce tells errors of which the object is not the cause: what it is would show when there is more of
// files or memory again.
func scarce(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// orAbandon is what an opening returns: s, or nothing but the error.
func (s *Segment) orAbandon(err error) (*Segment, error) {
	if err == nil {
		return s, nil
	}
	if s != nil {
		s.abandon()
	}
	return nil, err
}

func (s *Segment) path() string { return Dir + s.name }

// nameWriter says which process it is that has the segment.
func (s *Segment) nameWriter() error {
	b, _ := sys.ReadAt(s.fd, layout.PIDOffset, 8)
	if len(b) < 8 {
		return ErrWriterExists
	}
	return fmt.Errorf("%w: process %d", ErrWriterExists, binary.LittleEndian.Uint64(b))
}

// stillNamed makes sure that nobody gave the name to another object while this one was being opened
// and locked.
func (s *Segment) stillNamed() error {
	named, err := sys.IsNamed(s.fd, s.path())
	if err == nil && !named {
		err = ErrReplaced
	}
	return err
}
