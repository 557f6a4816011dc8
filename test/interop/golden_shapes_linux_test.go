package interop

import (
	"fmt"
	"strings"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
)

func withDoorbell(g *ring.Geometry) { g.Doorbell = true }

const fallback = "/dev/shm is a tmpfs mounted without huge pages: as root: mount -o remount,huge=advise /dev/shm"

func withFallback(g *ring.Geometry) { g.Fallback = fallback }

// goldenShapes are sound segments of other records and shapes.
func goldenShapes() []golden {
	trades := func(change ...func(*ring.Geometry)) *image { return newImage("TradingData", 8, change...) }
	quotes := func() *image { return newImage("Quote", 8) }
	return []golden{
		{"quote", quotes().published(11), `
# A record of 40 bytes has its view behind the schema; at the start of the object there is a record that is not valid.
attach NAME TradingData => error schema
schema => error usage
attach NAME Quote => ok
schema => Quote 40 bid:f64@0 ask:f64@8 sizes:u32[2]@16 sequence:u64@24 venue:u8@32
shape => slots=8 stride=64 backing=0 doorbell=0 fallback=
view => 000000000000000000000000000000000000000000000000
reader oldest oldest => ok
poll => ready 3 $3
batch 100 => ready 4 7 @4+7
poll => empty
latest => ready 10 $10
reader at:1 oldest-safe => ok
poll => lapped 1 5
poll => ready 5 $5
detach => ok
takeover NAME TradingData => error schema
takeover NAME Quote => ok
publish $11 $12 => 11
detach => ok
attach NAME Quote => ok
view => 000000000000000000000000000000000000000000000000
reader at:10 oldest => ok
batch 100 => ready 10 3 @10+3
`},
		{"quote-mid-view", quotes().published(3).slots(3, 4).halfView(3), `
attach NAME Quote => ok
reader oldest oldest => ok
latest => ready 3 $3
batch 9 => ready 0 4 @0+4
detach => ok
takeover NAME Quote => ok
head => 4
publish $4 => 4
`},
		{"trades-are-no-quotes", trades().published(3), `
attach NAME Quote => error schema
takeover NAME Quote => error schema
reader oldest oldest => error usage
attach NAME TradingData => ok
`},
		{"schema-renamed", trades().published(3).schemaName(0, strings.Repeat("Trade", 10)[:48]).seal(), `
# The record's name need not be the same, and may fill its place.
attach NAME TradingData => ok
schema => TradeTradeTradeTradeTradeTradeTradeTradeTradeTra 24 price:f64@0 timestamp:u64@8 volume:i32@16 valid:bool@20
reader oldest oldest => ok
poll => ready 0 $0
`},
		{"schema-other-name", trades().schemaName(2, "time").seal(), attach("schema")},
		{"schema-other-kind", trades().schemaField(3, 8, 1, 16).seal(), attach("schema")}, // u32
		{"schema-other-offset", trades().schemaField(4, 1, 1, 21).seal(), attach("schema")},
		{"schema-other-count", trades().schemaField(4, 1, 4, 20).seal(), attach("schema")},
		{"schema-field-less", trades().field("schema_size", 4*64).u32(layout.SchemaOffset+52, 3).seal(), attach("schema")},
		{"schema-other-size", trades().u32(layout.SchemaOffset+48, 22).field("record_size", 22).seal(), attach("schema")},
		{"fallback", trades(withFallback).published(3), `
attach NAME TradingData => ok
shape => slots=8 stride=32 backing=0 doorbell=0 fallback=` + fallback + `
reader newest oldest => ok
poll => ready 2 $2
`},
		{"fallback-steers", trades(func(g *ring.Geometry) { g.Fallback = "\x1b[2Jno\nhuge\x7fpages\xff here" }), `
# It cannot steer the terminal that it is shown on, nor end the line.
attach NAME TradingData => ok
shape => slots=8 stride=32 backing=0 doorbell=0 fallback=?[2Jno?huge?pages? here
`},
		{"stride-40", trades().shaped(40, 4096, 0).published(11), `
# Any stride that holds the record.
attach NAME TradingData => ok
shape => slots=8 stride=40 backing=0 doorbell=0 fallback=
reader oldest oldest => ok
batch 100 => ready 3 8 @3+8
detach => ok
takeover NAME TradingData => ok
publish $11 $12 => 11
detach => ok
attach NAME TradingData => ok
view => $12
reader at:3 oldest => ok
poll => lapped 3 5
batch 100 => ready 5 8 @5+8
`},
		{"ring-further-on", trades().shaped(32, 8192, 0).published(11), `
attach NAME TradingData => ok
reader oldest oldest => ok
batch 100 => ready 3 8 @3+8
detach => ok
takeover NAME TradingData => ok
publish $11 => 11
`},
		{"view-elsewhere", trades().shaped(32, 4096, 2048).published(3), `
# A record of 24 bytes may have its view elsewhere, too. Programs from before the ring then find none.
attach NAME TradingData => ok
view => 000000000000000000000000000000000000000000000000
reader newest oldest => ok
poll => ready 2 $2
detach => ok
takeover NAME TradingData => ok
publish $3 => 3
detach => ok
attach NAME TradingData => ok
view => 000000000000000000000000000000000000000000000000
`},
		{"object-longer", trades().published(3).resize(3 * 4096), `
# More than it says does no harm.
attach NAME TradingData => ok
reader oldest oldest => ok
batch 9 => ready 0 3 @0+3
takeover NAME TradingData => ok
`},
		{"later-version", later().published(11), `
# A later layout that readers of this one can read, and writers of this one must not write.
attach NAME TradingData => ok
schema => TradingData 24 price:f64@0 timestamp:u64@8 volume:i32@16 valid:bool@20
shape => slots=8 stride=32 backing=0 doorbell=0 fallback=
view => $10
reader oldest oldest => ok
batch 100 => ready 3 8 @3+8
latest => ready 10 $10
poll => empty
detach => ok
takeover NAME TradingData => error version
publish $11 => error usage
attach NAME TradingData => ok
head => 11
epoch => 1
`},
		{"later-version-incompatible", later().field("min_reader_version", 2).seal(), attach("version")},
		{"later-version-other-checksum", later().field("min_reader_version", 2).field("checksum", 1), attach("version")},
	}
}

