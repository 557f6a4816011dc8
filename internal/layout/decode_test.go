package layout

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each number of the identity, wrong by itself. Sealed again, so that it is not the checksum that
// tells.
func TestDecodeRefusesEachField(t *testing.T) {
	schema := func(record Schema, change func(*Schema)) func(b []byte) {
		return func(b []byte) {
			s := record
			s.Fields = slices.Clone(s.Fields)
			change(&s)
			clear(b[SchemaOffset : SchemaOffset+s.encodedSize()])
			s.encode(b[SchemaOffset:])
		}
	}
	both := func(changes ...func(b []byte)) func(b []byte) {
		return func(b []byte) {
			for _, change := range changes {
				change(b)
			}
		}
	}
	noTexts := both(u32(schemaSizeOffset, 0), u32(fallbackSizeOffset, 0))
	word := Schema{Name: "word", Size: 8, Fields: []Field{{"n", Uint64, 1, 0}}}
	for name, tc := range map[string]struct {
		record Schema
		change func(b []byte)
		want   error
		early  bool // looked at before the checksum
	}{
		"magic":                        {trade, u64(magicOffset, Magic+1), ErrMagic, true},
		"magic of a doorbell":          {trade, u64(magicOffset, DoorbellMagic), ErrMagic, true},
		"version 0":                    {trade, u32(versionOffset, 0), ErrVersion, true},
		"for later readers":            {trade, u32(minReaderVersionOffset, 2), ErrVersion, true},
		"for the last of readers":      {trade, u32(minReaderVersionOffset, math.MaxUint32), ErrVersion, true},
		"byte order":                   {trade, u32(byteOrderOffset, 0x0d0c_0b0a), ErrByteOrder, true},
		"header of nothing":            {trade, u32(headerSizeOffset, 0), ErrGeometry, true},
		"header without schema":        {trade, u32(headerSizeOffset, SchemaOffset), ErrGeometry, true},
		"header too large":             {trade, u32(headerSizeOffset, MaxHeaderSize+1), ErrGeometry, true},
		"header of 4 GiB":              {trade, u32(headerSizeOffset, math.MaxUint32), ErrGeometry, true},
		"header beyond the object":     {trade, u32(headerSizeOffset, 1<<20), ErrTruncated, true},
		"header beyond the ring":       {trade, u32(headerSizeOffset, 4096+8), ErrGeometry, false},
		"record size":                  {trade, u32(recordSizeOffset, 32), ErrGeometry, false},
		"record of nothing":            {trade, u32(recordSizeOffset, 0), ErrGeometry, false},
		"stride 0":                     {trade, u32(slotStrideOffset, 0), ErrGeometry, false},
		"stride of a record":           {trade, u32(slotStrideOffset, 24), ErrGeometry, false},
		"stride not of words":          {trade, u32(slotStrideOffset, 36), ErrGeometry, false},
		"stride too large":             {trade, u32(slotStrideOffset, 2*MaxRecordSize+8), ErrGeometry, false},
		"stride larger than the ring":  {trade, u32(slotStrideOffset, 64), ErrGeometry, false},
		"stride of 4 GiB":              {trade, u32(slotStrideOffset, math.MaxUint32&^7), ErrGeometry, false},
		"no slots":                     {trade, u64(slotsOffset, 0), ErrGeometry, false},
		"one slot":                     {trade, u64(slotsOffset, 1), ErrGeometry, false},
		"63 slots":                     {trade, u64(slotsOffset, 63), ErrGeometry, false},
		"more slots than the ring":     {trade, u64(slotsOffset, 128), ErrGeometry, false},
		"slots that overflow":          {trade, u64(slotsOffset, 1<<59), ErrGeometry, false},
		"slots and size that overflow": {trade, both(u64(slotsOffset, 1<<63), u64(segmentSizeOffset, 4096)), ErrGeometry, false},
		"ring in the header":           {trade, u64(ringOffsetOffset, 0), ErrGeometry, false},
		"ring off the page":            {trade, u64(ringOffsetOffset, 4096+32), ErrGeometry, false},
		"ring elsewhere":               {trade, u64(ringOffsetOffset, 8192), ErrGeometry, false},
		"ring far away":                {trade, u64(ringOffsetOffset, 1<<41), ErrGeometry, false},
		"ring at the end":              {trade, u64(ringOffsetOffset, math.MaxUint64&^4095), ErrGeometry, false},
		"segment of nothing":           {trade, u64(segmentSizeOffset, 0), ErrGeometry, false},
		"segment larger":               {trade, u64(segmentSizeOffset, 1<<20), ErrGeometry, false},
		"segment and slots larger":     {trade, both(u64(segmentSizeOffset, 4096+128*32), u64(slotsOffset, 128)), ErrTruncated, false},
		"backing":                      {trade, u32(backingOffset, 2), ErrVersion, false},
		"ring in a file of no name":    {trade, u32(backingOffset, 1), ErrGeometry, false},
		"ring file and no such ring":   {trade, both(u32(ringFileOffsetOffset, 640), u32(ringFileSizeOffset, 8)), ErrGeometry, false},
		"view elsewhere":               {trade, u32(viewOffsetOffset, 8), ErrGeometry, false},
		"small view elsewhere":         {word, u32(viewOffsetOffset, 8), ErrGeometry, false},
		"header of the identity":       {trade, both(u32(headerSizeOffset, SchemaOffset-1), noTexts), ErrGeometry, true},
		"header of live words":         {trade, both(u32(headerSizeOffset, SchemaOffset), noTexts), ErrSchema, false},
		"view over the identity":       {trade, both(u32(viewOffsetOffset, 64), u32(viewVersionOffsetOffset, 56)), ErrGeometry, false},
		"view over the head":           {trade, both(u32(viewOffsetOffset, 256), u32(viewVersionOffsetOffset, 248)), ErrGeometry, false},
		"view over the schema":         {trade, both(u32(viewOffsetOffset, 648), u32(viewVersionOffsetOffset, 640)), ErrGeometry, false},
		"view version elsewhere":       {trade, u32(viewVersionOffsetOffset, 32), ErrGeometry, false},
		"view in the ring":             {trade, both(u32(viewOffsetOffset, 4096), u32(viewVersionOffsetOffset, 4088)), ErrGeometry, false},
		"view of a large record at 0":  {book, both(u32(viewOffsetOffset, 0), u32(viewVersionOffsetOffset, 24)), ErrGeometry, false},
		"view off the word":            {book, both(u32(viewOffsetOffset, 2060), u32(viewVersionOffsetOffset, 2052)), ErrGeometry, false},
		"view over the header's end":   {book, both(u32(viewOffsetOffset, 4096-448), u32(viewVersionOffsetOffset, 4096-456)), ErrGeometry, false},
		"view over the last text":      {book, both(u32(viewOffsetOffset, 1736), u32(viewVersionOffsetOffset, 1728)), ErrGeometry, false},
		"schema in the identity":       {trade, u32(schemaOffsetOffset, 64), ErrGeometry, true},
		"schema over the head":         {trade, u32(schemaOffsetOffset, 256), ErrGeometry, true},
		"schema in the ring":           {trade, u32(schemaOffsetOffset, 4096), ErrGeometry, true},
		"schema far away":              {trade, u32(schemaOffsetOffset, math.MaxUint32), ErrGeometry, true},
		"schema over the end":          {trade, u32(schemaOffsetOffset, 4096-64), ErrGeometry, true},
		"schema elsewhere":             {trade, u32(schemaOffsetOffset, 640+64), ErrSchema, false},
		"no schema":                    {trade, u32(schemaSizeOffset, 0), ErrSchema, false},
		"schema without fields":        {trade, u32(schemaSizeOffset, 64), ErrSchema, false},
		"schema with half a field":     {trade, u32(schemaSizeOffset, 64+32), ErrSchema, false},
		"schema with a field less":     {trade, u32(schemaSizeOffset, 4*64), ErrSchema, false},
		"schema of 4 GiB":              {trade, u32(schemaSizeOffset, math.MaxUint32), ErrGeometry, true},
		"ring file in the ring":        {trade, both(u32(ringFileOffsetOffset, 4096), u32(ringFileSizeOffset, 16)), ErrGeometry, true},
		"ring file in the identity":    {trade, u32(ringFileSizeOffset, 1), ErrGeometry, true},
		"fallback in the ring":         {trade, u32(fallbackSizeOffset, 4096), ErrGeometry, true},
		"fallback of 4 GiB":            {trade, u32(fallbackSizeOffset, math.MaxUint32), ErrGeometry, true},
		"fallback far away":            {trade, u32(fallbackOffsetOffset, math.MaxUint32), ErrGeometry, true},
		"record's name":                {trade, schema(trade, func(s *Schema) { s.Name = "\x1b[2J" }), ErrSchema, false},
		"record's size in the schema":  {trade, schema(trade, func(s *Schema) { s.Size = 23 }), ErrGeometry, false},
		"field's name":                 {trade, schema(trade, func(s *Schema) { s.Fields[1].Name = "price" }), ErrSchema, false},
		"field's kind":                 {trade, schema(trade, func(s *Schema) { s.Fields[1].Kind = 12 }), ErrSchema, false},
		"field's count":                {trade, schema(trade, func(s *Schema) { s.Fields[1].Count = 2 }), ErrSchema, false},
		"field's offset":               {trade, schema(trade, func(s *Schema) { s.Fields[3].Offset = 24 }), ErrSchema, false},
		"count of fields":              {trade, u32(SchemaOffset+52, 3), ErrSchema, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := geometry(t, tc.record, 64, withFallback)
			b := Encode(g)
			tc.change(b)

			_, err := decode(g, b)
			if tc.early {
				require.ErrorIs(t, err, tc.want)
			} else {
				require.ErrorIs(t, err, ErrChecksum, "as it is")
			}
			reseal(b)
			got, err := decode(g, b)
			require.ErrorIs(t, err, tc.want)
			assert.Zero(t, got)
			for _, other := range []error{ErrMagic, ErrVersion, ErrByteOrder, ErrChecksum, ErrTruncated, ErrGeometry, ErrSchema} {
				assert.Equal(t, other == tc.want, errors.Is(err, other), "%v is %v", err, other)
			}
		})
	}
}

