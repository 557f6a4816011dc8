package main

import (
	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/cmd/ringbench/transport"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/clock"
)

// The conductor sends each peer orders, one JSON object a line, on its standard input, and the peer answers each with
// one reply on its standard output. Standard error is for a peer's last words. A peer whose standard input ends
// exits.
//
//	attach  -> attached   take the tape, know the clock and the CPU
//	open    -> opened     take one end of a channel
//	hiccup  -> hiccups    measure the CPU; all processes at once, as they will run
//	ready   -> ready      stand ready for a slice …
//	go      -> played     … and play it, from the moment that the order says
//
// A C++ peer obeys the same, but for hiccup. It finds its numbers by their keys, so no key occurs twice in an order.

// peerCommand is the hidden command that makes a process a peer.
const peerCommand = "peer"

// What every peer inherits: the score, which is the tape and when its records are due, and memory for its samples. The
// descriptors of channels follow.
const (
	scoreFD = 3 + iota
	samplesFD
	firstChannelFD
)

// order has one field set.
type order struct {
	Attach *attachOrder `json:"attach,omitempty"`
	Open   *openOrder   `json:"open,omitempty"`
	Hiccup *hiccupOrder `json:"hiccup,omitempty"`
	Ready  *readyOrder  `json:"ready,omitempty"`
	Go     *goOrder     `json:"go,omitempty"`
}

type attachOrder struct {
	CPU      int         `json:"cpu"`      // to run on; noCPU: wherever the kernel likes
	OtherCPU int         `json:"other"`    // of a receiver in the same process
	Clock    clock.Clock `json:"clock"`    //
	Period   uint64      `json:"period"`   // records of the tape, before it repeats
	Records  uint64      `json:"recorded"` // on the tape, at the start of the score
	DueAt    uint64      `json:"due_at"`   // byte offset of the due times in the score
}

type openOrder struct {
	Channel   int    `json:"channel"`   // by which later orders name it
	Transport string `json:"transport"` // what it is
	Sends     bool   `json:"sends"`     // which end
	Segment   string `json:"segment"`   // of a ring
	FD        int    `json:"fd"`        // of anything else, and of a page beside a ring
}

type hiccupOrder struct {
	Ns int64 `json:"ns"` // how long
}

// readyOrder is a slice, as [transport.Slice] has it.
type readyOrder struct {
	Channel int    `json:"channel"`
	Sends   bool   `json:"sends"`
	Paced   bool   `json:"paced"`
	Count   uint64 `json:"count"` // due times
	First   uint64 `json:"first"`
	Ticks   uint64 `json:"ticks"`
	GiveUp  uint64 `json:"give_up"`
	Batch   int    `json:"batch"`
	Cost    bool   `json:"cost"`
	Slow    uint64 `json:"slow"`
	Window  uint64 `json:"window"`
	Alone   uint64 `json:"alone"` // the period of turns; 0: both ends at once
	Waits   string `json:"waits"`
	Warmup  uint64 `json:"warmup"`
}

type goOrder struct {
	Base uint64 `json:"base"`
}

// reply has one field set; Error, if the order could not be carried out.
type reply struct {
	Error    string    `json:"error,omitempty"`
	Attached bool      `json:"attached,omitempty"`
	Opened   *opened   `json:"opened,omitempty"`
	Hiccups  *hiccups  `json:"hiccups,omitempty"`
	Ready    bool      `json:"ready,omitempty"`
	Played   *playedBy `json:"played,omitempty"`
}

type opened struct {
	Pages *hugepages.Report `json:"pages,omitempty"` // of a ring, in a Go process
}

// playedBy is what a peer did in a slice. What it sampled is in its memory.
type playedBy struct {
	stay
	Sent     *transport.Sent     `json:"sent,omitempty"`
	Received *transport.Received `json:"received,omitempty"`
}

// hiccups is how a CPU holds up a program that does nothing but read the clock: interrupts, other
// programs, the host of a virtual machine, Go's own runtime. No latency measured on that CPU can be
// better than that.
type hiccups struct {
	Gaps   *hist.Times `json:"gaps"`   // between successive readings
	Stalls int64       `json:"stalls"` // gaps longer than stall
	LostNs int64       `json:"lost_ns"`
	SpanNs int64       `json:"span_ns"`
}
