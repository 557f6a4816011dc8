package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/bits"
	"path"
	"strings"
)

const flagDoorbell = 1 << 0

// Encode returns the first g.HeaderSize bytes of a new segment: identity and schema, all live words
// zero.
func Encode(g Geometry) []byte {
	b := make([]byte, g.HeaderSize)
	le := binary.LittleEndian
	put := func(offset int, v int) { le.PutUint32(b[offset:], uint32(v)) }
	le.PutUint64(b[magicOffset:], Magic)
	put(versionOffset, Version)
	put(minReaderVersionOffset, MinReaderVersion)
	put(byteOrderOffset, byteOrderMark)
	put(headerSizeOffset, g.HeaderSize)
	put(recordSizeOffset, g.Record.Size)
	put(slotStrideOffset, g.SlotStride)
	le.PutUint64(b[slotsOffset:], g.Slots)
	le.PutUint64(b[ringOffsetOffset:], g.RingOffset)
	le.PutUint64(b[segmentSizeOffset:], g.SegmentSize)
	put(backingOffset, int(g.Backing))
	put(viewOffsetOffset, g.ViewOffset)
	put(viewVersionOffsetOffset, g.ViewVersionOffset)
	put(schemaOffsetOffset, SchemaOffset)
	put(schemaSizeOffset, g.Record.encodedSize())
	if g.Doorbell {
		put(flagsOffset, flagDoorbell)
	}
	le.PutUint64(b[createdOffset:], g.Created)
	schema := b[SchemaOffset : SchemaOffset+g.Record.encodedSize()]
	g.Record.encode(schema)
	end := SchemaOffset + len(schema)
	ringFile := b[end : end+len(g.RingFile)]
	if copy(ringFile, g.RingFile) > 0 {
		put(ringFileOffsetOffset, end)
		put(ringFileSizeOffset, len(ringFile))
	}
	end += len(ringFile)
	fallback := b[end : end+min(len(g.Fallback), fallbackSize)]
	copy(fallback, g.Fallback)
	put(fallbackOffsetOffset, end)
	put(fallbackSizeOffset, len(fallback))
	le.PutUint64(b[checksumOffset:], checksum(b, schema, ringFile, fallback))
	return b
}

// Decode validates a private copy of the start of a segment and returns its geometry. read fetches
// n bytes at an offset of the object; size is the object's, as fstat says. Each byte is fetched
// once. The error wraps one of this package's.
func Decode(size uint64, read func(offset, n int) ([]byte, error)) (Geometry, error) {
	fetch := func(offset, n int) ([]byte, error) {
		b, err := read(offset, n)
		if err == nil && len(b) < n {
			err = fmt.Errorf("%w: it ends at %d, in the middle of its header", ErrTruncated, offset+len(b))
		}
		return b, err
	}
	b, err := fetch(0, int(min(size, IdentityOffset+IdentitySize)))
	if err != nil {
		return Geometry{}, err
	}
	le := binary.LittleEndian
	if len(b) < magicOffset+8 {
		return Geometry{}, fmt.Errorf("%w: %d bytes, less than a header", ErrTruncated, size)
	}
	if m := le.Uint64(b[magicOffset:]); m != Magic {
		return Geometry{}, fmt.Errorf("%w: magic %#016x, want %#016x", ErrMagic, m, uint64(Magic))
	}
	if len(b) < IdentityOffset+IdentitySize {
		return Geometry{}, fmt.Errorf("%w: %d bytes, less than a header", ErrTruncated, size)
	}
	if o := le.Uint32(b[byteOrderOffset:]); o != byteOrderMark {
		return Geometry{}, fmt.Errorf("%w: mark %#08x, want %#08x", ErrByteOrder, o, byteOrderMark)
	}
	if err := checkMachine(); err != nil {
		return Geometry{}, err
	}
	version, oldest := le.Uint32(b[versionOffset:]), le.Uint32(b[minReaderVersionOffset:])
	if version < 1 || oldest > Version {
		return Geometry{}, fmt.Errorf("%w: segment has version %d for readers of version %d or later, this program reads version %d", ErrVersion, version, oldest, Version)
	}
	g := Geometry{
		Version:           version,
		HeaderSize:        int(le.Uint32(b[headerSizeOffset:])),
		SlotStride:        int(le.Uint32(b[slotStrideOffset:])),
		Slots:             le.Uint64(b[slotsOffset:]),
		RingOffset:        le.Uint64(b[ringOffsetOffset:]),
		SegmentSize:       le.Uint64(b[segmentSizeOffset:]),
		Backing:           Backing(le.Uint32(b[backingOffset:])),
		ViewOffset:        int(le.Uint32(b[viewOffsetOffset:])),
		ViewVersionOffset: int(le.Uint32(b[viewVersionOffsetOffset:])),
		Doorbell:          le.Uint32(b[flagsOffset:])&flagDoorbell != 0,
		Created:           le.Uint64(b[createdOffset:]),
	}
	type text struct{ start, end int }
	var texts []text
	part := func(offsetAt, sizeAt int) ([]byte, error) {
		offset, n := uint64(le.Uint32(b[offsetAt:])), uint64(le.Uint32(b[sizeAt:]))
		if n == 0 {
			return nil, nil
		}
		if offset < SchemaOffset || offset+n > uint64(g.HeaderSize) {
			return nil, fmt.Errorf("%w: %d bytes at %d are not within the header of %d", ErrGeometry, n, offset, g.HeaderSize)
		}
		texts = append(texts, text{int(offset), int(offset + n)})
		return fetch(int(offset), int(n))
	}
	if g.HeaderSize < SchemaOffset || g.HeaderSize > MaxHeaderSize {
		return Geometry{}, fmt.Errorf("%w: header of %d bytes", ErrGeometry, g.HeaderSize)
	}
	if uint64(g.HeaderSize) > size {
		return Geometry{}, fmt.Errorf("%w: %d bytes, less than the header's %d", ErrTruncated, size, g.HeaderSize)
	}
	schema, err := part(schemaOffsetOffset, schemaSizeOffset)
	if err != nil {
		return Geometry{}, err
	}
	ringFile, err := part(ringFileOffsetOffset, ringFileSizeOffset)
	if err != nil {
		return Geometry{}, err
	}
	fallback, err := part(fallbackOffsetOffset, fallbackSizeOffset)
	if err != nil {
		return Geometry{}, err
	}
	if have, want := checksum(b, schema, ringFile, fallback), le.Uint64(b[checksumOffset:]); have != want {
		return Geometry{}, fmt.Errorf("%w: computed %#016x, header says %#016x", ErrChecksum, have, want)
	}
	g.RingFile, g.Fallback = string(ringFile), printable(fallback)
	if g.Record, err = decodeSchema(schema); err != nil {
		return Geometry{}, err
	}
	if n := int(le.Uint32(b[recordSizeOffset:])); n != g.Record.Size {
		return Geometry{}, fmt.Errorf("%w: record of %d bytes, schema of %d", ErrGeometry, n, g.Record.Size)
	}
	if err := g.check(size); err != nil {
		return Geometry{}, err
	}
	for _, t := range texts { // else a publish would write over what the checksum vouches for
		if t.end > g.ViewVersionOffset && t.start < g.viewEnd() {
			return Geometry{}, fmt.Errorf("%w: the view at %d lies in the text at %d", ErrGeometry, g.ViewOffset, t.start)
		}
	}
	return g, nil
}

