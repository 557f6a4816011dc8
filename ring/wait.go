package ring

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/seqlock"
)

// ErrNoDoorbell: the reader is to block, but the ring was made without a doorbell.
var ErrNoDoorbell = errors.New("ring: no doorbell to block on: create the segment with one")

// Wait says what [Reader.Next] does while nothing is new. The zero Wait is Backoff(50 µs).
type Wait struct {
	kind  waitKind
	sleep time.Duration
}

type waitKind uint8

const (
	waitBackoff waitKind = iota
	waitSpin
	waitEvery
	waitBlock
)

// Spin polls without a break but for one pause instruction: the lowest latency, at the cost of a core.
func Spin() Wait { return Wait{kind: waitSpin} }

// Backoff spins for a few microseconds, then yields to other goroutines, then sleeps: 1 µs at first and
// twice as long each time, up to limit. A yield costs some 0.1 µs, but hundreds of times that on a goroutine that
// is locked to its thread: lock a thread to spin on it, not to back off.
func Backoff(limit time.Duration) Wait { return Wait{kind: waitBackoff, sleep: limit} }

// Every sleeps for interval between two polls, from a microsecond up.
func Every(interval time.Duration) Wait { return Wait{kind: waitEvery, sleep: interval} }

// Block sleeps in the kernel until the writer publishes: no CPU while idle, some microseconds to wake
// up, and a system call for the writer whenever somebody sleeps. It needs a ring with a doorbell.
func Block() Wait { return Wait{kind: waitBlock} }

const (
	spinRounds     = 64  // polls before a reader that backs off or blocks stops spinning
	yieldRounds    = 64  // polls before one that backs off sleeps
	checkRounds    = 512 // polls of a spinning reader between two looks at its context
	defaultBackoff = 50 * time.Microsecond
	shortSleep     = 20 * time.Millisecond
	livenessPeriod = 50 * time.Millisecond  // of looks at whether the writer lives
	blockSlice     = 100 * time.Millisecond // bounds a sleep, and so how late a dead writer or a cancelled context is noticed
)

// pauser is the state of one wait.
type pauser struct {
	rounds int
	armed  bool
	ticket uint32
	looked time.Time // when liveness was last looked at
}

// pause lets time pass between two polls. It returns an error if the wait is over: the context's, ErrWriterDead, or
// ErrReplaced.
func (f *follower) pause(ctx context.Context, p *pauser) error {
	p.rounds++
	spins := f.wait.kind == waitSpin || f.wait.kind != waitEvery && p.rounds <= spinRounds
	if spins && p.rounds%checkRounds != 0 {
		seqlock.Pause(1)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.look(p); err != nil {
		return err
	}
	switch f.wait.kind {
	case waitEvery:
		return sleep(ctx, f.wait.sleep)
	case waitBlock:
		return f.block(ctx, p)
	case waitBackoff:
		if p.rounds <= spinRounds+yieldRounds {
			runtime.Gosched()
			return nil
		}
		limit := f.wait.sleep
		if limit <= 0 {
			limit = defaultBackoff
		}
		doublings := min(p.rounds-spinRounds-yieldRounds-1, 30)
		sys.Sleep(min(limit, time.Microsecond<<doublings))
	}
	return nil
}

// sleep suspends the thread for a short interval, which the context need not interrupt, and the goroutine
// for a long one.
func sleep(ctx context.Context, d time.Duration) error {
	if d < shortSleep {
		sys.Sleep(d)
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// block announces the sleep in one round and sleeps in the next: the poll between them is the one
// that Doorbell asks for. A sleep that ended by itself needs no new announcement, and so no barrier,
// which would disturb the writer: nobody has rung, so the word is still set.
func (f *follower) block(ctx context.Context, p *pauser) (err error) {
	if !p.armed {
		p.ticket, err = f.bell.Arm()
		p.armed = err == nil
		return err
	}
	slice := blockSlice
	if deadline, ok := ctx.Deadline(); ok {
		slice = min(slice, time.Until(deadline))
	}
	if slice <= 0 {
		return nil
	}
	rung, err := f.bell.Wait(p.ticket, slice)
	p.armed = !rung
	return err
}

// look returns what a reader learns that has waited a while: ErrWriterDead, ErrReplaced. It looks no more often than
// livenessPeriod.
func (f *follower) look(p *pauser) error {
	now := time.Now()
	if p.looked.IsZero() {
		p.looked = now // a wait that is short never looks
	}
	if now.Sub(p.looked) < livenessPeriod {
		return nil
	}
	p.looked = now
	if err := f.checkWriter(); err != nil {
		return err
	}
	return f.checkName()
}

// checkWriter returns ErrWriterDead if the writer of the reader's epoch went without closing: once an epoch.
func (f *follower) checkWriter() error {
	if f.deadEpoch == f.epoch || f.loadState() != layout.StateOpen {
		return nil
	}
	alive, err := f.memory.WriterAlive()
	if alive || err != nil {
		return err
	}
	// It may have published before it died, or somebody may have taken over since.
	if f.version(f.next) > unfinished(f.next) || f.loadState() != layout.StateOpen {
		return nil
	}
	f.deadEpoch = f.epoch
	return ErrWriterDead
}

// checkName returns ErrReplaced, once, if another memory has the name of the reader's.
func (f *follower) checkName() error {
	named, ok := f.memory.(Named)
	if !ok || f.replaced {
		return nil
	}
	replaced, err := named.Replaced()
	if err != nil || !replaced {
		return err
	}
	f.replaced = true
	return ErrReplaced
}
