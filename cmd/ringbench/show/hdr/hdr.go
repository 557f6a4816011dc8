// Package hdr writes the latencies of a report in the formats of HdrHistogram's own tools.
package hdr

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

const (
	nsPerMicrosecond = 1000
	ticksPerHalf     = 5 // lines per halving of the distance to 100 %, as HdrHistogram's tools write by default
)

// WriteHgrm writes the percentile distribution of each result that has a histogram into a file of its own, times in
// µs, and returns the files. They are to.hgrm's in a directory where to is one or ends in a slash, and begin with to
// otherwise.
func WriteHgrm(to string, r *show.Report) (files []string, err error) {
	prefix := strings.TrimSuffix(to, ".hgrm") + "-"
	if info, err := os.Stat(to); strings.HasSuffix(to, "/") || err == nil && info.IsDir() {
		if err := os.MkdirAll(to, 0o777); err != nil {
			return nil, fmt.Errorf("write percentile distributions: %w", err)
		}
		prefix = filepath.Clean(to) + "/"
	}
	err = each(r, func(name string, _ *show.Result, h *hdrhistogram.Histogram) error {
		var text strings.Builder
		if _, err := h.PercentilesPrint(&text, ticksPerHalf, nsPerMicrosecond); err != nil {
			return err
		}
		file := prefix + name + ".hgrm"
		files = append(files, file)
		return os.WriteFile(file, []byte(text.String()), 0o666)
	})
	if err != nil {
		return files, fmt.Errorf("write percentile distributions: %w", err)
	}
	return files, nil
}

// WriteHlog writes all histograms as one log: an interval per result, tagged with its name, times in ns. The
// intervals follow one another from second 0 on: a report does not say when what was measured.
func WriteHlog(to io.Writer, r *show.Report) error {
	log := hdrhistogram.NewHistogramLogWriter(to)
	begin := log.OutputLogFormatVersion()
	if begin == nil {
		begin = log.OutputStartTime(0)
	}
	if begin == nil {
		begin = log.OutputLegend()
	}
	if begin != nil {
		return fmt.Errorf("write a histogram log: %w", begin)
	}
	at := int64(0)
	err := each(r, func(name string, res *show.Result, h *hdrhistogram.Histogram) error {
		h.SetTag(name)
		h.SetStartTimeMs(at)
		at += lasted(res)
		h.SetEndTimeMs(at)
		return log.OutputIntervalHistogram(h)
	})
	if err != nil {
		return fmt.Errorf("write a histogram log: %w", err)
	}
	return nil
}

// lasted is how long a result was measured, in ms: a second where the report does not tell.
func lasted(r *show.Result) int64 {
	if r.MrecPerS > 0 {
		if ms := float64(r.Published) / (1e3 * r.MrecPerS); ms >= 1 && ms < 1e9 {
			return int64(ms)
		}
	}
	return 1000
}

// each calls do with every result that has a histogram, and a name for it that no other has.
func each(r *show.Report, do func(name string, res *show.Result, h *hdrhistogram.Histogram) error) error {
	used := map[string]bool{}
	for i := range r.Results {
		res := &r.Results[i]
		h, err := res.Times()
		if err != nil {
			return fmt.Errorf("%s: %w", res.Name(), err)
		}
		if h == nil {
			continue
		}
		name := plain(res.Name())
		for n := 2; used[name]; n++ {
			name = fmt.Sprintf("%s-%d", plain(res.Name()), n)
		}
		used[name] = true
		if err := do(name, res, h); err != nil {
			return fmt.Errorf("%s: %w", res.Name(), err)
		}
	}
	return nil
}

// plain makes of a text what can be part of a file name and a tag.
func plain(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(strings.ReplaceAll(s, "/s", "hz")) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '.':
			b.WriteRune(c)
		case c == 'µ':
			b.WriteByte('u')
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-.")
}
