package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// These tests run ringbench as a process, with reader processes of its own. The program is this test
// binary: with asProgram set, it does what ringbench does.
const asProgram = "RINGBENCH_TEST_AS_PROGRAM"

// hangs is when a process is killed that does not end.
const hangs = 2 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is ringbench with arguments, not yet started.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	// The race detector would wait a second at the end of each process for other threads' races.
	cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// runProgram runs ringbench to its end, which must be a good one.
func runProgram(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := program(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	require.NoError(t, err, "%v: %s", args, &errs)
	assert.Empty(t, errs.String(), "nobody asked for progress")
	assert.Empty(t, segmentsOf(t, cmd.Process.Pid))
	return out.String()
}

// runJSON runs ringbench --json, short, and checks what must hold of every report.
func runJSON(t *testing.T, args ...string) report {
	t.Helper()
	out := runProgram(t, append([]string{"--json", "--duration", "300ms", "--warmup", "50ms"}, args...)...)
	var r report
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&r), out)
	for _, res := range r.Results {
		assert.Equal(t, res.Published*uint64(res.Readers), res.Count+res.Missed, res.Case)
		assert.Equal(t, "tickring", res.Transport)
		assert.Equal(t, "separate", res.Process)
		assert.Equal(t, 24, res.RecordBytes)
		assert.Positive(t, res.MrecPerS)
		require.Len(t, res.PerReader, res.Readers)
		for _, one := range res.PerReader {
			assert.Equal(t, res.Published, one.Received+one.Missed, res.Case)
		}
	}
	return r
}

// segmentsOf lists what a ringbench left in /dev/shm.
func segmentsOf(t *testing.T, pid int) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(segment.Dir, fmt.Sprintf("%s%d-*", namePrefix, pid)))
	require.NoError(t, err)
	return left
}

func cases(r report) (names []string) {
	for _, res := range r.Results {
		names = append(names, res.Case)
	}
	return names
}

func TestJSON(t *testing.T) {
	r := runJSON(t)
	assert.Equal(t, []string{"latency", "throughput_single", "throughput_batch"}, cases(r))
	assert.Positive(t, r.Host.CPUs)
	assert.Positive(t, r.Clock.TicksPerNs)
	assert.Positive(t, r.Pages.Writer.PageBytes)
	assert.Len(t, r.Pages.Readers, 1)
	assert.Len(t, r.Hiccups, 2)
	assert.Equal(t, r.Placement.Pinned, r.Host.CPUs >= 2)
	assert.EqualValues(t, 1<<16, r.Ring.Slots)

	latency := r.Results[0]
	require.NotNil(t, latency.RateHz)
	assert.EqualValues(t, 100_000, *latency.RateHz)
	if !latency.Incomplete { // a machine may be too busy for anything
		assert.EqualValues(t, 30_000, latency.Published)
	}
	if latency.Count >= 10_000 {
		ordered := []*int64{latency.MinNs, latency.P50Ns, latency.P90Ns, latency.P99Ns, latency.P999Ns, latency.MaxNs}
		for i, ns := range ordered {
			require.NotNil(t, ns, i)
			if i > 0 {
				assert.LessOrEqual(t, *ordered[i-1], *ns)
			}
		}
	}
	assert.Nil(t, latency.P9999Ns, "30,000 records cannot tell")
	assert.NotEmpty(t, latency.Histogram)

	for _, throughput := range r.Results[1:] {
		assert.Nil(t, throughput.RateHz)
		assert.Nil(t, throughput.P50Ns, "a record that only waits for others has no latency")
	}
	assert.Equal(t, 1, r.Results[1].Batch)
	assert.Equal(t, 64, r.Results[2].Batch)
}

func TestText(t *testing.T) {
	out := runProgram(t, "--duration", "300ms", "--warmup", "0s")
	for _, part := range []string{"host ", "clock ", "pages ", "placement ", "p99.99", "too few", "THROUGHPUT", "one by one", "batches of 64", "none torn or wrong"} {
		assert.Contains(t, out, part)
	}
}

func TestThroughputOnly(t *testing.T) {
	r := runJSON(t, "--rate", "max", "--batch", "7")
	assert.Equal(t, []string{"throughput_single", "throughput_batch"}, cases(r))
	assert.Equal(t, 7, r.Results[1].Batch)
	out := runProgram(t, "--rate", "max", "--duration", "50ms")
	assert.Contains(t, out, "LATENCY: not measured")
	assert.NotContains(t, out, "p50")
}

func TestSeveralReaders(t *testing.T) {
	r := runJSON(t, "--readers", "3", "--pin", "none", "--rate", "10k")
	assert.False(t, r.Placement.Pinned)
	for _, res := range r.Results {
		assert.Equal(t, 3, res.Readers)
	}
	assert.Len(t, r.Pages.Readers, 3)
}

// A ring of two slots: readers are lapped all the time, and everything must still be accounted for.
func TestReadersThatAreLapped(t *testing.T) {
	r := runJSON(t, "--slots", "2", "--batch", "1000", "--rate", "1M")
	assert.Positive(t, r.Results[1].Missed+r.Results[2].Missed)
}

func TestWaits(t *testing.T) {
	for _, wait := range []string{"backoff", "backoff:10us", "every:20us", "block"} {
		t.Run(wait, func(t *testing.T) {
			r := runJSON(t, "--wait", wait, "--rate", "20k")
			assert.Equal(t, wait, r.Ring.Wait)
		})
	}
}

