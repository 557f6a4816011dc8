package segment

import (
	"errors"
	"io/fs"
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
	// First look, then unlink: once the name is free somebody may make a segment of that name, with
	// its own doorbell.
	bells, err := doorbells(path)
	err = errors.Join(err, sys.Unlink(path))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		for _, bell := range bells {
			if e := sys.Unlink(bell); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	return failed(opUnlink, name, err)
}

// doorbells lists the paths of the doorbells of a segment, those of crashed creations included.
func doorbells(path string) (bells []string, err error) {
	names, err := sys.ReadDir(Dir)
	for _, name := range names {
		middle, ok := strings.CutPrefix(name, filepath.Base(path)+".")
		if middle, isBell := strings.CutSuffix(middle, doorbellSuffix); ok && isBell && len(middle) == 16 {
			bells = append(bells, filepath.Join(Dir, name))
		}
	}
	return bells, err
}