func u32(offset int, v uint32) func(b []byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[offset:], v) }
}

func u64(offset int, v uint64) func(b []byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[offset:], v) }
}

// Each number that counts when the slots lie in a file, wrong by itself.
func TestDecodeRefusesRingFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(b []byte)
		want   error
	}{
		"path not absolute":           {u32(ringFileOffsetOffset, 961), ErrGeometry},
		"path of a directory":         {u32(ringFileSizeOffset, 5), ErrGeometry},
		"ring in neither":             {u32(backingOffset, 0), ErrGeometry},
		"ring off the page in a file": {u64(ringOffsetOffset, 32), ErrGeometry},
		"ring far into a file":        {u64(ringOffsetOffset, 1<<41), ErrGeometry},
		"object of half a header":     {u64(segmentSizeOffset, 64), ErrGeometry},
		"object of part of a page":    {u64(segmentSizeOffset, 4096+8), ErrGeometry},
		"object larger than it is":    {u64(segmentSizeOffset, 8192), ErrTruncated},
		"more slots, in a file":       {u64(slotsOffset, 1<<41), ErrGeometry},
	} {
		t.Run(name, func(t *testing.T) {
			g := geometry(t, trade, 64, withFallback).InFile(ringFile)
			b := Encode(g)
			tc.change(b)
			_, err := decode(g, b)
			require.ErrorIs(t, err, ErrChecksum, "as it is")
			reseal(b)
			_, err = decode(g, b)
			require.ErrorIs(t, err, tc.want)
		})
	}
}

