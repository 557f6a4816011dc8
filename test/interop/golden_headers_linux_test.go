package interop

import (
	"fmt"
	"math"

	"github.com/tickring/tickring/internal/layout"
)

// goldenHeaders are objects that no client takes for a segment. But where the name says otherwise, each has a
// single fault, under a checksum that fits it.
func goldenHeaders() (all []golden) {
	whole := int(newImage("TradingData", 2).geometry.SegmentSize)
	const tooLarge, lastPage = 2*layout.MaxRecordSize + 8, math.MaxUint64 &^ 4095
	for _, bad := range []struct {
		name   string
		change func(im *image) *image
		kind   string
	}{
		{"magic", fields{"magic": layout.Magic + 1}.set, "magic"},
		{"magic-of-a-doorbell", fields{"magic": layout.DoorbellMagic}.set, "magic"},
		{"version-0", fields{"layout_version": 0}.set, "version"},
		{"for-the-last-of-readers", fields{"min_reader_version": math.MaxUint32}.set, "version"},
		{"byte-order", fields{"byte_order": 0x0d0c_0b0a}.set, "byte-order"},
		{"byte-order-0", fields{"byte_order": 0}.set, "byte-order"},

		{"header-0", fields{"header_size": 0}.set, "geometry"},
		{"header-without-schema", fields{"header_size": layout.SchemaOffset}.set, "geometry"},
		{"header-before-the-schema", fields{"header_size": layout.SchemaOffset - 8}.set, "geometry"},
		{"header-too-large", fields{"header_size": layout.MaxHeaderSize + 1}.set, "geometry"},
		{"header-4-gib", fields{"header_size": math.MaxUint32}.set, "geometry"},
		{"header-beyond-the-object", fields{"header_size": 1 << 20}.set, "truncated"},
		{"header-over-the-ring", fields{"header_size": 4096 + 8}.set, "geometry"},

		{"record-0", fields{"record_size": 0}.set, "geometry"},
		{"record-not-the-schemas", fields{"record_size": 32}.set, "geometry"},
		{"stride-0", fields{"slot_stride": 0}.set, "geometry"},
		{"stride-of-a-record", fields{"slot_stride": 24, "segment_size": 4096 + 2*24}.set, "geometry"},
		{"stride-not-of-words", fields{"slot_stride": 36, "segment_size": 4096 + 2*36}.set, "geometry"},
		{"stride-too-large", fields{"slot_stride": tooLarge, "segment_size": 4096 + 2*tooLarge}.set, "geometry"},
		{"stride-4-gib", fields{"slot_stride": math.MaxUint32 &^ 7}.set, "geometry"},
		{"stride-larger-than-the-ring", fields{"slot_stride": 64}.set, "geometry"},

		{"slots-0", fields{"slots": 0, "segment_size": 4096}.set, "geometry"},
		{"slots-1", fields{"slots": 1, "segment_size": 4096 + 32}.set, "geometry"},
		{"slots-3", fields{"slots": 3, "segment_size": 4096 + 3*32}.set, "geometry"},
		{"slots-more-than-the-ring", fields{"slots": 4}.set, "geometry"},
		{"slots-overflow", fields{"slots": 1 << 59, "segment_size": 4096}.set, "geometry"},
		{"slots-overflow-twice", fields{"slots": 1 << 63, "segment_size": 4096}.set, "geometry"},
		{"slots-too-many", fields{"slots": 1 << 41, "segment_size": 4096 + 1<<46}.set, "geometry"},
		{"slots-beyond-the-object", fields{"slots": 1 << 40, "segment_size": 4096 + 1<<45}.set, "truncated"},
		{"segment-0", fields{"segment_size": 0}.set, "geometry"},
		{"segment-larger", fields{"segment_size": 1 << 20}.set, "geometry"},
		{"segment-smaller", fields{"segment_size": 4096 + 32}.set, "geometry"},
		{"segment-and-slots-larger", fields{"slots": 4, "segment_size": 4096 + 4*32}.set, "truncated"},

		{"ring-at-0", fields{"ring_offset": 0, "segment_size": 64}.set, "geometry"},
		{"ring-off-the-page", fields{"ring_offset": 4096 + 32, "segment_size": 4096 + 32 + 64}.set, "geometry"},
		{"ring-elsewhere", fields{"ring_offset": 8192}.set, "geometry"},
		{"ring-far-away", fields{"ring_offset": 1 << 41, "segment_size": 1<<41 + 64}.set, "geometry"},
		{"ring-at-the-end", fields{"ring_offset": lastPage, "segment_size": lastPage + 64}.set, "geometry"},
		{"backing-2", fields{"backing": 2}.set, "version"},
		{"backing-of-tomorrow", fields{"backing": math.MaxUint32}.set, "version"},

		{"view-off-its-place", fields{"view_offset": 8}.set, "geometry"},
		{"view-over-the-identity", fields{"view_offset": 64, "view_version_offset": 56}.set, "geometry"},
		{"view-over-the-head", fields{"view_offset": 256, "view_version_offset": 248}.set, "geometry"},
		{"view-over-the-schema", fields{"view_offset": 648, "view_version_offset": 640}.set, "geometry"},
		{"view-over-the-schemas-end", fields{"view_offset": 960, "view_version_offset": 952}.set, "geometry"},
		{"view-over-the-fallback", fields{"view_offset": 968, "view_version_offset": 960}.set, "geometry"},
		{"view-version-elsewhere", fields{"view_version_offset": 32}.set, "geometry"},
		{"view-off-the-word", fields{"view_offset": 2052, "view_version_offset": 2044}.set, "geometry"},
		{"view-in-the-ring", fields{"view_offset": 4096, "view_version_offset": 4088}.set, "geometry"},
		{"view-over-the-headers-end", fields{"view_offset": 4096 - 16, "view_version_offset": 4096 - 24}.set, "geometry"},
		{"view-4-gib", fields{"view_offset": math.MaxUint32 &^ 7, "view_version_offset": math.MaxUint32&^7 - 8}.set, "geometry"},

		{"schema-in-the-identity", fields{"schema_offset": 64}.set, "geometry"},
		{"schema-over-the-head", fields{"schema_offset": 256}.set, "geometry"},
		{"schema-in-the-ring", fields{"schema_offset": 4096}.set, "geometry"},
		{"schema-over-the-headers-end", fields{"schema_offset": 4096 - 64}.set, "geometry"},
		{"schema-far-away", fields{"schema_offset": math.MaxUint32}.set, "geometry"},
		{"schema-4-gib", fields{"schema_size": math.MaxUint32}.set, "geometry"},
		{"schema-elsewhere", fields{"schema_offset": 2048}.set, "schema"},
		{"schema-0", fields{"schema_size": 0}.set, "schema"},
		{"schema-without-fields", fields{"schema_size": 64}.set, "schema"},
		{"schema-half-a-field", fields{"schema_size": 4*64 + 32}.set, "schema"},
		{"schema-counts-less", func(im *image) *image { return im.u32(layout.SchemaOffset+52, 3) }, "schema"},
		{"schema-record-0", func(im *image) *image { return im.u32(layout.SchemaOffset+48, 0).field("record_size", 0) }, "schema"},
		{"schema-record-too-large", func(im *image) *image {
			return im.u32(layout.SchemaOffset+48, layout.MaxRecordSize+1).field("record_size", layout.MaxRecordSize+1)
		}, "schema"},
		{"schema-record-4-gib", func(im *image) *image {
			return im.u32(layout.SchemaOffset+48, math.MaxUint32).field("record_size", math.MaxUint32)
		}, "schema"},
		{"schema-name-empty", func(im *image) *image { return im.schemaName(0, "") }, "schema"},
		{"schema-name-steers", func(im *image) *image { return im.schemaName(0, "\x1b[2J") }, "schema"},
		{"schema-name-spaced", func(im *image) *image { return im.schemaName(0, "Trading Data") }, "schema"},
		{"schema-field-name-empty", func(im *image) *image { return im.schemaName(1, "") }, "schema"},
		{"schema-field-name-high", func(im *image) *image { return im.schemaName(1, "pr\xefce") }, "schema"},
		{"schema-field-names-equal", func(im *image) *image { return im.schemaName(2, "price") }, "schema"},
		{"schema-kind-0", func(im *image) *image { return im.schemaField(1, 0, 1, 0) }, "schema"},
		{"schema-kind-12", func(im *image) *image { return im.schemaField(1, 12, 1, 0) }, "schema"},
		{"schema-kind-of-tomorrow", func(im *image) *image { return im.schemaField(1, math.MaxUint32, 1, 0) }, "schema"},
		{"schema-count-0", func(im *image) *image { return im.schemaField(1, 11, 0, 0) }, "schema"},
		{"schema-count-2", func(im *image) *image { return im.schemaField(1, 11, 2, 0) }, "schema"}, // over the next field
		{"schema-count-overflows", func(im *image) *image { return im.schemaField(4, 11, 1<<29+1, 16) }, "schema"},
		{"schema-count-4-gib", func(im *image) *image { return im.schemaField(4, 1, math.MaxUint32, 20) }, "schema"},
		{"schema-fields-overlap", func(im *image) *image { return im.schemaField(2, 9, 1, 4) }, "schema"},
		{"schema-fields-backwards", func(im *image) *image { return im.schemaField(1, 11, 1, 8).schemaField(2, 9, 1, 0) }, "schema"},
		{"schema-field-beyond-the-record", func(im *image) *image { return im.schemaField(4, 1, 1, 24) }, "schema"},
		{"schema-field-over-the-records-end", func(im *image) *image { return im.schemaField(4, 4, 1, 21) }, "schema"},
		{"schema-field-4-gib", func(im *image) *image { return im.schemaField(4, 1, 1, math.MaxUint32) }, "schema"},

		{"ring-file-in-the-ring", fields{"ring_file_offset": 4096, "ring_file_size": 16}.set, "geometry"},
		{"ring-file-in-the-identity", fields{"ring_file_size": 1}.set, "geometry"},
		{"fallback-over-the-headers-end", fields{"fallback_size": 4096}.set, "geometry"},
		{"fallback-4-gib", fields{"fallback_size": math.MaxUint32}.set, "geometry"},
		{"fallback-far-away", fields{"fallback_offset": math.MaxUint32}.set, "geometry"},
	} {
		im := newImage("TradingData", 2, withFallback)
		all = append(all, golden{"header-" + bad.name, bad.change(im).seal(), attach(bad.kind)})
	}

	for name, change := range map[string]func(im *image) *image{
		"slots":        fields{"slots": 4}.set,
		"created":      fields{"created": created + 1}.set,
		"nothing-else": fields{"checksum": 0}.set,
		"what-is-new":  func(im *image) *image { return im.text(175, "?") }, // a byte that has no meaning yet
		"schema":       func(im *image) *image { return im.schemaName(1, "prize") },
		"fallback":     func(im *image) *image { return im.text(960, "?") },
	} {
		im := newImage("TradingData", 2, withFallback)
		all = append(all, golden{"checksum-" + name, change(im), attach("checksum")})
	}

	for _, size := range []int{0, 1, 23, 25, 71, 72, 191, 192, 640, 4095, 4096, whole - 1} {
		im := newImage("TradingData", 2).resize(size)
		all = append(all, golden{fmt.Sprint("truncated-", size), im, attach("truncated")})
	}
	for _, size := range []int{72, 100, whole} {
		im := newImage("TradingData", 2)
		clear(im.bytes)
		all = append(all, golden{fmt.Sprint("zeros-", size), im.resize(size), attach("magic")})
	}
	bare := newImage("TradingData", 2).text(0, string(recordBytes["TradingData"](7))).resize(layout.BareSize)
	return append(all, golden{"bare", bare, `
# A segment of a program from before the ring.
` + attach("bare") + `remove NAME => ok
attach NAME TradingData => error not-found
`})
}

// fields are numbers of the identity, by their names.
type fields map[string]uint64

func (f fields) set(im *image) *image {
	for name, value := range f {
		im.field(name, value)
	}
	return im
}
