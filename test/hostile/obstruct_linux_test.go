package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/hostile/forge"
)

// truth is record n of all writers here that do not lie. Each of its words is odd, so that it is no finished record's version
// to one who takes it for a version.
func truth(n uint64) ring.TradingData {
	return ring.TradingData{
		Price: math.Float64frombits(0x3ff0000000000001 | n<<1&(1<<52-1)), Timestamp: 2*n + 1, Volume: int32(2*n + 1), Valid: true,
	}
}

// obstruct publishes, and changes all that is in the way of readers, until it is told to end. Arguments: name, seed, whether it
// truncates.
func obstruct(args []string) error {
	n, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	o := &obstructor{Rand: random(n), name: args[0], cuts: args[2] == "true"}
	if o.sound, err = os.ReadFile(segment.Dir + o.name); err != nil {
		return err
	}
	told, met := commands(), map[string]int{}
	for {
		select {
		case <-told:
			say("%d acts, %d records: %s", o.acts, o.records, counts(met))
			return nil
		default:
		}
		kind, err := kindOf(o.round())
		if err != nil {
			return err
		}
		if met[kind]++; kind == "ok" {
			continue
		}
		if err := segment.Unlink(o.name); err != nil && !errors.Is(err, fs.ErrNotExist) { // another time, with a new one
			return err
		}
	}
}

// obstructor is the one writer of a segment.
type obstructor struct {
	*rand.Rand
	name    string
	cuts    bool
	sound   []byte // an object with records that are true
	acts    int
	records uint64

	w       *ring.Writer[ring.TradingData]
	g       layout.Geometry
	f, bell *os.File
}

// round is what it does as one writer, until the name is another object's.
func (o *obstructor) round() error {
	g, err := ring.GeometryOf[ring.TradingData](512) // some pages
	if err != nil {
		return err
	}
	s, err := segment.CreateOrTakeOver(o.name, g, segment.Options{Doorbell: true})
	if err != nil {
		return err
	}
	defer s.Close()
	o.g = s.Geometry()
	if o.w, err = ring.NewWriter[ring.TradingData](s); err != nil {
		return err
	}
	path := segment.Dir + o.name
	if o.f, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return err
	}
	defer o.f.Close()
	// Without one it writes to nothing, which is an error that nobody minds.
	o.bell, _ = os.OpenFile(fmt.Sprintf("%s.%016x.bell", path, o.g.Created), os.O_RDWR, 0)
	defer o.bell.Close()
	return s.Guard(func() error {
		for range 1 << o.IntN(15) { // short lives and long ones
			o.acts++
			o.act()
		}
		if o.IntN(2) == 0 {
			return o.replace()
		}
		return nil
	})
}

// act does not mind errors: some other act will be done.
func (o *obstructor) act() {
	switch k := o.IntN(10000); {
	case k < 3000:
		rec := truth(o.w.Head())
		o.w.Publish(&rec)
		o.records++
	case k < 6000:
		recs := make([]ring.TradingData, 1+o.IntN(64))
		for i := range recs {
			recs[i] = truth(o.w.Head() + uint64(i))
		}
		o.w.PublishBatch(recs)
		o.records += uint64(len(recs))
	case k < 7500:
		words := forge.Words()
		o.write(o.f, words[o.IntN(len(words))], forge.Number(o.Rand))
	case k < 8500:
		o.mislabel()
	case k < 9500:
		o.spoil()
	case k < 9990:
		o.write(o.bell, []uint64{layout.DoorbellTicketOffset, layout.DoorbellWaitingOffset, 0}[o.IntN(3)], forge.Number(o.Rand))
	case k < 9995:
		_ = syscall.Fallocate(int(o.f.Fd()), 3, int64(o.page()), layout.PageSize) // keep size, punch a hole
	case k < 9998 && o.cuts:
		_ = o.f.Truncate(int64(o.page()))
		_ = o.f.Truncate(int64(o.g.SegmentSize))
	case k < 9999 && o.cuts:
		_ = o.f.Truncate(int64(o.page()))
	case o.cuts:
		_ = o.bell.Truncate(o.Int64N(layout.DoorbellSize))
	}
}

// page is the place of one, on which no slot lies in part: version and record go at once.
func (o *obstructor) page() uint64 {
	if layout.PageSize%o.g.SlotStride != 0 || o.g.RingOffset%layout.PageSize != 0 {
		return 0
	}
	return layout.PageSize * o.Uint64N(max(1, o.g.SegmentSize/layout.PageSize))
}

func (o *obstructor) slot() (n, place uint64) {
	n = o.Uint64N(o.g.Slots)
	return n, o.g.RingOffset + n*uint64(o.g.SlotStride)
}

// mislabel gives a slot a version that it cannot have of any record.
func (o *obstructor) mislabel() {
	n, place := o.slot()
	record := forge.Number(o.Rand)
	version := 2*record + 2
	if record%o.g.Slots == n {
		version--
	}
	o.write(o.f, place, version)
}

// spoil changes a record after it has said that there is none.
func (o *obstructor) spoil() {
	_, place := o.slot()
	o.write(o.f, place, 2*forge.Number(o.Rand)+1)
	o.write(o.f, place+8*(1+o.Uint64N(3)), o.Uint64())
}

func (o *obstructor) write(f *os.File, at, value uint64) {
	_, _ = f.WriteAt(binary.LittleEndian.AppendUint64(nil, value), int64(at))
}

// replace gives the name to another object, of which only the header is forged, or to none.
func (o *obstructor) replace() error {
	path := segment.Dir + o.name
	if o.IntN(2) == 0 {
		return os.Remove(path)
	}
	object := forge.Make(forge.Object{Bytes: o.sound, Size: uint64(len(o.sound))}, forge.RandomHeader(o.Rand), o.IntN(4) > 0)
	if err := object.Put(path + ".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
