package layout

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// created is the time of making in every header of these tests.
const created = 1_700_000_000_123_456_789

// trade is the record of the programs from before the ring.
var trade = Schema{Name: "TradingData", Size: 24, Fields: []Field{
	{"price", Float64, 1, 0}, {"timestamp", Uint64, 1, 8}, {"volume", Int32, 1, 16}, {"valid", Bool, 1, 20},
}}

// book is a record with every kind of field, arrays, padding, and a size that fills no whole word.
var book = Schema{Name: "Book", Size: 452, Fields: []Field{
	{"instrument", Uint64, 1, 0}, {"time", Int64, 1, 8},
	{"bids.price", Float64, 10, 16}, {"bids.size", Float32, 10, 96}, {"bids.orders", Uint16, 10, 136},
	{"asks.price", Float64, 10, 160}, {"asks.size", Float32, 10, 240}, {"asks.orders", Int16, 10, 280},
	{"trades[0].price", Float64, 1, 304}, {"trades[0].side", Int8, 1, 312}, {"trades[1].price", Float64, 1, 320}, {"trades[1].side", Int8, 1, 328},
	{"venue", Uint8, 100, 332}, {"sequence", Uint32, 1, 440}, {"flags", Int32, 1, 444}, {"halted", Bool, 3, 448},
}}

// geometry makes one that must be possible.
func geometry(t testing.TB, record Schema, slots uint64, change ...func(*Geometry)) Geometry {
	t.Helper()
	g, err := New(record, slots)
	require.NoError(t, err)
	g.Created = created
	for _, f := range change {
		f(&g)
	}
	return g
}

func withDoorbell(g *Geometry) { g.Doorbell = true }

func withFallback(g *Geometry) {
	g.Fallback = "/dev/shm is a tmpfs mounted without huge pages: as root: mount -o remount,huge=advise /dev/shm"
}

// reader returns the read function of an object that begins with b.
func reader(b []byte) func(offset, n int) ([]byte, error) {
	return func(offset, n int) ([]byte, error) {
		if offset >= len(b) {
			return nil, nil
		}
		return b[offset:min(len(b), offset+n)], nil
	}
}

func decode(g Geometry, b []byte) (Geometry, error) { return Decode(g.SegmentSize, reader(b)) }

// reseal gives a changed header the checksum that its parts now have, as far as they lie in it.
func reseal(b []byte) {
	le := binary.LittleEndian
	if len(b) < IdentityOffset+IdentitySize {
		return
	}
	part := func(offsetAt, sizeAt int) []byte {
		offset, n := uint64(le.Uint32(b[offsetAt:])), uint64(le.Uint32(b[sizeAt:]))
		if offset+n > uint64(len(b)) {
			return nil
		}
		return b[offset : offset+n]
	}
	sum := checksum(b, part(schemaOffsetOffset, schemaSizeOffset), part(ringFileOffsetOffset, ringFileSizeOffset), part(fallbackOffsetOffset, fallbackSizeOffset))
	le.PutUint64(b[checksumOffset:], sum)
}
