package main

import (
	"fmt"
	"time"

	"github.com/tickring/tickring/cmd/ringbench/transport"
)

// Cases, by the names that the report has.
const (
	caseLatency       = "latency"
	caseLoad          = "load"
	caseFeed          = "feed"
	caseBurst         = "burst"
	caseLowRate       = "low-rate"
	caseWait          = "wait"
	caseWakeup        = "wakeup"
	caseFanout        = "fanout"
	caseSlowReader    = "slow-reader"
	caseStoppedReader = "stopped-reader"
	caseThroughput    = "throughput"
	caseLossless      = "lossless"
	casePublish       = "publish-alone"
	casePoll          = "poll-present"
	caseWriterCost    = "writer-cost"
)

// trial is what is measured in one slice of every round.
type trial struct {
	name      string // of the case
	transport string
	schedule  schedule // nil: as fast as possible
	rate      rate     // if it is a steady one
	slice     time.Duration
	batch     int
	readers   int
	wait      string
	cost      bool          // the sender's calls are timed
	group     int           // records whose calls are timed at once
	alone     bool          // the ends take turns; the calls of one are timed
	window    uint64        // the sender waits for the receiver while more records are unread; 0: never
	slots     uint64        // of the ring; 0: as many as the flag says
	slow      time.Duration // that the reader takes over each record
	stop      bool          // the reader is stopped in the midst of it

	channel   *channel
	sender    *member
	receivers []*member

	missing  error // why there is no channel
	overrun  bool  // the sender could not keep the rate: it is not tried again
	outcomes outcomes
}

// paced tells whether records have a time at which they are due, and so a latency.
func (t *trial) paced() bool { return t.schedule != nil }

// key is the same for trials that differ in their transport only.
func (t *trial) key() string {
	return fmt.Sprint(t.name, t.rate, t.batch, t.readers, t.wait, t.cost, t.slow, t.stop, t.alone, t.window)
}

// inProcess tells whether both ends are in one process.
func (t *trial) inProcess() bool { return t.transport == transportChannel }

// new trials of a steady rate, and of none.
func (b *conductor) pacedTrial(name, via string, r rate) *trial {
	t := &trial{name: name, transport: via, rate: r, slice: b.config.slice, batch: 1, readers: 1, wait: transport.WaitSpin}
	if most := time.Duration(float64(maxSlice) / float64(r) * 1e9); t.slice > most {
		t.slice = most
	}
	t.schedule = newEven(r, t.slice, b.clock)
	return t
}

func (b *conductor) fullTrial(name, via string, batch int) *trial {
	return &trial{name: name, transport: via, slice: b.config.fullSlice(), batch: batch, readers: 1, wait: transport.WaitSpin}
}

// title says what is measured, to somebody who waits for it.
func (t *trial) title() string {
	s := t.name
	if t.rate > 0 {
		s += fmt.Sprintf(" at %s records/s", number(float64(t.rate)))
	}
	if t.batch > 1 {
		s += fmt.Sprintf(", batches of %d", t.batch)
	}
	if t.readers != 1 {
		s += ", " + plural(t.readers, "reader")
	}
	return s
}
