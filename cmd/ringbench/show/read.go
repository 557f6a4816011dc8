package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unicode"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What a report may have at most: far more than ringbench writes, and little enough to be shown.
const (
	maxBytes   = 64 << 20
	maxResults = 2000
	maxRounds  = 1000
	maxList    = 1000 // hiccups, readers, findings
	maxLabel   = 60   // characters of a name
	maxText    = 4000 // characters of any other text
)

// ErrReport is wrapped by the errors about what is not a report of ringbench, or not one that can be shown.
var ErrReport = errors.New("not a report of this ringbench")

// ReadFile reads the report in a file; "-" is standard input.
func ReadFile(path string) (*Report, error) {
	if path == "-" {
		return named("standard input", os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	defer f.Close()
	return named(path, f)
}

func named(name string, from io.Reader) (*Report, error) {
	r, err := Read(from)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// Read reads one report and checks it. Fields that it does not know are passed over.
func Read(from io.Reader) (*Report, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%w: it has more than %d MiB", ErrReport, maxBytes>>20)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%w: it is empty: write one with ringbench --json", ErrReport)
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%w: %w: write one with ringbench --json", ErrReport, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	return r, nil
}

func (r *Report) check() error {
	switch {
	case r.Host == nil:
		return errors.New(`it has no "host": write one with ringbench --json`)
	case len(r.Results) == 0:
		return errors.New(`it has no "results": write one with ringbench --json`)
	case len(r.Results) > maxResults:
		return fmt.Errorf("%d results, more than %d", len(r.Results), maxResults)
	case min(r.Rounds.Rounds, r.Rounds.Near, r.Rounds.Far, r.Rounds.LeftOut, r.Rounds.Disturbed) < 0:
		return errors.New("a count of rounds is negative")
	case max(len(r.Goals), len(r.Hiccups), len(r.Pages.Readers), len(r.Placement.Readers), len(r.Host.Findings)) > maxList:
		return fmt.Errorf("a list of more than %d goals, hiccups, readers or findings", maxList)
	}
	texts := []string{
		r.Records, r.Host.CPU, r.Host.Virtualised, r.Host.Governor, r.Host.Isolated, r.Host.Load, r.Host.Kernel, r.Host.Arch,
		r.Host.Go, r.Compiler, string(r.Clock.Source), r.Clock.Fallback, r.Placement.Note, r.Ring.Wait, r.Pages.Writer.Backing, r.Pages.Writer.Fallback,
	}
	for _, p := range r.Pages.Readers {
		texts = append(texts, p.Backing, p.Fallback)
	}
	for _, f := range r.Host.Findings {
		texts = append(texts, f.ID, string(f.Status), f.Found, f.Why, f.Fix)
	}
	for _, s := range texts {
		if err := checkText(s, maxText); err != nil {
			return err
		}
	}
	for i := range r.Goals {
		if err := r.Goals[i].check(); err != nil {
			return fmt.Errorf("goals[%d]: %w", i, err)
		}
	}
	for i := range r.Results {
		if err := r.Results[i].check(); err != nil {
			return fmt.Errorf("results[%d]: %w", i, err)
		}
	}
	return nil
}

func (g *Goal) check() error {
	for _, s := range []string{g.What, g.Against, g.Distance} {
		if err := checkText(s, maxLabel); err != nil {
			return err
		}
	}
	for _, v := range []float64{g.Ratio, g.Low, g.High} {
		if !(v >= least && v <= most) {
			return fmt.Errorf("a ratio of %v: no measurement comes to that", v)
		}
	}
	if g.What == "" || g.Rounds < 0 {
		return errors.New(`it has no "what", or fewer than no rounds`)
	}
	return nil
}

func (r *Result) check() error {
	if r.Case == "" || r.Transport == "" {
		return errors.New(`it has no "case" or no "transport": run a newer ringbench`)
	}
	for _, s := range []string{r.Case, r.Transport, r.Process, r.Wait, r.Distance} {
		if err := checkText(s, maxLabel); err != nil {
			return err
		}
		if strings.ContainsAny(s, "\n\t") {
			return fmt.Errorf("a name has a control character: %q", s)
		}
	}
	if err := checkText(r.Note, maxText); err != nil {
		return err
	}
	if len(r.PerReader) > maxList {
		return fmt.Errorf("%d readers, more than %d", len(r.PerReader), maxList)
	}
	if len(r.PerRound) > maxRounds {
		return fmt.Errorf("%d rounds, more than %d", len(r.PerRound), maxRounds)
	}
	if r.Batch < 0 || r.Readers < 0 || r.Rounds < 0 || r.RoundsLeftOut < 0 {
		return errors.New("a count is negative")
	}
	if err := r.checkFigures(); err != nil {
		return err
	}
	_, err := r.Times()
	return err
}

// Figures beyond these are no measurement, and no axis has room for them.
const (
	least = 1e-18
	most  = 1e18
)

func (r *Result) checkFigures() error {
	var figures []*float64
	for _, q := range []*Quantiles{&r.Quantiles, r.SentLate} {
		if q != nil {
			figures = append(figures, q.MinNs, q.P50Ns, q.P90Ns, q.P99Ns, q.P999Ns, q.P9999Ns, q.MaxNs)
		}
	}
	if c := r.Cost; c != nil {
		figures = append(figures, c.P50, c.P90, c.P99, c.Max, c.Mean)
	}
	speeds := []*float64{&r.MrecPerS}
	positive := []*float64{r.RateHz, r.RatioToLimit, r.RatioLow, r.RatioHigh, r.RatioToCPP, r.RatioCPPLow, r.RatioCPPHigh}
	for _, one := range r.PerRound {
		figures = append(figures, one.P50Ns, one.CostNs)
		positive = append(positive, one.Ratio, one.RatioToCPP)
		speeds = append(speeds, one.MrecPerS)
	}
	for _, v := range speeds {
		if v != nil && *v != 0 { // 0: another thing was measured
			positive = append(positive, v)
		}
	}
	for _, v := range figures {
		if v != nil && math.Abs(*v) > most {
			return fmt.Errorf("a figure of %v: no measurement comes to that", *v)
		}
	}
	for _, v := range positive {
		if v != nil && !(*v >= least && *v <= most) {
			return fmt.Errorf("a rate, ratio or speed of %v: no measurement comes to that", *v)
		}
	}
	return nil
}

// checkText keeps out what a terminal would act upon, and what would not fit.
func checkText(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("a text of %d bytes, more than %d: %.20q…", len(s), limit, s)
	}
	if strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c)
	}) {
		return fmt.Errorf("a text has a control character: %.60q", s)
	}
	return nil
}

// maxHistogram is how much memory the histogram of a row may need, in bytes. Ringbench's needs 0.25 MiB.
const maxHistogram = 4 << 20

// Times decodes the row's histogram, of times in ns; nil if it has none.
func (r *Result) Times() (*hdrhistogram.Histogram, error) {
	if r.Histogram == "" {
		return nil, nil //nolint:nilnil // no histogram is no error
	}
	h, err := hdrhistogram.Decode([]byte(r.Histogram))
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	if h.ByteSize() > maxHistogram {
		return nil, fmt.Errorf("histogram: %d MiB, more than %d", h.ByteSize()>>20, maxHistogram>>20)
	}
	if h.TotalCount() == 0 {
		return nil, nil //nolint:nilnil // as above
	}
	return h, nil
}
