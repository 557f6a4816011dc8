package soak

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/ptrace"
	"github.com/tickring/tickring/test/internal/records"
)

// slots of the ring: a reader that is held up is lapped at once.
const slots = 1 << 12

// writer wants to be the ring's: it waits for its turn, publishes at full speed until it is told otherwise, and waits again.
type writer struct {
	name  string
	board board
	place *place
	stop  <-chan struct{}
	batch []ring.TradingData
}

// writerRole ends with its standard input. Arguments: the segment's name, the place on the board.
func writerRole(args []string) error {
	b, err := openBoard()
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	w := &writer{name: args[0], board: b, place: b.place(at), stop: testkit.Stopped(), batch: make([]ring.TradingData, 300)}
	return ptrace.OffMainThread(func() error {
		w.place.thread.Store(uint64(syscall.Gettid()))
		for !w.stopped() {
			if err := w.turn(); err != nil {
				return err
			}
			sys.Sleep(patience)
		}
		return nil
	})
}

// patience is how long a writer waits between two tries to have the ring.
const patience = 200 * time.Microsecond

func (w *writer) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// notNow are the errors of a name whose segment is another's, not there, being made or removed, or damaged by a fault.
func notNow(err error) bool {
	for _, e := range []error{segment.ErrWriterExists, segment.ErrTruncated, segment.ErrReplaced, segment.ErrBare, fs.ErrNotExist, fs.ErrExist} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (w *writer) turn() error {
	g, err := ring.GeometryOf[ring.TradingData](slots)
	if err != nil {
		return err
	}
	s, err := segment.CreateOrTakeOver(w.name, g, segment.Options{Doorbell: true})
	if notNow(err) {
		w.place.goroutines.Store(uint64(runtime.NumGoroutine()))
		return nil
	}
	if err != nil {
		return err
	}
	err = s.Guard(func() error { return w.tenure(s) })
	w.place.writing.Store(0)
	if errors.Is(err, segment.ErrTruncated) {
		w.place.truncated.Add(1)
		err = nil
	}
	return errors.Join(err, s.Close())
}

// tenure publishes, singly and in batches by turns.
func (w *writer) tenure(s *segment.Segment) error {
	p, created := w.place, s.Geometry().Created
	ringWriter, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	head := ringWriter.Head()
	for i := range places {
		if o := w.board.place(i); o.created.Load() == created && o.returned.Load() > head {
			return fmt.Errorf("a writer goes on with record %d where Publish has returned %d", head, o.returned.Load()-1)
		}
	}
	st, err := s.Status()
	if err != nil {
		return err
	}
	form := records.TradesOf(created)
	p.order.Store(goOn) // which it may have been given for another tenure
	p.returned.Store(0)
	p.created.Store(created)
	publish := func(count int) {
		before := ringWriter.Head()
		if count == 1 {
			rec := form.Of(before, st.Epoch)
			p.returned.Store(ringWriter.Publish(&rec) + 1)
		} else {
			for i := range count {
				w.batch[i] = form.Of(before+uint64(i), st.Epoch)
			}
			p.returned.Store(ringWriter.PublishBatch(w.batch[:count]) + uint64(count))
		}
		p.published.Add(uint64(count))
		p.progress.Add(uint64(count))
	}
	publish(1)
	p.first.Store(segment.Heartbeat())
	p.writing.Store(1)
	p.attached.Add(1)
	for round := 0; p.order.Load() == goOn && !w.stopped(); round++ {
		for range 400 {
			publish(1)
		}
		publish(2 + round%(len(w.batch)-1))
		ringWriter.Heartbeat(segment.Heartbeat())
	}
	return ringWriter.Close()
}
