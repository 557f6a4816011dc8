package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	code := m.Run()
	if compiledOnce.folder != "" {
		_ = os.RemoveAll(compiledOnce.folder)
	}
	os.Exit(code)
}

// compiledOnce is the C++ client's program, with a compiler that is quick because it copies that.
var compiledOnce struct {
	sync.Once
	folder string
	err    error
}

// withCompiler lets ringbench have the C++ client without compiling it anew for each test. The first one compiles it.
func withCompiler(t *testing.T) {
	t.Helper()
	o := &compiledOnce
	o.Do(func() {
		c := compile(context.Background())
		o.folder, o.err = c.folder, c.err
		if o.err == nil {
			const copies = "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\nexec /bin/cp '%s' \"$2\"\n"
			o.err = os.WriteFile(filepath.Join(o.folder, "g++"), fmt.Appendf(nil, copies, c.program), 0o700)
		}
	})
	if o.err != nil {
		testkit.Require(t, "g++", o.err.Error())
	}
	t.Setenv("PATH", o.folder)
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
	out := runProgram(t, append([]string{"--json", "--duration", "60ms", "--slice", "20ms", "--warmup", "2ms"}, args...)...)
	var r report
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&r), out)
	if labelled := r.Rounds.Near + r.Rounds.Far; labelled > 0 {
		assert.Equal(t, r.Rounds.Rounds, labelled+r.Rounds.LeftOut)
	}
	assert.LessOrEqual(t, r.Rounds.LeftOut, r.Rounds.Rounds)
	for i := range r.Results {
		checkResult(t, &r.Results[i])
	}
	return r
}

// checkResult checks what must hold of every row, on however busy a machine.
func checkResult(t *testing.T, res *result) {
	t.Helper()
	assert.Equal(t, 24, res.RecordBytes)
	if res.Rounds == 0 {
		assert.NotEmpty(t, res.Note, "%s of %s has no figures and says not why", res.Case, res.Transport)
		return
	}
	name := res.Case + " of " + res.Transport
	assert.Equal(t, res.Published*uint64(res.Readers), res.Count+res.Missed, name)
	assert.Equal(t, res.Transport == transportChannel, res.Process == "in-process", name)
	assert.Positive(t, res.MrecPerS, name)
	require.Len(t, res.PerReader, res.Readers, name)
	for _, one := range res.PerReader {
		assert.Equal(t, res.Published, one.Received+one.Missed, name)
	}
	if res.Torn > 0 {
		assert.Equal(t, transportAtomics, res.Transport)
	}
	if res.Histogram != "" {
		assert.NotNil(t, res.MinNs, name)
		last := int64(math.MinInt64)
		for _, ns := range res.All() {
			if ns != nil {
				assert.GreaterOrEqual(t, *ns, last, name)
				last = *ns
			}
		}
	}
	assert.NotEmpty(t, res.PerRound, name)
	if res.RatioToLimit != nil {
		assert.LessOrEqual(t, *res.RatioLow, *res.RatioToLimit, name)
		assert.GreaterOrEqual(t, *res.RatioHigh, *res.RatioToLimit, name)
	}
}

// segmentsOf lists what a ringbench left in /dev/shm.
func segmentsOf(t *testing.T, pid int) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(segment.Dir, fmt.Sprintf("%s%d-*", namePrefix, pid)))
	require.NoError(t, err)
	return left
}

// withoutCompiler saves the seconds that compiling takes a test that is about something else.
func withoutCompiler(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
}

