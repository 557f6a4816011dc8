package segment

import (
	"errors"
	"io/fs"

	"github.com/tickring/tickring/internal/layout"
)

// CreateOrTakeOver makes this process the writer of a segment: a new one of shape g if there is none of
// that name, else the one that there is, with its own shape and options, as [OpenWriter] does;
// [Segment.Created] tells which. That is what a writer wants that is started again after a crash.
func CreateOrTakeOver(name string, g layout.Geometry, o Options) (s *Segment, err error) {
	for range takeOverTries {
		if s, err = Create(name, g, o); !errors.Is(err, fs.ErrExist) {
			return s, err
		}
		s, err = OpenWriter(name)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrReplaced) {
			return s, err
		}
	}
	return nil, err
}

// takeOverTries bounds how often somebody may remove the segment between the two steps.
const takeOverTries = 16
