//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// stat is the status of a segment that must have one.
func stat(t *testing.T, name string) *status {
	t.Helper()
	s, err := newStatus(name)
	require.NoError(t, err)
	return s
}

func TestReplay(t *testing.T) {
	data := testkit.DataFile(t, iexFile)
	recording := unpacked(t, data)
	var aapl, aaplVolume, breakVolume int64
	all, err := feed.Open(data, feed.Options{Breaks: true})
	require.NoError(t, err)
	for trade, err := range all.Trades() {
		require.NoError(t, err)
		switch {
		case !trade.Valid:
			breakVolume += int64(trade.Volume)
		case trade.Symbol == "AAPL":
			aapl, aaplVolume = aapl+1, aaplVolume+int64(trade.Volume)
		}
	}
	require.NoError(t, all.Close())
	for what, tc := range map[string]struct {
		args            []string
		records, volume int64
		says            string
	}{
		"whole":            {nil, iexTrades, iexVolume, "trade breaks skipped: 3"},
		"with breaks":      {[]string{"--breaks"}, iexTrades + 3, iexVolume + breakVolume, "published 6393 records"},
		"one symbol":       {[]string{"--symbol", "AAPL"}, aapl, aaplVolume, "trades of other symbols skipped: "},
		"scaled":           {[]string{"--volume-scale", "10"}, iexTrades, 10 * iexVolume, ""},
		"looped":           {[]string{"--loop", "3"}, 3 * iexTrades, 3 * iexVolume, ""},
		"two files":        {[]string{data}, 2 * iexTrades, 2 * iexVolume, "trade breaks skipped: 6"},
		"two files looped": {[]string{data, "--loop", "2"}, 4 * iexTrades, 4 * iexVolume, ""},
		"pipe":             {[]string{"/dev/stdin", "--loop", "3"}, 6 * iexTrades, 6 * iexVolume, "trade breaks skipped: 6"},
		"fast":             {[]string{"--speed", "1e9"}, iexTrades, iexVolume, ""},
		"small ring":       {[]string{"--slots", "2", "--loop", "20"}, 20 * iexTrades, 20 * iexVolume, "2 slots"},
		"doorbell":         {[]string{"--doorbell"}, iexTrades, iexVolume, "doorbell"},
	} {
		t.Run(what, func(t *testing.T) {
			name := newName(t)
			cmd := command(append([]string{"replay", "--name", name, data}, tc.args...)...)
			cmd.Stdin = bytes.NewReader(recording) // which exec makes a pipe
			r := startCommand(t, cmd).wait(t)
			require.Equal(t, 0, r.code, r.stderr)
			assert.Equal(t, fmt.Sprintf("published=%d volume=%d\n", tc.records, tc.volume), r.stdout)
			assert.Contains(t, r.stderr, tc.says)
			assert.NotContains(t, r.stderr, "\r", "no live line where no terminal is")
			s := stat(t, name)
			assert.Equal(t, "closed", s.State)
			assert.EqualValues(t, tc.records, s.Head)
			assert.False(t, s.Writer.Alive)
		})
	}
}

func TestReplayUnlinks(t *testing.T) {
	name := newName(t)
	r := succeed(t, "replay", "--unlink", "--doorbell", "--name", name, testkit.DataFile(t, iexFile))
	assert.Equal(t, "published=6390 volume=1427907\n", r.stdout)
	left, err := filepath.Glob(shmPath(name) + "*")
	require.NoError(t, err)
	assert.Empty(t, left, "neither the segment nor its doorbell")
}

func TestReplayTakesOver(t *testing.T) {
	name, data := newName(t), testkit.DataFile(t, iexFile)
	succeed(t, "create", "--name", name, "--slots", "64", "--mode", "0640")
	first := succeed(t, "replay", "--name", name, data)
	assert.NotContains(t, first.stderr, "ignored")
	r := succeed(t, "replay", "--name", name, "--slots", "128", "--page-size", "2M", "--doorbell", data)
	assert.Contains(t, r.stderr, "--slots 128 ignored: "+name+" exists and keeps its 64 slots")
	assert.Contains(t, r.stderr, "--page-size --doorbell ignored")
	assert.Equal(t, "published=6390 volume=1427907\n", r.stdout, "of this run alone")
	s := stat(t, name)
	assert.EqualValues(t, 2*iexTrades, s.Head, "record numbers go on")
	assert.EqualValues(t, 2, s.Epoch)
	assert.EqualValues(t, 64, s.Slots)
	assert.Equal(t, "0640", s.Mode)
}

