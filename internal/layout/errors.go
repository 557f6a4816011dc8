package layout

import (
	"errors"
	"fmt"
)

// What can be wrong with the bytes of a header. Each is wrapped with the values found.
var (
	ErrMagic     = errors.New("not a Tickring segment")
	ErrVersion   = errors.New("layout version not supported")
	ErrByteOrder = errors.New("byte order differs from this machine's")
	ErrChecksum  = errors.New("header checksum does not match")
	ErrTruncated = errors.New("segment truncated")
	ErrGeometry  = errors.New("impossible geometry")
	ErrSchema    = errors.New("record schema invalid")
)

// SchemaError says how a program's record type differs from the segment's record.
type SchemaError struct {
	Field   string // the first field that differs
	Segment string // what the segment has there
	Program string // what the program's type has there
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("record type does not match the segment: field %s: segment has %s, program has %s", e.Field, e.Segment, e.Program)
}
