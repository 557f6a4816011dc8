package hostile

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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

// suffer takes steps until it is told to end, and enough says so, and says what came of them. A step gives each of its errors to met.
func suffer(enough func() bool, step func(met func(error) bool)) error {
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
		last := int64(-1)
		for range time.Tick(stuck) {
			now := steps.Load()
			if now == last {
				break
			}
			last = now
		}
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(3)
	}()
	for ending := false; strange == nil; steps.Add(1) {
		select {
		case <-told:
			ending = true
		default:
		}
		if ending && enough() {
			say("%d steps: %s", steps.Load(), counts(seen))
			return nil
		}
		step(met)
	}
	return strange
}

// patience is how long a reader waits for a record.
const patience = 2 * time.Millisecond

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// follow attaches and reads in each way, until it has had a record. Arguments: name, and "true" if record n has to be
// truth(n).
func follow(args []string) error {
	records, wrong := 0, error(nil)
	check := func(n uint64, rec ring.TradingData) {
		if records++; len(args) > 1 && rec != truth(n) {
			wrong = fmt.Errorf("record %d is %+v", n, rec)
		}
	}
	waits := []ring.Wait{ring.Backoff(0), ring.Block(), ring.Spin(), ring.Every(100 * time.Microsecond)}
	starts := []ring.Position{ring.Oldest(), ring.Newest(), ring.OldestSafe(), ring.At(7)}
	var round int
	return suffer(func() bool { return records > 0 }, func(met func(error) bool) {
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
				if n, status := r.Poll(&rec); status == ring.Ready {
					check(n, rec)
				}
				first, count, _ := r.PollBatch(batch)
				for i, rec := range batch[:count] {
					check(first+uint64(i), rec)
				}
				if n, status := r.Latest(&rec); status == ring.Ready {
					check(n, rec)
				}
				if n, status := raw.Poll(record); status == ring.Ready {
					check(n, decoded(record))
				}
				if n, status := r.Peek(func(_ uint64, in *ring.TradingData) { rec = *in }); status == ring.Ready {
					check(n, rec)
				}
			}
			r.Seek(o.Start)
			ctx, cancel := soon()
			defer cancel()
			for range 100 {
				n, err := r.Next(ctx, &rec)
				if err == nil {
					check(n, rec)
				} else if met(err); errors.Is(err, context.DeadlineExceeded) {
					break
				}
			}
			n, err := raw.Next(ctx, record)
			if err == nil {
				check(n, decoded(record))
			}
			if wrong != nil {
				return wrong
			}
			return err
		}))
	})
}

// decoded is the record that has these bytes.
func decoded(b []byte) ring.TradingData {
	le := binary.LittleEndian
	return ring.TradingData{
		Price: math.Float64frombits(le.Uint64(b)), Timestamp: le.Uint64(b[8:]), Volume: int32(le.Uint32(b[16:])), Valid: b[20] != 0,
	}
}

// always is enough for who needs not have met anything.
func always() bool { return true }

// publish takes over, or creates, and publishes. Argument: name.
func publish(args []string) error {
	g, err := ring.GeometryOf[ring.TradingData](64)
	if err != nil {
		return err
	}
	return suffer(always, func(met func(error) bool) {
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
	return suffer(always, func(met func(error) bool) {
		s, err := segment.Attach(args[0])
		if errors.Is(err, segment.ErrBare) {
			s, err = segment.AttachBare(args[0])
		}
		if met(err) {
			return
		}
		defer func() { met(s.Close()) }()
		if r, err := ring.NewBareReader(s); err == nil {
			met(s.Guard(func() error { r.Read(); return nil }))
		}
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
