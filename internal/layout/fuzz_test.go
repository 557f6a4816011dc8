package layout

import (
	"math/bits"
	"path"
	"testing"
)

// Whatever lies in /dev/shm: Decode does not panic, reads no more than there is and than a header can
// be, and what it accepts can be relied on without another look.
func FuzzDecode(f *testing.F) {
	for _, make := range golden {
		g := make(f)
		b := Encode(g)
		f.Add(b, g.SegmentSize, false)
		for _, offset := range []int{versionOffset, headerSizeOffset, slotsOffset, ringOffsetOffset, viewOffsetOffset, schemaOffsetOffset, SchemaOffset + 48} {
			changed := append([]byte(nil), b...)
			changed[offset] ^= 0x40
			f.Add(changed, g.SegmentSize, true)
		}
	}
	f.Add([]byte{}, uint64(0), false)
	f.Add(make([]byte, BareSize), uint64(BareSize), false)
	f.Fuzz(func(t *testing.T, b []byte, size uint64, seal bool) {
		if seal {
			reseal(b)
		}
		g, err := Decode(size, func(offset, n int) ([]byte, error) {
			if offset < 0 || n < 0 || offset+n > MaxHeaderSize || uint64(offset+n) > size {
				t.Fatalf("reads %d bytes at %d of %d", n, offset, size)
			}
			return reader(b)(offset, n)
		})
		if err != nil {
			if g.HeaderSize != 0 || g.Slots != 0 {
				t.Fatalf("an error, and a geometry: %+v, %v", g, err)
			}
			return
		}
		checkAccepted(t, g, size)
	})
}

// checkAccepted holds what Decode accepted to what its users rely on.
func checkAccepted(t *testing.T, g Geometry, size uint64) {
	t.Helper()
	check := func(ok bool, what string) {
		t.Helper()
		if !ok {
			t.Fatalf("accepted: %s: %+v in an object of %d bytes", what, g, size)
		}
	}
	check(g.Slots >= 2 && bits.OnesCount64(g.Slots) == 1, "slots")
	check(g.SlotStride%8 == 0 && g.SlotStride >= 8+g.Record.Size, "stride")
	high, ring := bits.Mul64(g.Slots, uint64(g.SlotStride))
	check(high == 0 && ring == g.RingSize(), "ring's size overflows")
	check(g.RingOffset%PageSize == 0, "ring is off the page")
	check(g.RingOffset+ring >= ring && g.RingOffset+ring <= 1<<62, "ring's end is no int64")
	check(g.SegmentSize <= size && g.SegmentSize <= 1<<62, "segment leaves the object")
	if g.RingFile == "" {
		check(g.RingOffset >= uint64(g.HeaderSize), "ring overlaps the header")
		check(g.RingOffset+ring == g.SegmentSize, "ring leaves the object")
	} else {
		check(g.SegmentSize >= uint64(g.HeaderSize), "header leaves the segment")
		check(path.IsAbs(g.RingFile) && path.Clean(g.RingFile) == g.RingFile, "path")
	}

	view := g.Record.Words() * 8
	check(g.ViewOffset%8 == 0 && g.ViewVersionOffset%8 == 0, "view is off the word")
	if g.ViewOffset == 0 {
		check(g.ViewVersionOffset == 24 && view <= 24, "view at 0")
	} else {
		check(g.ViewVersionOffset >= SchemaOffset && g.ViewVersionOffset+8 == g.ViewOffset, "view overlaps the live words")
		check(g.ViewOffset+view <= g.HeaderSize, "view leaves the header")
	}
	check(uint64(g.HeaderSize) <= size, "header leaves the object")

	end := 0
	for _, field := range g.Record.Fields {
		check(field.Offset >= end && field.Count >= 1 && field.Kind.Valid(), "field "+field.Name)
		end = field.Offset + field.Kind.Size()*field.Count
	}
	check(end <= g.Record.Size && g.Record.Size <= MaxRecordSize, "fields leave the record")
	masks := g.Record.Masks()
	check(len(masks) == g.Record.Words(), "masks")
	check(len(g.Fallback) <= g.HeaderSize, "fallback")
	for _, c := range g.Fallback + g.Record.Name + g.RingFile {
		check(c >= ' ' && c <= '~', "text")
	}
	check(g.Oldest(^uint64(0)) < ^uint64(0), "oldest")
}
