package segment

import (
	"errors"
	"io/fs"

	"github.com/tickring/tickring/internal/sys"
)

// Unlink removes a segment's name, its doorbell and its ring file. Processes that have it mapped keep it; no other
// can open it any more. It does not look whether the segment has a writer.
func Unlink(name string) error {
	path, err := path(name)
	if err == nil {
		err = unlink(canonical(name), path)
	}
	return failed(opUnlink, name, err)
}

func unlink(name, path string) error {
	s, err := attachHeader(name)
	if scarce(err) { // what else belongs to it would be left behind
		return err
	}
	if err != nil { // bare, damaged, another user's, or not there: its companions are not known
		err = sys.Unlink(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			sweep(name)
		}
		return err
	}
	defer s.Close()
	if err := sys.Unlink(path); err != nil {
		return err
	}
	// From here on somebody may make a segment of that name, with companions of its own.
	err = s.removeRing()
	if s.geometry.Doorbell {
		if e := sys.Unlink(doorbellPath(path, s.geometry.Created)); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	sweep(name)
	return err
}
