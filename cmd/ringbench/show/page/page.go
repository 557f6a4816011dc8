// Package page writes a report of ringbench as one HTML file that needs nothing else: no network, no script, no font.
package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

//go:embed page.html
var layout string

//go:embed page.css
var css string

var page = template.Must(template.New("page").Parse(layout))

// view is what the template shows.
type view struct {
	CSS        template.CSS
	Subtitle   string
	Tiles      []tile
	Warnings   []string
	Sections   []section
	Missing    []pair
	Conditions []pair
	Findings   table
	Hiccups    table
	Results    []table
}

// tile is a figure that one looks for first.
type tile struct{ Name, Value, Detail string }

// Write writes the page of a report that [show.Read] has checked. Everything that it says in words is escaped.
func Write(to io.Writer, r *show.Report) error {
	v := view{
		CSS:        template.CSS(css), //nolint:gosec // embedded
		Subtitle:   fmt.Sprintf("%s, Linux %s, %s", r.Host.CPU, r.Host.Kernel, r.Host.Arch),
		Tiles:      tiles(r),
		Warnings:   warnings(r),
		Missing:    missing(r),
		Conditions: conditions(r),
		Findings:   findings(r),
		Hiccups:    hiccups(r),
		Results:    results(r),
	}
	for _, build := range []func(*show.Report) (section, error){
		goalSection, ratioSection, percentileSection, loadSection, fanoutSection, throughputSection, costSection, roundSection,
	} {
		s, err := build(r)
		if err != nil {
			return fmt.Errorf("draw the report: %w", err)
		}
		if len(s.Figures) > 0 {
			v.Sections = append(v.Sections, s)
		}
	}
	var whole bytes.Buffer
	if err := page.Execute(&whole, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if _, err := whole.WriteTo(to); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// tiles are the ring's own latency, distance by distance, its speed, and what a publish costs.
func tiles(r *show.Report) (all []tile) {
	best := map[string]*show.Result{}
	for i := range r.Results {
		row := &r.Results[i]
		if row.Transport != show.Tickring {
			continue
		}
		switch {
		case row.Case == show.CaseLatency && row.P50Ns != nil && best["latency"+row.Distance] == nil:
			best["latency"+row.Distance] = row
			t := tile{"median latency", show.Duration(*row.P50Ns), ""}
			if row.Distance != "" {
				t.Name += ", " + row.Distance
			}
			if row.RatioToLimit != nil {
				t.Detail = show.Digits(*row.RatioToLimit) + " times the limit"
			} else if row.P99Ns != nil {
				t.Detail = "p99 " + show.Duration(*row.P99Ns)
			}
			all = append(all, t)
		case row.Speed():
			if b := best["speed"]; b == nil || row.MrecPerS > b.MrecPerS {
				best["speed"] = row
			}
		case row.Cost != nil && row.Cost.P50 != nil && row.Case != show.CasePoll:
			if b := best["cost"]; b == nil || *row.Cost.P50 < *b.Cost.P50 {
				best["cost"] = row
			}
		}
	}
	if b := best["speed"]; b != nil {
		detail := "one by one"
		if b.Batch > 1 {
			detail = fmt.Sprintf("in batches of %d", b.Batch)
		}
		all = append(all, tile{"highest throughput", show.Digits(b.MrecPerS) + " M/s", detail})
	}
	if b := best["cost"]; b != nil {
		detail := "median"
		if b.Batch > 1 {
			detail += fmt.Sprintf(", in batches of %d", b.Batch)
		}
		if b.Case == show.CasePublish {
			detail += ", with nobody reading"
		}
		all = append(all, tile{"a publish costs", show.Duration(*b.Cost.P50), strings.TrimSuffix(detail+", "+b.Distance, ", ")})
	}
	return all
}
