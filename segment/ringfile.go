package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// reserve gives a new segment its storage: on huge pages of a hugetlbfs, else of /dev/shm, else on plain
// ones, as o says. It completes the geometry with what was obtained.
func (s *Segment) reserve(o Options) error {
	bind, err := o.Node.bind()
	if err != nil {
		return err
	}
	want := hugepages.Want{Policy: o.Pages, PageBytes: o.PageBytes, Prepare: bind}
	var noFile *hugepages.UnavailableError
	if want.Policy != hugepages.Off {
		var file *hugepages.File
		if file, noFile = hugepages.NewFile(s.ringName(), s.geometry.RingSize(), o.Mode, want); noFile == nil {
			err := s.mapRingFile(file.FD, file.Size, true)
			if err == nil {
				s.geometry = s.geometry.InFile(file.Path)
				sys.Close(file.FD) // the mapping holds the lock
				return sys.Reserve(s.fd, s.geometry.SegmentSize)
			}
			file.Abandon()
			noFile = &hugepages.UnavailableError{Reason: fmt.Sprintf("%s cannot be mapped: %v", file.Path, err), Err: err}
		}
	}
	s.geometry.Fallback, err = hugepages.Reserve(s.fd, Dir, s.geometry.SegmentSize, want, noFile)
	return err
}

// openRing maps the slots of a segment whose header says that they lie in a file. The header is whoever's who
// may write to the object, so nothing but a ring file of the object's owner is opened.
func (s *Segment) openRing(writable bool) error {
	if s.geometry.Backing != layout.BackingHugetlbfs {
		return nil
	}
	fd, page, err := s.openRingFile(writable)
	if err != nil {
		return &companionError{ringKind, s.geometry.RingFile, err}
	}
	defer sys.Close(fd)
	size := (s.geometry.RingOffset + s.geometry.RingSize() + page - 1) / page * page
	if writable { // a copy of a segment may have holes
		if err := sys.FillHoles(fd, size); err != nil {
			return &companionError{ringKind, s.geometry.RingFile, err}
		}
	}
	return s.mapRingFile(fd, size, writable)
}

func (s *Segment) openRingFile(writable bool) (fd int, pageBytes uint64, err error) {
	path := s.geometry.RingFile
	if filepath.Base(path) != s.ringName() {
		return -1, 0, fmt.Errorf("%w: it is not this segment's", ErrGeometry)
	}
	fd, info, pageBytes, err := sys.OpenHuge(path, writable)
	switch {
	case errors.Is(err, syscall.ENODEV):
		return -1, 0, fmt.Errorf("%w: it is not a file on a hugetlbfs", ErrNotRegular)
	case errors.Is(err, fs.ErrNotExist):
		return -1, 0, fmt.Errorf("%w: somebody removed it, or its hugetlbfs is not mounted here: %w", ErrNoRing, err)
	case err != nil:
		return -1, 0, err
	case info.UID != s.owner:
		err = fmt.Errorf("made by user %d, the segment by user %d: %w", info.UID, s.owner, fs.ErrPermission)
	case info.Size < s.geometry.RingOffset+s.geometry.RingSize():
		err = fmt.Errorf("%w: %d bytes, header says %d", ErrTruncated, info.Size, s.geometry.RingOffset+s.geometry.RingSize())
	}
	if err != nil {
		sys.Close(fd)
		return -1, 0, err
	}
	return fd, pageBytes, nil
}

// ringName is the last element of the ring file's path.
func (s *Segment) ringName() string {
	return companionName(strings.TrimPrefix(s.name, "/"), s.geometry.Created, ringSuffix)
}

func (s *Segment) mapRingFile(fd int, size uint64, writable bool) (err error) {
	s.ring, err = sys.Map(fd, size, writable)
	return err
}

// removeRing removes the ring file of a segment that is being removed.
func (s *Segment) removeRing() error {
	fd, _, err := s.openRingFile(false)
	switch {
	case err == nil:
		sys.Close(fd)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrGeometry), errors.Is(err, ErrNotRegular):
		return nil // there is none, or none of this segment's
	case !errors.Is(err, ErrTruncated):
		return err
	}
	return sys.Unlink(s.geometry.RingFile)
}