// The checksum covers every byte of identity, schema, path and fallback; and none of what changes later.
func TestChecksum(t *testing.T) {
	g := geometry(t, book, 64, withFallback).InFile(ringFile)
	texts := SchemaOffset + book.encodedSize() + len(g.RingFile) + len(g.Fallback)
	for i := range g.HeaderSize {
		b := Encode(g)
		b[i] ^= 0x10
		_, err := decode(g, b)
		switch {
		case i >= IdentityOffset && i < IdentityOffset+IdentitySize, i >= SchemaOffset && i < texts:
			require.Error(t, err, i)
		default:
			require.NoError(t, err, i)
		}
	}
}

func TestDecodeTruncated(t *testing.T) {
	g := geometry(t, book, 64, withFallback)
	b := Encode(g)
	for size := range uint64(g.HeaderSize) + 1 {
		// As fstat says, and as read finds when the object shrinks between the two.
		_, err := Decode(size, reader(b[:size]))
		require.ErrorIs(t, err, ErrTruncated, size)
		if size < uint64(SchemaOffset+book.encodedSize()+len(g.Fallback)) {
			_, err = Decode(g.SegmentSize, reader(b[:size]))
			require.ErrorIs(t, err, ErrTruncated, size)
		}
	}
	for _, size := range []uint64{g.RingOffset, g.RingOffset + 1, g.SegmentSize - 1} {
		_, err := Decode(size, reader(b))
		require.ErrorIs(t, err, ErrTruncated, size)
	}
	for _, size := range []uint64{g.SegmentSize, g.SegmentSize + 1, math.MaxInt64} { // a longer object does no harm
		_, err := Decode(size, reader(b))
		require.NoError(t, err, size)
	}
}

