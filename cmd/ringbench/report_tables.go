package main

import (
	"fmt"
	"strings"

	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/cmd/ringbench/rounds"
	"github.com/tickring/tickring/cmd/ringbench/transport"
)

// headings of the cases.
var headings = map[string]string{
	caseLatency:       "from when a record was due until a reader had it; a record sent late counts as late",
	caseFeed:          "latency of a recording's trades, each due when it was traded",
	caseLoad:          "latency against load",
	caseBurst:         "latency of records that are due many at once; the last of a burst waits for all before it",
	caseLowRate:       "latency of rare records, through cold caches",
	caseWait:          "latency by what the reader does while nothing is new",
	caseWakeup:        "from when a record was due until a reader that had slept in the kernel had it",
	caseFanout:        "with several readers",
	caseSlowReader:    "with a reader that takes 1 µs for each record",
	caseStoppedReader: "with a reader that is stopped (SIGSTOP) in the midst of it",
	caseThroughput:    "as fast as the writer can, whether or not readers keep up",
	caseLossless:      "as fast as the reader takes it: the writer waits, and nothing may be lost",
	caseWriterCost:    "ns a record, of publishing as fast as possible",
	casePublish:       "ns a record, of publishing into a ring in the cache while nobody reads; read back and compared afterwards",
	casePoll:          "ns a record, of polling records that are there, in the cache; every one must come",
}

// results are tables, one for each case and kind of figures.
func (t *text) results(results []result) {
	for len(results) > 0 {
		n := 1
		for n < len(results) && results[n].Case == results[0].Case && results[n].kind() == results[0].kind() {
			n++
		}
		table := results[:n]
		results = results[n:]
		t.section("%s  %s", strings.ToUpper(table[0].Case), headings[table[0].Case])
		switch table[0].kind() {
		case kindCost:
			t.costs(table)
		case kindFull:
			t.throughput(table)
		default:
			t.latencies(table)
		}
	}
}

// Kinds of figures.
type kind int

const (
	kindLatency kind = iota
	kindFull
	kindCost
)

func (r *result) kind() kind {
	switch {
	case r.alone() || r.Case == caseWriterCost || r.Case == caseSlowReader || r.Case == caseStoppedReader:
		return kindCost
	case r.RateHz == nil && (r.Case == caseThroughput || r.Case == caseLossless || r.Case == caseFanout):
		return kindFull
	}
	return kindLatency
}

// alone tells whether the ends took turns.
func (r *result) alone() bool { return r.Case == casePublish || r.Case == casePoll }

// rowName tells a row from the others of its table.
func (r *result) rowName(table []result) string {
	name := r.Transport
	differ := func(of func(*result) string) {
		for i := range table {
			if of(&table[i]) != of(r) {
				name = strings.TrimSpace(name + " " + of(r))
				return
			}
		}
	}
	differ(func(r *result) string {
		if r.RateHz == nil {
			return ""
		}
		return rateText(*r.RateHz)
	})
	differ(func(r *result) string {
		if r.Batch == 1 {
			return "×1"
		}
		return fmt.Sprintf("×%d", r.Batch)
	})
	differ(func(r *result) string { return r.Wait })
	differ(func(r *result) string { return plural(r.Readers, "reader") })
	differ(func(r *result) string { return r.Distance })
	return name
}

// rateText writes a rate as the flag takes it.
func rateText(hz float64) string {
	switch {
	case hz >= 1e6:
		return fmt.Sprintf("%gM/s", hz/1e6)
	case hz >= 1e3:
		return fmt.Sprintf("%gk/s", hz/1e3)
	}
	return fmt.Sprintf("%g/s", hz)
}

func (t *text) latencies(table []result) {
	t.row("", "min", "p50", "p90", "p99", "p99.9", "p99.99", "max", "× limit", "(10–90 %)", "× c++")
	for i := range table {
		r := &table[i]
		name := r.rowName(table)
		if r.times == nil {
			t.row(name, "– "+orUnknown(r.Note))
			continue
		}
		t.row(name, append(texts(r.Quantiles), ratioTexts(r)...)...)
		if len(r.PerReader) > 1 {
			for k, one := range r.PerReader {
				t.row(fmt.Sprintf("  reader %d", k+1), texts(one.Quantiles)...)
			}
		}
		if r.Transport == transportRing && r.SentLate != nil {
			t.row("  sent late by", texts(*r.SentLate)...)
			t.row("  shape", fmt.Sprintf("%s |%s| %s  (both scales logarithmic)", duration(r.times.Min()), r.times.Shape(), duration(r.times.Max())))
		}
		t.warnings(r)
	}
	t.accounts(table)
}

// ratioTexts are the ratios' cells.
func ratioTexts(r *result) []string {
	cells := []string{"", "", ""}
	if r.RatioToLimit != nil {
		cells[0] = fmt.Sprintf("%.2f", *r.RatioToLimit)
		cells[1] = fmt.Sprintf("%.2f–%.2f", *r.RatioLow, *r.RatioHigh)
	}
	if r.RatioToCpp != nil {
		cells[2] = fmt.Sprintf("%.2f", *r.RatioToCpp)
	}
	return cells
}

