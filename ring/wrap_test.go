package ring

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
)

// ringAt makes a ring that has come to record next: slots, view, head and epoch are as its first writer left them.
func ringAt(t testing.TB, slots, next uint64) *Heap {
	t.Helper()
	g, err := GeometryOf[TradingData](slots)
	require.NoError(t, err)
	memory := NewHeap(g)
	w, _, err := mapWords(memory)
	require.NoError(t, err)
	cell := func(version, payload unsafe.Pointer, n uint64) {
		*(*TradingData)(payload) = tradeOf(n)
		*(*uint64)(version) = 2*n + 2
	}
	for n := g.Oldest(next); n < next; n++ {
		cell(w.slot(n), unsafe.Add(w.slot(n), 8), n)
		cell(w.viewVersion, w.view, n)
	}
	*w.head, *w.epoch, *w.state = next, 1, uint64(layout.StateOpen)
	return memory
}

// twin is a ring whose numbers begin at base. What two twins do differs by their bases alone.
type twin struct {
	t      *testing.T
	base   uint64
	memory *Heap
	w      *Writer[TradingData]
	r      map[string]*Reader[TradingData]
	log    []string
}

func newTwin(t *testing.T, slots, base uint64) *twin {
	t.Helper()
	m := ringAt(t, slots, base)
	tw := &twin{t: t, base: base, memory: m}
	tw.takeOver()
	tw.r = map[string]*Reader[TradingData]{
		"oldest":      newReader[TradingData](t, m, ReaderOptions{Start: Oldest(), Resume: Oldest()}),
		"oldest safe": newReader[TradingData](t, m, ReaderOptions{}),
		"newest":      newReader[TradingData](t, m, ReaderOptions{Start: Newest(), Resume: NewestMinus(1)}),
		"at":          newReader[TradingData](t, m, ReaderOptions{Start: At(base - slots - 3)}),
	}
	return tw
}

// note remembers what happened, with numbers counted from the base.
func (tw *twin) note(what string, n uint64, rest ...any) {
	tw.log = append(tw.log, fmt.Sprintln(what, int64(n-tw.base), rest))
}

func (tw *twin) takeOver() {
	var err error
	tw.w, err = NewWriter[TradingData](tw.memory)
	require.NoError(tw.t, err)
	tw.note("head", tw.w.Head())
}

// crash leaves what a writer does that stops within a batch, and has another take over.
func (tw *twin) crash(random *rand.Rand) {
	stores := storesOf(&tw.w.words, tw.w.Head(), tradesFrom(tw.w.Head(), int(min(tw.memory.Geometry().Slots/2, 3))))
	for _, s := range stores[:random.IntN(len(stores)+1)] {
		*s.word = s.value
	}
	tw.takeOver()
}

// check holds records to their numbers, and says what there was instead of one.
func (tw *twin) check(r *Reader[TradingData], way string, n uint64, recs []TradingData, s Status) {
	switch s {
	case Ready:
		require.Equal(tw.t, tradesFrom(n, len(recs)), recs)
		tw.note(way, n, len(recs))
	case Lapped:
		tw.note(way, r.Gap().Next, s, r.Gap().Count())
	case Restarted:
		epoch, first := r.Epoch()
		tw.note(way, first, s, epoch)
	default:
		tw.note(way, n, s)
	}
}

// step does one thing of many.
func (tw *twin) step(random *rand.Rand) {
	batch := make([]TradingData, 5)
	switch slots := tw.memory.Geometry().Slots; random.IntN(8) {
	case 0, 1:
		publish(tw.w, 1+random.IntN(3))
	case 2:
		tw.note("published", tw.w.PublishBatch(tradesFrom(tw.w.Head(), 3)))
	case 3:
		if random.IntN(4) == 0 {
			tw.crash(random)
		}
	case 4:
		if random.IntN(4) == 0 {
			require.NoError(tw.t, tw.w.Close())
			tw.read(batch)
			tw.takeOver()
		}
	case 5:
		back := random.Uint64N(2 * slots)
		for _, p := range []Position{At(tw.w.Head() - back), NewestMinus(back), Oldest(), OldestSafe(), Newest()} {
			tw.r["at"].Seek(p)
			tw.note("seek", tw.r["at"].Position())
		}
		tw.r["at"].Seek(At(tw.w.Head() - back))
	default:
		tw.read(batch)
	}
}

// read has every reader read once in every way.
func (tw *twin) read(batch []TradingData) {
	for _, name := range []string{"oldest", "oldest safe", "newest", "at"} {
		r := tw.r[name]
		n, s := r.Poll(&batch[0])
		tw.check(r, "poll", n, batch[:1], s)
		n, count, s := r.PollBatch(batch)
		tw.check(r, "batch", n, batch[:count], s)
		n, s = r.Latest(&batch[0])
		tw.check(r, "latest", n, batch[:1], s)
		n, s = r.Peek(func(_ uint64, rec *TradingData) { batch[0] = *rec })
		tw.check(r, "peek", n, batch[:1], s)
		tw.note("counts", r.Position(), r.Received(), r.Missed())
	}
}

