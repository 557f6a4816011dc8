package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/clock"
)

// report is all that a run found out. Its JSON form is the output of --json.
type report struct {
	Host        host           `json:"host"`
	Clock       clock.Clock    `json:"clock"`
	Pages       pagesReport    `json:"pages"`
	Placement   placement      `json:"placement"`
	Ring        ringReport     `json:"ring"`
	Records     string         `json:"records"` // where they came from
	Hiccups     []hiccupReport `json:"hiccups"` // of the writer's CPU, then each reader's
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

type hiccupReport struct {
	P999Ns      int64   `json:"p999_ns"` // of the times between two readings of the clock
	MaxNs       int64   `json:"max_ns"`
	Stalls      int64   `json:"stalls"` // longer than a microsecond
	LostPercent float64 `json:"lost_percent"`
}

func (h *hiccups) report() hiccupReport {
	p999, _ := h.Gaps.percentile(99.9, h.Gaps.count())
	return hiccupReport{P999Ns: p999, MaxNs: h.Gaps.max, Stalls: h.Stalls, LostPercent: 100 * h.lost()}
}

// quantiles of times in ns; null where too few samples lie beyond.
type quantiles struct {
	MinNs   *int64 `json:"min_ns"`
	P50Ns   *int64 `json:"p50_ns"`
	P90Ns   *int64 `json:"p90_ns"`
	P99Ns   *int64 `json:"p99_ns"`
	P999Ns  *int64 `json:"p999_ns"`
	P9999Ns *int64 `json:"p9999_ns"`
	MaxNs   *int64 `json:"max_ns"`
}

// quantiles of t, whose samples tell of n events.
func (t *times) quantiles(n int64) (q quantiles) {
	if t.count() == 0 {
		return q
	}
	q.MinNs, q.MaxNs = &t.min, &t.max
	for _, p := range []struct {
		percent float64
		to      **int64
	}{{50, &q.P50Ns}, {90, &q.P90Ns}, {99, &q.P99Ns}, {99.9, &q.P999Ns}, {99.99, &q.P9999Ns}} {
		if ns, ok := t.percentile(p.percent, n); ok {
			*p.to = &ns
		}
	}
	return q
}

// result is what came of a case. Times are of latency only; null in the others.
type result struct {
	Case        string   `json:"case"`
	Transport   string   `json:"transport"`
	Process     string   `json:"process"`
	RecordBytes int      `json:"record_bytes"`
	RateHz      *float64 `json:"rate_hz"` // asked for; null: as fast as possible
	Batch       int      `json:"batch"`   // records per publish and, at most, per poll
	Readers     int      `json:"readers"`
	Published   uint64   `json:"published"` // latency: after the warm-up, as all that follows
	Count       uint64   `json:"count"`     // received by all readers together
	Missed      uint64   `json:"missed"`    // by all readers together, as the ring told them
	quantiles
	Negative   uint64         `json:"negative"`   // times below zero: clocks that disagree; counted as 0
	Clamped    uint64         `json:"clamped"`    // times too long for the histogram; counted as 100 s
	MrecPerS   float64        `json:"mrec_per_s"` // published
	Writer     stay           `json:"writer"`
	SentLate   *quantiles     `json:"sent_late,omitempty"` // how long after it was due each record was sent; part of the latency
	Incomplete bool           `json:"incomplete"`          // the writer could not keep the rate and was stopped
	PerReader  []readerResult `json:"per_reader"`
	Histogram  string         `json:"histogram,omitempty"` // of the latency in ns: HdrHistogram V2, compressed, base64

	title string
	times *times
}

type readerResult struct {
	Received uint64  `json:"received"`
	Missed   uint64  `json:"missed"`
	MrecPerS float64 `json:"mrec_per_s"` // received
	stay
	quantiles
}

// result sums up what came of c.
func (p played) result(c benchCase, recordBytes int) (result, error) {
	res := result{
		Case: c.name, Transport: "tickring", Process: "separate", RecordBytes: recordBytes, Batch: c.batch,
		Readers: len(p.readers), Published: p.published, Writer: p.writer, title: c.title,
	}
	if p.elapsedNs > 0 {
		res.MrecPerS = 1e3 * float64(p.published) / float64(p.elapsedNs)
	}
	for _, f := range p.readers {
		one := readerResult{Received: f.Received, Missed: f.Missed, stay: f.stay}
		if c.latency {
			one.Received, one.Missed = uint64(f.Latency.count()), f.Missed-f.MissedWarmup
			one.quantiles = f.Latency.quantiles(f.Latency.count())
		}
		if f.ElapsedNs > 0 {
			one.MrecPerS = 1e3 * float64(f.Received) / float64(f.ElapsedNs)
		}
		res.Count += one.Received
		res.Missed += one.Missed
		res.PerReader = append(res.PerReader, one)
	}
	if !c.latency {
		return res, nil
	}

	rate := float64(c.rate)
	res.RateHz, res.Incomplete = &rate, p.published < c.total
	res.Published -= min(c.warmup, p.published)
	res.times = newTimes()
	for _, f := range p.readers {
		res.times.add(f.Latency)
	}
	// A record that was late was late for all readers: it is one event, however many saw it.
	res.quantiles = res.times.quantiles(res.times.count() / int64(len(p.readers)))
	res.Negative, res.Clamped = res.times.negative, res.times.clamped
	late := c.sentLate.quantiles(c.sentLate.count())
	res.SentLate = &late
	encoded, err := res.times.encode()
	res.Histogram = encoded
	return res, err
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