// attach are calls that are refused.
func attach(kind string) string {
	return fmt.Sprintf("attach NAME TradingData => error %s\nschema => error usage\ntakeover NAME TradingData => error %[1]s\n", kind)
}

// schemaName changes the record's name (0) or a field's (from 1 on).
func (im *image) schemaName(entry int, name string) *image {
	at := layout.SchemaOffset + 64*entry
	clear(im.bytes[at : at+layout.NameSize])
	return im.text(at, name)
}

// schemaField changes kind, count and offset of a field, numbered from 1 on.
func (im *image) schemaField(entry int, kind, count, offset uint32) *image {
	at := layout.SchemaOffset + 64*entry
	return im.u32(at+48, kind).u32(at+52, count).u32(at+56, offset)
}

// shaped gives the segment another stride, another place for the ring, and, unless it is 0, for the view.
func (im *image) shaped(stride, ringOffset, view int) *image {
	g := &im.geometry
	g.SlotStride, g.RingOffset = stride, uint64(ringOffset)
	if view != 0 {
		g.ViewOffset, g.ViewVersionOffset = view, view-8
	}
	g.SegmentSize = g.RingOffset + g.RingSize()
	im.resize(int(g.SegmentSize))
	return im.field("slot_stride", uint64(stride)).field("ring_offset", g.RingOffset).field("segment_size", g.SegmentSize).
		field("view_offset", uint64(g.ViewOffset)).field("view_version_offset", uint64(g.ViewVersionOffset)).seal()
}

// later is a segment of layout version 2: its header is larger, its schema lies elsewhere, and there is more
// in it than version 1 knows.
func later() *image {
	const headerSize, schema = 8192, 5000
	im := newImage("TradingData", 8).shaped(32, headerSize, 0)
	copy(im.bytes[schema:], im.bytes[layout.SchemaOffset:][:5*64])
	clear(im.bytes[layout.SchemaOffset:][:5*64])
	im.field("layout_version", 2).field("header_size", headerSize).field("schema_offset", schema).field("flags", 0xffff_fffe)
	return im.text(168, "something new...").text(headerSize-64, "and behind the schema").seal()
}
