package segment

import (
	"errors"
	"io/fs"

	"github.com/tickring/tickring/internal/layout"
)

// CreateOrTakeOver makes this process the writer of a segment: a new one of shape g if there is none of
// that name, else the one that there is, with its own shape, as [OpenWriter] does. That is what a
// writer wants that is started again after a crash.
func CreateOrTakeOver(name string, g layout.Geometry, o Options) (*Segment, error) {
	for {
		s, err := Create(name, g, o)
		if !errors.Is(err, fs.ErrExist) {
			return s, err
		}
		s, err = OpenWriter(name)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrReplaced) {
			return s, err
		}
		// Somebody removed it in between: try again, as whoever removes it must do each time.
	}
}
