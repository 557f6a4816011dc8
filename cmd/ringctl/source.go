package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/seqlock"
)

// source is what tail follows. Records come as the bytes that their schema describes, so that nothing
// behind a source depends on the type of record.
type source interface {
	// Poll returns as many of the next records as there are, up to limit, one behind the other, and
	// the number of the first; without records err says what came instead, and nil that nothing did.
	Poll(limit int) (first uint64, records []byte, err error)
	// Wait waits for the next record and returns it, or what came instead, as ring.Reader.Next does.
	Wait(ctx context.Context) (n uint64, record []byte, err error)
	Position() uint64
	Received() uint64
	Missed() uint64
}

// openSegment attaches a segment, a bare one too; bare tells which it is.
func openSegment(name string) (seg *segment.Segment, bare bool, err error) {
	seg, err = segment.Attach(name)
	if errors.Is(err, segment.ErrBare) {
		seg, err = segment.AttachBare(name)
		return seg, true, err
	}
	return seg, false, err
}

// openSource makes the source for a segment's records.
func openSource(seg *segment.Segment, bare bool, o ring.ReaderOptions, w wait) (source, error) {
	if bare {
		if w.blocks {
			return nil, ring.ErrNoDoorbell
		}
		reader, err := ring.NewBareReader(seg)
		return &bareSource{reader: reader, period: w.period, last: make([]byte, tradeSize)}, err
	}
	o.Wait = w.Wait
	if seg.Geometry().Record.Diff(trade) != nil {
		reader, err := ring.NewRawReader(seg, o)
		return &rawSource{RawReader: reader, record: make([]byte, seg.Geometry().Record.Size)}, err
	}
	reader, err := ring.NewReader[ring.TradingData](seg, o)
	return &tradeSource{Reader: reader}, err
}

// trade is the schema of TradingData.
var trade = tradeSchema()

func tradeSchema() ring.Schema {
	s, err := ring.SchemaOf[ring.TradingData]()
	if err != nil {
		panic(err) // a type that this program was built with
	}
	return s
}

// tradeSize is the size of a TradingData.
const tradeSize = 24

// appendTrade appends t as the ring stores it, its padding zero.
func appendTrade(b []byte, t *ring.TradingData) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, math.Float64bits(t.Price))
	b = le.AppendUint64(b, t.Timestamp)
	last := uint64(uint32(t.Volume))
	if t.Valid {
		last |= 1 << 32
	}
	return le.AppendUint64(b, last)
}

// batchRecords is the most that one Poll returns: little enough to stay in a core's own cache.
const batchRecords = 4096

// tradeSource is a ring of TradingData.
type tradeSource struct {
	*ring.Reader[ring.TradingData]
	batch [batchRecords]ring.TradingData
	bytes [batchRecords * tradeSize]byte
}

func (s *tradeSource) Poll(limit int) (uint64, []byte, error) {
	first, count, status := s.PollBatch(s.batch[:min(limit, batchRecords)])
	return first, s.encode(count), s.Event(status)
}

func (s *tradeSource) Wait(ctx context.Context) (uint64, []byte, error) {
	n, err := s.Next(ctx, &s.batch[0])
	if err != nil {
		return n, nil, err
	}
	return n, s.encode(1), nil
}

func (s *tradeSource) encode(count int) []byte {
	b := s.bytes[:0]
	for i := range s.batch[:count] {
		b = appendTrade(b, &s.batch[i])
	}
	return b
}

// rawSource is a ring of any other record.
type rawSource struct {
	*ring.RawReader
	record []byte
}

func (s *rawSource) Poll(int) (uint64, []byte, error) {
	n, status := s.RawReader.Poll(s.record)
	if status != ring.Ready {
		return n, nil, s.Event(status)
	}
	return n, s.record, nil
}

func (s *rawSource) Wait(ctx context.Context) (uint64, []byte, error) {
	n, err := s.Next(ctx, s.record)
	if err != nil {
		return n, nil, err
	}
	return n, s.record, nil
}

// bareSource is the one record of a program from before the ring: it delivers each change that it
// sees, numbered from 0. What came and went between two looks, nobody can tell.
type bareSource struct {
	reader   *ring.BareReader
	period   time.Duration
	last     []byte // as it was at the last look; all zero at first, which nobody wrote
	received uint64
	scratch  [tradeSize]byte
}

func (s *bareSource) Poll(int) (uint64, []byte, error) {
	now := s.reader.Read()
	b := appendTrade(s.scratch[:0], &now)
	if bytes.Equal(b, s.last) {
		return s.received, nil, nil
	}
	copy(s.last, b)
	n := s.received
	s.received++
	return n, s.last, nil
}

func (s *bareSource) Wait(ctx context.Context) (uint64, []byte, error) {
	for {
		if n, b, err := s.Poll(1); len(b) > 0 || err != nil {
			return n, b, err
		}
		if err := s.sleep(ctx); err != nil {
			return s.received, nil, err
		}
	}
}

// sleep waits one period. The Go runtime rounds sleeps up to the next millisecond: shorter ones spin.
func (s *bareSource) sleep(ctx context.Context) error {
	if s.period < barePeriod {
		for began := time.Now(); time.Since(began) < s.period; {
			seqlock.Pause(1)
		}
		return ctx.Err()
	}
	timer := time.NewTimer(s.period)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *bareSource) Position() uint64 { return s.received }
func (s *bareSource) Received() uint64 { return s.received }
func (s *bareSource) Missed() uint64   { return 0 }
