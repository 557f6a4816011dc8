package interop

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
)

// image is an object, byte by byte, as it should be or as it should not.
type image struct {
	geometry ring.Geometry
	bytes    []byte
	record   func(n uint64) []byte
}

// created is the time of making in every image.
const created = 1_700_000_000_123_456_789

// newImage is a new segment of TradingData or Quote, without a writer so far.
func newImage(name string, slots uint64, change ...func(*ring.Geometry)) *image {
	g := must(records[name].geometry(slots))
	g.Created = created
	for _, f := range change {
		f(&g)
	}
	im := &image{geometry: g, record: recordBytes[name], bytes: make([]byte, g.SegmentSize)}
	copy(im.bytes, layout.Encode(g))
	return im
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// recordBytes gives record n of the images: each field tells n.
var recordBytes = map[string]func(n uint64) []byte{
	"TradingData": func(n uint64) []byte {
		b := make([]byte, 24)
		le := binary.LittleEndian
		le.PutUint64(b[0:], math.Float64bits(100+float64(n%1000)/4))
		le.PutUint64(b[8:], 1_700_000_000_000_000_000+n)
		le.PutUint32(b[16:], uint32(n)-500) // there are negative ones
		if n%3 != 0 {
			b[20] = 1
		}
		return b
	},
	"Quote": func(n uint64) []byte {
		b := make([]byte, 40)
		le := binary.LittleEndian
		le.PutUint64(b[0:], math.Float64bits(100+float64(n%1000)/4))
		le.PutUint64(b[8:], math.Float64bits(101+float64(n%1000)/4))
		le.PutUint32(b[16:], uint32(n)+10)
		le.PutUint32(b[20:], uint32(n)+20)
		le.PutUint64(b[24:], n)
		b[32] = byte(n) | 0x80
		return b
	},
}

// hex is record n as drivers print it.
func (im *image) hex(n uint64) string { return hex.EncodeToString(im.record(n)) }

// digest is that of the records from first to next, not included, as drivers print it.
func (im *image) digest(first, next uint64) string {
	digest := sha256.New()
	for n := first; n < next; n++ {
		digest.Write(im.record(n))
	}
	return hex.EncodeToString(digest.Sum(nil))
}

func (im *image) u32(offset int, v uint32) *image {
	binary.LittleEndian.PutUint32(im.bytes[offset:], v)
	return im
}

func (im *image) u64(offset int, v uint64) *image {
	binary.LittleEndian.PutUint64(im.bytes[offset:], v)
	return im
}

// field changes a number of the identity, by the name that docs/LAYOUT.md gives it.
func (im *image) field(name string, v uint64) *image {
	if fieldSize(name) == 4 {
		return im.u32(fieldOffset(name), uint32(v))
	}
	return im.u64(fieldOffset(name), v)
}

func (im *image) text(offset int, s string) *image {
	copy(im.bytes[offset:], s)
	return im
}

// life is what a writer says of itself when it comes.
func (im *image) life(epoch, first uint64, state layout.State) *image {
	return im.u64(layout.EpochOffset, epoch).u64(layout.EpochFirstOffset, first).u64(layout.StateOffset, uint64(state))
}

// slot gives the slot of record n the record, and a version.
func (im *image) slot(n, version uint64) *image {
	g := im.geometry
	at := int(g.RingOffset) + int(n%g.Slots)*g.SlotStride
	copy(im.bytes[at+layout.SlotHeader:], im.record(n))
	return im.u64(at, version)
}

// half gives the slot of record n what a writer has stored that stopped within it: the odd version and the
// first word.
func (im *image) half(n uint64) *image {
	g := im.geometry
	at := int(g.RingOffset) + int(n%g.Slots)*g.SlotStride
	copy(im.bytes[at+layout.SlotHeader:], im.record(n)[:8])
	return im.u64(at, 2*n+1)
}

// slots gives the slots of records from first to next, not included, their records, finished.
func (im *image) slots(first, next uint64) *image {
	for n := first; n < next; n++ {
		im.slot(n, 2*n+2)
	}
	return im
}

// view is that of record n, finished.
func (im *image) view(n uint64) *image {
	copy(im.bytes[im.geometry.ViewOffset:], im.record(n))
	return im.u64(im.geometry.ViewVersionOffset, 2*n+2)
}

// halfView is what a writer leaves that stopped within the view of record n, behind the first word.
func (im *image) halfView(n uint64) *image {
	copy(im.bytes[im.geometry.ViewOffset:], im.record(n)[:8])
	return im.u64(im.geometry.ViewVersionOffset, 2*n+1)
}

func (im *image) head(n uint64) *image { return im.u64(layout.HeadOffset, n) }

// published is the ring after records up to next, not included, by its first writer. Only those that are still
// there count.
func (im *image) published(next uint64) *image {
	return im.life(1, 0, layout.StateOpen).slots(im.geometry.Oldest(next), next).view(next - 1).head(next)
}

// seal gives the header the checksum that it now has, of the parts that lie in it.
func (im *image) seal() *image {
	le := binary.LittleEndian
	sum := fnv.New64a()
	sum.Write(im.bytes[layout.IdentityOffset:fieldOffset("checksum")])
	for _, part := range []string{"schema", "ring_file", "fallback"} {
		offset := uint64(le.Uint32(im.bytes[fieldOffset(part+"_offset"):]))
		size := uint64(le.Uint32(im.bytes[fieldOffset(part+"_size"):]))
		if offset+size <= uint64(len(im.bytes)) {
			sum.Write(im.bytes[offset : offset+size])
		}
	}
	return im.field("checksum", sum.Sum64())
}

// resize cuts the object or makes it longer.
func (im *image) resize(n int) *image {
	im.bytes = append(im.bytes[:min(n, len(im.bytes))], make([]byte, max(0, n-len(im.bytes)))...)
	return im
}

// goNames are those of the fields whose constants are not named after them.
var goNames = map[string]string{"layout_version": "version"}

// fieldOffset is the offset of a field of the identity.
func fieldOffset(name string) int {
	if other, ok := goNames[name]; ok {
		name = other
	}
	for _, c := range must(layoutConstants()) {
		if c.file == "offsets.go" && c.name == name+"_offset" {
			return int(c.value)
		}
	}
	panic(fmt.Sprintf("internal/layout has no %s", name))
}

// fieldSize is the size of a field of the identity: all have 4 bytes but these.
func fieldSize(name string) int {
	switch name {
	case "magic", "slots", "ring_offset", "segment_size", "created", "checksum":
		return 8
	}
	return 4
}
