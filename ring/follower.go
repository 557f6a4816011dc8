package ring

import (
	"sync/atomic"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/seqlock"
)

// follower is the part of a reader that does not depend on the record's type: where it is, and
// what it means when the next record is not there.
type follower struct {
	words
	next       uint64 // the record to read next
	origin     uint64 // where Seek last placed the reader
	passed     uint64 // next, less what was received and missed: what Seek passed over, modulo 2^64
	gap        Gap    // of the last lap
	missed     uint64
	epoch      uint64
	epochFirst uint64
	deadEpoch  uint64 // the epoch whose writer was reported dead
	replaced   bool   // ErrReplaced was told
	resume     Position
	wait       Wait
	slots      uint64
	memory     Memory
	bell       Doorbell
	thread     *host.Entered
}

// Close undoes what [ReaderOptions].Thread did; a reader without it needs no Close.
func (f *follower) Close() error { return f.thread.Leave() }

func newFollower(w words, m Memory, g Geometry, o ReaderOptions) (follower, error) {
	f := follower{words: w, memory: m, bell: doorbellOf(m), slots: g.Slots, resume: o.Resume, wait: o.Wait}
	if o.Wait.kind == waitBlock && f.bell == nil {
		return f, ErrNoDoorbell
	}
	if o.Resume.kind == at {
		f.resume = OldestSafe()
	}
	err := guard(m, func() error {
		f.epoch, f.epochFirst = f.loadEpoch()
		f.Seek(o.Start)
		return nil
	})
	if err != nil {
		return f, err
	}
	f.thread, err = o.Thread.Enter()
	return f, err
}

// loadEpoch returns the epoch and its first record. The writer stores the first record before the
// epoch that it belongs to, so the one returned here is of that epoch or, while another takeover is under
// way, of the next, which the next call corrects. The two words alone cannot tell.
func (f *follower) loadEpoch() (epoch, first uint64) {
	epoch = atomic.LoadUint64(f.words.epoch)
	return epoch, atomic.LoadUint64(f.words.epochFirst)
}

func (f *follower) loadState() layout.State { return layout.State(atomic.LoadUint64(f.state)) }

// Seek moves the reader to a position of the ring as it is now. Records passed over this way count
// neither as received nor as missed.
func (f *follower) Seek(p Position) {
	head := f.finishedHead()
	n := p.resolve(f.slots, head)
	if p.kind == oldest && head > 0 && f.version(n) != finished(n) {
		n++ // the record in flight has its place already
	}
	f.passed += n - f.next
	f.next, f.origin = n, n
}

// finishedHead returns the number of records that are finished: the head, or more, if the writer
// is in, or died in, a batch of which the head does not know yet.
func (f *follower) finishedHead() uint64 {
	head := f.loadHead()
	if f.next > f.origin {
		head = max(head, f.next) // what this reader has read is finished
	}
	for range f.slots {
		if head > lastNumber || f.version(head) != finished(head) {
			break
		}
		head++
	}
	return head
}

// loadHead returns the head, or as much of it as there are numbers: the version of a number beyond would be that of a
// slot never written.
func (f *follower) loadHead() uint64 { return min(atomic.LoadUint64(f.words.head), lastNumber+1) }

// miss says what it means that the slot of the next record has version v, which is not the finished one. It compares
// with the unfinished one: behind the last number there is no finished one.
func (f *follower) miss(v uint64) Status {
	if v > unfinished(f.next) {
		return f.lapped(v)
	}
	// The life words change only when a writer comes or goes: this line stays in the reader's cache.
	epoch, first := f.loadEpoch()
	if epoch < f.epoch {
		return Corrupt // no writer counts down: zeros, where the object was cut short, or damage
	}
	if epoch > f.epoch {
		started := f.epoch == 0 // the first writer came; that is no restart
		if !started && f.next < first {
			return Empty // records of the old epoch are still to be read
		}
		f.epoch, f.epochFirst = epoch, first
		if !started {
			return Restarted
		}
	}
	if f.loadState() == layout.StateClosed {
		// Every record was stored before that state. If this one was not, it never will be.
		if f.version(f.next) <= unfinished(f.next) && atomic.LoadUint64(f.words.epoch) == f.epoch {
			return Closed
		}
	}
	return Empty
}

// lapped skips to where the policy resumes. v is the version that the slot of the next record has:
// that of record taken, so everything before taken is finished (on arm64 in the middle of a batch:
// or about to be, since the odd mark of one slot may be seen before the even one of the slot before).
func (f *follower) lapped(v uint64) Status {
	taken := (v - 1) / 2
	// v may come from the plain load that ends a Load. A head from before it could be a lap older, and
	// a sound ring would look damaged.
	seqlock.LoadFence()
	head := f.loadHead()
	// The head lags behind the slots by one run of records at the most, which is half a ring.
	if taken&f.slotMask != f.next&f.slotMask || taken > head+f.slots {
		return Corrupt
	}
	to := max(f.next+1, f.resume.resolve(f.slots, max(head, taken)))
	f.gap = Gap{First: f.next, Next: to}
	f.missed += f.gap.Count()
	f.next = to
	return Lapped
}

// Gap is the range of records lost when the reader was last lapped.
func (f *follower) Gap() Gap { return f.gap }

// Missed is the number of records lost so far: exactly those of all gaps.
func (f *follower) Missed() uint64 { return f.missed }

// Received is the number of records read so far.
func (f *follower) Received() uint64 { return f.next - f.passed - f.missed }

// Position is the number of the record that is read next.
func (f *follower) Position() uint64 { return f.next }

// Head is the number of records that the writer has published.
func (f *follower) Head() uint64 { return atomic.LoadUint64(f.words.head) }

// Epoch is the epoch that the reader has come to, and that epoch's first record. Each writer of a
// ring has its own, from 1; 0 is a ring without a writer so far.
func (f *follower) Epoch() (epoch, first uint64) { return f.epoch, f.epochFirst }

// WriterAlive reports whether the ring has a writer at present. It may make a system call.
func (f *follower) WriterAlive() (bool, error) { return f.memory.WriterAlive() }
