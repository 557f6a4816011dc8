package layout

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// five is a record with a view of its own, whose texts, with a fallback of full length, end at a place for that view.
var five = Schema{Name: "five", Size: 40, Fields: []Field{{"w", Uint64, 5, 0}}}

const fiveTexts = SchemaOffset + 2*entrySize + fallbackSize

func fullFallback(g *Geometry) { g.Fallback = strings.Repeat("~", fallbackSize) }

// What lies just within each limit is accepted, by Validate and by Decode.
func TestJustWithinTheLimits(t *testing.T) {
	ringBehind := func(g *Geometry, offset uint64) {
		g.RingOffset = offset
		g.SegmentSize = offset + g.RingSize()
	}
	for name, g := range map[string]Geometry{
		"texts that end with the header": geometry(t, bytes(24), 2, fullFallback, func(g *Geometry) { g.HeaderSize = g.textsEnd() }),
		"the largest header": geometry(t, trade, 2, func(g *Geometry) {
			g.HeaderSize = MaxHeaderSize
			ringBehind(g, MaxHeaderSize)
		}),
		"the farthest ring": geometry(t, trade, 2, func(g *Geometry) { ringBehind(g, 1<<40) }),
		"the widest stride": geometry(t, trade, 2, func(g *Geometry) {
			g.SlotStride = 2 * MaxRecordSize
			ringBehind(g, PageSize)
		}),
		"a view right behind the texts": geometry(t, five, 2, fullFallback, func(g *Geometry) {
			require.Equal(t, fiveTexts, g.ViewVersionOffset)
		}),
		"a view that ends with the header": geometry(t, five, 2, func(g *Geometry) { g.HeaderSize = g.viewEnd() }),
		"names of ~":                       geometry(t, Schema{Name: "~", Size: 1, Fields: []Field{{"~", Bool, 1, 0}}}, 2),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, g.Validate())
			got, err := decode(g, Encode(g))
			require.NoError(t, err)
			require.Equal(t, g, got)
		})
	}
}

// Places that this version gives to nothing, and that another may.
func TestTextsBehindTheView(t *testing.T) {
	g := geometry(t, five, 2)
	b := Encode(g)
	const view = SchemaOffset + 8
	schema := view + five.Words()*8
	copy(b[schema:], b[SchemaOffset:SchemaOffset+five.encodedSize()])
	for _, change := range []func([]byte){
		u32(viewOffsetOffset, view), u32(viewVersionOffsetOffset, view-8), u32(schemaOffsetOffset, uint32(schema)),
	} {
		change(b)
	}
	reseal(b)
	got, err := decode(g, b)
	require.NoError(t, err)
	assert.Equal(t, view, got.ViewOffset)
}

// What lies just beyond a limit and is otherwise consistent is refused by nothing but that limit.
func TestJustBeyondTheLimits(t *testing.T) {
	for name, change := range map[string]func(*Geometry){
		"texts beyond the header": func(g *Geometry) { g.HeaderSize = g.textsEnd() - 8 },
		"a header too large":      func(g *Geometry) { g.HeaderSize, g.RingOffset = MaxHeaderSize+PageSize, MaxHeaderSize+PageSize },
		"one slot":                func(g *Geometry) { g.Slots = 1 },
		"a stride not of words":   func(g *Geometry) { g.SlotStride = 36 },
		"a stride too narrow":     func(g *Geometry) { g.SlotStride = 24 },
		"a stride too wide":       func(g *Geometry) { g.SlotStride = 2*MaxRecordSize + 8 },
		"a small view elsewhere":  func(g *Geometry) { g.Record, g.ViewOffset = bytes(16), 8 },
	} {
		t.Run(name, func(t *testing.T) {
			g := geometry(t, trade, 2, change)
			g.SegmentSize = g.RingOffset + g.RingSize()
			require.ErrorIs(t, g.Validate(), ErrGeometry)
		})
	}
	g := geometry(t, trade, 2).InFile(ringFile)
	g.SegmentSize = 0
	require.ErrorIs(t, g.Validate(), ErrGeometry, "an object without its header")
}

func TestSchemaInPieces(t *testing.T) {
	b := make([]byte, 2*entrySize+8)
	five.encode(b)
	_, err := decodeSchema(b)
	require.ErrorIs(t, err, ErrSchema)
	many := make([]byte, entrySize*(2+MaxFields))
	five.encode(many)
	binary.LittleEndian.PutUint32(many[52:], 1+MaxFields)
	_, err = decodeSchema(many)
	require.ErrorContains(t, err, "257 fields")
}

func TestPrintable(t *testing.T) { assert.Equal(t, " ~??", printable([]byte(" ~\x7f\x1f"))) }
