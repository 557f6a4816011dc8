package transport

import (
	"fmt"
	"math"

	"github.com/tickring/tickring/internal/clock"
)

// Slice is a piece of a measurement: some records, sent one way over one transport.
type Slice struct {
	Tape    []Record // what is sent, a Period over and over; behind it the beginning again, so that no batch ends early
	Period  uint64
	First   uint64   // place on the tape at which the slice begins, below Period
	Due     []uint64 // paced: ticks after Base at which each record is due, never descending; nil: as fast as possible
	Base    uint64   // ticks at which the slice begins
	Ticks   uint64   // how long it goes on, if it is not paced
	GiveUp  uint64   // paced: so many ticks after the last record was due, a sender that lags behind stops
	Batch   int      // records that are sent at once; paced: 1
	Cost    bool     // the sender measures what its calls take, and not so the receiver
	Slow    uint64   // ticks that the receiver spends on each record
	Alone   bool     // the ends take turns, and each times its own calls; no record is stamped
	Window  uint64   // records that may be unread when the sender goes on: it waits for the receiver; 0: for nobody
	Waits   string   // what a receiver does while there is nothing: "spin", or as the transport knows it
	Warmup  uint64   // records, from the first on, that give no sample
	Samples []int64  // ticks; room for those of all records
	Clock   Stamper
}

// Stamper reads the clock: [clock.Now], which waits until what was loaded before is there, or clock_gettime where the
// counter cannot be trusted. Its methods are inlined, down to one call.
type Stamper struct{ Wall bool }

// StamperOf reads c.
func StamperOf(c clock.Clock) Stamper { return Stamper{Wall: c.Source == clock.ClockGettime} }

// Now returns a stamp in ticks.
func (c Stamper) Now() uint64 { return clock.Stamp(c.Wall) }

// Until spins until a moment, so that the CPU is awake when the work begins, and returns the time.
func (c Stamper) Until(moment uint64) uint64 { return clock.Until(c.Wall, moment) }

// checks returns what checks the slice's records.
func (s *Slice) checks() checker {
	c := checker{slice: s}
	c.expect(0)
	return c
}

// deadline is when a paced sender gives up.
func (s *Slice) deadline() uint64 {
	if len(s.Due) == 0 {
		return s.Base + s.GiveUp
	}
	return s.Base + s.Due[len(s.Due)-1] + s.GiveUp
}

// clockEvery is how many records are sent at full speed between two looks at the clock.
const clockEvery = 1024

// The last message of a slice tells how many records were sent.
const (
	endStamp  = math.MaxUint64
	endVolume = -1
)

func endOf(published uint64) Record {
	return Record{Price: math.Float64frombits(published), Timestamp: endStamp, Volume: endVolume}
}

func isEnd(r *Record) bool { return r.Timestamp == endStamp }

// checker knows what every record must hold: the trade that the tape has for its number, stamped with when it was due
// or, at full speed, with its number. The stamp is another one in each lap of a ring, so that a record of the
// wrong lap does not pass, nor one that is half old, half new.
type checker struct {
	slice *Slice
	next  uint64 // the record that must come
	at    uint64 // its place on the tape
}

// expect makes i the next record.
func (c *checker) expect(i uint64) { c.next, c.at = i, (c.slice.First+i)%c.slice.Period }

// stamp that record i must have.
func (c *checker) stamp(i uint64) uint64 {
	switch {
	case c.slice.Alone:
		return 0
	case c.slice.Due == nil:
		return i
	}
	return c.slice.Base + c.slice.Due[i]
}

// right reports whether r is what record i must be, and i the next record.
func (c *checker) right(i uint64, r *Record) bool {
	want := &c.slice.Tape[c.at]
	if i != c.next || c.slice.Due != nil && i >= uint64(len(c.slice.Due)) || r.Timestamp != c.stamp(i) ||
		r.Volume != want.Volume || r.Valid != want.Valid || math.Float64bits(r.Price) != math.Float64bits(want.Price) {
		return false
	}
	c.next++
	if c.at++; c.at == c.slice.Period {
		c.at = 0
	}
	return true
}

// failure says what is wrong with record i.
func (c *checker) failure(i uint64, r Record) error {
	if i != c.next {
		return fmt.Errorf("record %d came, and no gap was reported, where record %d was next", i, c.next)
	}
	if c.slice.Due != nil && i >= uint64(len(c.slice.Due)) {
		return fmt.Errorf("record %d came of a slice of %d", i, len(c.slice.Due))
	}
	want := c.slice.Tape[c.at]
	want.Timestamp = c.stamp(i)
	return fmt.Errorf("torn or wrong record: record %d is %+v, and was sent as %+v", i, r, want)
}

// ended checks the last message against what came, and counts what did not.
func (r *Received) ended(c *checker, last *Record) error {
	published := math.Float64bits(last.Price)
	if last.Volume != endVolume || last.Valid || published < c.next {
		return fmt.Errorf("the last message of a slice is %+v, after record %d", *last, c.next)
	}
	r.miss(c.slice, c.next, published)
	if r.Received+r.Missed != published {
		return fmt.Errorf("%d records were sent, but %d received and %d reported as missed", published, r.Received, r.Missed)
	}
	return nil
}

// miss counts the records from first up to, not including, next as lost.
func (r *Received) miss(s *Slice, first, next uint64) {
	r.Missed += next - first
	if first < s.Warmup {
		r.MissedWarmup += min(next, s.Warmup) - first
	}
}
