package segment

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/tickring/tickring/internal/sys"
)

// Unlink removes a segment's name, and its doorbell. Processes that have it mapped keep it; no other
// can open it any more. It does not look whether the segment has a writer.
func Unlink(name string) error {
	path, err := path(name)
	if err != nil {
		return failed(opUnlink, name, err)
	}
	return failed(opUnlink, name, errors.Join(sys.Unlink(path), unlinkDoorbells(path)))
}

// unlinkDoorbells removes the doorbells of a segment, those of crashed creations included.
func unlinkDoorbells(path string) error {
	names, err := sys.ReadDir(filepath.Dir(path))
	for _, name := range names {
		middle, ok := strings.CutPrefix(name, filepath.Base(path)+".")
		if middle, isBell := strings.CutSuffix(middle, doorbellSuffix); ok && isBell && len(middle) == 16 {
			err = errors.Join(err, sys.Unlink(filepath.Join(Dir, name)))
		}
	}
	return err
}
