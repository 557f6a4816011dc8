package main

import (
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/clock"
)

// The parent sends each reader orders, one JSON object a line, on its standard input, and the reader
// answers each with one reply on its standard output. Standard error is for a reader's last words.
// A reader whose standard input ends exits: its parent is gone, or has no more use for it.
//
//	attach  -> attached     map the segment, pin the thread
//	hiccup  -> hiccups      measure the CPU; all processes at once, as they will run
//	follow  -> following    stand ready at the first record of a case …
//	go      -> followed     … and follow, until the writer closes the ring

// readerCommand is the hidden command that makes a process a reader.
const readerCommand = "reader"

// order has one field set.
type order struct {
	Attach *attachOrder `json:"attach,omitempty"`
	Hiccup bool         `json:"hiccup,omitempty"`
	Follow *followOrder `json:"follow,omitempty"`
	Go     *schedule    `json:"go,omitempty"`
}

type attachOrder struct {
	Segment string      `json:"segment"`
	CPU     int         `json:"cpu"` // to run on; noCPU: wherever the kernel likes
	Clock   clock.Clock `json:"clock"`
	Source  source      `json:"source"`
	Wait    string      `json:"wait"`
}

type followOrder struct {
	First   uint64 `json:"first"`   // record of the case
	Warmup  uint64 `json:"warmup"`  // how many from there on do not count for latency
	Latency bool   `json:"latency"` // stamps are times: record latencies
	Batch   int    `json:"batch"`   // records to take at once; 1: one by one
}

// reply has one field set; Error, if the order could not be carried out.
type reply struct {
	Error     string    `json:"error,omitempty"`
	Attached  *attached `json:"attached,omitempty"`
	Hiccups   *hiccups  `json:"hiccups,omitempty"`
	Following bool      `json:"following,omitempty"`
	Followed  *followed `json:"followed,omitempty"`
}

type attached struct {
	Pages hugepages.Report `json:"pages"`
}

// followed is what became of a case in one reader.
type followed struct {
	stay
	Received     uint64 `json:"received"`
	Missed       uint64 `json:"missed"`
	MissedWarmup uint64 `json:"missed_warmup"` // of Missed
	ElapsedNs    int64  `json:"elapsed_ns"`    // from the first record received to the last
	Latency      *times `json:"latency,omitempty"`
}
