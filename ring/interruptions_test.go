package ring_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// Settings of a process that spins. The first is what the others are compared with; the second is it once
// more, which shows the noise. SCHED_FIFO keeps other programs on the machine out of the figures.
var spinSettings = []struct{ name, args, godebug string }{
	{"locked, pinned, FIFO", "lock pin fifo", ""},
	{"the same again", "lock pin fifo", ""},
	{"not locked, GOMAXPROCS=1", "pin fifo procs", ""},
	{"locked, GOMAXPROCS=1", "lock pin fifo procs", ""},
	{"asyncpreemptoff=1", "lock pin fifo", "asyncpreemptoff=1"},
	{"not locked, GOMAXPROCS=1, asyncpreemptoff=1", "pin fifo procs", "asyncpreemptoff=1"},
	{"loop without calls", "lock pin fifo bare", ""},
	{"loop without calls, asyncpreemptoff=1", "lock pin fifo bare", "asyncpreemptoff=1"},
	{"GC off", "lock pin fifo nogc", ""},
	{"allocating", "lock pin fifo alloc", ""},
	{"allocating, GC off", "lock pin fifo alloc nogc", ""},
	{"no FIFO", "lock pin", ""},
	{"no FIFO, not pinned, not locked", "", ""},
}

// spun is what a process found: how often it was away for more than 1 µs, for how long, and how often its
// thread slept or was pushed aside.
type spun struct{ stalls, lostMicroseconds, slept, preempted float64 }

// BenchmarkInterruptions counts what comes between two readings of the clock, in a process for each setting, in
// rounds: one of each, and again. Give it -benchtime 20x.
func BenchmarkInterruptions(b *testing.B) {
	rounds := make([][]spun, len(spinSettings))
	for b.Loop() {
		for i, s := range spinSettings {
			p := testkit.StartWith(b, "spin", func(cmd *exec.Cmd) {
				cmd.Env = append(cmd.Env, "GODEBUG="+s.godebug)
			}, strings.Fields(s.args)...)
			line := p.Line()
			require.NoError(b, p.Wait())
			var r spun
			_, err := fmt.Sscan(line, &r.stalls, &r.lostMicroseconds, &r.slept, &r.preempted)
			require.NoError(b, err, line)
			rounds[i] = append(rounds[i], r)
		}
	}
	for i, s := range spinSettings {
		median := func(pick func(spun) float64) float64 {
			var all []float64
			for _, r := range rounds[i] {
				all = append(all, pick(r))
			}
			slices.Sort(all)
			return all[len(all)/2]
		}
		ratio := func(pick func(spun) float64) string {
			var all []float64
			for n, r := range rounds[i] {
				all = append(all, pick(r)/max(pick(rounds[0][n]), 1))
			}
			slices.Sort(all)
			return fmt.Sprintf("%.2f (%.2f to %.2f)", all[len(all)/2], all[len(all)/10], all[len(all)*9/10])
		}
		stalls := func(r spun) float64 { return r.stalls }
		lost := func(r spun) float64 { return r.lostMicroseconds }
		b.Logf("%-44s %5.0f stalls/s, times the first %s; %6.0f µs/s lost, times the first %s; slept %3.0f, pushed aside %4.0f times/s",
			s.name, median(stalls), ratio(stalls), median(lost), ratio(lost),
			median(func(r spun) float64 { return r.slept }), median(func(r spun) float64 { return r.preempted }))
	}
}

// spinRole spins for a while and prints what it met, per second.
func spinRole(args []string) error {
	has := func(name string) bool { return slices.Contains(args, name) }
	c, err := clock.Calibrate(20 * time.Millisecond)
	if err != nil {
		return err
	}
	if has("procs") {
		runtime.GOMAXPROCS(1)
	}
	if has("nogc") {
		debug.SetGCPercent(-1)
	}
	if has("alloc") {
		go allocate()
	}
	allowed, err := sys.ThreadCPUs()
	if err != nil {
		return err
	}
	cpu := allowed[len(allowed)-1]
	runtime.LockOSThread()
	if has("pin") {
		if err := sys.SetThreadCPUs(cpu); err != nil {
			return err
		}
	}
	if has("fifo") {
		if _, err := host.RealTime(10, host.RealTimeOptions{}); err != nil {
			return err
		}
		runtime.UnlockOSThread()
	}
	if !has("lock") {
		runtime.UnlockOSThread()
	}
	reader, err := emptyRing()
	if err != nil {
		return err
	}
	if has("bare") {
		reader = nil
	}
	spinFor(c, 50*time.Millisecond, reader)
	slept, preempted, thread := switches()
	stalls, lost, span := spinFor(c, 400*time.Millisecond, reader)
	sleptAfter, preemptedAfter, threadAfter := switches()
	seconds := span.Seconds()
	if thread != threadAfter {
		slept, preempted, sleptAfter, preemptedAfter = 0, 0, -1, -1
	}
	_, err = fmt.Println(float64(stalls)/seconds, lost.Seconds()*1e6/seconds, float64(sleptAfter-slept)/seconds, float64(preemptedAfter-preempted)/seconds)
	return err
}

// emptyRing is a reader of a ring that stays empty.
func emptyRing() (*ring.Reader[ring.TradingData], error) {
	g, err := ring.GeometryOf[ring.TradingData](1024)
	if err != nil {
		return nil, err
	}
	return ring.NewReader[ring.TradingData](ring.NewHeap(g), ring.ReaderOptions{})
}

// spinFor polls for d, and reads the clock after each poll: of a ring; or, without one, of a word, in a
// loop that calls nothing.
func spinFor(c clock.Clock, d time.Duration, reader *ring.Reader[ring.TradingData]) (stalls int, lost, span time.Duration) {
	limit := uint64(float64(time.Microsecond) * c.TicksPerNs)
	end := uint64(float64(d) * c.TicksPerNs)
	first := clock.Now()
	last := first
	var away uint64
	var trade ring.TradingData
	for last-first < end {
		if reader != nil {
			_, _ = reader.Poll(&trade)
		} else {
			for range 64 {
				polled += word.Load()
			}
		}
		now := clock.Now()
		if now-last > limit {
			stalls++
			away += now - last
		}
		last = now
	}
	return stalls, time.Duration(c.Nanoseconds(int64(away))), time.Duration(c.Nanoseconds(int64(last - first)))
}

// What a loop without calls polls.
var (
	word   atomic.Uint64
	polled uint64
)

var garbage [8][]byte

// allocate makes 100 MB of garbage a second or so.
func allocate() {
	for range time.Tick(time.Millisecond) {
		for i := range 8 {
			garbage[i] = make([]byte, 16<<10)
		}
	}
}

// switches counts how often the calling thread went to sleep, and how often it was pushed aside.
func switches() (slept, preempted int, thread int) {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return 0, 0, 0
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSpace(value))
		switch name {
		case "Pid":
			thread = n
		case "voluntary_ctxt_switches":
			slept = n
		case "nonvoluntary_ctxt_switches":
			preempted = n
		}
	}
	return slept, preempted, thread
}
