package hdr

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/cmd/ringbench/show/made"
)

// timed are the results that have a histogram.
func timed(t *testing.T, r *show.Report) (all []*hdrhistogram.Histogram) {
	for i := range r.Results {
		h, err := r.Results[i].Times()
		require.NoError(t, err)
		if h != nil {
			all = append(all, h)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestHlogIsReadBack(t *testing.T) {
	report := made.Report(1)
	var log bytes.Buffer
	require.NoError(t, WriteHlog(&log, report))
	assert.True(t, strings.HasPrefix(log.String(), "#[Histogram log format version 1.3]\n"))

	reader := hdrhistogram.NewHistogramLogReader(&log)
	tags, end := map[string]bool{}, int64(0)
	for _, want := range timed(t, report) {
		got, err := reader.NextIntervalHistogram()
		require.NoError(t, err)
		require.NotNil(t, got)
		assert.True(t, want.Equals(got), got.Tag())
		assert.Regexp(t, `^[a-z0-9+.-]+$`, got.Tag())
		assert.False(t, tags[got.Tag()], "%s twice", got.Tag())
		tags[got.Tag()] = true
		assert.GreaterOrEqual(t, got.StartTimeMs(), end, "a reader of a range of time stops at the first one after it")
		end = got.EndTimeMs()
	}
	more, err := reader.NextIntervalHistogram()
	require.NoError(t, err)
	assert.Nil(t, more)
	assert.True(t, tags["latency-tickring-100-khz-1-reader-spin-one-by-one-near"], tags)
}

var (
	line   = regexp.MustCompile(`^ *(\d+\.\d+) +(\d\.\d+) +(\d+) +(\d+\.\d+|inf)$`)
	footer = regexp.MustCompile(`(?m)^#\[Max     = *([\d.]+), Total count    = *(\d+)\]$`)
)

func TestHgrmIsReadBack(t *testing.T) {
	report := made.Report(2)
	dir := t.TempDir()
	files, err := WriteHgrm(dir, report)
	require.NoError(t, err)
	histograms := timed(t, report)
	require.Len(t, files, len(histograms))
	assert.FileExists(t, filepath.Join(dir, "latency-tickring-100-khz-1-reader-spin-one-by-one-near.hgrm"))

	for i, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := strings.Split(string(content), "\n")
		assert.Equal(t, []string{"Value", "Percentile", "TotalCount", "1/(1-Percentile)"}, strings.Fields(lines[0]))
		rows := 0
		for _, l := range lines[2:] {
			if l == "" || l[0] == '#' {
				continue
			}
			m := line.FindStringSubmatch(l)
			require.NotNil(t, m, "%q", l)
			µs, _ := strconv.ParseFloat(m[1], 64)
			share, _ := strconv.ParseFloat(m[2], 64)
			count, _ := strconv.ParseFloat(m[3], 64)
			reached := count / float64(histograms[i].TotalCount())
			assert.LessOrEqual(t, share, reached+1e-6, "the text has 6 digits of it")
			assert.InDelta(t, float64(histograms[i].ValueAtPercentile(100*reached))/1000, µs, 0.0006, l)
			rows++
		}
		assert.Greater(t, rows, 30)
		m := footer.FindStringSubmatch(string(content))
		require.NotNil(t, m)
		assert.Equal(t, fmt.Sprint(histograms[i].TotalCount()), m[2])
		assert.Equal(t, fmt.Sprintf("%.3f", float64(histograms[i].Max())/1000), m[1])
	}
}

func TestHgrmPrefix(t *testing.T) {
	to := filepath.Join(t.TempDir(), "run.hgrm")
	files, err := WriteHgrm(to, made.Report(3))
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSuffix(to, ".hgrm")+"-latency-limit-100-khz-1-reader-spin-one-by-one-near.hgrm", files[0])

	files, err = WriteHgrm(filepath.Join(to, "nowhere"), made.Report(3))
	require.Error(t, err)
	assert.LessOrEqual(t, len(files), 1)
}

func TestNamesOfHostileRows(t *testing.T) {
	report := made.Report(4)
	row := report.Results[0]
	row.Transport = "../../etc/x,\" <y>"
	report.Results = []show.Result{row, row}
	dir := t.TempDir()
	files, err := WriteHgrm(dir, report)
	require.NoError(t, err)
	require.Len(t, files, 2)
	assert.NotEqual(t, files[0], files[1])
	for _, f := range files {
		assert.Equal(t, dir, filepath.Dir(f))
	}
	require.NoError(t, WriteHlog(&bytes.Buffer{}, report))
}