// rows are what a report has results of, each once.
func rows(r report) (names []string) {
	for _, res := range r.Results {
		if name := res.Case + " " + res.Transport; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func TestJSON(t *testing.T) {
	withCompiler(t)
	r := runJSON(t)
	assert.Equal(t, []string{"latency limit", "latency tickring", "latency c++", "throughput tickring", "throughput c++", "writer-cost tickring"}, rows(r))
	assert.Positive(t, r.Host.CPUs)
	assert.Positive(t, r.Clock.TicksPerNs)
	assert.Positive(t, r.Pages.Writer.PageBytes)
	assert.Len(t, r.Pages.Readers, 1)
	assert.Equal(t, 3, r.Rounds.Rounds)
	assert.Len(t, r.Hiccups, min(2, r.Host.CPUs))
	assert.Equal(t, r.Placement.Pinned, r.Host.CPUs >= 2)
	assert.EqualValues(t, 1<<16, r.Ring.Slots)

	for _, res := range r.Results {
		switch {
		case res.Case == caseLatency && res.Rounds > 0:
			require.NotNil(t, res.RateHz)
			assert.EqualValues(t, 100_000, *res.RateHz)
			assert.Nil(t, res.P9999Ns, "so few records cannot tell")
			assert.NotNil(t, res.SentLate)
		case res.Case == caseThroughput:
			assert.Nil(t, res.RateHz)
			assert.Nil(t, res.P50Ns, "a record that only waits for others has no latency")
			assert.Empty(t, res.Histogram)
		case res.Case == caseWriterCost && res.Rounds > 0:
			require.NotNil(t, res.CostNs)
			assert.Positive(t, res.CostNs.Mean)
			assert.Positive(t, res.CostNs.ClockNs)
		}
	}
}

// Other programs read the rows by these names.
func TestJSONKeys(t *testing.T) {
	withoutCompiler(t)
	var r struct {
		Results []map[string]any `json:"results"`
	}
	require.NoError(t, json.Unmarshal([]byte(runProgram(t, "--json", "--duration", "30ms", "--slice", "10ms")), &r))
	require.NotEmpty(t, r.Results)
	keys := strings.Fields(`case transport process record_bytes rate_hz batch readers wait published count missed torn
		min_ns p50_ns p90_ns p99_ns p999_ns p9999_ns max_ns mrec_per_s ratio_to_limit ratio_low ratio_high
		ratio_to_cpp ratio_to_cpp_low ratio_to_cpp_high distance rounds rounds_left_out negative clamped incomplete
		writer per_reader per_round`)
	for _, row := range r.Results {
		for _, key := range keys {
			assert.Contains(t, row, key)
		}
		rounds, ok := row["per_round"].([]any)
		require.True(t, ok)
		for _, round := range rounds {
			for _, key := range []string{"ratio", "p50_ns", "mrec_per_s", "distance", "left_out"} {
				assert.Contains(t, round, key)
			}
		}
	}
	cost, ok := r.Results[len(r.Results)-1]["cost_ns"].(map[string]any)
	require.Equal(t, r.Results[len(r.Results)-1]["rounds"] != 0.0, ok)
	for _, key := range []string{"p50", "p90", "p99", "max", "mean_ns", "records_per_group", "clock_ns"} {
		if ok {
			assert.Contains(t, cost, key)
		}
	}
}

func TestText(t *testing.T) {
	withCompiler(t)
	out := runProgram(t, "--duration", "60ms", "--warmup", "0s")
	for _, part := range []string{
		"host ", "clock ", "pages ", "placement ", "rounds ", "hiccups ", "LATENCY", "p99.99", "too few", "THROUGHPUT", "×64",
		"WRITER-COST", "nothing is subtracted", "none torn or wrong", "JUDGED BY", "÷ c++",
	} {
		assert.Contains(t, out, part)
	}
}

func TestThroughputOnly(t *testing.T) {
	withoutCompiler(t)
	r := runJSON(t, "--rate", "max", "--batch", "7")
	assert.Equal(t, []string{"latency limit", "throughput tickring", "throughput c++", "lossless tickring", "lossless c++"}, rows(r))
	assert.Equal(t, 7, r.Results[len(r.Results)-1].Batch)
}

func TestSeveralReaders(t *testing.T) {
	withoutCompiler(t)
	r := runJSON(t, "--readers", "3", "--pin", "none", "--rate", "10k")
	assert.False(t, r.Placement.Pinned)
	for _, res := range r.Results {
		if res.Transport == transportRing && res.Case != caseWriterCost {
			assert.Equal(t, 3, res.Readers)
		}
	}
	assert.Len(t, r.Pages.Readers, 3)
}

// A ring of two slots: readers are lapped all the time, and everything must still be accounted for.
func TestReadersThatAreLapped(t *testing.T) {
	withoutCompiler(t)
	r := runJSON(t, "--slots", "2", "--batch", "1000", "--rate", "1M")
	missed, counted := uint64(0), 0
	for _, res := range r.Results {
		if res.Case == caseThroughput {
			missed, counted = missed+res.Missed, counted+res.Rounds
		}
	}
	assert.Equal(t, counted > 0, missed > 0)
}

func TestWaits(t *testing.T) {
	for _, wait := range []string{"backoff", "every:20us", "block"} {
		t.Run(wait, func(t *testing.T) {
			r := runJSON(t, "--wait", wait, "--rate", "20k")
			assert.Equal(t, wait, r.Ring.Wait)
			assert.Equal(t, []string{"latency limit", "latency tickring", "throughput tickring", "writer-cost tickring"}, rows(r))
		})
	}
}

func TestFeed(t *testing.T) {
	for _, file := range []string{"iex_TOPS16.pcapng.gz", "binance_cm_btcusd_perp_20240808.gz"} {
		t.Run(file, func(t *testing.T) {
			path := testkit.DataFile(t, file)
			withoutCompiler(t)
			r := runJSON(t, "--feed", path, "--speed", "50")
			assert.Contains(t, r.Records, path)
			assert.Contains(t, rows(r), "feed tickring")
			assert.NotContains(t, rows(r), "latency tickring", "the recording's own times take the place of a rate")
		})
	}
}

// Every mode measures what it says, in whatever time.
func TestModes(t *testing.T) {
	for mode, want := range map[string][]string{
		"load": {"load tickring"}, "burst": {"burst tickring"}, "low-rate": {"low-rate limit", "low-rate tickring"},
		"wait": {"wait tickring"}, "wakeup": {"wakeup tickring", "wakeup pipe", "wakeup mqueue"}, "fanout": {"fanout tickring"},
		"slow": {"writer-cost tickring", "slow-reader tickring", "stopped-reader tickring"},
		"cost": {"writer-cost tickring", "stopped-reader tickring"},
	} {
		t.Run(mode, func(t *testing.T) {
			withoutCompiler(t)
			r := runJSON(t, mode, "--duration", "30ms", "--slice", "10ms")
			assert.Subset(t, rows(r), want)
		})
	}
}

// All of it, each only once.
func TestAll(t *testing.T) {
	withoutCompiler(t)
	r := runJSON(t, "all", "--duration", "9ms", "--slice", "3ms", "--warmup", "0s")
	for _, name := range []string{"latency tickring", "load tickring", "wakeup pipe", "fanout tickring", "slow-reader tickring", "writer-cost tickring"} {
		assert.Contains(t, rows(r), name)
	}
	for i, res := range r.Results {
		for _, other := range r.Results[:i] {
			same := res.Case == other.Case && res.Transport == other.Transport && res.Batch == other.Batch && res.Readers == other.Readers &&
				res.Wait == other.Wait && res.Distance == other.Distance && (res.RateHz == nil) == (other.RateHz == nil)
			assert.False(t, same && (res.RateHz == nil || *res.RateHz == *other.RateHz), "%s of %s twice", res.Case, res.Transport)
		}
	}
}

// What a call takes by itself, in both languages: read back, and polled, to the last record.
func TestCalls(t *testing.T) {
	withCompiler(t)
	r := runJSON(t, "calls", "--duration", "60ms", "--slice", "20ms")
	for _, want := range []string{"publish-alone tickring", "publish-alone c++", "poll-present tickring", "poll-present c++"} {
		assert.Contains(t, rows(r), want)
	}
	counted := 0
	for _, res := range r.Results {
		if !res.alone() || res.Rounds == 0 {
			continue
		}
		counted++
		require.NotNil(t, res.CostNs)
		assert.Positive(t, res.CostNs.Mean)
		assert.Equal(t, alonePeriod/res.Batch*res.Batch, res.CostNs.Records)
		assert.Equal(t, res.Transport == transportRing, res.RatioToCpp != nil)
		assert.GreaterOrEqual(t, res.Count, uint64(res.Rounds*alonePeriod), "read back")
		if res.Case == casePoll {
			assert.Zero(t, res.Missed)
		}
	}
	if counted > 0 {
		assert.Len(t, r.Goals, 4)
	}
}

// A writer that waits for its reader: in both languages nothing is lost, whatever the ring.
func TestLossless(t *testing.T) {
	withCompiler(t)
	for _, slots := range []string{"256", "65536"} {
		r := runJSON(t, "throughput", "--duration", "30ms", "--slice", "10ms", "--slots", slots)
		for _, want := range []string{"lossless tickring", "lossless c++"} {
			assert.Contains(t, rows(r), want)
		}
		for _, res := range r.Results {
			if res.Case == caseLossless {
				assert.Zero(t, res.Missed)
			}
		}
	}
}

// Readers that are stopped or slow learn exactly what they missed: checkResult adds it up.
func TestSlowReadersMiss(t *testing.T) {
	withoutCompiler(t)
	r := runJSON(t, "slow", "--duration", "300ms", "--slice", "100ms", "--slots", "1024")
	for _, res := range r.Results {
		if res.Rounds > 0 && (res.Case == caseSlowReader || res.Case == caseStoppedReader) {
			assert.Positive(t, res.Missed, res.Case)
		}
	}
}

// Every rival sends and receives; each reader has compared every record with what was sent.
func TestRivals(t *testing.T) {
	withCompiler(t)
	r := runJSON(t, "rivals", "--duration", "30ms", "--slice", "10ms")
	for via := range rivals {
		assert.Contains(t, rows(r), "latency "+via)
	}
	for via := range rings {
		assert.Contains(t, rows(r), "latency "+via)
	}
	for _, res := range r.Results {
		// One slot holds one record: a reader that the kernel keeps from its CPU for the whole of a slice gets none.
		oneSlot := res.Transport == transportLimit || res.Transport == transportAtomics
		if res.Rounds > 0 && !oneSlot {
			assert.Positive(t, res.Count, "%s of %s", res.Case, res.Transport)
		}
	}
	assert.Contains(t, rows(r), "latency go-channel")
}

// Without a compiler the C++ client's rows say what to install.
func TestWithoutACompiler(t *testing.T) {
	withoutCompiler(t)
	r := runJSON(t, "throughput")
	assert.Empty(t, r.Compiler)
	for _, res := range r.Results {
		if res.Transport == transportCpp {
			assert.Contains(t, res.Note, "apt-get install g++")
			assert.Zero(t, res.Rounds)
		}
	}
}

// One that does not compile it is named, and no error of the run.
func TestWithABrokenCompiler(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "g++"), []byte("#!/bin/sh\necho no such language >&2; exit 3\n"), 0o700))
	t.Setenv("PATH", dir)
	c := compile(t.Context())
	assert.ErrorContains(t, c.err, "no such language")
	require.NoError(t, c.remove())
	assert.NoDirExists(t, c.folder)
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
		{[]string{"--duration", "-1s"}, "--duration -1s"},
		{[]string{"--slice", "0s"}, "--slice 0s"},
		{[]string{"--warmup", "-1s"}, "--warmup"},
		{[]string{"--wait", "sleep"}, "spin, backoff[:limit], every:interval or block"},
		{[]string{"--wait", "every"}, "every:1ms"},
		{[]string{"--wait", "every:1ns"}, "not a duration from 1us up"},
		{[]string{"--pages", "big"}, "off, prefer or require"},
		{[]string{"--pin", "a,b"}, "the writer's first"},
		{[]string{"--pin", "0"}, "give 2"},
		{[]string{"--pin", "0,1000000"}, "may use"},
		{[]string{"--batch", "0"}, "--batch 0"},
		{[]string{"burst", "--burst", "0"}, "--burst 0"},
		{[]string{"burst", "--interval", "1ns"}, "--interval 1ns"},
		{[]string{"--speed", "2"}, "--feed"},
		{[]string{"--feed", "/nowhere", "--speed", "-1"}, "--speed -1"},
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
	assert.NotContains(t, out, "standard input", "the peers' command is nobody's business")
	for _, m := range modes()[1:] {
		assert.Contains(t, out, m.short)
		assert.Contains(t, runProgram(t, m.name, "--help"), m.short)
	}
}

