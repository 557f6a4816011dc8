package ring_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/seqlock"
)

// The torn-read test: a writer process publishes records in which every field is a function of the
// record's number, as fast as it can, into a ring so small that readers are always about to be
// overtaken. Reader processes check each record that they are given. A missing odd mark, a version
// that comes before its payload, a missing second look at the version, or one that accepts
// another lap's, shows here within a fraction of a second (see the mutants in test/mutants).

// large is a record of eight cache lines.
type large struct{ Words [64]uint64 }

func tradeOf(n uint64) ring.TradingData {
	return ring.TradingData{Price: float64(n), Timestamp: n * 0x9e37_79b9_7f4a_7c15, Volume: int32(n), Valid: n%2 == 1}
}

func largeOf(n uint64) (l large) {
	for i := range l.Words {
		l.Words[i] = n*0x9e37_79b9_7f4a_7c15 + uint64(i)
	}
	return l
}

func TestMain(m *testing.M) {
	testkit.Roles(m, map[string]func([]string) error{
		"torn-writer":  func(args []string) error { return tornRole(args, writeTorn(tradeOf), writeTorn(largeOf)) },
		"torn-reader":  func(args []string) error { return tornRole(args, readTorn(tradeOf), readTorn(largeOf)) },
		"bench-writer": benchWriter,
		"bench-reader": benchReader,
		"spin":         spinRole,
	})
}

// tornRole calls the function for the record type that the arguments name.
func tornRole(args []string, trade, large func(name, how string) error) error {
	if args[0] == "large" {
		return large(args[1], args[2])
	}
	return trade(args[1], args[2])
}

// writeTorn publishes until told to stop, one by one and in batches by turns.
func writeTorn[T any](of func(uint64) T) func(name, how string) error {
	return func(name, _ string) error {
		w, err := takeOver[T](name)
		if err != nil {
			return err
		}
		stopped := testkit.Stopped()
		batch := make([]T, 7)
		for {
			select {
			case <-stopped:
				return w.Close()
			default:
			}
			for range 1000 {
				rec := of(w.Head())
				w.Publish(&rec)
			}
			for range 100 {
				for i := range batch {
					batch[i] = of(w.Head() + uint64(i))
				}
				w.PublishBatch(batch)
			}
		}
	}
}

// takeOver makes this process the writer of a segment, for as long as it runs, and says so.
func takeOver[T any](name string) (*ring.Writer[T], error) {
	memory, err := segment.OpenWriter(name)
	if err != nil {
		return nil, err
	}
	w, err := ring.NewWriter[T](memory)
	if err == nil {
		fmt.Println("writing")
	}
	return w, err
}

const (
	tornReads   = 100_000 // that each reader tries; one that is overtaken counts: it ran the same race
	tornRecords = 100     // that it must have been given
	tornLaps    = 100     // and times that it must have been overtaken, or it was not put to the test
)

// readTorn checks records until it has seen enough; how is the method that it reads with.
func readTorn[T comparable](of func(uint64) T) func(name, how string) error {
	return func(name, how string) error {
		memory, err := segment.Attach(name)
		if err != nil {
			return err
		}
		r, err := ring.NewReader[T](memory, ring.ReaderOptions{Start: ring.Newest(), Resume: ring.Newest()})
		if err != nil {
			return err
		}
		read := readers(memory, r)[how]
		records, laps, last, wanted := 0, 0, uint64(0), tornLaps
		if how == "latest" {
			wanted = 0 // it is overtaken as often, but tries again by itself
		}
		for records+laps < tornReads || records < tornRecords || laps < wanted {
			err := read(func(n uint64, rec *T) error {
				if want := of(n); *rec != want {
					return fmt.Errorf("record %d is torn or another: %v, want %v", n, *rec, want)
				}
				if n < last {
					return fmt.Errorf("record %d after record %d", n, last)
				}
				last = n
				records++
				return nil
			})
			if errors.Is(err, errOvertaken) {
				laps++
				continue
			}
			if err != nil {
				return err
			}
		}
		fmt.Printf("checked %d records, overtaken %d times, missed %d\n", records, laps, r.Missed())
		return nil
	}
}

var errOvertaken = errors.New("overtaken")