// Numbers and versions may have any bits: what a ring does across the ends of shorter integers is what it does
// elsewhere, but for the numbers.
func TestAcrossTheEndsOfIntegers(t *testing.T) {
	for _, slots := range []uint64{2, 8, 64} {
		seed := rand.Uint64()
		run := func(base uint64) []string {
			random := rand.New(rand.NewPCG(seed, slots))
			tw := newTwin(t, slots, base)
			for range 400 {
				tw.step(random)
			}
			require.Greater(t, tw.w.Head()-base, uint64(200))
			return tw.log
		}
		want := run(1 << 20)
		for _, limit := range []uint64{
			1 << 30, 1 << 31, 1 << 32, 1 << 33, 1 << 52, 1 << 53, 1 << 61, 1 << 62, 1<<62 + 1<<32, 1<<63 - room - 1024,
		} {
			t.Run(fmt.Sprintf("%d slots at %#x", slots, limit), func(t *testing.T) {
				require.Equal(t, want, run(limit-128), "seed %d", seed)
			})
		}
	}
}

// A writer that is at work when the numbers come to their end publishes the last one, and everybody reads it; behind it
// comes nothing but what its closing says.
func TestToTheLastNumber(t *testing.T) {
	const slots = 8
	memory := ringAt(t, slots, 1<<40)
	w, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	near := ringAt(t, slots, lastNumber-20)
	copy(memory.Slots(), near.Slots())
	*w.words.head, w.publisher.Next = lastNumber-20, lastNumber-20

	var rec TradingData
	batch := make([]TradingData, 20)
	follows := newReader[TradingData](t, memory, ReaderOptions{Start: Newest()})
	late := newReader[TradingData](t, memory, ReaderOptions{Start: Oldest(), Resume: Oldest()})
	for n := uint64(lastNumber - 21); n <= lastNumber; n++ {
		got, s := follows.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, n, got)
		require.Equal(t, tradeOf(n), rec)
		got, s = follows.Latest(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, w.Head()-1, got)
		if n+1 < w.Head() {
			continue
		}
		_, s = follows.Poll(&rec)
		require.Equal(t, Empty, s)
		switch left := lastNumber - n; {
		case left > 6:
			publish(w, 1)
		case left == 6:
			require.Equal(t, n+1, w.PublishBatch(tradesFrom(n+1, 6)))
		}
	}
	require.Equal(t, uint64(lastNumber+1), w.Head())
	_, count, s := late.PollBatch(batch)
	require.Equal(t, Lapped, s)
	require.Zero(t, count)
	require.Equal(t, Gap{lastNumber - 28, lastNumber + 1 - slots}, late.Gap())
	n, count, s := late.PollBatch(batch)
	require.Equal(t, Ready, s)
	require.Equal(t, slots, count)
	require.Equal(t, tradesFrom(n, slots), batch[:count])

	for _, start := range []Position{Newest(), At(lastNumber), NewestMinus(7), Oldest(), OldestSafe()} {
		r := newReader[TradingData](t, memory, ReaderOptions{Start: start})
		n, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, tradeOf(n), rec)
	}
	require.NoError(t, w.Close())
	for _, r := range []*Reader[TradingData]{follows, late} {
		for range 3 {
			_, s := r.Poll(&rec)
			require.Equal(t, Closed, s)
			_, _, s = r.PollBatch(batch)
			require.Equal(t, Closed, s)
		}
		assert.Equal(t, uint64(lastNumber+1), r.Position())
	}
	refused(t, memory, ErrExhausted)
}

// refused takes a ring over, which fails, and changes nothing.
func refused(t *testing.T, memory *Heap, want error) {
	t.Helper()
	header, slots := string(memory.Header()), string(memory.Slots())
	_, err := NewWriter[TradingData](memory)
	require.ErrorIs(t, err, want)
	require.Equal(t, header, string(memory.Header()))
	require.Equal(t, slots, string(memory.Slots()))
}

