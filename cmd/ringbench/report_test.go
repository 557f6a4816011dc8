package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tickring/tickring/cmd/ringbench/hist"
)

func TestNumbersForPeople(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0 ns", 7: "7 ns", 999: "999 ns", 1000: "1.00 µs", 9_994: "9.99 µs", 9_996: "10.0 µs", 99_960: "100 µs",
		123_456: "123 µs", 1_500_000: "1.50 ms", 100e9: "100 s", -250: "-250 ns", -1500: "-1.50 µs",
	} {
		assert.Equal(t, want, duration(ns))
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", math.MaxUint64: "18,446,744,073,709,551,615"} {
		assert.Equal(t, want, count(n))
	}
	assert.Equal(t, "2,500", number(2500))
	assert.Equal(t, "1.50", number(1.5))
	for n, want := range map[uint64]string{0: "0 bytes", 4096: "4 KiB", 2 << 20: "2.0 MiB", 2101248: "2.0 MiB"} {
		assert.Equal(t, want, size(n))
	}
}

// What takes from the worth of the figures stands beside them.
func TestWarnings(t *testing.T) {
	minus := int64(-12)
	res := result{
		Missed: 1234, Torn: 5, Incomplete: true, MrecPerS: 7.5, Negative: 3, Clamped: 2, Note: "odd",
		PerReader: []readerResult{{stay: stay{Moved: true}}},
	}
	res.MinNs = &minus
	var loud text
	loud.warnings(&res)
	for _, part := range []string{
		"1,234 RECORDS MISSED", "5 RECORDS TORN", "COULD NOT KEEP THE RATE", "3 LATENCIES BELOW ZERO", "12 ns at least",
		"2 latencies of more than 100 s", "moved by the Go runtime", "odd",
	} {
		assert.Contains(t, loud.String(), part)
	}
	var quiet text
	quiet.warnings(&result{PerReader: []readerResult{{}}})
	assert.Empty(t, quiet.String())
}

// So does what befell the rounds.
func TestRoundsThatWereDisturbed(t *testing.T) {
	var loud, quiet text
	loud.roundsAndHiccups(&report{Rounds: roundsReport{Rounds: 5, Planned: 15, LeftOut: 1, Disturbed: 3}})
	for _, part := range []string{"5 of 15, because time was up", "1 left out", "IN 3 OF THEM ANOTHER PROGRAM", "as far as that could be told"} {
		assert.Contains(t, loud.String(), part)
	}
	quiet.roundsAndHiccups(&report{Rounds: roundsReport{Rounds: 15, Planned: 15, Near: 9, Far: 5, LeftOut: 1, Disturbed: 1}})
	assert.Contains(t, quiet.String(), "9 with the CPUs near each other, 5 far")
	assert.NotContains(t, quiet.String(), "!!")
	assert.NotContains(t, quiet.String(), "time was up")
}

// A row is named by what tells it from the others of its table.
func TestRowNames(t *testing.T) {
	rate := func(hz float64) *float64 { return &hz }
	table := []result{
		{Transport: "tickring", RateHz: rate(1e6), Batch: 1, Readers: 1, Wait: "spin"},
		{Transport: "tickring", RateHz: rate(2.5e4), Batch: 1, Readers: 2, Wait: "spin", Distance: "far"},
	}
	assert.Equal(t, "tickring 1M/s 1 reader", table[0].rowName(table))
	assert.Equal(t, "tickring 25k/s 2 readers far", table[1].rowName(table))
	assert.Equal(t, "tickring", table[0].rowName(table[:1]))
}

// No percentile is printed that too few samples lie beyond, and 4 KiB pages are not called huge.
func TestTextIsHonest(t *testing.T) {
	h := hist.New()
	for range 50 {
		h.Record(100)
	}
	r := report{Results: []result{{Case: caseLatency, Transport: transportRing, Readers: 1, PerReader: []readerResult{{}}, times: h}}}
	r.Results[0].Quantiles = h.Quantiles(50)
	r.Pages.Writer.PageBytes = 4096
	r.Pages.Writer.Backing = "tmpfs"
	r.Ring.Slots = 2
	var out strings.Builder
	assert.NoError(t, writeText(&out, &r))
	assert.Contains(t, out.String(), "4 KiB pages (tmpfs), 0 bytes on huge ones")
	assert.Equal(t, 4, strings.Count(out.String(), tooFew), "p90 and above")
}