// Validate checks a geometry that a program means to make a segment of. One that [New] returned passes.
func (g Geometry) Validate() error {
	if err := checkMachine(); err != nil {
		return err
	}
	if err := g.Record.Validate(); err != nil {
		return err
	}
	texts := g.textsEnd()
	if g.HeaderSize < texts || g.HeaderSize > MaxHeaderSize || g.ViewOffset > ViewOffset && g.ViewVersionOffset < texts {
		return fmt.Errorf("%w: header of %d bytes, view at %d: %d are taken by identity and schema", ErrGeometry, g.HeaderSize, g.ViewOffset, texts)
	}
	return g.check(g.SegmentSize)
}

// checkMachine refuses a machine that stores its words the other way round: the live words and the
// records are used in place.
func checkMachine() error {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return fmt.Errorf("%w: segments are little-endian: %w", ErrByteOrder, errors.ErrUnsupported)
	}
	return nil
}

func (g Geometry) viewEnd() int { return g.ViewOffset + g.Record.Words()*8 }

// check holds a decoded geometry to what the rest of Tickring relies on. The limits keep every
// product below 2^62.
func (g Geometry) check(size uint64) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrGeometry, fmt.Sprintf(format, args...))
	}
	small := g.ViewOffset == ViewOffset && g.ViewVersionOffset == ViewVersionOffset && g.viewEnd() <= ViewVersionOffset
	large := g.ViewOffset >= SchemaOffset+8 && g.ViewOffset%8 == 0 && g.ViewVersionOffset == g.ViewOffset-8 && g.viewEnd() <= g.HeaderSize
	switch {
	case g.Slots < MinSlots || g.Slots > MaxSlots || bits.OnesCount64(g.Slots) != 1:
		return wrong("%d slots are not a power of two from %d to %d", g.Slots, MinSlots, uint64(MaxSlots))
	case g.SlotStride%8 != 0 || g.SlotStride < SlotHeader+8*g.Record.Words() || g.SlotStride > 2*MaxRecordSize:
		return wrong("slot stride %d for a record of %d bytes", g.SlotStride, g.Record.Size)
	case g.Backing > BackingHugetlbfs:
		return fmt.Errorf("%w: ring backing %d is unknown to this program", ErrVersion, g.Backing)
	case g.RingOffset%PageSize != 0 || g.RingOffset > 1<<40 || g.Backing == BackingObject && g.RingOffset < uint64(g.HeaderSize):
		return wrong("ring at %d behind a header of %d bytes", g.RingOffset, g.HeaderSize)
	case g.Backing == BackingHugetlbfs && !validPath(g.RingFile):
		return wrong("%q is not the path of a ring file", printable([]byte(g.RingFile)))
	case g.Backing == BackingHugetlbfs && (g.SegmentSize < uint64(g.HeaderSize) || g.SegmentSize%PageSize != 0):
		return wrong("segment of %d bytes with a header of %d", g.SegmentSize, g.HeaderSize)
	case !small && !large:
		return wrong("view of %d bytes at %d, its version at %d", g.Record.Size, g.ViewOffset, g.ViewVersionOffset)
	case g.Backing == BackingObject && (g.RingFile != "" || g.SegmentSize != g.RingOffset+g.RingSize()):
		return wrong("segment of %d bytes for a ring of %d at %d", g.SegmentSize, g.RingSize(), g.RingOffset)
	case size < g.SegmentSize:
		return fmt.Errorf("%w: %d bytes, header says %d", ErrTruncated, size, g.SegmentSize)
	}
	return nil
}

// validPath reports whether s may be opened as a ring file at all.
func validPath(s string) bool {
	return len(s) <= MaxPathSize && path.IsAbs(s) && path.Clean(s) == s && s == printable([]byte(s))
}

// printable keeps a text from shared memory from steering the terminal that it is shown on.
func printable(text []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, string(text))
}

func checksum(header []byte, parts ...[]byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(header[IdentityOffset:checksumOffset]) // a hash.Hash never fails
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	return h.Sum64()
}
