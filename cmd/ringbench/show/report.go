// Package show reads the JSON that ringbench writes, for what draws, exports and compares results.
//
// A report may come from another machine or another person: [Read] checks all that the rest relies on.
package show

import (
	"slices"

	"github.com/tickring/tickring/host/doctor"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/clock"
)

// Report is all that a run of ringbench found out.
type Report struct {
	Host        *Host       `json:"host"`
	Clock       clock.Clock `json:"clock"`
	Compiler    string      `json:"compiler"` // of the C++ client; may be empty
	Pages       Pages       `json:"pages"`
	Placement   Placement   `json:"placement"`
	Ring        Ring        `json:"ring"`
	Records     string      `json:"records"` // where they came from
	Rounds      Rounds      `json:"rounds"`
	Hiccups     []Hiccup    `json:"hiccups"` // of the writer's CPU, then each reader's
	Goals       []Goal      `json:"goals"`
	Results     []Result    `json:"results"`
	TookSeconds float64     `json:"took_seconds"`
}

// Host is the machine that was measured on.
type Host struct {
	CPU         string `json:"cpu"`
	CPUs        int    `json:"cpus"`  // that the process could use
	Cores       int    `json:"cores"` // that they belong to
	SMT         bool   `json:"smt"`
	Virtualised string `json:"virtualised"`
	Governor    string `json:"governor"`
	Isolated    string `json:"isolated"`
	Load        string `json:"load"`
	Kernel      string `json:"kernel"`
	Arch        string `json:"arch"`
	Go          string `json:"go"`

	Doctor   doctor.Counts    `json:"doctor"`
	Findings []doctor.Finding `json:"findings"` // bad ones and warnings
}

// Pages is what the kernel gave, as each process saw it.
type Pages struct {
	Writer  hugepages.Report   `json:"writer"`
	Readers []hugepages.Report `json:"readers"`
}

// Placement says where the hot threads ran.
type Placement struct {
	Pinned  bool   `json:"pinned"`
	Writer  *int   `json:"writer_cpu"`
	Readers []int  `json:"reader_cpus"`
	Shared  bool   `json:"shared"` // some of them shared a CPU
	Note    string `json:"note"`
}

// Ring is the ring that was measured.
type Ring struct {
	Slots        uint64 `json:"slots"`
	SlotBytes    int    `json:"slot_bytes"`
	RecordBytes  int    `json:"record_bytes"`
	SegmentBytes uint64 `json:"segment_bytes"`
	Wait         string `json:"wait"`
}

// Rounds is what the limit said about the rounds of a run.
type Rounds struct {
	Rounds  int `json:"rounds"`
	Planned int `json:"planned"` // more than there are: time was up
	Near    int `json:"near"`    // 0 of near and of far: the distance never changed
	Far     int `json:"far"`
	LeftOut int `json:"left_out"` // the distance changed within the round, or another program had a CPU

	Disturbed int `json:"disturbed"` // another program had a CPU; not left out if that was so in most rounds
}

// Goal is what the ring is judged by: a ratio of times within each round, its median and its 10th and 90th percentile.
type Goal struct {
	What     string  `json:"what"`
	Against  string  `json:"against"`
	Distance string  `json:"distance"`
	Ratio    float64 `json:"ratio"`
	Low      float64 `json:"ratio_low"`
	High     float64 `json:"ratio_high"`
	Rounds   int     `json:"rounds"`
}

// Hiccup is how long a loop on a CPU was held up that only reads the clock.
type Hiccup struct {
	P999Ns      float64 `json:"p999_ns"`
	MaxNs       float64 `json:"max_ns"`
	Stalls      uint64  `json:"stalls"` // longer than a microsecond
	LostPercent float64 `json:"lost_percent"`
}

// Names of cases and transports that are shown in a way of their own. Others are shown as well.
const (
	CaseLatency    = "latency"
	CaseLoad       = "load"
	CaseWait       = "wait"
	CaseFanout     = "fanout"
	CaseThroughput = "throughput"
	CaseLossless   = "lossless"
	CaseWriterCost = "writer-cost"
	CasePublish    = "publish-alone"
	CasePoll       = "poll-present"

	Tickring = "tickring"
	CPP      = "c++"   // the C++ client at both ends
	Limit    = "limit" // two bare loops handing a cache line over: what no transport can beat
)

