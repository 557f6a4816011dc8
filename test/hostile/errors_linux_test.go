package hostile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// sentinels are all that a program can be told of a segment, besides what the system says.
var sentinels = []error{
	segment.ErrWriterExists, segment.ErrNotRegular, segment.ErrBare, segment.ErrNotBare, segment.ErrNoRing, segment.ErrReplaced,
	segment.ErrNotSegment, segment.ErrVersion, segment.ErrByteOrder, segment.ErrChecksum, segment.ErrTruncated,
	segment.ErrGeometry, segment.ErrSchema,
}

// events are what a reader or writer is told of a ring.
var events = []error{
	ring.ErrClosed, ring.ErrWriterDead, ring.ErrReplaced, ring.ErrCorrupt, ring.ErrExhausted, ring.ErrNoDoorbell, context.DeadlineExceeded,
}

// kindOf names the kind of an error; an error of no known kind is the error that it returns.
func kindOf(err error) (string, error) {
	if err == nil {
		return "ok", nil
	}
	var lap *ring.LapError
	var restart *ring.RestartError
	var schema *ring.SchemaError
	switch {
	case errors.As(err, &lap):
		return "lapped", nil
	case errors.As(err, &restart):
		return "restarted", nil
	case errors.As(err, &schema):
		return "another record", nil
	}
	var of *segment.Error
	if !errors.As(err, &of) {
		for _, event := range events {
			if errors.Is(err, event) {
				return event.Error(), nil
			}
		}
		return "", fmt.Errorf("an error of no kind: %T %w", err, err)
	}
	if of.Op == "" || of.Name == "" {
		return "", fmt.Errorf("an error without operation or name: %w", err)
	}
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			return of.Op + ": " + sentinel.Error(), nil
		}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) || errors.Is(err, fs.ErrNotExist) {
		return of.Op + ": " + errno.Error(), nil
	}
	return "", fmt.Errorf("an error of no kind: %w", err)
}
