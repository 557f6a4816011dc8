package segment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/seqlock"
)

// sleepFor waits for the next record straight on the doorbell, as a reader does that blocks, but with
// a limit so long that a wake-up which is lost cannot hide behind the next look.
func sleepFor(s *Segment, r *ring.Reader[stamp], rec *stamp) (uint64, error) {
	for {
		if n, status := r.Poll(rec); status != ring.Empty {
			return n, unlessReady(status)
		}
		ticket, err := s.Arm()
		if err != nil {
			return 0, err
		}
		if n, status := r.Poll(rec); status != ring.Empty {
			return n, unlessReady(status)
		}
		start := time.Now()
		if _, err := s.Wait(ticket, forever); err != nil {
			return 0, err
		}
		if waited := time.Since(start); waited > forever/2 {
			return 0, fmt.Errorf("a wake-up was lost: slept for %v before record %d", waited, r.Position())
		}
	}
}

func unlessReady(status ring.Status) error {
	if status != ring.Ready {
		return fmt.Errorf("status %v", status)
	}
	return nil
}

// Two processes that each publish one record and sleep until the other answers, with a pause before
// each that sweeps over the moments at which the other falls asleep. One wake-up that is lost stops
// both.
func TestNoWakeUpIsLost(t *testing.T) {
	rounds := uint64(20_000)
	if testkit.Race || testkit.Emulated() {
		rounds = 2_000
	}
	ping, pong := testkit.Name(t), testkit.Name(t)
	w := newWriter(t, createFor(t, ping, 16, Options{Doorbell: true}))
	echo := testkit.Start(t, "echo", ping, pong, fmt.Sprint(rounds))
	require.Equal(t, "ready", echo.Line())
	answers := attach(t, pong)
	r := newReader(t, answers, ring.ReaderOptions{Start: ring.At(0)})
	for n := range rounds {
		seqlock.Pause(uint32(n * 7 % 500))
		rec := stampOf(n, 1)
		w.Publish(&rec)
		got, err := sleepFor(answers, r, &rec)
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	require.NoError(t, echo.Wait())
}

// echo answers each record on one segment with one on another.
func echo(args []string) error {
	var rounds uint64
	if _, err := fmt.Sscan(args[2], &rounds); err != nil {
		return err
	}
	s, err := Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := ring.NewReader[stamp](s, ring.ReaderOptions{Start: ring.At(0)})
	if err != nil {
		return err
	}
	answers, err := Create(args[1], shape(16), Options{Doorbell: true})
	if err != nil {
		return err
	}
	defer answers.Close()
	w, err := ring.NewWriter[stamp](answers)
	if err != nil {
		return err
	}
	say("ready")
	for n := range rounds {
		var rec stamp
		if _, err := sleepFor(s, r, &rec); err != nil {
			return err
		}
		seqlock.Pause(uint32(n * 11 % 501))
		w.Publish(&rec)
	}
	return nil
}

// The moments that decide, met far more often than by falling asleep: one goroutine publishes just when the
// other announces itself. It does not really sleep; but once Publish has returned, a reader that found
// nothing must have been rung for, or it would have slept on.
func TestWhoFindsNothingIsRungFor(t *testing.T) {
	rounds := uint64(10_000)
	if testkit.Race || testkit.Emulated() {
		rounds = 1_000
	}
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	w := newWriter(t, s)
	r := newReader(t, attach(t, name), ring.ReaderOptions{Start: ring.At(0)})
	var asked, published atomic.Uint64 // records that the reader wants, and that are published
	var writerDelay atomic.Int64       // before it publishes, in loops, some to the nanosecond
	// Stores to lines that the other has just written take long to get out of the writer's store buffer,
	// and what it publishes waits behind them, while its look at the mark does not.
	lines := createFor(t, testkit.Name(t), 1<<10, Options{}).Slots()
	dirty := func(n uint64) {
		for i := range 64 - n/2%16 { // about as many as store buffers have places
			*word(lines, int(i)*layout.SharingDistance) = n
		}
	}
	var stop atomic.Bool
	defer stop.Store(true)
	until := func(n *atomic.Uint64, want uint64) {
		for i := 1; n.Load() < want && !stop.Load(); i++ {
			if i%(1<<16) == 0 {
				runtime.Gosched()
			}
		}
	}
	go func() {
		runtime.LockOSThread()
		for n := uint64(0); !stop.Load(); n++ {
			until(&asked, n+1)
			if stop.Load() {
				return
			}
			for range writerDelay.Load() {
			}
			dirty(n)
			rec := stampOf(n, 1)
			w.Publish(&rec)
			published.Store(n + 1)
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var rec stamp
	missed, lead := 0, 0 // how much earlier the writer begins, in such loops
	for n := uint64(0); n < 2*rounds; n += 2 {
		// The first record races with the announcement.
		dirty(n)
		delay := lead + rand.IntN(300) - 150
		writerDelay.Store(int64(max(0, -delay)))
		asked.Store(n + 1)
		for range max(0, delay) {
		}
		lead -= 4 // it follows the moment at which the record is there as often as not
		ticket, err := s.Arm()
		require.NoError(t, err)
		if _, status := r.Poll(&rec); status == ring.Empty {
			missed++
			lead += 8
			until(&published, n+1)
			require.NotEqual(t, ticket, atomic.LoadUint32(s.ticket()), "record %d: not there at the last look, and not rung for", n)
			_, status = r.Poll(&rec)
			require.Equal(t, ring.Ready, status)
		}
		// For the second the reader announces itself while the first may still be rung for.
		ticket, err = s.Arm()
		require.NoError(t, err)
		_, status := r.Poll(&rec)
		require.Equal(t, ring.Empty, status)
		writerDelay.Store(0)
		asked.Store(n + 2)
		until(&published, n+2)
		require.NotEqual(t, ticket, atomic.LoadUint32(s.ticket()), "record %d: not rung for", n+1)
		_, status = r.Poll(&rec)
		require.Equal(t, ring.Ready, status)
		require.Zero(t, atomic.LoadUint32(s.Waiting())) // a mark that is left would hide what the next round is to show
	}
	t.Logf("the record was not there in %d of %d races", missed, rounds)
}

// Several sleepers on one doorbell, whose marks and wake-ups get in each other's way.
func TestNoWakeUpIsLostAmongSeveral(t *testing.T) {
	rounds := uint64(3_000)
	if testkit.Race || testkit.Emulated() {
		rounds = 500
	}
	const readers = 3
	name := testkit.Name(t)
	w := newWriter(t, createFor(t, name, 16, Options{Doorbell: true}))
	results := make(chan error, readers)
	var turn [readers]atomic.Uint64 // records that each has read
	for i := range readers {
		s := attach(t, name)
		r := newReader(t, s, ring.ReaderOptions{Start: ring.At(0)})
		go func() {
			var rec stamp
			for n := range rounds {
				if _, err := sleepFor(s, r, &rec); err != nil {
					results <- err
					return
				}
				turn[i].Store(n + 1)
			}
			results <- nil
		}()
	}
	for n := range rounds {
		for i := range readers { // the next record comes when all have the last, and some sleep again
			for start := time.Now(); turn[i].Load() < n; runtime.Gosched() {
				require.Less(t, time.Since(start), 2*forever, "reader %d stays at record %d", i, turn[i].Load())
			}
		}
		seqlock.Pause(uint32(n * 7 % 500))
		rec := stampOf(n, 1)
		w.Publish(&rec)
	}
	for range readers {
		require.NoError(t, <-results)
	}
}

// Who blocks is woken by the end of the ring and by a takeover, too, not by its next look.
func TestBlockedReaderIsWokenByEvents(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	newWriter(t, s)
	r := newReader(t, attach(t, name), ring.ReaderOptions{Wait: ring.Block()})
	results := make(chan error, 2)
	go func() {
		for range 2 {
			var rec stamp
			_, err := r.Next(context.Background(), &rec)
			results <- err
		}
	}()
	asleep := func() bool { return atomic.LoadUint32(s.Waiting()) != 0 }
	require.Eventually(t, asleep, forever, time.Millisecond)
	w := newWriter(t, s)
	var restart *ring.RestartError
	require.ErrorAs(t, <-results, &restart)
	require.Eventually(t, asleep, forever, time.Millisecond)
	require.NoError(t, w.Close())
	require.ErrorIs(t, <-results, ring.ErrClosed)
}

func TestBlockEndsWithTheContext(t *testing.T) {
	name := testkit.Name(t)
	newWriter(t, createFor(t, name, 16, Options{Doorbell: true}))
	r := newReader(t, attach(t, name), ring.ReaderOptions{Wait: ring.Block()})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var rec stamp
	_, err := r.Next(ctx, &rec)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	_, err = r.Next(ctx, &rec)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNoDoorbell(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{})
	newWriter(t, s)
	assert.Nil(t, s.Waiting())
	_, err := ring.NewReader[stamp](attach(t, name), ring.ReaderOptions{Wait: ring.Block()})
	require.ErrorIs(t, err, ring.ErrNoDoorbell)
}

// A writer that takes over makes the doorbell anew if somebody removed it; under the same name, where
// readers find it.
func TestDoorbellRemoved(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	bell := doorbellPath(path, attach(t, name).Geometry().Created)
	require.NoError(t, os.Remove(bell))
	assert.Nil(t, attach(t, name).Waiting())
	s, err := OpenWriter(name)
	require.NoError(t, err)
	defer s.Close()
	assert.FileExists(t, bell)
	r := attach(t, name)
	require.NotNil(t, r.Waiting())
	_, err = r.Arm()
	require.NoError(t, err)
	assert.Equal(t, uint32(1), atomic.LoadUint32(s.Waiting()), "it is the same one")
	require.NoError(t, s.Ring())
	assert.Zero(t, atomic.LoadUint32(r.Waiting()))
}

// A reader that was killed while it slept is rung for once, and never again.
func TestSleeperKilled(t *testing.T) {
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	w := newWriter(t, s)
	for range 3 {
		p := testkit.Start(t, "sleeper", name)
		require.Equal(t, "reading", p.Line())
		require.Eventually(t, func() bool { return atomic.LoadUint32(s.Waiting()) != 0 }, forever, time.Millisecond)
		p.Kill()
		before := atomic.LoadUint32(s.ticket())
		for range 1000 {
			rec := stampOf(w.Head(), 1)
			w.Publish(&rec)
		}
		assert.LessOrEqual(t, atomic.LoadUint32(s.ticket())-before, uint32(1))
		assert.Zero(t, atomic.LoadUint32(s.Waiting()))
	}
}

func sleeper(args []string) error {
	s, err := Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := ring.NewReader[stamp](s, ring.ReaderOptions{Start: ring.Newest(), Wait: ring.Block()})
	if err != nil {
		return err
	}
	say("reading")
	for err == nil {
		_, err = r.Next(context.Background(), new(stamp))
	}
	return err
}

// A reader that sleeps costs nothing while nothing happens.
func TestSleepTakesNoTime(t *testing.T) {
	if testkit.Race || testkit.Emulated() {
		t.Skip("the time would be the race detector's, or the emulator's")
	}
	name := testkit.Name(t)
	newWriter(t, createFor(t, name, 16, Options{Doorbell: true}))
	p := testkit.Start(t, "idler", name)
	used, err := time.ParseDuration(p.Line())
	require.NoError(t, err)
	require.NoError(t, p.Wait())
	t.Logf("%v in a second of sleep", used)
	assert.Less(t, used, 10*time.Millisecond)
}

// idler waits for a second for a record that does not come, and prints how long it ran for that.
func idler(args []string) error {
	s, err := Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := ring.NewReader[stamp](s, ring.ReaderOptions{Wait: ring.Block()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	before, err := cpuTime()
	if err != nil {
		return err
	}
	var rec stamp
	if _, err := r.Next(ctx, &rec); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("woke up: %w", err)
	}
	after, err := cpuTime()
	say("%v", after-before)
	return err
}

func cpuTime() (time.Duration, error) {
	var use syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()), err
}

// The windows of TestHotPathsMakeNoSystemCall, and how often each path is taken in one.
const (
	windows   = 20
	perWindow = 5_000
	openMark  = "window opens"
	closeMark = "window closes"
)

// Neither publishing, with a doorbell at which nobody waits, nor polling makes a system call. Strace
// sees all that the thread makes; the Go scheduler makes some of its own every 10 ms, which slow code takes for a window or
// two, so some windows must be empty, where a call of ours would be in all of them.
func TestHotPathsMakeNoSystemCall(t *testing.T) {
	if testkit.Race || testkit.Emulated() {
		t.Skip("the system calls would be the race detector's, or the emulator's")
	}
	if out, err := exec.Command("strace", "-f", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		testkit.Require(t, "strace", fmt.Sprintf("%v: %s", err, out))
	}
	for _, path := range []string{"publish", "batch", "poll", "empty", "latest", "control"} {
		t.Run(path, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "strace")
			p := testkit.StartWith(t, "quiet", func(cmd *exec.Cmd) {
				strace, err := exec.LookPath("strace")
				require.NoError(t, err)
				cmd.Args = append([]string{"strace", "-f", "-o", log}, cmd.Args...)
				cmd.Path = strace
				cmd.Env = append(cmd.Env, "GODEBUG=asyncpreemptoff=1")
			}, testkit.Name(t), path)
			require.NoError(t, p.Wait())
			b, err := os.ReadFile(log)
			require.NoError(t, err)
			calls := inWindows(t, string(b))
			require.Len(t, calls, windows)
			quiet := 0
			for _, n := range calls {
				if n == 0 {
					quiet++
				}
			}
			if path == "control" { // one system call in the whole window is seen
				assert.Zero(t, quiet, calls)
				return
			}
			assert.GreaterOrEqual(t, quiet, windows/5, "system calls in each window of %d: %v", perWindow, calls)
		})
	}
}

// inWindows counts the system calls of the marking thread between each pair of marks.
func inWindows(t *testing.T, log string) (calls []int) {
	t.Helper()
	call := regexp.MustCompile(`^(\d+) +(\w+\(.*)`) // and not: "<... write resumed>", "--- SIGURG"
	thread, within := "", false
	for line := range strings.Lines(log) {
		m := call.FindStringSubmatch(line)
		switch {
		case m == nil:
		case strings.HasPrefix(m[2], `write(1, "`+openMark):
			thread, within = m[1], true
			calls = append(calls, 0)
		case !within || m[1] != thread:
		case strings.HasPrefix(m[2], `write(1, "`+closeMark):
			within = false
		default:
			calls[len(calls)-1]++
		}
	}
	return calls
}

// quiet takes a path that is to make no system call, between marks that strace sees.
func quiet(args []string) error {
	s, err := Create(args[0], shape(1<<10), Options{Doorbell: true})
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := ring.NewWriter[stamp](s)
	if err != nil {
		return err
	}
	seg, err := Attach(args[0])
	if err != nil {
		return err
	}
	defer seg.Close()
	r, err := ring.NewReader[stamp](seg, ring.ReaderOptions{})
	if err != nil {
		return err
	}
	batch := make([]stamp, 64)
	var rec stamp
	paths := map[string]func(){
		"publish": func() { w.Publish(&rec) },
		"batch":   func() { w.PublishBatch(batch) },
		"poll":    func() { w.Publish(&rec); r.Poll(&rec) },
		"empty":   func() { r.Poll(&rec) },
		"latest":  func() { r.Latest(&rec) },
		"control": func() {},
	}
	take := paths[args[1]]
	w.Publish(&rec)
	r.Poll(&rec)
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	mark := func(text string) error {
		_, err := syscall.Write(1, []byte(text+"\n"))
		return err
	}
	for range windows {
		if err := mark(openMark); err != nil {
			return err
		}
		for range perWindow {
			take()
		}
		if args[1] == "control" {
			syscall.Getppid()
		}
		if err := mark(closeMark); err != nil {
			return err
		}
	}
	return nil
}
