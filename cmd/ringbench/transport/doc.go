// Package transport has the ways to hand a record from one process to another that ringbench compares: the ring, the
// limit of what the machine can do, and what programs use instead. Each is a pair of ends in a file of its own.
//
// All of them send the same records, stamped with when each was due, and are timed by the same clock at the same
// places: a sender looks at it until the record is due; a receiver looks at it once the record is in its hands.
// Receivers check every record.
//
// The ends of the transports in shared memory have their loops written out. A type parameter or an interface would
// cost a call through a pointer for each record, and keep the ring's poll from being inlined; next to a system
// call, or to an element of a Go channel, that is nothing: those share their loops.
package transport

import "github.com/tickring/tickring/ring"

// Record is what all transports carry.
type Record = ring.TradingData

// Sender is the end that sends. It has one user at a time.
type Sender interface {
	// Send plays a slice, and then tells the receivers by a last message that this was it.
	Send(s *Slice) (Sent, error)
}

// Receiver is the end that receives. It has one user at a time.
type Receiver interface {
	// Ready makes the next record that is sent the first that Receive gets.
	Ready(s *Slice) error
	// Receive takes, checks and counts records up to the last message of a slice.
	Receive(s *Slice) (Received, error)
}

// Sent is what a sender did.
type Sent struct {
	Published uint64 `json:"published"` // records, without the last message
	Ticks     uint64 `json:"ticks"`     // from the first record to the last
	Samples   int    `json:"samples"`   // paced: how late each record after the warm-up was sent; cost: the groups
}

// Received is what a receiver got. Received and Missed together are all records of the slice.
type Received struct {
	Received     uint64 `json:"received"`
	Missed       uint64 `json:"missed"`
	MissedWarmup uint64 `json:"missed_warmup"` // of Missed
	Torn         uint64 `json:"torn"`          // of Received: half old, half new, from a transport that cannot tell
	Ticks        uint64 `json:"ticks"`         // from the first record to the last
	Samples      int    `json:"samples"`       // paced: latencies, of the records after the warm-up
}