// An object that is too short for a header and begins with something else is another program's.
func TestDecodeShortAndForeign(t *testing.T) {
	for _, size := range []int{magicOffset + 8, 100, IdentityOffset + IdentitySize - 1} {
		_, err := Decode(uint64(size), reader(make([]byte, size)))
		require.ErrorIs(t, err, ErrMagic, size)
	}
	for _, size := range []int{0, 1, 32, magicOffset + 7} { // whose it was cannot be told
		_, err := Decode(uint64(size), reader(make([]byte, size)))
		require.ErrorIs(t, err, ErrTruncated, size)
	}
}

func TestDecodePassesOnWhatReadSays(t *testing.T) {
	broken := errors.New("broken")
	g := geometry(t, book, 64, withFallback)
	b := Encode(g)
	for fail := range 3 { // identity, schema, fallback
		calls := 0
		_, err := Decode(g.SegmentSize, func(offset, n int) ([]byte, error) {
			if calls++; calls > fail {
				return nil, broken
			}
			return reader(b)(offset, n)
		})
		require.ErrorIs(t, err, broken)
	}
}

// A later layout that this version's readers can read: they skip what they do not know.
func TestDecodeLaterVersion(t *testing.T) {
	le := binary.LittleEndian
	later := func(change func(b []byte)) (Geometry, error) {
		g := geometry(t, trade, 64, withFallback)
		b := append(Encode(g), make([]byte, PageSize)...) // a page more of header
		le.PutUint32(b[versionOffset:], 2)
		le.PutUint32(b[headerSizeOffset:], uint32(len(b)))
		le.PutUint64(b[ringOffsetOffset:], uint64(len(b)))
		le.PutUint64(b[segmentSizeOffset:], uint64(len(b))+g.RingSize())
		copy(b[168:checksumOffset], "something new...")    // in the identity
		copy(b[len(b)-PageSize:], "and behind the schema") // in the new page
		copy(b[5000:], b[SchemaOffset:SchemaOffset+trade.encodedSize()])
		le.PutUint32(b[schemaOffsetOffset:], 5000) // moved
		le.PutUint32(b[flagsOffset:], 0xffff_fffe) // flags of tomorrow
		change(b)
		reseal(b)
		return Decode(g.SegmentSize+PageSize, reader(b))
	}
	g, err := later(func([]byte) {})
	require.NoError(t, err)
	assert.Equal(t, uint32(2), g.Version)
	assert.Equal(t, trade, g.Record)
	assert.Equal(t, 2*PageSize, g.HeaderSize)
	assert.Equal(t, uint64(2*PageSize), g.RingOffset)
	assert.False(t, g.Doorbell)

	_, err = later(func(b []byte) { le.PutUint32(b[minReaderVersionOffset:], 2) })
	require.ErrorIs(t, err, ErrVersion)
	assert.ErrorContains(t, err, "segment has version 2 for readers of version 2 or later, this program reads version 1")
}

// A text from shared memory cannot steer the terminal that it is shown on, nor be longer than its place.
func TestFallbackText(t *testing.T) {
	g := geometry(t, trade, 64, func(g *Geometry) { g.Fallback = "\x1b[2Jgone\nforever é\xff" })
	got, err := decode(g, Encode(g))
	require.NoError(t, err)
	assert.Equal(t, "?[2Jgone?forever ??", got.Fallback)

	g.Fallback = strings.Repeat("long ", 100)
	got, err = decode(g, Encode(g))
	require.NoError(t, err)
	assert.Equal(t, g.Fallback[:fallbackSize], got.Fallback)
}
