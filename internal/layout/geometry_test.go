package layout

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func bytes(n int) Schema {
	return Schema{Name: "bytes", Size: n, Fields: []Field{{"b", Uint8, n, 0}}}
}

func TestNew(t *testing.T) {
	g := geometry(t, trade, 64)
	assert.Equal(t, Geometry{
		Record: trade, SlotStride: 32, Slots: 64, HeaderSize: 4096, RingOffset: 4096, SegmentSize: 4096 + 64*32,
		ViewOffset: 0, ViewVersionOffset: 24, Version: 1, Created: created,
	}, g)
	assert.Equal(t, uint64(64*32), g.RingSize())
}

// A slot never shares a cache line with half of another, and a record above 24 bytes has its view on
// lines of its own behind the texts.
func TestNewOfEachRecordSize(t *testing.T) {
	sizes := []int{1, 7, 8, 9, 16, 23, 24, 25, 32, 40, 48, 55, 56, 57, 64, 100, 120, 121, 4096, 65536, MaxRecordSize - 1, MaxRecordSize}
	for _, n := range sizes {
		for _, slots := range []uint64{MinSlots, 64, MaxSlots} {
			g := geometry(t, bytes(n), slots)
			slot := SlotHeader + 8*g.Record.Words()
			require.GreaterOrEqual(t, g.SlotStride, slot, n)
			if slot <= 64 {
				require.Zero(t, 64%g.SlotStride, "%d bytes: stride %d", n, g.SlotStride)
			} else {
				require.Zero(t, g.SlotStride%64, "%d bytes: stride %d", n, g.SlotStride)
				require.Less(t, g.SlotStride, slot+64, n)
			}
			require.Zero(t, g.RingOffset%PageSize)
			require.NoError(t, g.Validate())
			if n <= ViewRecordSize {
				require.Equal(t, ViewOffset, g.ViewOffset)
				require.Equal(t, ViewVersionOffset, g.ViewVersionOffset)
			} else {
				require.GreaterOrEqual(t, g.ViewVersionOffset, SchemaOffset+g.Record.encodedSize()+fallbackSize)
				require.Zero(t, g.ViewVersionOffset%SharingDistance)
			}
			got, err := decode(g, Encode(g))
			require.NoError(t, err, n)
			require.Equal(t, g, got)
		}
	}
}

func TestNewRefusesSlots(t *testing.T) {
	for slots, suggestion := range map[uint64]string{
		0: "such as 2", 1: "such as 2", 3: "such as 4", 1000: "such as 1024", 1<<40 + 1: "such as 1099511627776",
		1 << 41: "such as 1099511627776", math.MaxUint64: "such as 1099511627776",
	} {
		_, err := New(trade, slots)
		require.ErrorIs(t, err, ErrGeometry)
		assert.ErrorContains(t, err, suggestion)
	}
}

func TestNewRefusesASchema(t *testing.T) {
	_, err := New(Schema{}, 64)
	assert.ErrorIs(t, err, ErrSchema)
}

func TestOldest(t *testing.T) {
	g := geometry(t, trade, 64)
	for head, want := range map[uint64]uint64{0: 0, 1: 0, 64: 0, 65: 1, 1000: 936, math.MaxUint64: math.MaxUint64 - 64} {
		assert.Equal(t, want, g.Oldest(head), head)
	}
}

