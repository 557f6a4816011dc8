package host

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

// realTimeOr ends a test where real-time priority is not to be had.
func realTimeOr(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrPrivilege) {
		testkit.Require(t, "rtprio", err.Error())
	}
	if errors.Is(err, ErrStarvation) {
		testkit.Require(t, "cpus", err.Error())
	}
	require.NoError(t, err)
}

func TestRealTimeAndUndo(t *testing.T) {
	before, err := sys.ScheduleOf(0)
	require.NoError(t, err)
	r, err := RealTime(7, RealTimeOptions{})
	realTimeOr(t, err)
	own, err := sys.ScheduleOf(r.thread)
	require.NoError(t, err)
	priority, realTime := sys.RealTime(own)
	assert.True(t, realTime)
	assert.Equal(t, 7, priority)
	threads, err := tree{os.DirFS("/")}.threads(r.thread)
	require.NoError(t, err)
	for _, th := range threads[1:] {
		assert.False(t, th.realTime, "thread %d", th.id)
	}
	elsewhere := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s, err := sys.ScheduleOf(0)
		if _, realTime := sys.RealTime(s); realTime {
			err = errors.New("another thread has real-time priority")
		}
		elsewhere <- errors.Join(err, r.Undo())
	}()
	assert.ErrorIs(t, <-elsewhere, ErrOtherThread)
	require.NoError(t, r.Undo())
	after, err := sys.ScheduleOf(0)
	require.NoError(t, err)
	assert.Equal(t, before.Policy, after.Policy)
	assert.Equal(t, before.Flags, after.Flags)
}

func TestRealTimeRefusesPriorities(t *testing.T) {
	for _, priority := range []int{-1, 0, 50, 99, 100} {
		_, err := RealTime(priority, RealTimeOptions{})
		assert.ErrorIs(t, err, ErrPriority, priority)
	}
	_, err := RealTime(100, RealTimeOptions{Force: true})
	assert.ErrorIs(t, err, ErrPriority)
}

func TestStarving(t *testing.T) {
	rt := func(cpus ...int) thread { return thread{id: 1, cpus: cpus, realTime: true} }
	other := func(cpus ...int) thread { return thread{id: 2, cpus: cpus} }
	for name, tc := range map[string]struct {
		threads []thread
		want    int
	}{
		"pinned, others go elsewhere":  {[]thread{rt(1), other(0, 1)}, 0},
		"one CPU":                      {[]thread{rt(0), other(0)}, 2},
		"one CPU, not pinned":          {[]thread{rt(0), other(0), other(0)}, 2},
		"roams over two, one is left":  {[]thread{rt(0, 1), other(0, 1)}, 0},
		"two that roam over two":       {[]thread{rt(0, 1), rt(0, 1), other(0, 1)}, 2},
		"two on one CPU":               {[]thread{rt(1), rt(1), other(0, 1)}, 0},
		"two on two, a third is left":  {[]thread{rt(1), rt(2), other(0, 1, 2)}, 0},
		"two on two":                   {[]thread{rt(0), rt(1), other(0, 1)}, 2},
		"one that is pinned beside it": {[]thread{rt(1), other(0, 1), other(1)}, 2},
		"one that it may come to":      {[]thread{rt(0, 1), other(0, 1), other(1)}, 2},
		"alone":                        {[]thread{rt(0)}, 0},
		"others are real-time as well": {[]thread{rt(0), rt(0)}, 0},
	} {
		assert.Equal(t, tc.want, starving(tc.threads), name)
	}
}

func TestRealTimeOnOneCPU(t *testing.T) {
	p := testkit.Start(t, "one CPU")
	require.NoError(t, p.Wait())
}

// oneCPURole is a process on one CPU: to force it is all right there, as long as it does not spin.
func oneCPURole([]string) error {
	cpus, err := sys.ThreadCPUs()
	if err != nil {
		return err
	}
	if err := sys.SetProcessCPUs(cpus[0]); err != nil {
		return err
	}
	if _, err := RealTime(1, RealTimeOptions{}); !errors.Is(err, ErrStarvation) {
		return fmt.Errorf("want starvation: %w", err)
	}
	r, err := RealTime(1, RealTimeOptions{Force: true})
	if errors.Is(err, ErrPrivilege) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Undo()
}

func TestRealTimeWithoutPrivilege(t *testing.T) {
	p := testkit.Start(t, "unprivileged")
	require.NoError(t, p.Wait())
}

// unprivilegedRole has neither limit nor capability.
func unprivilegedRole([]string) error {
	if os.Geteuid() == 0 {
		if err := testkit.BecomeNobody(); err != nil {
			return err
		}
	}
	if err := syscall.Setrlimit(14, &syscall.Rlimit{}); err != nil { // RLIMIT_RTPRIO
		return err
	}
	_, err := RealTime(10, RealTimeOptions{Force: true})
	if !errors.Is(err, ErrPrivilege) || !errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("want a lack of privilege: %w", err)
	}
	for _, text := range []string{"SCHED_FIFO at priority 10: not permitted", "RLIMIT_RTPRIO is 0", "LimitRTPRIO=10", "cap_sys_nice+ep"} {
		if !strings.Contains(err.Error(), text) {
			return fmt.Errorf("%w: does not say %q", err, text)
		}
	}
	pinned, err := Pin(1 << 12)
	if !errors.Is(err, ErrNoCPU) {
		return fmt.Errorf("pinned to %v: %w", pinned, err)
	}
	topology, err := ReadTopology()
	if err != nil {
		return err
	}
	if pinned, err = Pin(topology.CPUs[0].ID); err != nil { // needs none
		return err
	}
	return pinned.Undo()
}

func TestUndoNeedsNoPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "to give up root one must be it")
	}
	r, err := RealTime(1, RealTimeOptions{})
	realTimeOr(t, err)
	require.NoError(t, r.Undo())
	p := testkit.Start(t, "lose root")
	require.NoError(t, p.Wait())
}

func loseRootRole([]string) error {
	r, err := RealTime(1, RealTimeOptions{})
	if err != nil {
		return err
	}
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	if err := r.Undo(); err != nil {
		return err
	}
	s, err := sys.ScheduleOf(r.thread)
	if _, realTime := sys.RealTime(s); realTime {
		return errors.New("it still has real-time priority")
	}
	return err
}

func TestThrottle(t *testing.T) {
	files := tree{big.Tree()}
	th, err := files.throttle()
	require.NoError(t, err)
	assert.True(t, th.Endless())
	assert.Equal(t, time.Second, th.Period)
	assert.True(t, files.onIsolated([]thread{{cpus: []int{5}}}))
	assert.False(t, files.onIsolated([]thread{{cpus: []int{0}}}))
	assert.False(t, files.onIsolated([]thread{{cpus: []int{5, 6}}}))
	assert.False(t, Throttle{950 * time.Millisecond, time.Second}.Endless())
	assert.True(t, Throttle{time.Second, time.Second}.Endless())
	_, err = tree{fstest.MapFS{}}.throttle()
	assert.Error(t, err)
}

func TestQuiet(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	q := Quiet(QuietOptions{Procs: 1})
	assert.Equal(t, 1, runtime.GOMAXPROCS(0))
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	collected := stats.NumGC
	for range 64 {
		rubbish = make([]byte, 1<<20)
	}
	runtime.ReadMemStats(&stats)
	assert.Equal(t, collected, stats.NumGC, "64 MiB of garbage, and nothing collected")
	q.Undo()
	assert.Equal(t, before, runtime.GOMAXPROCS(0))
}

var rubbish []byte
