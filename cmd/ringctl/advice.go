package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// advised is an error with its own advice.
type advised struct {
	error
	next string
}

func (a *advised) Unwrap() error { return a.error }

// advice names the command that helps with err; empty if none does.
func advice(err error) string {
	if own, ok := errors.AsType[*advised](err); ok {
		return own.next
	}
	at, ok := errors.AsType[*segment.Error](err)
	if !ok {
		return ""
	}
	name := at.Name
	_, otherRecord := errors.AsType[*ring.SchemaError](err)
	place := at.Op == "create" || at.Op == "list" // what is missing, or closed, is /dev/shm
	switch {
	case errors.Is(err, hugepages.ErrUnavailable): // before the system's reason for it
		return "ringctl hugepages shows what there is; --pages prefer takes plain pages where huge ones are missing"
	case errors.Is(err, segment.ErrNoRing): // which is fs.ErrNotExist, too
		return fmt.Sprintf("mount its hugetlbfs where it was; or ringctl rm %s and create it anew", name)
	case errors.Is(err, segment.ErrWriterExists):
		return "wait until that process ends, or stop it, or give another --name"
	case errors.Is(err, segment.ErrReadLocked):
		return fmt.Sprintf("lslocks shows that process: end it; or ringctl rm %s and create it anew with --mode 0600", name)
	case errors.Is(err, segment.ErrBare):
		return fmt.Sprintf("stop the program that made it, and remove it: ringctl rm %s; or give another --name", name)
	case errors.Is(err, fs.ErrExist):
		return fmt.Sprintf("ringctl replay --name %s takes it over as it is; ringctl rm %[1]s removes it", name)
	case place && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		return "ringctl doctor says what this host lacks"
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("ringctl ls lists the segments there are; ringctl create --name %s makes this one", name)
	case errors.Is(err, segment.ErrOwner):
		return fmt.Sprintf("ls -l %s%s shows whose it is: that user, or root, removes it by ringctl rm %[2]s; or give another --name", segment.Dir, name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("ls -l %s%s shows whose it is: run ringctl as that user, or let the owner create it with --mode 0644", segment.Dir, name)
	case errors.Is(err, ring.ErrNoDoorbell):
		return "give another --wait; or create the segment anew with --doorbell"
	case errors.Is(err, segment.ErrVersion), errors.Is(err, segment.ErrByteOrder):
		return "use the ringctl that belongs to the program which made it"
	case otherRecord:
		return fmt.Sprintf("ringctl stat --name %s shows the segment's record; use a program that is made for it", name)
	case errors.Is(err, ring.ErrCorrupt), errors.Is(err, segment.ErrTruncated), errors.Is(err, segment.ErrNotSegment),
		errors.Is(err, segment.ErrChecksum), errors.Is(err, segment.ErrGeometry), errors.Is(err, segment.ErrSchema):
		return fmt.Sprintf("stop its programs, then ringctl rm %s and create it anew", name)
	}
	return ""
}

// about names the segment and the operation in an error that knows neither, such as those of package ring.
func about(seg *segment.Segment, op string, err error) error {
	if _, ok := errors.AsType[*segment.Error](err); ok || err == nil {
		return err
	}
	if _, ok := errors.AsType[outputError](err); ok {
		return err
	}
	return &segment.Error{Op: op, Name: seg.Name(), Err: err}
}