// A ring whose numbers would run out under its writer has no writer any more; it is read all the same.
func TestNoWriterWithoutNumbers(t *testing.T) {
	const last = lastNumber + 1 - room // the highest number at which a writer may begin
	for _, next := range []uint64{last + 1, 1<<63 - 2, 1<<63 - 1} {
		memory := ringAt(t, 8, next)
		refused(t, memory, ErrExhausted)
		r := newReader[TradingData](t, memory, ReaderOptions{Start: Newest()})
		var rec TradingData
		n, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, next-1, n)
		require.Equal(t, tradeOf(n), rec)
	}
	memory := ringAt(t, 8, last)
	_, err := NewWriter[TradingData](memory)
	require.NoError(t, err)

	// What was finished, and not counted, takes numbers too.
	memory = ringAt(t, 8, last+2)
	atomic.AddUint64(memory.word(layout.HeadOffset), ^uint64(2))
	refused(t, memory, ErrExhausted)
}

func (h *Heap) word(offset int) *uint64 { return (*uint64)(unsafe.Pointer(&h.header[offset])) }

// A head that no writer can have come to makes no record of a slot that was never written, whose version is 0.
func TestHeadsThatNobodyReaches(t *testing.T) {
	for _, head := range []uint64{1 << 63, 1<<63 + 1, 1<<64 - 8, 1<<64 - 1} {
		g, err := GeometryOf[TradingData](8)
		require.NoError(t, err)
		memory := NewHeap(g)
		*memory.word(layout.HeadOffset), *memory.word(layout.EpochOffset) = head, 1
		for _, start := range []Position{Newest(), NewestMinus(3), Oldest(), OldestSafe(), At(0), At(head)} {
			r := newReader[TradingData](t, memory, ReaderOptions{Start: start})
			var rec TradingData
			_, s := r.Latest(&rec)
			assert.Equal(t, Lapped, s, "head %d", head)
			for range 3 {
				_, s = r.Poll(&rec)
				require.Equal(t, Empty, s, "head %d, %+v", head, start)
			}
			require.Zero(t, r.Received()+r.Missed())
		}
		refused(t, memory, ErrCorrupt)
	}
}

// Whatever slots and head say about the last numbers, a poll ends, nothing goes beyond them, and a record is one whose slot says so.
func TestAnythingAboutTheLastNumbers(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	words := []uint64{0, 1, 2, 3, 1 << 62, 1<<63 - 9, 1<<63 - 3, 1<<63 - 2, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 18, 1<<64 - 3, 1<<64 - 2, 1<<64 - 1}
	some := func() uint64 { return words[random.IntN(len(words))] }
	for range 2000 {
		memory := ringAt(t, 4, 1<<63-1-random.Uint64N(12))
		w, _, err := mapWords(memory)
		require.NoError(t, err)
		*w.head, *w.state = some(), random.Uint64N(3)
		for n := range uint64(4) {
			if random.IntN(2) == 0 {
				*(*uint64)(w.slot(n)) = some()
			}
		}
		start := []Position{Newest(), NewestMinus(2), Oldest(), OldestSafe(), At(some())}[random.IntN(5)]
		r := newReader[TradingData](t, memory, ReaderOptions{Start: start, Resume: start})
		require.LessOrEqual(t, r.Position(), uint64(lastNumber+1), "seed %d", seed)
		for range 6 {
			before := r.Position()
			if before > lastNumber {
				break // the version that is wanted there is 0, and a slot with that contradicts the one before it
			}
			var rec TradingData
			n, s := r.Poll(&rec)
			if s == Ready {
				require.Equal(t, before, n, "seed %d", seed)
				require.Equal(t, finished(n), w.version(n), "seed %d", seed)
			}
			if n, s := r.Latest(&rec); s == Ready {
				require.Equal(t, finished(n), w.version(n), "seed %d", seed)
			}
			require.LessOrEqual(t, r.Position(), uint64(lastNumber+1), "seed %d", seed)
			require.LessOrEqual(t, before, r.Position(), "seed %d", seed)
		}
	}
}

// Epochs are as many as takeovers: they are counted up to the end of their word, and one that comes round is damage.
func TestEpochsNearTheirEnd(t *testing.T) {
	memory, w := newRing[TradingData](t, 8)
	publish(w, 3)
	*w.words.epoch = 1<<64 - 4
	r := newReader[TradingData](t, memory, ReaderOptions{Start: Oldest()})
	var rec TradingData
	for range 3 {
		_, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
	}
	for i := range uint64(3) {
		next, err := NewWriter[TradingData](memory)
		require.NoError(t, err)
		_, s := r.Poll(&rec)
		require.Equal(t, Restarted, s)
		epoch, first := r.Epoch()
		require.Equal(t, i-3, epoch)
		require.Equal(t, 3+i, first)
		publish(next, 1)
		n, s := r.Poll(&rec)
		require.Equal(t, Ready, s)
		require.Equal(t, 3+i, n)
		require.Equal(t, tradeOf(n), rec)
	}
	assert.Zero(t, r.Missed())
	_, err := NewWriter[TradingData](memory)
	require.NoError(t, err)
	_, s := r.Poll(&rec)
	assert.Equal(t, Corrupt, s)
}