// readers are the ways to read: each calls check for the records that it was given, or returns
// errOvertaken.
func readers[T any](memory *segment.Segment, r *ring.Reader[T]) map[string]func(check func(uint64, *T) error) error {
	var rec T
	batch := make([]T, 16)
	one := func(n uint64, s ring.Status, check func(uint64, *T) error) error {
		switch s {
		case ring.Ready:
			return check(n, &rec)
		case ring.Lapped:
			return errOvertaken
		case ring.Empty:
			return nil
		}
		return fmt.Errorf("status %v", s)
	}
	return map[string]func(func(uint64, *T) error) error{
		"poll": func(check func(uint64, *T) error) error {
			n, s := r.Poll(&rec)
			return one(n, s, check)
		},
		"try": func(check func(uint64, *T) error) error {
			rec = *new(T)
			if r.TryPoll(&rec) {
				return check(r.Position()-1, &rec)
			}
			if any(rec) != any(*new(T)) {
				return fmt.Errorf("record %d is torn or another, and was left behind: %v", r.Position(), rec)
			}
			n, s := r.Poll(&rec)
			return one(n, s, check)
		},
		"latest": func(check func(uint64, *T) error) error {
			n, s := r.Latest(&rec)
			return one(n, s, check)
		},
		"peek": func(check func(uint64, *T) error) error {
			n, s := r.Peek(func(_ uint64, in *T) { rec = *in })
			return one(n, s, check)
		},
		"batch": func(check func(uint64, *T) error) error {
			first, count, s := r.PollBatch(batch)
			if s != ring.Ready {
				return one(first, s, check)
			}
			for i := range batch[:count] {
				if err := check(first+uint64(i), &batch[i]); err != nil {
					return err
				}
			}
			return nil
		},
		"view": func(check func(uint64, *T) error) error {
			n, ok := readView(memory, &rec)
			if !ok {
				return errOvertaken
			}
			return check(n, &rec)
		},
	}
}

// readView reads the one-record view with its version, as a client that knows the header can.
func readView[T any](memory *segment.Segment, rec *T) (n uint64, ok bool) {
	g, base := memory.Geometry(), unsafe.Pointer(unsafe.SliceData(memory.Header()))
	version := unsafe.Add(base, g.ViewVersionOffset)
	v := atomic.LoadUint64((*uint64)(version))
	if v == 0 || v%2 != 0 || seqlock.Load(version, unsafe.Add(base, g.ViewOffset), unsafe.Pointer(rec), uintptr(g.Record.Words()), v) != v {
		return 0, false
	}
	return v/2 - 1, true
}

func TestTornAcrossProcesses(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector does not see shared memory; TestManyReadersAtOnce is for it")
	}
	for _, record := range []string{"trade", "large"} {
		for _, slots := range []uint64{2, 64} {
			for _, how := range []string{"poll", "try", "batch", "latest", "peek", "view"} {
				t.Run(fmt.Sprintf("%s/%d/%s", record, slots, how), func(t *testing.T) {
					t.Parallel() // two cores, three processes: the kernel stops them anywhere
					name := shmName(t)
					if record == "large" {
						createEmpty[large](t, name, slots)
					} else {
						createEmpty[ring.TradingData](t, name, slots)
					}
					writer := testkit.Start(t, "torn-writer", record, name, "")
					require.Equal(t, "writing", writer.Line())
					reader := testkit.Start(t, "torn-reader", record, name, how)
					t.Log(reader.Line())
					assert.NoError(t, reader.Wait())
					assert.NoError(t, writer.Stop())
				})
			}
		}
	}
}

// createEmpty makes a segment that another process will write; it is removed at the end of the test.
func createEmpty[T any](t testing.TB, name string, slots uint64) {
	t.Helper()
	g, err := ring.GeometryOf[T](slots)
	require.NoError(t, err)
	memory, err := segment.Create(name, g, segment.Options{})
	require.NoError(t, err)
	require.NoError(t, memory.Close())
	t.Cleanup(func() { _ = segment.Unlink(name) })
}

// shmName is a segment name of this test in this process.
func shmName(t testing.TB) string {
	name := []byte("/tickring-" + strconv.Itoa(os.Getpid()) + "-" + t.Name())
	for i := range name[1:] {
		if name[i+1] == '/' {
			name[i+1] = '-'
		}
	}
	return string(name)
}