// A geometry put together by hand.
func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		record Schema
		change func(*Geometry)
		want   error
	}{
		"as made":                   {trade, func(*Geometry) {}, nil},
		"large, as made":            {book, func(*Geometry) {}, nil},
		"stride of a cache line":    {trade, func(g *Geometry) { g.SlotStride = 64; g.SegmentSize = g.RingOffset + g.RingSize() }, nil},
		"nothing":                   {trade, func(g *Geometry) { *g = Geometry{} }, ErrSchema},
		"a schema alone":            {trade, func(g *Geometry) { *g = Geometry{Record: trade} }, ErrGeometry},
		"header without the schema": {book, func(g *Geometry) { g.HeaderSize = 1024 }, ErrGeometry},
		"header too large":          {trade, func(g *Geometry) { g.HeaderSize = MaxHeaderSize + 1 }, ErrGeometry},
		"view in the schema":        {book, func(g *Geometry) { g.ViewOffset, g.ViewVersionOffset = 648, 640 }, ErrGeometry},
		"stride changed alone":      {trade, func(g *Geometry) { g.SlotStride = 64 }, ErrGeometry},
		"slots changed alone":       {trade, func(g *Geometry) { g.Slots = 128 }, ErrGeometry},
		"another backing":           {trade, func(g *Geometry) { g.Backing = 2 }, ErrVersion},
		"ring in a file":            {trade, func(g *Geometry) { *g = g.InFile(ringFile) }, nil},
		"large, ring in a file":     {book, func(g *Geometry) { *g = g.InFile(ringFile) }, nil},
		"ring in a file of no name": {trade, func(g *Geometry) { g.Backing = BackingHugetlbfs }, ErrGeometry},
		"relative path":             {trade, func(g *Geometry) { *g = g.InFile("ring") }, ErrGeometry},
		"path that goes up":         {trade, func(g *Geometry) { *g = g.InFile("/dev/hugepages/../mem") }, ErrGeometry},
		"path that steers":          {trade, func(g *Geometry) { *g = g.InFile("/dev/\x1b[2J") }, ErrGeometry},
		"longest path":              {trade, func(g *Geometry) { *g = g.InFile(longPath(MaxPathSize)) }, nil},
		"path too long":             {trade, func(g *Geometry) { *g = g.InFile(longPath(MaxPathSize + 1)) }, ErrGeometry},
		"ring in both":              {trade, func(g *Geometry) { g.RingFile = ringFile }, ErrGeometry},
		"ring in both places":       {trade, func(g *Geometry) { f := g.InFile(ringFile); f.Backing = BackingObject; *g = f }, ErrGeometry},
	} {
		t.Run(name, func(t *testing.T) {
			err := geometry(t, tc.record, 16, tc.change).Validate()
			assert.ErrorIs(t, err, tc.want)
		})
	}
}

const ringFile = "/dev/hugepages/trades.17979cfe3d85cd15.ring"

func longPath(n int) string { return "/" + strings.Repeat("a", n-1) }

func TestInFile(t *testing.T) {
	for _, record := range []Schema{trade, book} {
		g := geometry(t, record, 1<<20)
		f := g.InFile(ringFile)
		assert.Equal(t, uint64(f.HeaderSize), f.SegmentSize, "the object has no slots")
		assert.Zero(t, f.RingOffset)
		assert.Equal(t, g.RingSize(), f.RingSize())
		assert.Equal(t, g.SlotStride, f.SlotStride)
		assert.Equal(t, g, func() Geometry { g := f; g.Backing, g.RingFile = BackingObject, ""; g.place(); return g }())
	}
	assert.Greater(t, geometry(t, trade, 16).InFile(longPath(MaxPathSize)).HeaderSize, PageSize, "the header grows with the path")
}

func TestSchemaValidate(t *testing.T) {
	fields := func(f ...Field) Schema { return Schema{Name: "r", Size: 16, Fields: f} }
	many := make([]Field, MaxFields+1)
	for i := range many {
		many[i] = Field{Name: strings.Repeat("a", i%40+1) + string(rune('a'+i/40)), Kind: Uint8, Count: 1, Offset: i}
	}
	for name, tc := range map[string]struct {
		s       Schema
		problem string // empty: valid
	}{
		"good":                 {trade, ""},
		"every kind":           {book, ""},
		"as many fields":       {Schema{"r", 300, many[:MaxFields]}, ""},
		"too many fields":      {Schema{"r", 300, many}, "257 fields"},
		"no field":             {fields(), "0 fields"},
		"no size":              {Schema{"r", 0, trade.Fields}, "record size 0"},
		"negative size":        {Schema{"r", -1, trade.Fields}, "record size -1"},
		"too large":            {Schema{"r", MaxRecordSize + 1, trade.Fields}, "record size 1048577"},
		"no name":              {Schema{"", 24, trade.Fields}, `record name ""`},
		"name with a space":    {Schema{"a b", 24, trade.Fields}, `record name "a b"`},
		"name not ASCII":       {Schema{"Größe", 24, trade.Fields}, "record name"},
		"name with an escape":  {Schema{"a\x1b[2J", 24, trade.Fields}, "record name"},
		"name too long":        {Schema{strings.Repeat("n", NameSize+1), 24, trade.Fields}, "record name"},
		"name just fits":       {Schema{strings.Repeat("n", NameSize), 24, trade.Fields}, ""},
		"field without name":   {fields(Field{"", Uint8, 1, 0}), "field 0"},
		"same name twice":      {fields(Field{"a", Uint8, 1, 0}, Field{"a", Uint8, 1, 1}), `two fields are named "a"`},
		"kind 0":               {fields(Field{"a", 0, 1, 0}), "unknown kind 0"},
		"kind 12":              {fields(Field{"a", 12, 1, 0}), "unknown kind 12"},
		"count 0":              {fields(Field{"a", Uint8, 0, 0}), "leaves the record"},
		"count negative":       {fields(Field{"a", Uint8, -1, 0}), "leaves the record"},
		"count huge":           {fields(Field{"a", Uint64, math.MaxInt32, 0}), "leaves the record"},
		"count that overflows": {fields(Field{"a", Uint64, math.MaxInt/4 + 1, 0}), "leaves the record"},
		"overlap":              {fields(Field{"a", Uint64, 1, 0}, Field{"b", Uint8, 1, 7}), "overlaps"},
		"not in order":         {fields(Field{"a", Uint64, 1, 8}, Field{"b", Uint8, 1, 0}), "overlaps"},
		"leaves the record":    {fields(Field{"a", Uint64, 1, 9}), "leaves the record"},
		"negative offset":      {fields(Field{"a", Uint64, 1, -8}), "overlaps"},
		"fills the record":     {fields(Field{"a", Uint64, 2, 0}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.s.Validate()
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrSchema)
			assert.ErrorContains(t, err, tc.problem)
		})
	}
}