// Result is a row: one transport in one setting of one case.
type Result struct {
	Case        string   `json:"case"`
	Transport   string   `json:"transport"`
	Process     string   `json:"process"` // "separate" or "in-process"
	RecordBytes int      `json:"record_bytes"`
	RateHz      *float64 `json:"rate_hz"` // nil: as fast as possible, or not steady
	Batch       int      `json:"batch"`
	Readers     int      `json:"readers"`
	Wait        string   `json:"wait"`
	Published   uint64   `json:"published"`
	Count       uint64   `json:"count"`  // received by all readers together
	Missed      uint64   `json:"missed"` // by all readers together
	Torn        uint64   `json:"torn"`   // received half old, half new, from a transport that cannot tell
	Quantiles
	MrecPerS float64 `json:"mrec_per_s"` // million records per second, published

	RatioToLimit *float64 `json:"ratio_to_limit"` // of times: 2 is twice as slow as the limit
	RatioLow     *float64 `json:"ratio_low"`
	RatioHigh    *float64 `json:"ratio_high"`
	RatioToCPP   *float64 `json:"ratio_to_cpp"`
	RatioCPPLow  *float64 `json:"ratio_to_cpp_low"`
	RatioCPPHigh *float64 `json:"ratio_to_cpp_high"`

	Distance      string `json:"distance"` // "near", "far" or empty
	Rounds        int    `json:"rounds"`
	RoundsLeftOut int    `json:"rounds_left_out"`
	Cost          *Cost  `json:"cost_ns"`
	Negative      uint64 `json:"negative"`
	Clamped       uint64 `json:"clamped"`
	Incomplete    bool   `json:"incomplete"` // the writer could not keep the rate
	Writer        Stay   `json:"writer"`
	PerReader     []Stay `json:"per_reader"`

	SentLate  *Quantiles `json:"sent_late"` // of when each record was sent after it was due: part of the latency
	Note      string     `json:"note"`
	Histogram string     `json:"histogram"` // HdrHistogram V2, compressed, base64; ns
	PerRound  []Round    `json:"per_round"`
}

// Stay is what befell a hot loop.
type Stay struct {
	Moved bool `json:"moved"` // to another thread, off the CPU that it was pinned to
}

// Moved reports whether a loop did not stay where it was pinned.
func (r *Result) Moved() bool {
	return r.Writer.Moved || slices.ContainsFunc(r.PerReader, func(s Stay) bool { return s.Moved })
}

// Quantiles are in ns; nil where there were too few samples.
type Quantiles struct {
	MinNs   *float64 `json:"min_ns"`
	P50Ns   *float64 `json:"p50_ns"`
	P90Ns   *float64 `json:"p90_ns"`
	P99Ns   *float64 `json:"p99_ns"`
	P999Ns  *float64 `json:"p999_ns"`
	P9999Ns *float64 `json:"p9999_ns"`
	MaxNs   *float64 `json:"max_ns"`
}

// Cost is what a call costs, in ns a record: of publish, or where polls were timed, of poll.
type Cost struct {
	P50  *float64 `json:"p50"`
	P90  *float64 `json:"p90"`
	P99  *float64 `json:"p99"`
	Max  *float64 `json:"max"`
	Mean *float64 `json:"mean_ns"`
}

// Round is what one of the alternating rounds of a row came to.
type Round struct {
	Ratio      *float64 `json:"ratio"`        // to the limit in the same round
	RatioToCPP *float64 `json:"ratio_to_cpp"` // to the C++ client in the same round
	P50Ns      *float64 `json:"p50_ns"`
	CostNs     *float64 `json:"cost_ns"`    // nil: no calls were timed
	MrecPerS   *float64 `json:"mrec_per_s"` // 0 as well as nil: not what was measured
	Distance   string   `json:"distance"`
	LeftOut    bool     `json:"left_out"` // the distance changed within the round
}

// Missing reports whether the row only says why its transport was not measured.
func (r *Result) Missing() bool { return r.Published == 0 && r.Count == 0 && r.Note != "" }

// Alone reports whether the row is about calls by themselves, with nothing to be received meanwhile.
func (r *Result) Alone() bool { return r.Case == CasePublish || r.Case == CasePoll }

// Speed reports whether the row is about how much was published, not how long records took.
func (r *Result) Speed() bool {
	timed := r.RateHz != nil || r.P50Ns != nil || r.Histogram != "" || r.Cost != nil
	return r.MrecPerS > 0 && (r.Case == CaseThroughput || !timed)
}

// Kept are the rounds that count: not left out, and of the row's distance.
func (r *Result) Kept() []Round {
	var kept []Round
	for _, one := range r.PerRound {
		if !one.LeftOut && (r.Distance == "" || one.Distance == "" || one.Distance == r.Distance) {
			kept = append(kept, one)
		}
	}
	return kept
}