func TestReplayReportsBeforeItPublishes(t *testing.T) {
	name, dir := newName(t), t.TempDir()
	unknown := filepath.Join(dir, "unknown")
	require.NoError(t, os.WriteFile(unknown, []byte("this is no recording of anything, really"), 0o600))
	r := ringctl(t, "replay", "--name", name, testkit.DataFile(t, iexFile), filepath.Join(dir, "missing"), unknown)
	assert.Equal(t, 1, r.code)
	assert.Equal(t, "published=0 volume=0\n", r.stdout)
	assert.Contains(t, r.stderr, filepath.Join(dir, "missing"))
	assert.Contains(t, r.stderr, "unknown format")
	assert.NoFileExists(t, shmPath(name), "nothing was created")
}

func TestReplayOfDamagedData(t *testing.T) {
	whole, err := os.ReadFile(testkit.DataFile(t, iexFile))
	require.NoError(t, err)
	name, cut := newName(t), filepath.Join(t.TempDir(), "cut.gz")
	require.NoError(t, os.WriteFile(cut, whole[:len(whole)/2], 0o600))
	for _, loop := range []string{"1", "5"} {
		head := uint64(0)
		if s, err := newStatus(name); err == nil {
			head = s.Head
		}
		r := ringctl(t, "replay", "--name", name, "--loop", loop, cut)
		assert.Equal(t, 1, r.code)
		assert.Regexp(t, `cut\.gz .*packet \d+ at byte \d+`, r.stderr)
		records, volume := r.published(t)
		assert.Greater(t, records, int64(1000))
		assert.Less(t, records, int64(iexTrades))
		assert.Positive(t, volume)
		s := stat(t, name)
		assert.Equal(t, "closed", s.State)
		assert.Equal(t, head+uint64(records), s.Head)
	}
}

func TestReplayOfUnknownSymbol(t *testing.T) {
	r := ringctl(t, "replay", "--name", newName(t), "--symbol", "aapl", "--loop", "0", testkit.DataFile(t, iexFile))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, `no trade of symbol "aapl", but 6393 of others`)
	assert.Equal(t, "published=0 volume=0\n", r.stdout)
}

// slowRecording is a Binance recording of three trades at 0, 150 and 100 ms.
func slowRecording(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i, ms := range []int64{0, 150, 100} {
		fmt.Fprintf(&b, `%d {"stream":"btcusd_perp@trade","data":{"e":"trade","E":%[2]d,"T":%[2]d,"s":"BTCUSD_PERP","t":%[3]d,"p":"61804.8","q":"4","X":"MARKET","m":true}}`+"\n",
			1723104000000000000+ms*1000000, 1723104000000+ms, 1000+i)
	}
	path := filepath.Join(t.TempDir(), "slow")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

func TestReplayKeepsPace(t *testing.T) {
	path := slowRecording(t)
	for speed, atLeast := range map[string]time.Duration{
		"1":   2 * 150 * time.Millisecond, // two passes, each from its start
		"0.5": 4 * 150 * time.Millisecond,
		"max": 0,
	} {
		t.Run(speed, func(t *testing.T) {
			began := time.Now()
			r := succeed(t, "replay", "--name", newName(t), "--unlink", "--loop", "2", "--speed", speed, path)
			assert.GreaterOrEqual(t, time.Since(began), atLeast)
			assert.Equal(t, "published=6 volume=24\n", r.stdout)
		})
	}
}

func TestReplayShowsThatItLives(t *testing.T) {
	name := newName(t)
	p := startSlow(t, name)
	beat := func() time.Duration {
		s, err := newStatus(name)
		if err != nil || s.HeartbeatAgeMS == nil {
			return 0
		}
		return time.Duration(segment.Heartbeat()) - time.Duration(*s.HeartbeatAgeMS)*time.Millisecond
	}
	first := beat()
	assert.Eventually(t, func() bool { return beat() > first+2*beatPeriod }, patience, 10*time.Millisecond)
	p.signal(t, syscall.SIGINT)
	assert.Equal(t, 130, p.wait(t).code)
}

func TestReplayInterrupted(t *testing.T) {
	for s, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) { // under nohup: a process started now would ignore it, too
				caught := make(chan os.Signal, 1)
				signal.Notify(caught, s)
				defer signal.Reset(s)
			}
			name := newName(t)
			p := startSlow(t, name)
			follower := startTail(t, name)
			p.signal(t, s)
			r := p.wait(t)
			assert.Equal(t, code, r.code)
			assert.Equal(t, "published=1 volume=283\n", r.stdout)
			assert.Contains(t, r.stderr, "ended by signal")
			assert.Equal(t, "closed", stat(t, name).State)
			f := follower.wait(t)
			assert.Equal(t, 0, f.code, "the ring was closed")
			assert.Equal(t, "received=1 missed=0", lastLine(f.stderr))
		})
	}
}

