package ring_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// The benchmarks run over a segment, "alone" and with a "live" process on the other side of it. They
// compare; what a record costs on the way from one process to another is ringbench's business.

const benchSlots = 1 << 12

// naive is the record as five fields that are stored with sync/atomic one by one: what a first
// attempt at sharing it does.
type naive struct{ version, price, timestamp, volume, valid atomic.Uint64 }

func (n *naive) publish(rec *ring.TradingData) {
	n.version.Store(rec.Timestamp)
	n.price.Store(uint64(rec.Price))
	n.timestamp.Store(rec.Timestamp)
	n.volume.Store(uint64(rec.Volume))
	n.valid.Store(1)
}

// BenchmarkNaiveFiveAtomicStores has its reader in a goroutine: to the cores that is the same.
func BenchmarkNaiveFiveAtomicStores(b *testing.B) {
	for _, mode := range []string{"alone", "live"} {
		b.Run(mode, func(b *testing.B) {
			var shared naive
			var stop atomic.Bool
			var reader sync.WaitGroup
			if mode == "live" {
				reader.Go(func() {
					for !stop.Load() {
						shared.read()
					}
				})
			}
			rec := tradeOf(1)
			for b.Loop() {
				shared.publish(&rec)
			}
			stop.Store(true)
			reader.Wait()
		})
	}
}

func (n *naive) read() uint64 {
	return n.version.Load() + n.price.Load() + n.timestamp.Load() + n.volume.Load() + n.valid.Load()
}

func BenchmarkPublish(b *testing.B) {
	benchWriters(b, func(b *testing.B, w *ring.Writer[ring.TradingData]) {
		rec := tradeOf(1)
		for b.Loop() {
			w.Publish(&rec)
		}
	})
}

func BenchmarkPublishBatch64(b *testing.B) {
	benchWriters(b, func(b *testing.B, w *ring.Writer[ring.TradingData]) {
		recs := make([]ring.TradingData, 64)
		for b.Loop() {
			w.PublishBatch(recs)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/record")
	})
}

// benchWriters runs a writer's benchmark with nobody and with somebody reading.
func benchWriters(b *testing.B, run func(*testing.B, *ring.Writer[ring.TradingData])) {
	for _, mode := range []string{"alone", "live"} {
		b.Run(mode, func(b *testing.B) {
			name := shmName(b)
			memory, w := createWriter(b, name, benchSlots)
			defer memory.Close()
			if mode == "live" {
				reader := testkit.Start(b, "bench-reader", name)
				require.Equal(b, "reading", reader.Line())
			}
			b.ReportAllocs()
			run(b, w)
		})
	}
}

func BenchmarkPoll(b *testing.B) {
	benchReaders(b, func(b *testing.B, r *ring.Reader[ring.TradingData]) {
		var rec ring.TradingData
		for b.Loop() {
			if _, s := r.Poll(&rec); s != ring.Ready {
				r.Seek(ring.OldestSafe())
			}
		}
	})
}

func BenchmarkPollBatch64(b *testing.B) {
	benchReaders(b, func(b *testing.B, r *ring.Reader[ring.TradingData]) {
		recs := make([]ring.TradingData, 64)
		records := 0
		for b.Loop() {
			_, n, s := r.PollBatch(recs)
			if records += n; s != ring.Ready {
				r.Seek(ring.OldestSafe())
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(records, 1)), "ns/record")
	})
}

func BenchmarkLatest(b *testing.B) {
	benchReaders(b, func(b *testing.B, r *ring.Reader[ring.TradingData]) {
		var rec ring.TradingData
		for b.Loop() {
			r.Latest(&rec)
		}
	})
}

// benchReaders runs a reader's benchmark on a full ring with nobody and with somebody writing.
func benchReaders(b *testing.B, run func(*testing.B, *ring.Reader[ring.TradingData])) {
	for _, mode := range []string{"alone", "live"} {
		b.Run(mode, func(b *testing.B) {
			name := shmName(b)
			memory, w := createWriter(b, name, benchSlots)
			w.PublishBatch(make([]ring.TradingData, 2*benchSlots))
			if mode == "live" {
				require.NoError(b, memory.Close())
				writer := testkit.Start(b, "bench-writer", name)
				require.Equal(b, "writing", writer.Line())
			} else {
				defer memory.Close()
			}
			attached, err := segment.Attach(name)
			require.NoError(b, err)
			defer attached.Close()
			r, err := ring.NewReader[ring.TradingData](attached, ring.ReaderOptions{})
			require.NoError(b, err)
			b.ReportAllocs()
			run(b, r)
		})
	}
}

func createWriter(t testing.TB, name string, slots uint64) (*segment.Segment, *ring.Writer[ring.TradingData]) {
	t.Helper()
	g, err := ring.GeometryOf[ring.TradingData](slots)
	require.NoError(t, err)
	memory, err := segment.Create(name, g, segment.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = segment.Unlink(name) })
	w, err := ring.NewWriter[ring.TradingData](memory)
	require.NoError(t, err)
	return memory, w
}

// benchReader follows a ring until it is told to stop.
func benchReader(args []string) error {
	memory, err := segment.Attach(args[0])
	if err != nil {
		return err
	}
	r, err := ring.NewReader[ring.TradingData](memory, ring.ReaderOptions{Start: ring.Newest()})
	if err != nil {
		return err
	}
	fmt.Println("reading")
	stopped := testkit.Stopped()
	recs := make([]ring.TradingData, 64)
	for {
		select {
		case <-stopped:
			return nil
		default:
		}
		for range 1000 {
			r.PollBatch(recs)
		}
	}
}

// benchWriter publishes until it is told to stop.
func benchWriter(args []string) error {
	w, err := takeOver[ring.TradingData](args[0])
	if err != nil {
		return err
	}
	stopped := testkit.Stopped()
	for {
		select {
		case <-stopped:
			return w.Close()
		default:
		}
		for range 1000 {
			rec := tradeOf(w.Head())
			w.Publish(&rec)
		}
	}
}
