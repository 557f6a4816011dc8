package hostile

import (
	"bufio"
	"context"
	"errors"
	"os"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// stuck is when a step that should be short has not come to its end.
const stuck = 20 * time.Second

// commands are the lines on standard input.
func commands() <-chan string {
	lines := make(chan string)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
		os.Exit(0) // nobody is left to talk to
	}()
	return lines
}

// suffer takes steps until it is told to end, and says what came of them. A step gives each of its errors to met.
func suffer(step func(met func(error) bool)) error {
	told, seen := commands(), map[string]int{}
	var strange error
	met := func(err error) bool {
		kind, unknown := kindOf(err)
		strange = errors.Join(strange, unknown)
		seen[kind]++
		return err != nil
	}
	var steps atomic.Int64
	go func() {
		for last := int64(-1); steps.Load() != last; time.Sleep(stuck) {
			last = steps.Load()
		}
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(3)
	}()
	for strange == nil {
		select {
		case <-told:
			say("%d steps: %s", steps.Load(), counts(seen))
			return nil
		default:
			step(met)
			steps.Add(1)
		}
	}
	return strange
}

// patience is how long a reader waits for a record.
const patience = 2 * time.Millisecond

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// follow attaches and reads in each way. Argument: name.
func follow(args []string) error {
	waits := []ring.Wait{ring.Backoff(0), ring.Block(), ring.Spin(), ring.Every(100 * time.Microsecond)}
	starts := []ring.Position{ring.Oldest(), ring.Newest(), ring.OldestSafe(), ring.At(7)}
	var round int
	return suffer(func(met func(error) bool) {
		round++
		s, err := segment.Attach(args[0])
		if met(err) {
			return
		}
		defer func() { met(s.Close()) }()
		o := ring.ReaderOptions{Start: starts[round/4%4], Resume: starts[round/16%3], Wait: waits[round%4]}
		r, err := ring.NewReader[ring.TradingData](s, o)
		if met(err) {
			return
		}
		raw, err := ring.NewRawReader(s, o)
		if met(err) {
			return
		}
		met(s.Guard(func() error {
			var rec ring.TradingData
			record, batch := make([]byte, s.Geometry().Record.Size), make([]ring.TradingData, 16)
			for range 1000 {
				r.Poll(&rec)
				r.PollBatch(batch)
				r.Latest(&rec)
				raw.Poll(record)
				r.Peek(func(_ uint64, rec *ring.TradingData) { batch[0] = *rec })
			}
			r.Seek(o.Start)
			ctx, cancel := soon()
			defer cancel()
			for range 100 {
				if _, err := r.Next(ctx, &rec); errors.Is(err, context.DeadlineExceeded) {
					break
				} else if err != nil {
					met(err)
				}
			}
			_, err := raw.Next(ctx, record)
			return err
		}))
	})
}

// publish takes over, or creates, and publishes. Argument: name.
func publish(args []string) error {
	g, err := ring.GeometryOf[ring.TradingData](64)
	if err != nil {
		return err
	}
	return suffer(func(met func(error) bool) {
		s, err := segment.CreateOrTakeOver(args[0], g, segment.Options{Doorbell: true})
		if met(err) {
			return
		}
		defer func() { met(s.Close()) }()
		w, err := ring.NewWriter[ring.TradingData](s)
		if met(err) {
			return
		}
		met(s.Guard(func() error {
			batch := make([]ring.TradingData, 100)
			for i := range 1000 {
				w.Publish(&ring.TradingData{Volume: int32(i)})
				w.PublishBatch(batch)
				w.Heartbeat(segment.Heartbeat())
			}
			return nil
		}))
		met(w.Close())
	})
}

// attach looks at the segment as commands do. Argument: name.
func attach(args []string) error {
	return suffer(func(met func(error) bool) {
		s, err := segment.Attach(args[0])
		if errors.Is(err, segment.ErrBare) {
			s, err = segment.AttachBare(args[0])
		}
		if met(err) {
			return
		}
		defer func() { met(s.Close()) }()
		_, err = s.Status()
		met(err)
		_, err = s.WriterAlive()
		met(err)
		_, err = s.Replaced()
		met(err)
		_, err = s.Pages()
		met(err)
		_, err = segment.List()
		met(err)
		if w, err := segment.OpenWriter(args[0]); !met(err) {
			met(w.Close())
		}
	})
}
