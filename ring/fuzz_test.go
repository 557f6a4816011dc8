package ring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/test/hostile/forge"
)

// forged is a ring in memory that somebody made up.
type forged struct {
	Heap
	object []byte
}

// forgedRing returns what an attached segment would be of the object; nil if it would be refused.
func forgedRing(o forge.Object) *forged {
	m := &forged{object: alignedBytes(1 << 17)}
	copied := o.Memory(uint64(len(m.object)))
	m.object = m.object[:copy(m.object, copied)]
	g, err := layout.Decode(uint64(len(m.object)), func(offset, n int) ([]byte, error) {
		return m.object[min(offset, len(m.object)):min(offset+n, len(m.object))], nil
	})
	if err != nil || g.Backing != layout.BackingObject {
		return nil
	}
	m.geometry, m.header, m.slots = g, m.object[:g.HeaderSize], m.object[g.RingOffset:]
	return m
}

// slotOf returns version and payload of the slot of record n.
func (m *forged) slotOf(n uint64) (version uint64, payload []byte) {
	slot := m.slots[n%m.geometry.Slots*uint64(m.geometry.SlotStride):]
	return binary.LittleEndian.Uint64(slot), slot[layout.SlotHeader:][:m.geometry.Record.Size]
}

// requireThere holds a record that was delivered to its slot.
func (m *forged) requireThere(t *testing.T, n uint64, record []byte) {
	t.Helper()
	version, payload := m.slotOf(n)
	require.LessOrEqual(t, n, uint64(lastNumber))
	require.Equal(t, 2*n+2, version, "record %d was delivered", n)
	require.True(t, bytes.Equal(payload, record), "record %d is % x, and came as % x", n, payload, record)
}

func addBases(f *testing.F, add func(base int)) []forge.Object {
	bases := forge.Bases(f)
	for i := range bases {
		add(i)
	}
	return bases
}

// positionOf is any position.
func positionOf(kind byte, n uint64) Position {
	return Position{kind: positionKind(kind % 4), n: n}
}

// Whatever a ring holds, no reader delivers a record of which the slot's version does not say so, all numbers between
// two deliveries are accounted for, and each call ends.
func FuzzReader(f *testing.F) {
	bases := addBases(f, func(i int) { f.Add(uint16(i), []byte{}, true, byte(i), uint64(i)) })
	f.Fuzz(func(t *testing.T, base uint16, edits []byte, seal bool, how byte, n uint64) {
		m := forgedRing(forge.Make(bases[int(base)%len(bases)], edits, seal))
		if m == nil {
			return
		}
		o := ReaderOptions{Start: positionOf(how, n), Resume: positionOf(how>>2, n)}
		raw, err := NewRawReader(m, o)
		require.NoError(t, err)
		record := make([]byte, m.geometry.Record.Size)
		start := raw.Position()
		for range 200 {
			if raw.Position() > lastNumber { // the end of all numbers, which only memory that lies comes to
				break
			}
			at := raw.Position()
			got, s := raw.Poll(record)
			require.Equal(t, at, got)
			require.Equal(t, raw.Position()-start, raw.Received()+raw.Missed())
			switch s {
			case Ready:
				m.requireThere(t, got, record)
			case Lapped:
				require.Equal(t, Gap{First: at, Next: raw.Position()}, raw.Gap())
				require.Greater(t, raw.Position(), at)
			default:
				require.Equal(t, at, raw.Position())
			}
		}
		fuzzTyped[TradingData](t, m, o)
	})
}

func fuzzTyped[T any](t *testing.T, m *forged, o ReaderOptions) {
	t.Helper()
	r, err := NewReader[T](m, o)
	if err != nil {
		var other *SchemaError
		require.ErrorAs(t, err, &other)
		return
	}
	var rec T
	if n, s := r.Latest(&rec); s == Ready {
		m.requireThere(t, n, recordBytes(&rec))
	}
	batch := make([]T, 9)
	for range 20 {
		first, count, s := r.PollBatch(batch)
		require.Equal(t, s == Ready, count > 0)
		for i := range count {
			if n := first + uint64(i); n <= lastNumber {
				m.requireThere(t, n, recordBytes(&batch[i]))
			}
		}
		n, s := r.Peek(func(n uint64, rec *T) { batch[0] = *rec })
		if s == Ready && n <= lastNumber {
			m.requireThere(t, n, recordBytes(&batch[0]))
		}
	}
}

// Whatever a writer finds that takes a ring over, it refuses it or goes on with numbers that have versions; what it
// publishes is there, and it writes over nothing that the header vouches for.
func FuzzTakeover(f *testing.F) {
	bases := addBases(f, func(i int) { f.Add(uint16(i), []byte{}, true) })
	f.Fuzz(func(t *testing.T, base uint16, edits []byte, seal bool) {
		m := forgedRing(forge.Make(bases[int(base)%len(bases)], edits, seal))
		if m == nil {
			return
		}
		w, err := NewWriter[TradingData](m)
		if err != nil {
			var other *SchemaError
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrExhausted) || errors.As(err, &other), "%v", err)
			return
		}
		first := w.Head()
		require.Less(t, first, uint64(lastNumber))
		recs := []TradingData{{Price: 1, Timestamp: 2, Volume: 3, Valid: true}, {Price: 4}, {Volume: -5}}
		require.Equal(t, first, w.Publish(&recs[0]))
		require.Equal(t, first+1, w.PublishBatch(recs[1:2]))
		require.Equal(t, first+2, w.Head())
		r, err := NewReader[TradingData](m, ReaderOptions{Start: At(first)})
		require.NoError(t, err)
		for i := range uint64(2) {
			var got TradingData
			n, s := r.Poll(&got)
			require.Equal(t, Ready, s)
			require.Equal(t, first+i, n)
			require.Equal(t, recs[i], got)
		}
		again, err := layout.Decode(uint64(len(m.object)), func(offset, n int) ([]byte, error) { return m.object[offset : offset+n], nil })
		require.NoError(t, err)
		require.Equal(t, m.geometry, again)
	})
}

// A schema that is accepted can be decoded, and is a program's own only if it is the same, field by field.
func FuzzSchema(f *testing.F) {
	bases := addBases(f, func(i int) { f.Add(uint16(i), []byte{}) })
	f.Fuzz(func(t *testing.T, base uint16, edits []byte) {
		m := forgedRing(forge.Make(bases[int(base)%len(bases)], edits, true))
		if m == nil {
			return
		}
		has := m.geometry.Record
		own, err := SchemaOf[TradingData]()
		require.NoError(t, err)
		same := has.Size == own.Size && len(has.Fields) == len(own.Fields)
		for i := 0; same && i < len(own.Fields); i++ {
			same = has.Fields[i] == own.Fields[i]
		}
		require.Equal(t, same, has.Diff(own) == nil, "%v", has)
		require.Equal(t, same, own.Diff(has) == nil, "%v", has)
		require.NoError(t, has.Diff(has))
		require.NotEmpty(t, has.String())
		require.Len(t, has.Masks(), has.Words())
	})
}