func TestFeed(t *testing.T) {
	for _, file := range []string{"iex_TOPS16.pcapng.gz", "binance_cm_btcusd_perp_20240808.gz"} {
		t.Run(file, func(t *testing.T) {
			path := testkit.DataFile(t, file)
			r := runJSON(t, "--feed", path)
			assert.Contains(t, r.Records, path)
		})
	}
}

// What is wrong is said with the flag that it is about, before anything is made.
func TestErrorsTeach(t *testing.T) {
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"--readers", "0"}, "--readers 0: it takes 1 to"},
		{[]string{"--slots", "1000"}, "power of two"},
		{[]string{"--rate", "0"}, "such as 250000, 100k or 1M, or max"},
		{[]string{"--rate", "fast"}, "such as 250000, 100k or 1M, or max"},
		{[]string{"--duration", "0s"}, "--duration 0s"},
		{[]string{"--warmup", "-1s"}, "--warmup"},
		{[]string{"--wait", "sleep"}, "spin, backoff[:limit], every:interval or block"},
		{[]string{"--wait", "every"}, "every:1ms"},
		{[]string{"--wait", "every:1ns"}, "not a duration from 1us up"},
		{[]string{"--pages", "big"}, "off, prefer or require"},
		{[]string{"--pin", "a,b"}, "the writer's first"},
		{[]string{"--pin", "0"}, "give 2"},
		{[]string{"--pin", "0,1000000"}, "may use"},
		{[]string{"--batch", "0"}, "--batch 0"},
		{[]string{"--feed", "/nowhere"}, "--feed"},
		{[]string{"--volume-scale", "10"}, "--feed"},
		{[]string{"trades"}, "unknown command"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			var errs bytes.Buffer
			cmd := program(t, tc.args...)
			cmd.Stderr = &errs
			require.Error(t, cmd.Run())
			assert.Equal(t, exitFailed, cmd.ProcessState.ExitCode())
			assert.Contains(t, errs.String(), tc.says)
			assert.True(t, strings.HasPrefix(errs.String(), "ringbench: "), errs.String())
			assert.Equal(t, 1, strings.Count(errs.String(), "\n"), errs.String())
		})
	}
}

func TestHelp(t *testing.T) {
	out := runProgram(t, "--help")
	assert.Contains(t, out, "Examples:")
	assert.NotContains(t, out, "standard input", "the readers' command is nobody's business")
}

// longRun is a ringbench in the middle of a measurement that does not end by itself.
type longRun struct {
	cmd    *exec.Cmd
	reader int         // its process
	stderr chan string // all that it said after that
	alive  *os.File    // at its end when ringbench and all of its readers are gone
}

func startLongRun(t *testing.T) *longRun {
	t.Helper()
	r := &longRun{cmd: program(t, "--verbose", "--duration", "1h"), stderr: make(chan string, 1)}
	stderr, err := r.cmd.StderrPipe()
	require.NoError(t, err)
	// Whoever inherits it keeps it open: the readers get it from ringbench without knowing.
	alive, inherited, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { alive.Close() })
	r.alive, r.cmd.ExtraFiles = alive, []*os.File{inherited}
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	require.NoError(t, inherited.Close())

	lines := bufio.NewReader(stderr)
	started := regexp.MustCompile(`reader 1 \(process (\d+)\)`)
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, line)
		if m := started.FindStringSubmatch(line); m != nil {
			r.reader, _ = strconv.Atoi(m[1])
		}
		if strings.Contains(line, "measuring latency") {
			break
		}
	}
	require.NotZero(t, r.reader)
	go func() {
		rest, _ := io.ReadAll(lines)
		r.stderr <- string(rest)
	}()
	return r
}

// ended waits until all processes are gone, and checks that they left nothing.
func (r *longRun) ended(t *testing.T) (stderr string) {
	t.Helper()
	stderr = <-r.stderr
	_ = r.cmd.Wait()
	_, err := io.ReadAll(r.alive)
	require.NoError(t, err)
	assert.Empty(t, segmentsOf(t, r.cmd.Process.Pid))
	return stderr
}

func TestInterruptLeavesNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			r := startLongRun(t)
			require.NoError(t, r.cmd.Process.Signal(signal))
			assert.Contains(t, r.ended(t), "interrupted")
			assert.Equal(t, exitInterrupted, r.cmd.ProcessState.ExitCode())
		})
	}
}

// Ctrl-C in a terminal signals the readers too: what is reported is still the interrupt.
func TestInterruptOfTheWholeGroup(t *testing.T) {
	r := startLongRun(t)
	require.NoError(t, syscall.Kill(r.reader, syscall.SIGINT))
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	assert.NotContains(t, r.ended(t), "reader 1")
	assert.Equal(t, exitInterrupted, r.cmd.ProcessState.ExitCode())
}

func TestReaderKilled(t *testing.T) {
	r := startLongRun(t)
	require.NoError(t, syscall.Kill(r.reader, syscall.SIGKILL))
	stderr := r.ended(t)
	assert.Contains(t, stderr, fmt.Sprintf("reader 1 (process %d) ended before its work was done: signal: killed", r.reader))
	assert.Equal(t, exitFailed, r.cmd.ProcessState.ExitCode())
}

// Nobody cleans up after a SIGKILL: there must be nothing to clean up, and the readers must notice.
func TestWriterKilled(t *testing.T) {
	r := startLongRun(t)
	require.NoError(t, r.cmd.Process.Kill())
	r.ended(t)
}
