package feed

import (
	"bufio"
	"fmt"
	"io"
	"sync/atomic"
)

// sourceBuffer is what source reads ahead. It must be at least bufio's default of 4,096 bytes, or
// pcapgo would put a buffer of its own on top and offset would run ahead.
const sourceBuffer = 64 << 10

const adviceDamaged = "the file is cut or damaged; copy or record it again"

// source is the unpacked content of an input that knows how far its user has read.
type source struct {
	*bufio.Reader
	path   string
	format string
	raw    *rawInput
	in     *content
}

// offset returns how many bytes of the unpacked content have been used.
func (s *source) offset() int64 { return s.in.n - int64(s.Buffered()) }

// cause returns what the content itself failed with if it did, else err: libraries on the way
// turn some read errors into io.EOF, and a damaged file must not look like a complete one.
func (s *source) cause(err error) error {
	if err != nil && s.in.err != nil {
		return s.in.err
	}
	return err
}

func (s *source) errorAt(record, offset int64, err error) error {
	return &PositionError{Path: s.path, Format: s.format, Record: record, Offset: offset, Err: err}
}

// content counts the unpacked bytes and keeps the first error that is not the end.
type content struct {
	r    io.Reader
	gzip bool
	n    int64
	err  error
}

func (c *content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err == nil || err == io.EOF {
		return n, err
	}
	c.err = fmt.Errorf("reading failed: %w", err)
	if c.gzip {
		c.err = fmt.Errorf("unpacking gzip failed after %d unpacked bytes: %w: %s", c.n, err, adviceDamaged)
	}
	return n, c.err
}

// rawInput counts the bytes that leave the input, for Progress.
type rawInput struct {
	r io.Reader
	n atomic.Int64
}

func (in *rawInput) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	in.n.Add(int64(n))
	return n, err
}
