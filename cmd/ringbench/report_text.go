package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/tickring/tickring/hugepages"
)

// writeText writes the report for people.
func writeText(w io.Writer, r *report) error {
	t := &text{}
	t.conditions(r)
	throughput := r.Results
	if r.Results[0].times != nil {
		t.latency(r.Results[0], r.Hiccups)
		throughput = r.Results[1:]
	} else {
		t.section("LATENCY: not measured. At --rate max records only wait for one another: give a rate")
	}
	t.throughput(throughput)
	t.section("took %.1f s", r.TookSeconds)
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// text is a report under way: headings, and lines beside them.
type text struct{ strings.Builder }

const headingWidth = 15

// entry writes lines, the first of them beside a heading.
func (t *text) entry(heading, format string, a ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, a...)) {
		fmt.Fprintf(t, "%-*s%s\n", headingWidth, heading, strings.TrimSuffix(line, "\n"))
		heading = ""
	}
}

// section begins a part of the report.
func (t *text) section(format string, a ...any) { fmt.Fprintf(t, "\n"+format+"\n", a...) }

// row writes a row of a table.
func (t *text) row(heading string, cells []string) {
	fmt.Fprintf(t, "%-*s", headingWidth, heading)
	for _, c := range cells {
		fmt.Fprintf(t, "%11s", c)
	}
	t.WriteByte('\n')
}

// conditions is what the figures depend on.
func (t *text) conditions(r *report) {
	h := r.Host
	smt := "no SMT"
	if h.SMT {
		smt = "SMT"
	}
	t.entry("host", "%s, %s, %s, %s; virtualised: %s\nLinux %s, %s, %s; frequency governor: %s; isolated CPUs: %s; load before: %s",
		h.CPU, plural(h.CPUs, "CPU"), plural(h.Cores, "core"), smt, h.Virtualised,
		h.Kernel, h.Arch, h.Go, h.Governor, h.Isolated, h.Load)
	t.entry("doctor", "%s", strings.TrimPrefix(h.short, "host: "))
	t.entry("clock", "%s, %.4f ticks/ns ± %.1f ppm, resolution %s",
		r.Clock.Source, r.Clock.TicksPerNs, r.Clock.ErrorPPM, duration(int64(math.Ceil(r.Clock.ResolutionNs))))
	if r.Clock.Fallback != "" {
		t.entry("", "the cycle counter is not used: %s", r.Clock.Fallback)
	}
	t.pages(r.Pages)
	t.placement(r.Placement, h.Virtualised)
	t.entry("ring", "%s slots of %d bytes for records of %d, %s in all; readers wait: %s; %s", count(r.Ring.Slots),
		r.Ring.SlotBytes, r.Ring.RecordBytes, size(r.Ring.SegmentBytes), r.Ring.Wait, r.Records)
}

// pages tells what smaps says in each process.
func (t *text) pages(p pagesReport) {
	describe := func(r hugepages.Report) string {
		return fmt.Sprintf("%s pages (%s), %s on huge ones", size(uint64(r.PageBytes)), r.Backing, size(r.HugeBytes))
	}
	line := "writer " + describe(p.Writer)
	for i, r := range p.Readers {
		if i == 0 || describe(r) != describe(p.Readers[i-1]) {
			line += fmt.Sprintf("; reader %d %s", i+1, describe(r))
		}
	}
	t.entry("pages", "%s", line)
	if p.Writer.Fallback != "" {
		t.entry("", "not all huge: %s", strings.ReplaceAll(p.Writer.Fallback, "; ", "\n"))
	}
}

func (t *text) placement(p placement, virtualised string) {
	if p.Pinned {
		t.entry("placement", "writer pinned to CPU %d, readers to %s", *p.Writer, strings.Trim(fmt.Sprint(p.Readers), "[]"))
	} else {
		t.entry("placement", "%s", p.Note)
	}
	if virtualised != "no" && virtualised != "unknown" {
		// Measured on one such machine of two CPUs, minutes apart: a p50 of 130 ns and of 320 ns.
		t.entry("", "of a virtual machine: how near to each other its CPUs really are, the host decides, and changes")
	}
	if p.Shared {
		t.entry("", "!! PROCESSES SHARE CPUs: while one spins another waits, and latencies show the kernel's scheduling")
	}
}

func (t *text) latency(res result, hiccups []hiccupReport) {
	t.section("LATENCY  from when a record was due until a reader had it; a record sent late counts as late")
	t.entry("records", "%s/s: %s published, %s received by %s, %s missed, none torn or wrong", number(*res.RateHz),
		count(res.Published), count(res.Count), plural(res.Readers, "reader"), count(res.Missed))
	t.warnings(res)
	t.row("", []string{"min", "p50", "p90", "p99", "p99.9", "p99.99", "max"})
	t.row("latency", res.quantiles.texts())
	if len(res.PerReader) > 1 {
		for i, one := range res.PerReader {
			t.row(fmt.Sprintf("  reader %d", i+1), one.quantiles.texts())
		}
	}
	t.row("  sent late by", res.SentLate.texts())
	t.entry("shape", "%s", shape(res.times))
	t.row("hiccups", []string{"p99.9", "max", "over 1 µs", "time lost", "preempted"})
	for i, h := range hiccups {
		name, preempted := "writer's CPU", res.Writer.Preempted
		if i > 0 {
			name, preempted = fmt.Sprintf("reader %d's", i), res.PerReader[i-1].Preempted
		}
		t.row(name, []string{duration(h.P999Ns), duration(h.MaxNs), fmt.Sprint(h.Stalls), fmt.Sprintf("%.3f %%", h.LostPercent), orUnknown(counted(preempted))})
	}
	t.entry("", "how long %v of only reading the clock was held up before; and how often in the measurement the\nkernel gave the CPU to another thread. The tail above cannot be better than this machine.", hiccupTime)
}

