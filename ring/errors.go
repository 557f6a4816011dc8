package ring

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tickring/tickring/internal/layout"
)

// What [NewWriter], [NewReader] and [NewBareReader] refuse.
var (
	ErrType = errors.New("ring: record type cannot be shared")
	// ErrExhausted: fewer than 2^56 record numbers are left of 2^63, which only damage or 290 years bring about.
	ErrExhausted = errors.New("ring: the record numbers are used up: remove the segment and create it anew")
	ErrReadOnly  = fmt.Errorf("ring: memory is read-only: attach with segment.OpenWriter to publish: %w", fs.ErrPermission)
	ErrBare      = errors.New("ring: memory has no header: read it with a BareReader")
	ErrGeometry  = layout.ErrGeometry // memory is smaller than its geometry, or not aligned
)

// What [Reader.Next] and [Reader.All] report besides records. All of them but ErrCorrupt leave the
// reader usable: the next call goes on behind the event.
var (
	ErrClosed     = fmt.Errorf("ring: the writer closed the ring: %w", fs.ErrClosed)
	ErrWriterDead = errors.New("ring: the writer is gone without closing the ring")
	ErrReplaced   = errors.New("ring: another ring has the name by now: attach again to follow that one")
	ErrCorrupt    = errors.New("ring: slot versions, the head and the epoch contradict each other: the memory is damaged")
)

// LapError says that the writer overtook a reader by a whole lap.
type LapError struct{ Gap }

func (e *LapError) Error() string {
	return fmt.Sprintf("ring: lapped: lost %d records, %d to %d", e.Count(), e.First, e.Next-1)
}

// RestartError says that another writer took the ring over. Nothing was lost by that.
type RestartError struct {
	Epoch uint64 // of the writer that took over
	First uint64 // the first record that it published; or, if yet another took over meanwhile, the first of that one
}

func (e *RestartError) Error() string {
	return fmt.Sprintf("ring: a new writer (epoch %d) took over from record %d on", e.Epoch, e.First)
}
