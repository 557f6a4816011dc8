package torture

import (
	"errors"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/seqlock"
	"github.com/tickring/tickring/test/internal/records"
)

// damage is what a takeover that does not work does: before it, and behind it.
type damage struct {
	name          string
	before, after func(m memory, next uint64)
	caught        string // by the readers alone
}

// memory is a ring's, as its writer has it.
type memory struct{ *segment.Segment }

func (m memory) word(in []byte, offset int) *uint64 { return (*uint64)(unsafe.Pointer(&in[offset])) }

func (m memory) version(n uint64) *uint64 {
	g := m.Geometry()
	return m.word(m.Slots(), int(n%g.Slots)*g.SlotStride)
}

func (m memory) view() *uint64 { return m.word(m.Header(), m.Geometry().ViewVersionOffset) }

// What the killed writer leaves in this test: two finished records that the head does not count, and an odd view.
var damages = []damage{
	{
		name:   "finished records are not counted",
		before: func(m memory, next uint64) { *m.version(next - 1)--; *m.version(next - 2)-- },
		caught: "record 9 has two contents",
	},
	{
		name:   "the last finished record is not counted",
		before: func(m memory, next uint64) { *m.version(next - 1)-- },
		caught: "record 10 has two contents",
	},
	{
		name:   "the record that was cut short counts as finished",
		before: func(m memory, next uint64) { *m.version(next) = 2*next + 2 },
		caught: "record 11 is torn or another",
	},
	{
		name: "a record is left out",
		after: func(m memory, next uint64) {
			rec, all := records.Trades.Of(next+1, 2), [3]uint64{^uint64(0), ^uint64(0), 1<<40 - 1}
			slot := unsafe.Pointer(m.version(next + 1))
			seqlock.Store(slot, unsafe.Add(slot, 8), unsafe.Pointer(&rec), unsafe.Pointer(&all), 3, next+1)
		},
		caught: "at record 11 nothing is new, but records up to 13 are finished",
	},
	{
		name:   "the view is not mended",
		after:  func(m memory, next uint64) { *m.view() = 2*next - 1 },
		caught: "the view has version 21",
	},
	{
		name:   "the view holds another record",
		after:  func(m memory, _ uint64) { *m.word(m.Header(), layout.ViewOffset)++ },
		caught: "view: record 10 is torn or another",
	},
	{
		name:   "the epoch begins too late",
		after:  func(m memory, next uint64) { *m.word(m.Header(), layout.EpochFirstOffset) = next + 3 },
		caught: "epoch 2 from 14 on was told, but record 11 was its first",
	},
	{
		name:   "the head counts too many",
		after:  func(m memory, next uint64) { atomic.AddUint64(m.word(m.Header(), layout.HeadOffset), 64) },
		caught: "the latest record is",
	},
}

// The checks find what they are for: takeovers that do not work are caught by what readers see, whatever the new writer
// says.
func TestBrokenTakeoversAreCaught(t *testing.T) {
	for _, d := range append(damages, damage{name: "none"}) {
		t.Run(d.name, func(t *testing.T) {
			canTrace(t)
			st := newStage(t, records.Trade)
			a := st.start()
			sc := st.newScene(a, config{records.Trade, options{slots: 4}, 9})
			defer func() { require.NoError(t, sc.s.Close()) }()
			const viewIsOdd = 2*(6-inOne) + 1 // two slots, and one
			killing := sc.killAt(viewIsOdd, &tally{})
			killing.only = true // the runtime may make a system call between any two stores
			require.Equal(t, kill, a.trace("batch 2", killing.at))
			sc.dead()
			err := sc.takeOverBadly(d)
			_ = sc.w.leave() // it may have been the one that saw it
			if d.caught == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, d.caught)
		})
	}
}

func (sc *scene) takeOverBadly(d damage) error {
	sc.t.Helper()
	next := sc.w.next()
	s, err := segment.OpenWriter(sc.name)
	require.NoError(sc.t, err)
	defer s.Close()
	if d.before != nil {
		d.before(memory{s}, next)
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	require.NoError(sc.t, err)
	if d.after != nil {
		d.after(memory{s}, next)
	}
	found := []error{sc.w.took(reply{epoch: 2, first: next, head: next}, next), sc.w.look(), sc.w.late()}
	for range 2 * sc.slots {
		rec := records.Trades.Of(w.Head(), 2)
		w.Publish(&rec)
		found = append(found, sc.w.look(), sc.w.late())
	}
	return errors.Join(found...)
}