func TestSchemaDiff(t *testing.T) {
	change := func(f func(*Schema)) Schema {
		s := trade
		s.Fields = append([]Field(nil), trade.Fields...)
		f(&s)
		return s
	}
	for name, tc := range map[string]struct {
		program                  Schema
		field, segment, program2 string
	}{
		"same":            {trade, "", "", ""},
		"another name":    {change(func(s *Schema) { s.Name = "Trade" }), "", "", ""},
		"field's name":    {change(func(s *Schema) { s.Fields[2].Name = "size" }), "volume", "volume i32 @16", "size i32 @16"},
		"field's kind":    {change(func(s *Schema) { s.Fields[2].Kind = Uint32 }), "volume", "volume i32 @16", "volume u32 @16"},
		"field's count":   {change(func(s *Schema) { s.Fields[3].Count = 2 }), "valid", "valid bool @20", "valid bool[2] @20"},
		"field's offset":  {change(func(s *Schema) { s.Fields[3].Offset = 21 }), "valid", "valid bool @20", "valid bool @21"},
		"fields swapped":  {change(func(s *Schema) { s.Fields[0], s.Fields[1] = s.Fields[1], s.Fields[0] }), "price", "price f64 @0", "timestamp u64 @8"},
		"a field less":    {change(func(s *Schema) { s.Fields = s.Fields[:3] }), "valid", "valid bool @20", "no such field"},
		"a field more":    {change(func(s *Schema) { s.Fields = append(s.Fields, Field{"venue", Uint8, 1, 21}) }), "venue", "no such field", "venue u8 @21"},
		"padding changed": {change(func(s *Schema) { s.Size = 32 }), "(size)", "24 bytes", "32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			err := trade.Diff(tc.program)
			if tc.field == "" {
				require.NoError(t, err)
				return
			}
			var diff *SchemaError
			require.ErrorAs(t, err, &diff)
			assert.Equal(t, SchemaError{tc.field, tc.segment, tc.program2}, *diff)
			for _, part := range []string{tc.field, tc.segment, tc.program2} {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

func TestSchemaMasks(t *testing.T) {
	assert.Equal(t, []uint64{math.MaxUint64, math.MaxUint64, 0xff_ffff_ffff}, trade.Masks())
	odd := Schema{Name: "odd", Size: 11, Fields: []Field{{"a", Uint8, 1, 1}, {"b", Uint16, 1, 8}, {"c", Uint8, 1, 10}}}
	assert.Equal(t, []uint64{0xff00, 0xffffff}, odd.Masks())
}

func TestStrings(t *testing.T) {
	assert.Equal(t, "TradingData{price f64 @0; timestamp u64 @8; volume i32 @16; valid bool @20}", trade.String())
	assert.Equal(t, "bids.size f32[10] @96", book.Fields[3].String())
	assert.Equal(t, []string{"created", "open", "closed", "invalid"}, []string{StateCreated.String(), StateOpen.String(), StateClosed.String(), State(3).String()})
}