// warnings tell what makes the latencies worth less than they seem.
func (t *text) warnings(res result) {
	if res.Missed > 0 {
		t.entry("", "!! %s RECORDS MISSED: a reader was lapped, and the longest latencies are not among those below", count(res.Missed))
	}
	if res.Incomplete {
		t.entry("", "!! THE WRITER COULD NOT KEEP THE RATE, it came to %.3f M/s: the latencies are those of a growing queue", res.MrecPerS)
	}
	if res.Negative > 0 {
		t.entry("", "!! %s LATENCIES BELOW ZERO, counted as 0: the CPUs' clocks disagree by %s at least", count(res.Negative), duration(-*res.MinNs))
	}
	moved := res.Writer.Moved
	for _, one := range res.PerReader {
		moved = moved || one.Moved
	}
	if moved {
		t.entry("", "!! a loop was moved by the Go runtime to another thread, off the CPU that it was pinned to")
	}
	if res.Clamped > 0 {
		t.entry("", "!! %s latencies of more than %s, counted as that", count(res.Clamped), duration(highest))
	}
}

func (t *text) throughput(results []result) {
	t.section("THROUGHPUT  as fast as the writer can, whether or not readers keep up; none torn or wrong")
	t.row("", []string{"published", "received", "by", "", "missed"})
	for _, res := range results {
		_, heading, _ := strings.Cut(res.title, ", ")
		published := fmt.Sprintf("%.1f M/s", res.MrecPerS)
		for i, one := range res.PerReader {
			t.row(heading, []string{
				published, fmt.Sprintf("%.1f M/s", one.MrecPerS), fmt.Sprintf("reader %d", i+1),
				fmt.Sprintf("%.1f %%", 100*float64(one.Missed)/float64(max(1, one.Received+one.Missed))), " " + count(one.Missed),
			})
			heading, published = "", ""
		}
	}
}

// texts are the cells of a table.
func (q quantiles) texts() []string {
	var cells []string
	for _, ns := range []*int64{q.MinNs, q.P50Ns, q.P90Ns, q.P99Ns, q.P999Ns, q.P9999Ns, q.MaxNs} {
		if ns == nil {
			cells = append(cells, "too few")
		} else {
			cells = append(cells, duration(*ns))
		}
	}
	return cells
}

const shapeWidth = 48

// shape draws how often which latency was, both on logarithmic scales.
func shape(t *times) string {
	if t.count() == 0 {
		return "no samples"
	}
	low, high := math.Log(float64(max(1, t.min))), math.Log(float64(max(2, t.max)))
	var columns [shapeWidth]int64
	most := int64(0)
	for _, bar := range t.histogram.Distribution() {
		at := (math.Log(float64(max(1, bar.From))) - low) / max(high-low, 1e-9)
		column := min(max(0, int(at*shapeWidth)), shapeWidth-1)
		columns[column] += bar.Count
		most = max(most, columns[column])
	}
	var s strings.Builder
	levels := []rune("▁▂▃▄▅▆▇█")
	for _, n := range columns {
		if n == 0 {
			s.WriteByte(' ')
			continue
		}
		level := math.Log1p(float64(n)) / math.Log1p(float64(most)) * float64(len(levels)-1)
		s.WriteRune(levels[int(math.Round(level))])
	}
	return fmt.Sprintf("%s |%s| %s  (both scales logarithmic)", duration(t.min), s.String(), duration(t.max))
}

// duration writes ns with three digits.
func duration(ns int64) string {
	switch v := math.Abs(float64(ns)); {
	case v < 1e3:
		return fmt.Sprintf("%d ns", ns)
	case v < 1e6:
		return digits(float64(ns)/1e3) + " µs"
	case v < 1e9:
		return digits(float64(ns)/1e6) + " ms"
	default:
		return digits(float64(ns)/1e9) + " s"
	}
}

// digits writes v with three digits, all those before the point included.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a < 9.995:
		return fmt.Sprintf("%.2f", v)
	case a < 99.95:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// size writes a number of bytes.
func size(n uint64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// count writes n with commas.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// number writes a rate with commas.
func number(v float64) string {
	whole := count(uint64(v))
	if fraction := v - math.Floor(v); fraction >= 0.005 {
		whole += strings.TrimPrefix(fmt.Sprintf("%.2f", fraction), "0")
	}
	return whole
}

// counted is empty if n is negative: unknown.
func counted(n int64) string {
	if n < 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
