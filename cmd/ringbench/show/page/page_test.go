package page

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/cmd/ringbench/show/made"
)

func write(t *testing.T, r *show.Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, r))
	return b.String()
}

// nodes are the elements of a page that want takes.
func nodes(t *testing.T, page string, want func(*html.Node) bool) (found []*html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && want(n) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return b.String()
}

func TestEveryPart(t *testing.T) {
	page := write(t, made.Report(1))
	parts := map[string]int{}
	for _, n := range nodes(t, page, func(n *html.Node) bool { return n.Data == "section" }) {
		var figures int
		for d := range n.Descendants() {
			if d.Data == "figure" {
				figures++
			}
		}
		parts[attribute(n, "id")] = figures
	}
	assert.Equal(t, map[string]int{
		"goals":       1,
		"ratio":       4,      // fixed rate and other cases, near the limit and beyond
		"percentiles": 8 + 16, // four groups of cases, and the rates of eight transports; near and far
		"load":        2, "fanout": 2, "throughput": 2, "writer-cost": 2, "rounds": 4,
		"missing": 0, "conditions": 0, "results": 0,
	}, parts)

	for _, n := range nodes(t, page, func(n *html.Node) bool { return n.Data == "figure" }) {
		text := content(n)
		svg := 0
		for d := range n.Descendants() {
			if d.Data == "svg" {
				svg++
				assert.NotEmpty(t, attribute(d, "aria-label"))
			}
		}
		assert.Equal(t, len(sizes), svg, text)
	}
	whole := content(nodes(t, page, func(n *html.Node) bool { return n.Data == "body" })[0])
	for _, s := range []string{
		"mq_open: function not implemented", "Made-up 9000", "hugetlbfs", "cpupower frequency-set", "writer pinned to CPU 1",
		"99.9", "records per second", "times the limit", "78 ns", "The writer could not keep the rate", "1,234", "percentile, %",
		"torn", "C++ compiler", "×1.31", "publish alone, one by one", "13 far; 3 left out", "Publish and poll, alone",
	} {
		assert.Contains(t, whole, s)
	}
}

// An SVG is XML, also within HTML: what is not closed would swallow the rest of the page.
func TestDrawingsAreXML(t *testing.T) {
	drawings := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(write(t, made.Report(1)), -1)
	require.NotEmpty(t, drawings)
	for _, d := range drawings {
		in := xml.NewDecoder(strings.NewReader(d))
		var err error
		for err == nil {
			_, err = in.Token()
		}
		require.ErrorIs(t, err, io.EOF, "%.300s", d)
		assert.Regexp(t, `<path d="M`, d)
	}
}

var (
	reference = regexp.MustCompile(`(?i)\b(src|href|srcset|action|data|background)\s*=|url\(|@import|@font-face|https?:|<script|<link|<iframe|\bon[a-z]+\s*=`)
	literal   = regexp.MustCompile(`(?:fill|stroke):(#[0-9A-Fa-f]+)`)
)

func TestThePageNeedsNothingElse(t *testing.T) {
	page := write(t, made.Report(1))
	assert.Empty(t, reference.FindAllString(page, -1))
	policy := nodes(t, page, func(n *html.Node) bool { return attribute(n, "http-equiv") == "Content-Security-Policy" })
	require.Len(t, policy, 1)
	assert.Equal(t, "default-src 'none'; style-src 'unsafe-inline'; img-src data:", attribute(policy[0], "content"))
	assert.Empty(t, literal.FindAllString(page, -1), "a colour that dark mode does not change")
	for _, name := range inks {
		assert.Equal(t, 2, strings.Count(css, "--"+name+": "), "%s: one colour for light and one for dark", name)
	}
}

func TestHostileTextsAreEscaped(t *testing.T) {
	const hostile = `<script>alert(1)</script><img src=x onerror="y"> '}]]>&amp; --><b>`
	short := hostile[:60]
	r := made.Report(1)
	r.Host.CPU, r.Host.Kernel, r.Records, r.Placement.Note, r.Clock.Fallback = hostile, hostile, hostile, hostile, hostile
	r.Host.Virtualised, r.Pages.Writer.Fallback, r.Pages.Writer.Backing = hostile, hostile, hostile
	for i := range r.Host.Findings {
		f := &r.Host.Findings[i]
		f.ID, f.Found, f.Why, f.Fix = hostile, hostile, hostile, hostile
	}
	for i := range r.Results {
		row := &r.Results[i]
		row.Note = hostile
		row.Negative, row.Clamped = 1, 1
		switch i % 4 {
		case 0:
			row.Transport = short
		case 1:
			row.Wait = short
		case 2:
			row.Distance = short
		default:
			row.Case = short
		}
	}
	page := write(t, r)
	assert.Empty(t, nodes(t, page, func(n *html.Node) bool { return n.Data == "script" || n.Data == "img" || n.Data == "b" }))
	text := content(nodes(t, page, func(n *html.Node) bool { return n.Data == "body" })[0])
	assert.Contains(t, text, hostile)
	assert.Contains(t, text, short)
}

