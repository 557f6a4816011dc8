package segment

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tickring/tickring/internal/sys"
)

// Unlink removes a segment's name, and its doorbell. Processes that have it mapped keep it; no other
// can open it any more. It does not look whether the segment has a writer.
func Unlink(name string) error {
	path, err := path(name)
	if err != nil {
		return failed(opUnlink, name, err)
	}
	return failed(opUnlink, name, unlink(name, path))
}

func unlink(name, path string) error {
	bells, err := doorbells(path)
	if err != nil {
		return err
	}
	useless := func(uint64) bool { return true } // doorbells of a segment of which nothing can be read
	s, err := attachHeader(name)
	switch {
	case err == nil:
		// Once the name is free somebody may make a segment of that name, with a doorbell of its own.
		own := s.geometry.Created
		if s.geometry.Doorbell {
			bells[own] = doorbellPath(path, own)
		}
		useless = func(created uint64) bool { return created == own || leftOver(created) }
		err = errors.Join(sys.Unlink(path), s.Close())
	case errors.Is(err, fs.ErrNotExist):
		useless = leftOver // nor is one that somebody is making now to lose its doorbell
		err = syscall.ENOENT
	default:
		err = sys.Unlink(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for created, bell := range bells {
		if useless(created) {
			if e := sys.Unlink(bell); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

// doorbells returns the paths of the doorbells of a segment, those of crashed creations included, by the
// time at which they were created.
func doorbells(path string) (map[uint64]string, error) {
	bells := map[uint64]string{}
	names, err := sys.ReadDir(Dir)
	for _, name := range names {
		middle, ok := strings.CutPrefix(name, filepath.Base(path)+".")
		middle, isBell := strings.CutSuffix(middle, doorbellSuffix)
		if created, err := strconv.ParseUint(middle, 16, 64); ok && isBell && len(middle) == 16 && err == nil {
			bells[created] = filepath.Join(Dir, name)
		}
	}
	return bells, err
}

// leftOver reports whether a doorbell that was created at a time can be no other than that of a creation
// that crashed, or of a segment that is gone. A young one may belong to a segment that is just being made.
func leftOver(created uint64) bool {
	return time.Since(time.Unix(0, int64(created))).Abs() > time.Minute
}
