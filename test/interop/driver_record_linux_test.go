package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// Quote is the second record of the protocol: it has an array, and does not fit the 24-byte view.
type Quote struct {
	Bid, Ask float64
	Sizes    [2]uint32
	Sequence uint64
	Venue    uint8
	_        [7]byte
}

// record is a type of records.
type record interface {
	geometry(slots uint64) (ring.Geometry, error)
	reader(s *segment.Segment, o ring.ReaderOptions) (reader, error)
	writer(s *segment.Segment) (writer, error)
}

// reader answers what is asked of a driver's reader.
type reader interface {
	Position() uint64
	Missed() uint64
	Received() uint64
	Epoch() (epoch, first uint64)
	poll() string
	batch(most int) string
	latest() string
	nextWithin(d time.Duration) (string, error)
	follow(file string) (string, error)
	rate(count int, batches bool) (time.Duration, error)
}

// writer answers what is asked of a driver's writer.
type writer interface {
	Close() error
	publish(records []string) (string, error)
	replay(file string, loops, batch int) (string, error)
	rate(count int, batches bool) time.Duration
}

var records = map[string]record{"TradingData": recordOfType[ring.TradingData]{}, "Quote": recordOfType[Quote]{}}

type recordOfType[T any] struct{}

func (recordOfType[T]) geometry(slots uint64) (ring.Geometry, error) {
	return ring.GeometryOf[T](slots)
}

func (recordOfType[T]) reader(s *segment.Segment, o ring.ReaderOptions) (reader, error) {
	r, err := ring.NewReader[T](s, o)
	return &readerOf[T]{r, s}, err
}

func (recordOfType[T]) writer(s *segment.Segment) (writer, error) {
	w, err := ring.NewWriter[T](s)
	return &writerOf[T]{w}, err
}

type readerOf[T any] struct {
	*ring.Reader[T]
	segment *segment.Segment
}

func (r *readerOf[T]) status(n uint64, rec *T, s ring.Status) string {
	switch s {
	case ring.Ready:
		return fmt.Sprintf("ready %d %x", n, bytesOf([]T{*rec}))
	case ring.Lapped:
		return fmt.Sprintf("lapped %d %d", r.Gap().First, r.Gap().Next)
	case ring.Restarted:
		epoch, first := r.Epoch()
		return fmt.Sprintf("restarted %d %d", epoch, first)
	}
	return s.String()
}

func (r *readerOf[T]) poll() string {
	var rec T
	n, s := r.Poll(&rec)
	return r.status(n, &rec, s)
}

func (r *readerOf[T]) batch(most int) string {
	recs := make([]T, most)
	first, count, s := r.PollBatch(recs)
	if s != ring.Ready {
		return r.status(first, nil, s)
	}
	return fmt.Sprintf("ready %d %d %x", first, count, sha256.Sum256(bytesOf(recs[:count])))
}

// latest does not move the reader, so being lapped there has no gap.
func (r *readerOf[T]) latest() string {
	var rec T
	n, s := r.Latest(&rec)
	if s == ring.Lapped {
		return "lapped"
	}
	return r.status(n, &rec, s)
}

