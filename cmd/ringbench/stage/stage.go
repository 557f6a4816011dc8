// Package stage is the memory that the processes of a run share: what is to be sent and when, and what each of them
// measured. It has no name in any file system, so it is gone with the last process, however that ends.
package stage

import (
	"fmt"
	"os"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/segment"
)

// Memory is a piece of shared memory, all of its pages present.
type Memory struct {
	File  *os.File // for a child process to inherit
	bytes []byte
}

// New makes a piece of zeros. ENOSPC if there is not enough memory for it.
func New(bytes uint64) (*Memory, error) {
	bytes = max(bytes, 8)
	fd, err := sys.OpenUnnamed(segment.Dir, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make memory in %s: %w", segment.Dir, err)
	}
	m := &Memory{File: os.NewFile(uintptr(fd), segment.Dir)}
	if err = sys.Reserve(fd, bytes); err == nil {
		m.bytes, err = sys.Map(fd, bytes, true)
	}
	if err != nil {
		_ = m.File.Close()
		return nil, fmt.Errorf("reserve %d bytes in %s: %w: free some, or measure less at once (--slice, --rate)", bytes, segment.Dir, err)
	}
	return m, nil
}

// Inherit maps the memory that the parent handed over as an open descriptor.
func Inherit(fd int, writable bool) (*Memory, error) {
	info, err := sys.Stat(fd)
	if err != nil {
		return nil, fmt.Errorf("find the memory shared with the parent: %w", err)
	}
	m := &Memory{}
	if m.bytes, err = sys.Map(fd, info.Size, writable); err != nil {
		return nil, fmt.Errorf("map the memory shared with the parent: %w", err)
	}
	return m, nil
}

// Close gives the memory up. Nothing made of it may be used any more.
func (m *Memory) Close() {
	_ = sys.Unmap(m.bytes)
	if m.File != nil {
		_ = m.File.Close()
	}
}

// Size in bytes.
func (m *Memory) Size() uint64 { return uint64(len(m.bytes)) }