// accounts says how many records the figures are of.
func (t *text) accounts(table []result) {
	var published, received, missed, torn uint64
	for i := range table {
		r := &table[i]
		published, received, missed, torn = published+r.Published, received+r.Count, missed+r.Missed, torn+r.Torn
	}
	line := fmt.Sprintf("%s records sent, %s received, %s missed", count(published), count(received), count(missed))
	if torn == 0 {
		line += ", none torn or wrong"
	} else {
		line += fmt.Sprintf(", %s TORN", count(torn))
	}
	t.row(line)
}

// warnings tell what makes the latencies worth less than they seem.
func (t *text) warnings(r *result) {
	warn := func(format string, a ...any) { t.row("  !! " + fmt.Sprintf(format, a...)) }
	if r.Missed > 0 {
		warn("%s RECORDS MISSED: the longest latencies are not among these", count(r.Missed))
	}
	if r.Torn > 0 {
		warn("%s RECORDS TORN: half old, half new", count(r.Torn))
	}
	if r.Incomplete {
		warn("THE WRITER COULD NOT KEEP THE RATE, it came to %.3f M/s: the latencies are those of a growing queue", r.MrecPerS)
	}
	if r.Negative > 0 {
		warn("%s LATENCIES BELOW ZERO, counted as 0: the CPUs' clocks disagree by %s at least", count(r.Negative), duration(-*r.MinNs))
	}
	moved := r.Writer.Moved
	for _, one := range r.PerReader {
		moved = moved || one.Moved
	}
	if moved {
		warn("a loop was moved by the Go runtime to another thread, off the CPU that it was pinned to")
	}
	if r.Clamped > 0 {
		warn("%s latencies of more than %s, counted as that", count(r.Clamped), duration(hist.Highest))
	}
	if r.Note != "" {
		warn("%s", r.Note)
	}
}

func (t *text) throughput(table []result) {
	t.row("", "published", "received", "missed", "", "c++'s time ×")
	for i := range table {
		r := &table[i]
		name := r.rowName(table)
		if r.Rounds == 0 {
			t.row(name, "– "+orUnknown(r.Note))
			continue
		}
		for k, one := range r.PerReader {
			published, ratio := fmt.Sprintf("%.2f M/s", r.MrecPerS), ""
			if r.RatioToCpp != nil {
				ratio = fmt.Sprintf("%.2f", *r.RatioToCpp)
			}
			if k > 0 {
				name, published, ratio = fmt.Sprintf("  reader %d", k+1), "", ""
			}
			share := 100 * float64(one.Missed) / float64(max(1, one.Received+one.Missed))
			t.row(name, published, fmt.Sprintf("%.2f M/s", one.MrecPerS), fmt.Sprintf("%.1f %%", share), "", ratio)
		}
		if r.Note != "" {
			t.row("  !! " + r.Note)
		}
	}
	t.accounts(table)
}

func (t *text) costs(table []result) {
	clock, group := 0.0, 0
	missedHead := "missed by reader 1"
	if table[0].alone() {
		missedHead = ""
	}
	t.row("", "mean", "p50", "p90", "p99", "max", "× c++", "(10–90 %)", missedHead)
	for i := range table {
		r := &table[i]
		if r.CostNs == nil {
			t.row(r.rowName(table), "– "+orUnknown(r.Note))
			continue
		}
		clock, group = r.CostNs.ClockNs, max(group, r.CostNs.Records)
		c, cells := r.CostNs, []string{fmt.Sprintf("%.2f ns", r.CostNs.Mean)}
		for _, v := range []*float64{c.P50, c.P90, c.P99, c.Max} {
			if v == nil {
				cells = append(cells, tooFew)
			} else {
				cells = append(cells, costText(*v))
			}
		}
		name := fmt.Sprintf("%s ×%d", r.Transport, r.Batch)
		if !r.alone() {
			name += ", " + plural(r.Readers, "reader")
		}
		if r.Distance != rounds.One {
			name += " " + r.Distance
		}
		missed := ""
		if len(r.PerReader) > 0 && !r.alone() {
			one := r.PerReader[0]
			missed = fmt.Sprintf("%.1f %%", 100*float64(one.Missed)/float64(max(1, one.Received+one.Missed)))
		}
		between := ""
		if r.RatioToCpp != nil {
			between = fmt.Sprintf("%.2f–%.2f", *r.RatioToCppLow, *r.RatioToCppHigh)
		}
		t.row(name, append(cells, ratioTexts(r)[2], between, missed)...)
	}
	switch {
	case table[0].alone():
		t.row(fmt.Sprintf("timed %d records at a time (batches: %d), with one reading of the clock in each, %.1f ns; mean: of the middle half",
			group, group/minBatch*minBatch, clock))
	default:
		t.row(fmt.Sprintf("timed in groups of %d calls (or one batch), each with one reading of the clock in it, %.1f ns: nothing is subtracted",
			transport.CostGroup, clock))
	}
}

// costText writes a cost, which can be less than a nanosecond.
func costText(ns float64) string {
	if ns < 1000 {
		return fmt.Sprintf("%.2f ns", ns)
	}
	return duration(int64(ns))
}

const tooFew = "too few"

// texts are the cells of a table.
func texts(q hist.Quantiles) []string {
	var cells []string
	for _, ns := range q.All() {
		if ns == nil {
			cells = append(cells, tooFew)
		} else {
			cells = append(cells, duration(*ns))
		}
	}
	return cells
}
