package show_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/cmd/ringbench/show/made"
)

func TestReadReadsWhatWasWritten(t *testing.T) {
	want := made.Report(1)
	data, err := json.Marshal(want)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "result.json")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	got, err := show.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	_, err = show.ReadFile(file + "x")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadRefuses(t *testing.T) {
	huge, err := hdrhistogram.New(1, 1<<62, 5).Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	require.NoError(t, err)
	row := func(more string) string {
		return `{"host":{},"results":[{"case":"latency","transport":"tickring"},{"case":"latency","transport":"pipe"` + more + `}]}`
	}
	require.NoError(t, read(row(`,"per_round":[{"ratio":null,"p50_ns":0,"mrec_per_s":0}],"mrec_per_s":0`)))
	require.NoError(t, read(row("")), "what the cases below make worse")
	for name, c := range map[string]struct{ report, says string }{
		"empty":                  {" \n", "it is empty"},
		"no JSON":                {"latency 12 ns", "invalid character"},
		"cut off":                {row("")[:30], "unexpected end"},
		"two reports":            {row("") + row(""), "after top-level value"},
		"a list":                 {"[]", "cannot unmarshal array"},
		"another program's":      {`{"name":"x"}`, `no "host"`},
		"no results":             {`{"host":{},"results":[]}`, `no "results"`},
		"too many results":       {`{"host":{},"results":[` + strings.Repeat("{},", 2000) + `{}]}`, "2001 results"},
		"a row of an older one":  {`{"host":{},"results":[{"name":"x"}]}`, `results[0]: it has no "case"`},
		"text for a number":      {row(`,"p50_ns":"fast"`), "p50_ns"},
		"a negative count":       {row(`,"missed":-1`), "missed"},
		"a count below zero":     {row(`,"rounds":-1`), "results[1]: a count is negative"},
		"a negative speed":       {row(`,"mrec_per_s":-1`), "results[1]: a rate, ratio or speed of -1"},
		"a ratio of 0":           {row(`,"ratio_to_limit":0`), "of 0: no measurement"},
		"a round's ratio":        {row(`,"per_round":[{"ratio":-1}]`), "of -1: no measurement"},
		"an infinite number":     {row(`,"p50_ns":1e999`), "1e999"},
		"an immense number":      {row(`,"max_ns":1e19`), "no measurement comes to that"},
		"a ratio of next to 0":   {row(`,"ratio_low":1e-19`), "no measurement comes to that"},
		"next to no speed":       {row(`,"mrec_per_s":1e-19`), "no measurement comes to that"},
		"an immense cost":        {row(`,"cost_ns":{"max":-1e19}`), "no measurement comes to that"},
		"no rate":                {row(`,"rate_hz":0`), "of 0: no measurement"},
		"a long name":            {row(`,"wait":"` + strings.Repeat("x", 61) + `"`), "61 bytes"},
		"an escape sequence":     {row(`,"note":"\u001b[2J"`), "control character"},
		"text backwards":         {row(`,"note":"\u202Egpj"`), "control character"},
		"a line break in a name": {row(`,"wait":"a\nb"`), "control character"},
		"a broken histogram":     {row(`,"histogram":"HISTFAAAAB"`), "results[1]: histogram"},
		"an enormous histogram":  {row(`,"histogram":"` + string(huge) + `"`), "results[1]: histogram"},
		"too many rounds":        {row(`,"per_round":[` + strings.Repeat("{},", 1000) + `{}]`), "1001 rounds"},
	} {
		t.Run(name, func(t *testing.T) {
			err := read(c.report)
			require.ErrorIs(t, err, show.ErrReport)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func read(report string) error {
	_, err := show.Read(strings.NewReader(report))
	return err
}

func TestReadIsBounded(t *testing.T) {
	_, err := show.Read(bytes.NewReader(make([]byte, 65<<20)))
	assert.ErrorContains(t, err, "more than 64 MiB")
}

func TestKept(t *testing.T) {
	r := show.Result{Distance: "near", PerRound: []show.Round{
		{Distance: "near"}, {Distance: "far"}, {Distance: "near", LeftOut: true}, {},
	}}
	assert.Equal(t, []show.Round{{Distance: "near"}, {}}, r.Kept())
	r.Distance = ""
	assert.Len(t, r.Kept(), 3)
}

func TestLabelsSayWhatDiffers(t *testing.T) {
	hz := 1e6
	a := show.Result{Case: "load", Transport: "tickring", Readers: 1, Wait: "spin", Distance: "near"}
	b, c := a, a
	b.RateHz = &hz
	c.Transport, c.Process = "go-channel", "in-process"
	assert.Equal(t, []string{"tickring"}, show.Labels([]*show.Result{&a}))
	assert.Equal(t, []string{"tickring", "tickring, 1 M/s"}, show.Labels([]*show.Result{&a, &b}))
	d := a
	d.MrecPerS = 30
	assert.Equal(t, []string{"tickring, as fast as possible", "tickring, 1 M/s"}, show.Labels([]*show.Result{&d, &b}))
	assert.Equal(t, []string{"tickring", "go-channel, in-process"}, show.Labels([]*show.Result{&a, &c}))
	assert.Equal(t, "load, tickring, 1 M/s, 1 reader, spin, one by one, near", b.Name())
	assert.NotEqual(t, a.Key(), b.Key())
}

func TestUnits(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0 ns", 78: "78 ns", 9.5: "9.50 ns", 123.4: "123 ns", 999.6: "1.00 µs", 4120: "4.12 µs", 41_200: "41.2 µs", 999_700: "1.00 ms",
		2_520_000: "2.52 ms", 3e9: "3.00 s", -30: "-30 ns",
	} {
		assert.Equal(t, want, show.Duration(ns))
	}
	for v, want := range map[float64]string{10: "10", 999.9: "1 k", 100e3: "100 k", 2.5e6: "2.5 M", 1e9: "1 G"} {
		assert.Equal(t, want, show.SI(v))
	}
	for n, want := range map[uint64]string{24: "24 bytes", 4096: "4 KiB", 2 << 20: "2 MiB", 2100 << 10: "2.1 MiB", 1 << 30: "1 GiB"} {
		assert.Equal(t, want, show.Size(n))
	}
	assert.Equal(t, "1,234,567", show.Count(1234567))
}