// longRun is a ringbench in the middle of a measurement that does not end by itself.
type longRun struct {
	cmd       *exec.Cmd
	reader    int         // its process
	stderr    chan string // all that it said after that
	temporary string      // its TMPDIR
	alive     *os.File    // at its end when ringbench and all of its readers are gone
}

func startLongRun(t *testing.T, command string) *longRun {
	t.Helper()
	withCompiler(t)
	r := &longRun{cmd: program(t, command, "--verbose", "--duration", "1h", "--slice", "10ms"), stderr: make(chan string, 1)}
	r.temporary = t.TempDir()
	r.cmd.Env = append(r.cmd.Env, "TMPDIR="+r.temporary)
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
	started := regexp.MustCompile(`started reader 1 \(process (\d+)\)`)
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, line)
		if m := started.FindStringSubmatch(line); m != nil {
			r.reader, _ = strconv.Atoi(m[1])
		}
		if strings.Contains(line, "round 2 of") {
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
	folders, err := os.ReadDir(r.temporary)
	require.NoError(t, err)
	assert.Empty(t, folders, "of the compiler")
	return stderr
}

func TestInterruptLeavesNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			r := startLongRun(t, "rivals")
			require.NoError(t, r.cmd.Process.Signal(signal))
			assert.Contains(t, r.ended(t), "interrupted")
			assert.Equal(t, exitInterrupted, r.cmd.ProcessState.ExitCode())
		})
	}
}

