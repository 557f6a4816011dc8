package host

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

	"github.com/tickring/tickring/internal/clock"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// Settings of a process that spins. The first is what the others are compared with.
var spinSettings = []struct{ name, args, godebug string }{
	{"as started", "", ""},
	{"pinned, locked", "lock pin", ""},
	{"the same again", "lock pin", ""},
	{"pinned, GOMAXPROCS 1", "pin procs", ""},
	{"pinned, locked, GOMAXPROCS 1", "lock pin procs", ""},
	{"pinned, locked, asyncpreemptoff", "lock pin", "asyncpreemptoff=1"},
	{"pinned, locked, bare loop", "lock pin bare", ""},
	{"pinned, locked, bare loop, asyncpreemptoff", "lock pin bare", "asyncpreemptoff=1"},
	{"pinned, locked, GC off", "lock pin nogc", ""},
	{"pinned, locked, allocating", "lock pin alloc", ""},
	{"pinned, locked, allocating, GC off", "lock pin alloc nogc", ""},
	{"pinned, locked, SCHED_FIFO", "lock pin fifo", ""},
	{"pinned, GOMAXPROCS 1, SCHED_FIFO", "pin procs fifo", ""},
	{"pinned, GOMAXPROCS 1, asyncpreemptoff", "pin procs", "asyncpreemptoff=1"},
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
		column := func(pick func(spun) float64) (low, median, high float64) {
			var all []float64
			for _, r := range rounds[i] {
				all = append(all, pick(r))
			}
			slices.Sort(all)
			return all[len(all)/10], all[len(all)/2], all[len(all)*9/10]
		}
		ratio := func(of int) (low, median, high float64) {
			var all []float64
			for n, r := range rounds[i] {
				all = append(all, r.stalls/max(rounds[of][n].stalls, 1))
			}
			slices.Sort(all)
			return all[len(all)/10], all[len(all)/2], all[len(all)*9/10]
		}
		_, stalls, _ := column(func(r spun) float64 { return r.stalls })
		_, lost, _ := column(func(r spun) float64 { return r.lostMicroseconds })
		_, slept, _ := column(func(r spun) float64 { return r.slept })
		_, preempted, _ := column(func(r spun) float64 { return r.preempted })
		low, median, high := ratio(1)
		b.Logf("%-45s stalls/s %6.0f  lost µs/s %6.0f  slept/s %5.0f preempted/s %5.0f  ratio of stalls %.2f (%.2f to %.2f)",
			s.name, stalls, lost, slept, preempted, median, low, high)
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
		if _, err := RealTime(10, RealTimeOptions{}); err != nil {
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

var garbage [64][]byte

// allocate makes 100 MB of garbage a second or so.
func allocate() {
	for i := 0; ; i++ {
		garbage[i%len(garbage)] = make([]byte, 16<<10)
		if i%8 == 0 {
			time.Sleep(time.Millisecond)
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
