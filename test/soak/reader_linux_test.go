package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/records"
)

// The ways to read.
const (
	slow = "slow" // polls, and sleeps so long that it is lapped each time
	bare = "bare" // reads the view, as a program from before the ring
	next = "next" // sleeps on the doorbell
)

// ways are those of the readers that live as long as the soak.
var ways = []string{"poll", "batch", "latest", next, slow, bare}

// reader follows whatever ring has the name.
type reader struct {
	name, way string
	place     *place
	stop      <-chan struct{}
	s         *segment.Segment
	looked    time.Time // at the name, for the last time
}

// readerRole ends with its standard input. Arguments: the segment's name, the place on the board, the way to read.
func readerRole(args []string) error {
	b, err := openBoard()
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	r := &reader{name: args[0], way: args[2], place: b.place(at), stop: testkit.Stopped()}
	for !r.stopped() {
		if err := r.attachAndRead(); err != nil {
			return fmt.Errorf("%s: %w", r.way, err)
		}
	}
	return nil
}

func (r *reader) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

func (r *reader) attachAndRead() (err error) {
	if r.s, err = segment.Attach(r.name); notNow(err) {
		sys.Sleep(time.Millisecond)
		return nil
	}
	if err != nil {
		return err
	}
	r.place.attached.Add(1)
	r.place.created.Store(r.s.Geometry().Created)
	r.looked = time.Now()
	read := r.follow
	if r.way == bare {
		read = r.view
	}
	slots := r.s.Slots()
	err = r.s.Guard(func() error {
		err := read()
		if err != nil { // of a segment that was cut short: zeros are left of the header, where the reader did not expect them
			runtime.KeepAlive(slots[len(slots)-1])
		}
		return err
	})
	if errors.Is(err, segment.ErrTruncated) {
		r.place.truncated.Add(1)
		err = nil
	}
	return errors.Join(err, r.s.Close())
}

// leaves tells that the reader should look for another ring: this one's name was given to another, or it is told to end.
func (r *reader) leaves() bool {
	if time.Since(r.looked) < 50*time.Millisecond {
		return false
	}
	r.looked = time.Now()
	r.place.goroutines.Store(uint64(runtime.NumGoroutine()))
	if r.stopped() {
		return true
	}
	other, err := segment.Attach(r.name)
	if err != nil {
		return false // it has no name yet
	}
	defer other.Close()
	return other.Geometry().Created != r.s.Geometry().Created
}

// follow reads by number.
func (r *reader) follow() error {
	st, err := r.s.Status()
	if err != nil {
		return err
	}
	wait := ring.Every(records.PollInterval)
	if r.way == next && r.s.Waiting() != nil {
		wait = ring.Block()
	}
	ledger := records.NewLedger(records.TradesOf(r.s.Geometry().Created))
	f, err := records.NewFollower(r.s, ledger, st.Oldest, wait)
	if err != nil {
		return err
	}
	var received, missed uint64
	for !r.leaves() {
		before := f.Next()
		if err := r.read(f); err != nil {
			return err
		}
		if f.Next() > before {
			r.place.progress.Add(1)
			r.place.received.Add(f.Received() - received)
			r.place.missed.Add(f.Missed() - missed)
			received, missed = f.Received(), f.Missed()
		}
	}
	r.place.restarts.Add(uint64(f.Restarts()))
	return nil
}

func (r *reader) read(f *records.Follower[ring.TradingData]) error {
	switch r.way {
	case next:
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		switch err := f.Await(ctx); {
		case errors.Is(err, ring.ErrReplaced):
			r.looked = time.Time{} // look now
			return nil
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		return nil
	case "latest":
		sys.Sleep(records.PollInterval)
		return f.Latest()
	case slow:
		sys.Sleep(5 * time.Millisecond)
		_, err := f.Read("poll")
		return err
	}
	s, err := f.Read(r.way)
	if s == ring.Empty || s == ring.Closed {
		sys.Sleep(records.PollInterval)
	}
	return err
}

// view reads the view. A record there may be torn, which only its content tells; whole ones come in order.
func (r *reader) view() error {
	old, err := ring.NewBareReader(r.s)
	if err != nil {
		return err
	}
	form := records.TradesOf(r.s.Geometry().Created)
	var last uint64
	for !r.leaves() {
		sys.Sleep(200 * time.Microsecond)
		rec := old.Read()
		n := rec.Timestamp & (1<<40 - 1)
		switch {
		case rec == ring.TradingData{}: // nothing was published yet
		case form.Check(n, &rec) != nil:
			r.place.torn.Add(1)
		case n < last:
			return fmt.Errorf("the view had record %d, and then %d", last, n)
		case n > last:
			last = n
			r.place.received.Add(1)
			r.place.progress.Add(1)
		}
	}
	return nil
}
