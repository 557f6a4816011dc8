package feed

import (
	"errors"
	"io"
	"io/fs"
	"iter"

	"github.com/tickring/tickring/ring"
)

// Trade is one trade, or one trade break (Valid false), of one symbol.
// Timestamp is the exchange's, not the time of the recording.
type Trade struct {
	Symbol string
	ring.TradingData
}

// Options choose what a [Reader] yields. The zero value yields every trade with its volume as recorded.
type Options struct {
	// Symbol, if not empty, is the one symbol to yield, spelled as in the recording.
	Symbol string

	// VolumeScale multiplies each quantity before it becomes the volume: 1000 stores
	// thousandths. 0 and 1 mean none. No quantity is ever rounded; see [QuantityError].
	VolumeScale int64

	// Breaks yields trade breaks too, with Valid false, in their place in the recording.
	// Without it they are counted in [Stats] only.
	Breaks bool
}

// Stats counts what a [Reader] has met so far. With Options.Symbol set, Trades, Breaks and Backward
// are of that symbol alone.
type Stats struct {
	Trades   int64 // trades yielded
	Breaks   int64 // trade breaks, yielded or not
	Filtered int64 // trades and breaks of symbols other than Options.Symbol
	Other    int64 // messages (IEX) or lines (Binance) that are no trade and no break
	Backward int64 // trades yielded with an earlier timestamp than the trade before them

	Lines int64 // Binance: lines read

	Packets  int64 // captures: packets read
	Unknown  int64 // captures: messages of Other whose type or length TOPS 1.6 does not have
	Foreign  int64 // captures: packets that are not IEX TOPS 1.6
	Gaps     int64 // captures: gaps yielded as *GapError
	Lost     int64 // captures: messages missing in those gaps
	Repeated int64 // captures: messages that came again or after their gap was reported, left out
}

// Reader yields the trades of one recording. It must be used from one goroutine at a time, except
// for Progress, which any goroutine may call at any time.
type Reader struct {
	src    *source
	dec    decoder
	closer io.Closer // nil for NewReader
	size   int64
	stats  Stats
	last   uint64 // timestamp of the trade yielded last
	err    error  // what ended the iteration; io.EOF at the end of the recording
}

// decoder finds the next trade. Its errors are io.EOF at the end, *GapError, which next may be
// called after, and fatal ones.
type decoder interface {
	next() (Trade, error)
}

// Trades returns the trades in file order. The sequence is single-pass: after a break, ranging
// again goes on with the next trade. A fatal error is the last thing yielded, and ranging again
// yields it again; an error comes with a zero Trade.
func (r *Reader) Trades() iter.Seq2[Trade, error] {
	return func(yield func(Trade, error) bool) {
		for r.err == nil {
			t, err := r.dec.next()
			if _, gap := errors.AsType[*GapError](err); err != nil && !gap {
				r.err = err
				break
			}
			if err == nil {
				r.count(t)
			}
			if !yield(t, err) {
				return
			}
		}
		if r.err != io.EOF {
			yield(Trade{}, r.err)
		}
	}
}

func (r *Reader) count(t Trade) {
	if !t.Valid {
		return // the decoder has counted the break
	}
	r.stats.Trades++
	if t.Timestamp < r.last {
		r.stats.Backward++
	}
	r.last = t.Timestamp
}

// Stats returns the counts so far.
func (r *Reader) Stats() Stats { return r.stats }

// Format returns what was detected: "binance", "pcap" or "pcapng", with "+gzip" after it if compressed.
func (r *Reader) Format() string { return r.src.format }

// Progress returns how many bytes of the input have been read, compressed ones if it is
// compressed, and how many there are: -1 where that is unknown (pipes, NewReader).
func (r *Reader) Progress() (read, total int64) { return r.src.raw.n.Load(), r.size }

// Close closes the file of [Open]; it leaves the reader given to [NewReader] open. An iteration
// after it that had not come to an end yields fs.ErrClosed. Closing again does nothing.
func (r *Reader) Close() error {
	if r.err == nil {
		r.err = fs.ErrClosed
	}
	if r.closer == nil {
		return nil
	}
	c := r.closer
	r.closer = nil
	return c.Close()
}