// While the compiler is at work, too.
func TestInterruptOfTheCompiler(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "g++"), []byte("#!/bin/sh\nexec /bin/sleep 1000\n"), 0o700))
	cmd := program(t, "--verbose")
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary, "PATH="+dir)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(stderr)
	said, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, said, "compiling")
	require.Eventually(t, func() bool { // until its folder is there, so that there is something to leave behind
		folders, err := os.ReadDir(temporary)
		return err == nil && len(folders) > 0
	}, hangs, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Error(t, cmd.Wait())
	assert.Contains(t, string(rest), "interrupted")
	assert.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode())
	folders, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, folders)
	assert.Empty(t, segmentsOf(t, cmd.Process.Pid))
}

// Ctrl-C in a terminal signals the readers too: what is reported is still the interrupt.
func TestInterruptOfTheWholeGroup(t *testing.T) {
	r := startLongRun(t, "rivals")
	require.NoError(t, syscall.Kill(r.reader, syscall.SIGINT))
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	assert.NotContains(t, r.ended(t), "reader 1")
	assert.Equal(t, exitInterrupted, r.cmd.ProcessState.ExitCode())
}

func TestReaderKilled(t *testing.T) {
	r := startLongRun(t, "rivals")
	require.NoError(t, syscall.Kill(r.reader, syscall.SIGKILL))
	stderr := r.ended(t)
	assert.Contains(t, stderr, fmt.Sprintf("reader 1 (process %d) ended before its work was done: signal: killed", r.reader))
	assert.Equal(t, exitFailed, r.cmd.ProcessState.ExitCode())
}

// Nobody cleans up after a SIGKILL: there must be nothing to clean up, and the other processes must go, too.
func TestWriterKilled(t *testing.T) {
	r := startLongRun(t, "rivals")
	require.NoError(t, r.cmd.Process.Kill())
	r.ended(t)
}
