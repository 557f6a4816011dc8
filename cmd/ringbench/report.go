package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/clock"
)

// report is all that a run found out. Its JSON form is the output of --json.
type report struct {
	Host        host           `json:"host"`
	Clock       clock.Clock    `json:"clock"`
	Compiler    string         `json:"compiler"` // of the C++ client; empty if there is none, or none was needed
	Pages       pagesReport    `json:"pages"`
	Placement   placement      `json:"placement"`
	Ring        ringReport     `json:"ring"`
	Records     string         `json:"records"` // where they came from
	Rounds      roundsReport   `json:"rounds"`
	Hiccups     []hiccupReport `json:"hiccups"` // of the writer's CPU, then each reader's
	Goals       []goal         `json:"goals"`
	Results     []result       `json:"results"`
	TookSeconds float64        `json:"took_seconds"`
}

// pagesReport is what the kernel gave, as each process sees it.
type pagesReport struct {
	Writer  hugepages.Report   `json:"writer"`
	Readers []hugepages.Report `json:"readers"`
}

type ringReport struct {
	Slots        uint64 `json:"slots"`
	SlotBytes    int    `json:"slot_bytes"`
	RecordBytes  int    `json:"record_bytes"`
	SegmentBytes uint64 `json:"segment_bytes"`
	Wait         string `json:"wait"`
}

// roundsReport is what the limit said about the rounds.
type roundsReport struct {
	Rounds  int `json:"rounds"`
	Planned int `json:"planned"` // more than there are: the machine was so busy that the run would have taken too long
	Near    int `json:"near"`    // 0 of near and of far: the distance never changed
	Far     int `json:"far"`
	LeftOut int `json:"left_out"` // the distance changed within the round, or another program had a CPU

	Disturbed int `json:"disturbed"` // another program had a CPU; not left out if that was so in most rounds
}

type hiccupReport struct {
	P999Ns      int64   `json:"p999_ns"` // of the times between two readings of the clock
	MaxNs       int64   `json:"max_ns"`
	Stalls      int64   `json:"stalls"` // longer than a microsecond
	LostPercent float64 `json:"lost_percent"`
}

func (h *hiccups) report() hiccupReport {
	p999, _ := h.Gaps.Percentile(99.9, h.Gaps.Count())
	return hiccupReport{P999Ns: p999, MaxNs: h.Gaps.Max(), Stalls: h.Stalls, LostPercent: 100 * h.lost()}
}

// result is what came of a case, over one transport, in the rounds of one distance. Times are of latency only; null in
// the others.
type result struct {
	Case        string   `json:"case"`
	Transport   string   `json:"transport"`
	Process     string   `json:"process"` // of the two ends: "separate" or "in-process"
	RecordBytes int      `json:"record_bytes"`
	RateHz      *float64 `json:"rate_hz"` // asked for; null: as fast as possible, or not steady
	Batch       int      `json:"batch"`   // records that are sent at once
	Readers     int      `json:"readers"`
	Wait        string   `json:"wait"`      // what the readers do while nothing is new
	Published   uint64   `json:"published"` // latency: after the warm-up, as all that follows
	Count       uint64   `json:"count"`     // received by all readers together
	Missed      uint64   `json:"missed"`    // by all readers together, as the transport told them
	Torn        uint64   `json:"torn"`      // received half old, half new, from a transport that cannot tell
	hist.Quantiles
	MrecPerS float64 `json:"mrec_per_s"` // published

	RatioToLimit   *float64 `json:"ratio_to_limit"` // of trimmed means of the latencies of a round: the median …
	RatioLow       *float64 `json:"ratio_low"`      // … the 10th …
	RatioHigh      *float64 `json:"ratio_high"`     // … and the 90th percentile over the rounds
	RatioToCpp     *float64 `json:"ratio_to_cpp"`   // of the latencies, or of the times that a record takes the writer
	RatioToCppLow  *float64 `json:"ratio_to_cpp_low"`
	RatioToCppHigh *float64 `json:"ratio_to_cpp_high"`

	Distance      string          `json:"distance"` // "near", "far", or "" where it never changed
	Rounds        int             `json:"rounds"`   // of this distance
	RoundsLeftOut int             `json:"rounds_left_out"`
	CostNs        *costs          `json:"cost_ns,omitempty"`   // of a record, at the writer
	Negative      uint64          `json:"negative"`            // times below zero: clocks that disagree; counted as 0
	Clamped       uint64          `json:"clamped"`             // times too long for the histogram; counted as 100 s
	Incomplete    bool            `json:"incomplete"`          // in most rounds the writer could not keep the rate
	Note          string          `json:"note,omitempty"`      // why there is nothing, or what to know of it
	Writer        stay            `json:"writer"`              //
	SentLate      *hist.Quantiles `json:"sent_late,omitempty"` // how long after it was due each record was sent; part of the latency
	PerReader     []readerResult  `json:"per_reader"`
	Histogram     string          `json:"histogram,omitempty"` // of the latency in ns: HdrHistogram V2, compressed, base64
	PerRound      []roundResult   `json:"per_round"`

	place int // of the case among the others
	times *hist.Times
}

// costs are of one record. Each is measured over a group of calls, and contains its part of one reading of the clock.
type costs struct {
	P50     *float64 `json:"p50"`
	P90     *float64 `json:"p90"`
	P99     *float64 `json:"p99"`
	Max     *float64 `json:"max"`
	Mean    float64  `json:"mean_ns"`           // of the whole loop, clock readings included
	Records int      `json:"records_per_group"` // what was timed at once
	ClockNs float64  `json:"clock_ns"`          // one reading of the clock: its part of a group's time is in the figures
}

type readerResult struct {
	Received uint64  `json:"received"`
	Missed   uint64  `json:"missed"`
	MrecPerS float64 `json:"mrec_per_s"` // received
	stay
	hist.Quantiles
}

type roundResult struct {
	Ratio      *float64 `json:"ratio"` // to the limit
	RatioToCpp *float64 `json:"ratio_to_cpp"`
	P50Ns      *int64   `json:"p50_ns"`
	CostNs     *float64 `json:"cost_ns"` // of a record; null where calls were not timed
	MrecPerS   float64  `json:"mrec_per_s"`
	Distance   string   `json:"distance"`
	LeftOut    bool     `json:"left_out"`
}

// writeJSON writes the report as one object.
func writeJSON(w io.Writer, r *report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