func (r *readerOf[T]) nextWithin(d time.Duration) (string, error) {
	if r.segment.Waiting() == nil {
		return "", ring.ErrNoDoorbell
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var rec T
	n, err := r.Next(ctx, &rec)
	switch {
	case err == nil:
		return r.status(n, &rec, ring.Ready), nil
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", nil
	case errors.Is(err, ring.ErrWriterDead):
		return "dead", nil
	}
	if _, lapped := errors.AsType[*ring.LapError](err); lapped {
		return r.status(n, nil, ring.Lapped), nil
	}
	if _, restarted := errors.AsType[*ring.RestartError](err); restarted {
		return r.status(n, nil, ring.Restarted), nil
	}
	for _, s := range []ring.Status{ring.Closed, ring.Corrupt} {
		if errors.Is(err, r.Event(s)) {
			return r.status(n, nil, s), nil
		}
	}
	return "", err
}

// What follow does while there is nothing to read: so many polls at once, and then it leaves the CPU to others.
const (
	followSpins = 1000
	followPause = 10 * time.Microsecond
)

func (r *readerOf[T]) follow(file string) (string, error) {
	recs, err := recordsIn[T](file)
	if err != nil {
		return "", err
	}
	want := bytesOf(recs)
	size := len(want) / len(recs)
	var received, missed, gaps, wrong uint64
	digest := sha256.New()
	buf := make([]T, 512)
	for expected, idle := r.Position(), 0; ; idle++ {
		first, count, s := r.PollBatch(buf)
		switch s {
		case ring.Ready:
			if first != expected {
				wrong++ // whatever it holds: it is not the next one
			}
			have := bytesOf(buf[:count])
			digest.Write(have)
			for at := int(first % uint64(len(recs))); len(have) > 0; at = 0 {
				n := min(len(have), len(want)-at*size)
				wrong += differing(have[:n], want[at*size:][:n], size)
				have = have[n:]
			}
			received += uint64(count)
			expected, idle = first+uint64(count), 0
		case ring.Lapped:
			missed += r.Gap().Count()
			gaps++
			expected = r.Gap().Next
		case ring.Closed, ring.Corrupt:
			return fmt.Sprintf("%v received=%d missed=%d gaps=%d wrong=%d sha256=%x",
				s, received, missed, gaps, wrong, digest.Sum(nil)), nil
		case ring.Empty:
			if idle > followSpins {
				sys.Sleep(followPause)
			}
		}
	}
}

// differing counts the records in which a and b differ.
func differing(a, b []byte, size int) (n uint64) {
	if bytes.Equal(a, b) {
		return 0
	}
	for ; len(a) > 0; a, b = a[size:], b[size:] {
		if !bytes.Equal(a[:size], b[:size]) {
			n++
		}
	}
	return n
}

// rateBatch is the size of the batches whose rate is measured.
const rateBatch = 64

func (r *readerOf[T]) rate(count int, batches bool) (time.Duration, error) {
	recs := make([]T, rateBatch)
	start := time.Now()
	for left := count; left > 0; {
		n := 1
		var s ring.Status
		if batches {
			_, n, s = r.PollBatch(recs[:min(left, rateBatch)])
		} else {
			_, s = r.Poll(&recs[0])
		}
		if s != ring.Ready {
			return 0, errUsage
		}
		left -= n
	}
	return time.Since(start), nil
}

type writerOf[T any] struct{ *ring.Writer[T] }

func (w *writerOf[T]) publish(records []string) (string, error) {
	recs := make([]T, len(records))
	for i, text := range records {
		b, err := hex.DecodeString(text)
		if err != nil || copy(bytesOf(recs[i:i+1]), b) != len(b) || uintptr(len(b)) != unsafe.Sizeof(recs[i]) {
			return "", errUsage
		}
	}
	if len(recs) == 1 {
		return fmt.Sprint(w.Publish(&recs[0])), nil
	}
	return fmt.Sprint(w.PublishBatch(recs)), nil
}

// replay goes on where the ring is: record n of the ring is record n of the file, modulo its length.
func (w *writerOf[T]) replay(file string, loops, batch int) (string, error) {
	recs, err := recordsIn[T](file)
	if err != nil {
		return "", err
	}
	length, total := len(recs), loops*len(recs)
	recs = append(recs, recs...) // a batch may begin anywhere
	for left, at := total, int(w.Head()%uint64(length)); left > 0; {
		n := min(left, batch, length)
		if batch == 1 {
			w.Publish(&recs[at])
		} else {
			w.PublishBatch(recs[at : at+n])
		}
		left -= n
		if at += n; at >= length {
			at -= length
		}
	}
	return fmt.Sprintf("published %d", total), nil
}

func (w *writerOf[T]) rate(count int, batches bool) time.Duration {
	recs := make([]T, rateBatch)
	start := time.Now()
	for left := count; left > 0; {
		n := 1
		if batches {
			n = min(left, rateBatch)
			w.PublishBatch(recs[:n])
		} else {
			w.Publish(&recs[0])
		}
		left -= n
	}
	return time.Since(start)
}

// recordsIn reads a file of raw records, at least one.
func recordsIn[T any](file string) ([]T, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rec T
	size := int(unsafe.Sizeof(rec))
	if len(b) == 0 || len(b)%size != 0 {
		return nil, fmt.Errorf("%s has %d bytes, no number of records of %d", file, len(b), size)
	}
	recs := make([]T, len(b)/size)
	copy(bytesOf(recs), b)
	return recs, nil
}

// bytesOf is the memory of records.
func bytesOf[T any](recs []T) []byte {
	var rec T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(recs))), len(recs)*int(unsafe.Sizeof(rec)))
}
