// Package forge makes segments that nobody should trust: from a sound one, or one that is damaged already, by a list of
// edits. Those who fuzz, and those who compare what programs say to one object, share it.
package forge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
)

// Object is what lies, or is to lie, in /dev/shm.
type Object struct {
	Bytes []byte // the start
	Size  uint64 // of it all; what is not in Bytes is a hole
}

// Bases returns the headers of testdata/layout, without anything behind them, and the segments of
// testdata/conformance, in one order.
func Bases(t testing.TB) []Object {
	t.Helper()
	root := filepath.Join(testkit.ModuleRoot(t), "testdata")
	var bases []Object
	for _, pattern := range []string{"layout/*.golden", "conformance/*.seg"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %s: %v", pattern, root, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := Object{Bytes: b, Size: uint64(len(b))}
			if filepath.Ext(file) == ".golden" {
				o.Size = max(o.Size, binary.LittleEndian.Uint64(b[segmentSize:]))
			}
			bases = append(bases, o)
		}
	}
	return bases
}

// Make is base after edits, as [Random] makes them, though any bytes will do; with seal, its checksum is right.
func Make(base Object, edits []byte, seal bool) Object {
	o := Object{Bytes: bytes.Clone(base.Bytes), Size: base.Size}
	for ; len(edits) >= editSize; edits = edits[editSize:] {
		le := binary.LittleEndian
		o.edit(edits[0], uint64(le.Uint16(edits[1:])), le.Uint64(edits[3:]))
	}
	if seal {
		o.seal()
	}
	return o
}

// Put makes o an object of a path, which must be a new one.
func (o Object) Put(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(o.Bytes); err != nil {
		return err
	}
	if err := f.Truncate(int64(o.Size)); err != nil {
		return fmt.Errorf("make it %d bytes long: %w", o.Size, err)
	}
	return nil
}

// Memory is the whole object; nil if it is longer than limit.
func (o Object) Memory(limit uint64) []byte {
	if o.Size > limit {
		return nil
	}
	return append(bytes.Clone(o.Bytes[:min(uint64(len(o.Bytes)), o.Size)]), make([]byte, o.Size-min(uint64(len(o.Bytes)), o.Size))...)
}

// Places in an object; docs/LAYOUT.md names them.
const (
	headerSize  = 84
	slotStride  = 92
	slots       = 96
	ringOffset  = 104
	segmentSize = 112
	schemaStart = 132
	checksum    = 184

	schemaEntry = 64
)

var (
	fields32 = []uint64{
		72, 76, 80, headerSize, 88, slotStride, 120, 124, 128, schemaStart, 136, 140, 144, 148, 160, 164,
	}
	fields64 = []uint64{64, slots, ringOffset, segmentSize, 152, checksum}
	words    = []uint64{
		layout.HeadOffset, layout.EpochOffset, layout.EpochFirstOffset, layout.PIDOffset, layout.StartTimeOffset,
		layout.StateOffset, layout.HeartbeatOffset, layout.ViewVersionOffset,
	}
	texts = []uint64{schemaStart, 140, 160} // offset and size of each part that the checksum covers
)

// Words are the places of the words that a writer changes.
func Words() []uint64 { return slices.Clone(words) }

// editSize is what an edit takes: its kind, a place, a value.
const editSize = 1 + 2 + 8

// Edits.
const (
	setField32 = iota
	setField64
	setWord
	setVersion // of a slot
	setByte
	setAny64
	setSchema // a number of a field
	cut
	grow
	reshape // other numbers of slots and bytes that agree with each other
	publish // a head, and slots that agree with it
	kinds
)

func (o *Object) edit(kind byte, place, value uint64) {
	pick := func(from []uint64) uint64 { return from[place%uint64(len(from))] }
	switch kind % kinds {
	case setField32:
		o.put32(pick(fields32), uint32(value))
	case setField64:
		o.put64(pick(fields64), value)
	case setWord:
		o.put64(pick(words), value)
	case setVersion:
		o.put64(o.slot(place), value)
	case setByte:
		if len(o.Bytes) > 0 {
			o.Bytes[place%uint64(len(o.Bytes))] = byte(value)
		}
	case setAny64:
		o.put64(8*place, value)
	case setSchema:
		o.put32(uint64(o.get32(schemaStart))+place%32*schemaEntry+[]uint64{0, 48, 52, 56}[place/32%4], uint32(value))
	case cut:
		o.Size = value % (o.Size + 1)
		o.Bytes = o.Bytes[:min(o.Size, uint64(len(o.Bytes)))]
	case grow:
		o.Size = max(o.Size, value%mostBytes)
	case reshape:
		o.reshape(1<<(place%8), 8*(1+value%16))
	case publish:
		o.publish(value, place)
	}
}

// mostBytes is what an object can be made to look like: more than the machine has.
const mostBytes = 1 << 40

func (o *Object) reshape(n, stride uint64) {
	o.put64(slots, n)
	o.put32(slotStride, uint32(stride))
	o.put64(segmentSize, o.get64(ringOffset)+n*stride)
	o.Size = max(o.Size, (o.get64(ringOffset)+n*stride)%mostBytes)
}

func (o *Object) publish(head, count uint64) {
	o.put64(layout.HeadOffset, head)
	for n := head - count%64; n != head; n++ {
		o.put64(o.slot(n), 2*n+2)
	}
}

// slot is the place of the slot of record n, as the object has it.
func (o *Object) slot(n uint64) uint64 {
	return o.get64(ringOffset) + n%max(1, o.get64(slots))*uint64(o.get32(slotStride))
}

// seal gives the header the checksum that it should have, of what lies in it.
func (o *Object) seal() {
	if len(o.Bytes) < checksum+8 {
		return
	}
	sum := fnv.New64a()
	_, _ = sum.Write(o.Bytes[layout.IdentityOffset:checksum]) // a hash.Hash never fails
	for _, at := range texts {
		from, n := uint64(o.get32(at)), uint64(o.get32(at+4))
		if from+n <= uint64(len(o.Bytes)) {
			_, _ = sum.Write(o.Bytes[from : from+n])
		}
	}
	o.put64(checksum, sum.Sum64())
}

// room makes o.Bytes reach beyond n bytes at a place; false if that is too far, or behind its end.
func (o *Object) room(at, n uint64) bool {
	const most = 1 << 16
	if at > most || at+n > o.Size {
		return false
	}
	if missing := int(at+n) - len(o.Bytes); missing > 0 {
		o.Bytes = append(o.Bytes, make([]byte, missing)...)
	}
	return true
}

func (o *Object) put32(at uint64, v uint32) {
	if o.room(at, 4) {
		binary.LittleEndian.PutUint32(o.Bytes[at:], v)
	}
}

func (o *Object) put64(at, v uint64) {
	if o.room(at, 8) {
		binary.LittleEndian.PutUint64(o.Bytes[at:], v)
	}
}

func (o *Object) get32(at uint64) uint32 {
	if !o.room(at, 4) {
		return 0
	}
	return binary.LittleEndian.Uint32(o.Bytes[at:])
}

func (o *Object) get64(at uint64) uint64 {
	if !o.room(at, 8) {
		return 0
	}
	return binary.LittleEndian.Uint64(o.Bytes[at:])
}
