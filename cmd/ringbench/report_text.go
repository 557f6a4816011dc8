package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/tickring/tickring/hugepages"
)

// writeText writes the report for people.
func writeText(w io.Writer, r *report) error {
	t := &text{}
	t.conditions(r)
	t.roundsAndHiccups(r)
	t.results(r.Results)
	t.goals(r.Goals)
	t.section("took %.1f s", r.TookSeconds)
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// text is a report under way: headings, and lines beside them.
type text struct{ strings.Builder }

const headingWidth = 15

const nameWidth = 26 // of rows

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
func (t *text) row(heading string, cells ...string) {
	var line strings.Builder
	fmt.Fprintf(&line, "%-*s", nameWidth, heading)
	for _, c := range cells {
		line.WriteString(strings.Repeat(" ", max(1, cellWidth-utf8.RuneCountInString(c))) + c)
	}
	t.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

const cellWidth = 10

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
	if r.Compiler != "" {
		t.entry("C++", "compiled by %s -O2", r.Compiler)
	}
	t.pages(r.Pages)
	t.placement(r.Placement, h.Virtualised)
	if r.Ring.Slots == 0 {
		return
	}
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
		if p.Note != "" {
			t.entry("", "%s", p.Note)
		}
	} else {
		t.entry("placement", "%s", p.Note)
	}
	if virtualised != "no" && virtualised != "unknown" {
		// Measured on one such machine of two CPUs, minutes apart: a p50 of 130 ns and of 320 ns.
		t.entry("", "of a virtual machine: how near to each other its CPUs really are, the host decides, and changes")
	}
	if p.Shared {
		t.entry("", "!! MORE READERS THAN CPUs: in the rows that say so, one waits while another spins, and latencies show the kernel's scheduling")
	}
}

// roundsAndHiccups is how good the machine was meanwhile.
func (t *text) roundsAndHiccups(r *report) {
	line := fmt.Sprintf("%d, in each of them everything, in changing order; ", r.Rounds.Rounds)
	if r.Rounds.Planned > r.Rounds.Rounds {
		line = fmt.Sprintf("%d of %d, because time was up (--duration for more), in each of them everything, in changing order; ", r.Rounds.Rounds, r.Rounds.Planned)
	}
	if r.Rounds.Near+r.Rounds.Far == 0 {
		line += "the CPUs' distance did not change, as far as that could be told"
	} else {
		line += fmt.Sprintf("%d with the CPUs near each other, %d far", r.Rounds.Near, r.Rounds.Far)
	}
	if r.Rounds.LeftOut > 0 {
		line += fmt.Sprintf("; %d left out, because that changed meanwhile or another program had a CPU", r.Rounds.LeftOut)
	}
	t.entry("rounds", "%s", line)
	if d := r.Rounds.Disturbed; 2*d > r.Rounds.Rounds {
		t.entry("", "!! IN %d OF THEM ANOTHER PROGRAM HAD ONE OF THE CPUS, too many to leave out: run it on an idle machine", d)
	}
	for i, h := range r.Hiccups {
		name := "the writer's CPU"
		if i > 0 {
			name = fmt.Sprintf("reader %d's", i)
		}
		heading := ""
		if i == 0 {
			heading = "hiccups"
		}
		t.entry(heading, "%-16s held up a loop that only reads the clock for up to %s, p99.9 %s; %d times over 1 µs; %.3f %% lost",
			name, duration(h.MaxNs), duration(h.P999Ns), h.Stalls, h.LostPercent)
	}
	t.entry("", "No tail below can be better than that.")
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

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