func TestReplayUntilInterrupted(t *testing.T) {
	name := newName(t)
	p := start(t, "replay", "--name", name, "--loop", "0", testkit.DataFile(t, iexFile))
	require.Eventually(t, func() bool {
		s, err := newStatus(name)
		return err == nil && s.Head > 10*iexTrades
	}, patience, time.Millisecond)
	p.signal(t, syscall.SIGTERM)
	r := p.wait(t)
	assert.Equal(t, 143, r.code)
	records, volume := r.published(t)
	assert.EqualValues(t, records, stat(t, name).Head)
	assert.Greater(t, volume, int64(9*iexVolume))
}

// A recording that comes through a pipe may keep a replay waiting; it hears of signals nevertheless.
func TestReplayOfPipe(t *testing.T) {
	name, fifo := newName(t), filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	t.Run("nobody writes", func(t *testing.T) {
		p := start(t, "replay", "--name", name, fifo)
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the replay has opened it, too
		require.NoError(t, err)
		defer w.Close()
		p.signal(t, syscall.SIGTERM)
		r := p.wait(t)
		assert.Equal(t, 143, r.code)
		assert.Equal(t, "published=0 volume=0\n", r.stdout)
		assert.NoFileExists(t, shmPath(name))
	})
	t.Run("the writer stops", func(t *testing.T) {
		p := start(t, "replay", "--name", name, fifo)
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		require.NoError(t, err)
		defer w.Close()
		recording := unpacked(t, testkit.DataFile(t, iexFile))
		_, err = w.Write(recording[:len(recording)/2])
		require.NoError(t, err)
		// What has come through the pipe is published, however little it is.
		require.Eventually(t, func() bool {
			s, err := newStatus(name)
			return err == nil && s.Head == 1013
		}, patience, time.Millisecond)
		p.signal(t, syscall.SIGINT)
		r := p.wait(t)
		assert.Equal(t, 130, r.code)
		records, _ := r.published(t)
		assert.EqualValues(t, records, stat(t, name).Head)
		assert.Equal(t, "closed", stat(t, name).State)
	})
}

func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(z)
	require.NoError(t, err)
	return b
}

func TestSecondWriter(t *testing.T) {
	name := newName(t)
	first := startSlow(t, name)
	pid := strconv.Itoa(first.Process.Pid)
	r := ringctl(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	assert.Equal(t, 1, r.code)
	assert.Equal(t, "published=0 volume=0\n", r.stdout)
	assert.Contains(t, r.stderr, "open as writer "+name)
	assert.Contains(t, r.stderr, "process "+pid)
	assert.Contains(t, r.stderr, "another --name")
	s := stat(t, name)
	assert.Equal(t, first.Process.Pid, s.Writer.PID)
	assert.True(t, s.Writer.Alive)
	assert.EqualValues(t, 1, s.Head, "the second one has published nothing")
}

func TestReplayOfTruncatedSegment(t *testing.T) {
	name := newName(t)
	p := start(t, "replay", "--name", name, "--loop", "0", "--pages", "off", testkit.DataFile(t, iexFile))
	awaitOpen(t, name)
	require.NoError(t, os.Truncate(shmPath(name), 4096))
	r := p.wait(t)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "segment truncated")
	assert.NotContains(t, r.stderr, "goroutine", "an error, not a crash")
	r.published(t)
}

func TestProgressLine(t *testing.T) {
	p := &progress{size: 1000, passes: 4}
	p.pass.Store(1)
	p.read.Store(500)
	assert.Equal(t, " 37.5 %, 1234567 records, 1.2 M/s", p.line(1234567, 1234567))
	p.passes = 0
	assert.Equal(t, "pass 2, 5 records, 1.5 k/s", p.line(5, 1500))
	p.passes, p.size = 1, -1
	assert.Equal(t, "5 records, 12.0 /s", p.line(5, 12))
}

func TestPace(t *testing.T) {
	p := pacer{factor: 10, first: 1000}
	assert.Equal(t, time.Duration(0), p.due(1000))
	assert.Equal(t, time.Duration(50), p.due(1500))
	assert.Equal(t, time.Duration(0), p.due(999), "backward timestamps do not wait")
	p.factor = 1e-9
	assert.Equal(t, time.Duration(1<<63-1), p.due(1<<63), "and far ones do not overflow")
}
