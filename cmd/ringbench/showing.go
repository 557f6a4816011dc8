package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/cmd/ringbench/show/compare"
	"github.com/tickring/tickring/cmd/ringbench/show/hdr"
	"github.com/tickring/tickring/cmd/ringbench/show/page"
)

// shown says what else than text or JSON is made of a report.
type shown struct{ html, hgrm, hlog string }

func (s *shown) flags(f *pflag.FlagSet) {
	f.StringVar(&s.html, "html", "", "also write a page with charts into this `file`")
	f.StringVar(&s.hgrm, "hgrm", "", "also write HdrHistogram percentile distributions in µs, a file for each result: into this directory, or beginning with this `name`")
	f.StringVar(&s.hlog, "hlog", "", "also write an HdrHistogram interval log, a tag for each result, into this `file`")
}

func (s *shown) wanted() bool { return *s != shown{} }

// check finds out before a long run whether what it came to can be written.
func (s *shown) check() error {
	for _, f := range []struct{ flag, path string }{{"html", s.html}, {"hgrm", s.hgrm}, {"hlog", s.hlog}} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(filepath.Dir(filepath.Clean(f.path))); err != nil {
			return fmt.Errorf("--%s %s: %w: make the folder first", f.flag, f.path, err)
		}
	}
	return nil
}

// ofRun makes what was asked for of a run's report. It goes by way of the report's JSON, which others read as well.
func (s *shown) ofRun(r *report) error {
	if !s.wanted() {
		return nil
	}
	var b bytes.Buffer
	if err := writeJSON(&b, r); err != nil {
		return err
	}
	parsed, err := show.Read(&b)
	if err != nil {
		return err
	}
	return s.write(parsed)
}

func (s *shown) write(r *show.Report) error {
	if s.html != "" {
		if err := writeFile(s.html, func(w io.Writer) error { return page.Write(w, r) }); err != nil {
			return err
		}
	}
	if s.hlog != "" {
		if err := writeFile(s.hlog, func(w io.Writer) error { return hdr.WriteHlog(w, r) }); err != nil {
			return err
		}
	}
	if s.hgrm != "" {
		if _, err := hdr.WriteHgrm(s.hgrm, r); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file whole or, if what is to be in it cannot be made, not at all.
func writeFile(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

func reportCommand() *cobra.Command {
	s := &shown{}
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Make a page with charts, or files for HdrHistogram's tools, of a --json result",
		Long: `report makes of what ringbench --json printed ("-": standard input) a page with charts, which is one file
and needs no network, or files for HdrHistogram's own tools.`,
		Example: `  ringbench report result.json --html report.html
  ringbench report result.json --hgrm curves/ --hlog result.hlog`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !s.wanted() {
				return errors.New("report: say what to make of it: --html, --hgrm or --hlog")
			}
			r, err := show.ReadFile(args[0])
			if err != nil {
				return err
			}
			return s.write(r)
		},
	}
	s.flags(cmd.Flags())
	return cmd
}

// errSlower is for scripts: the comparison says itself what is slower.
var errSlower = errors.New("slower than before")

func compareCommand() *cobra.Command {
	percent, asJSON, fail := 3.0, false, false
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Tell whether one --json result is faster than another, as far as the noise allows",
		Long: `compare matches the rows of two results and tells of each whether the second run was faster or slower, or that
the noise allows no telling. It compares the rounds of the two runs by rank, at a confidence of 99 % for each row:
the ratios to the limit where there are any, else the medians or the speeds. It takes five rounds of each.

Nothing is judged if the hosts, pages, clocks, placements or rings differ: it then says which.

The exit code is 0, or 1 after --fail-on-slower if a row is slower, or if not one row could be judged.`,
		Example: `  ringbench --json > before.json         # change something, then
  ringbench --json > after.json
  ringbench compare before.json after.json
  ringbench compare --fail-on-slower --relevant 5 before.json after.json   # in CI`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := show.ReadFile(args[0])
			if err != nil {
				return err
			}
			after, err := show.ReadFile(args[1])
			if err != nil {
				return err
			}
			c, err := compare.Reports(before, after, percent/100)
			if err != nil {
				return err
			}
			if err := writeComparison(os.Stdout, c, asJSON); err != nil {
				return err
			}
			return gate(c, fail)
		},
	}
	cmd.Flags().Float64Var(&percent, "relevant", percent, "from how many `percent` on a difference matters")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&fail, "fail-on-slower", false, "exit with 1 if a row is slower, or none can be judged")
	return cmd
}

func writeComparison(w io.Writer, c *compare.Comparison, asJSON bool) error {
	if !asJSON {
		return c.WriteText(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// gate is the error of a comparison that must not let a change pass.
func gate(c *compare.Comparison, fail bool) error {
	switch slower := c.Count(compare.Slower); {
	case !fail:
		return nil
	case slower > 0:
		return fmt.Errorf("%w: %d of %d rows", errSlower, slower, len(c.Rows))
	case c.Count(compare.Unjudged) == len(c.Rows):
		return errors.New("no row could be judged: measure both runs on one machine, with at least 5 rounds")
	}
	return nil
}