func TestReportsWithLittle(t *testing.T) {
	one, wide, tiny, below := 1.0, 1e18, 1e-18, 5e-324 // as far as a report may go
	for name, rows := range map[string][]show.Result{
		"nothing but names":  {{Case: "latency", Transport: "tickring"}},
		"only missing ones":  {{Case: "latency", Transport: "mqueue", Note: "not supported"}},
		"an unknown case":    {{Case: "moonlight", Transport: "pigeon", MrecPerS: 2}},
		"one round's spread": {{Case: "throughput", Transport: "tickring", MrecPerS: 2, PerRound: []show.Round{{MrecPerS: &one}}}},
		"extreme figures": {
			{Case: "latency", Transport: "a", RateHz: &wide, RatioToLimit: &wide, RatioLow: &tiny, RatioHigh: &wide},
			{Case: "load", Transport: "a", RateHz: &wide, Quantiles: show.Quantiles{P50Ns: &wide, P99Ns: &tiny}},
			{Case: "load", Transport: "a", RateHz: &tiny, Quantiles: show.Quantiles{P50Ns: &wide, P99Ns: &tiny}},
			{Case: "fanout", Transport: "a", RateHz: &one, Readers: 1 << 30, Quantiles: show.Quantiles{P50Ns: &one}},
			{Case: "throughput", Transport: "a", MrecPerS: wide}, {Case: "throughput", Transport: "b", MrecPerS: tiny},
			{Case: "writer-cost", Transport: "a", Cost: &show.Cost{P50: &tiny, P99: &wide, Max: &wide}},
			{Case: "writer-cost", Transport: "b", Cost: &show.Cost{P50: &below, P99: &below, Max: &below}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			page := write(t, &show.Report{Host: &show.Host{}, Results: rows})
			assert.NotContains(t, page, "NaN")
			assert.NotContains(t, page, "Inf")
			assert.Less(t, len(page), 1<<20)
			for i := range rows {
				assert.Contains(t, page, rows[i].Transport)
			}
		})
	}
}

// Many rows and lines of one chart are bounded, and what is not drawn is said.
func TestTooManyToTellApart(t *testing.T) {
	r := made.Report(1)
	row := r.Results[1]
	row.PerRound, r.Results = nil, nil
	for i := range maxLines + 8 {
		row.Wait = strings.Repeat("x", i+1)
		r.Results = append(r.Results, row)
	}
	page := write(t, r)
	assert.Contains(t, page, "8 more are in the tables below.")
	assert.Len(t, nodes(t, page, func(n *html.Node) bool { return attribute(n, "class") == "keys" }), 1)
}

// Whatever is a report can be drawn.
func FuzzWrite(f *testing.F) {
	f.Add([]byte(`{"host":{},"results":[{"case":"latency","transport":"tickring","p50_ns":12}]}`))
	f.Add([]byte(`{"host":{"cpu":"<"},"results":[{"case":"load","transport":"a","rate_hz":1e9,"p50_ns":1,"incomplete":true},
		{"case":"fanout","transport":"c++","readers":3,"p99_ns":7,"distance":"far","ratio_to_limit":0.5,"ratio_low":0.1,"ratio_high":9}]}`))
	f.Add([]byte(`{"host":{},"placement":{"pinned":true},"results":[{"case":"throughput","transport":"pipe","mrec_per_s":5,
		"per_round":[{"mrec_per_s":4},{"mrec_per_s":5},{"mrec_per_s":6}]},{"case":"writer-cost","transport":"x","cost_ns":{"p50":-1,"p99":3,"max":1e99}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := show.Read(bytes.NewReader(data))
		if err != nil {
			t.Skip(err)
		}
		var b bytes.Buffer
		require.NoError(t, Write(&b, r))
		require.NotContains(t, b.String(), "<script")
	})
}
