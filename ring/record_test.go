package ring

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
)

type quote struct {
	BidPrice, AskPrice float64
	TradeID            uint32
	Symbol             [8]byte
	Levels             [2]struct {
		Price float32
		Size  int16
	}
	Flag bool `ring:"crossed"`
	_    [3]byte
}

func TestSchemaOf(t *testing.T) {
	s, err := SchemaOf[TradingData]()
	require.NoError(t, err)
	assert.Equal(t, "TradingData{price f64 @0; timestamp u64 @8; volume i32 @16; valid bool @20}", s.String())
	assert.Equal(t, 24, s.Size)

	s, err = SchemaOf[quote]()
	require.NoError(t, err)
	assert.Equal(t, "quote{bid_price f64 @0; ask_price f64 @8; trade_id u32 @16; symbol u8[8] @20; levels[0].price f32 @28; levels[0].size i16 @32; levels[1].price f32 @36; levels[1].size i16 @40; crossed bool @44}", s.String())
	assert.Equal(t, 48, s.Size)
}

func TestTypesThatCannotBeShared(t *testing.T) {
	refused := func(_ Schema, err error) {
		t.Helper()
		assert.Error(t, err)
		t.Log(err)
	}
	refused(SchemaOf[struct{ Name string }]())
	refused(SchemaOf[struct{ P *int64 }]())
	refused(SchemaOf[struct{ N int }]())
	refused(SchemaOf[struct{ Inner struct{ U uintptr } }]())
	refused(SchemaOf[struct{ C complex128 }]())
	refused(SchemaOf[struct{ S []byte }]())
	refused(SchemaOf[struct{ M map[int32]int32 }]())
	refused(SchemaOf[struct{ I any }]())
	refused(SchemaOf[struct{}]())
	refused(SchemaOf[int64]())
	refused(SchemaOf[struct {
		Big [layout.MaxRecordSize + 1]byte
	}]())
	refused(SchemaOf[struct {
		Many [300]struct{ A int8 }
	}]())
	_, err := SchemaOf[struct{ Deep [2]struct{ Why func() } }]()
	require.ErrorIs(t, err, ErrType)
	assert.ErrorContains(t, err, "deep[0].why")
}

func TestSlotCountMustBeAPowerOfTwo(t *testing.T) {
	for _, slots := range []uint64{0, 1, 3, 100, 1<<40 + 1, 1 << 63} {
		_, err := GeometryOf[TradingData](slots)
		assert.ErrorIs(t, err, ErrGeometry, "%d", slots)
	}
	_, err := GeometryOf[TradingData](100)
	assert.ErrorContains(t, err, "128")
}

// roundTrip publishes and reads records of T whose bytes are given, in both ways.
func roundTrip[T comparable](t *testing.T) {
	t.Helper()
	memory, w := newRing[T](t, 4)
	r := newReader[T](t, memory, ReaderOptions{})
	recs := make([]T, 3)
	for i := range recs {
		b := recordBytes(&recs[i])
		for j := range b {
			b[j] = byte(1 + i + 7*j)
		}
	}
	g := memory.Geometry()
	mask := wordBytes(g.Record.Masks())
	want := make([]T, len(recs))
	for i := range want {
		b := recordBytes(&want[i])
		for j := range b {
			b[j] = recordBytes(&recs[i])[j] & mask[j] // padding is stored as zero
		}
	}
	w.Publish(&recs[0])
	w.PublishBatch(recs[1:])
	got := make([]T, 3)
	_, s := r.Poll(&got[0])
	require.Equal(t, Ready, s)
	_, n, _ := r.PollBatch(got[1:])
	require.Equal(t, 2, n)
	for i := range got {
		assert.Equal(t, recordBytes(&want[i]), recordBytes(&got[i]), "%T", got[i])
	}
	assert.LessOrEqual(t, 8+int(unsafe.Sizeof(recs[0])), g.SlotStride)
	raw, err := NewRawReader(memory, ReaderOptions{})
	require.NoError(t, err)
	b := make([]byte, g.Record.Size)
	_, s = raw.Poll(b)
	require.Equal(t, Ready, s)
	assert.Equal(t, recordBytes(&want[0]), b)
}

func TestRecordsOfAllSizes(t *testing.T) {
	roundTrip[struct{ A int8 }](t)
	roundTrip[struct{ A, B, C int8 }](t)
	roundTrip[struct{ A uint32 }](t)
	roundTrip[struct {
		A uint32
		B uint8
	}](t)
	roundTrip[struct{ A, B, C uint32 }](t)
	roundTrip[struct{ A uint64 }](t)
	roundTrip[struct {
		A bool
		B uint64
	}](t)
	roundTrip[struct{ A [5]uint32 }](t)
	roundTrip[TradingData](t)
	roundTrip[quote](t)
	roundTrip[struct{ A [7]uint64 }](t)
	roundTrip[struct{ A [333]uint16 }](t)
	roundTrip[struct{ A [1 << 17]byte }](t)
}

func TestPaddingIsStoredAsZero(t *testing.T) {
	memory, w := newRing[TradingData](t, 4)
	rec := tradeOf(1)
	copy(recordBytes(&rec)[21:], "\xff\xff\xff")
	w.Publish(&rec)
	assert.Equal(t, make([]byte, 3), memory.Slots()[8+21:8+24])
	assert.Equal(t, make([]byte, 3), memory.Header()[21:24])
}

func TestTheViewOfALargerRecordIsWhereTheHeaderSays(t *testing.T) {
	memory, w := newRing[quote](t, 4)
	g := memory.Geometry()
	require.GreaterOrEqual(t, g.ViewOffset, layout.SchemaOffset)
	w.Publish(&quote{BidPrice: 1, Flag: true})
	assert.Equal(t, make([]byte, 24), memory.Header()[:24], "a program from before the ring sees no valid record")
	view := (*quote)(unsafe.Pointer(&memory.Header()[g.ViewOffset]))
	assert.Equal(t, quote{BidPrice: 1, Flag: true}, *view)
}
