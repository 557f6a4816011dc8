package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

func TestThread(t *testing.T) {
	before, err := sys.ThreadCPUs()
	require.NoError(t, err)
	e, err := OnCPU(before[len(before)-1]).RealTime(3, RealTimeOptions{}).Enter()
	realTimeOr(t, err)
	now, err := sys.ThreadCPUs()
	require.NoError(t, err)
	assert.Equal(t, before[len(before)-1:], now)
	s, err := sys.ScheduleOf(0)
	require.NoError(t, err)
	priority, _ := sys.RealTime(s)
	assert.Equal(t, 3, priority)
	for range 2 { // the second does nothing
		require.NoError(t, e.Leave())
		assertOrdinary(t, before)
	}
}

func assertOrdinary(t *testing.T, cpus []int) {
	t.Helper()
	now, err := sys.ThreadCPUs()
	require.NoError(t, err)
	assert.Equal(t, cpus, now)
	s, err := sys.ScheduleOf(0)
	require.NoError(t, err)
	_, realTime := sys.RealTime(s)
	assert.False(t, realTime)
}

func TestThreadIsAllOrNothing(t *testing.T) {
	before, err := sys.ThreadCPUs()
	require.NoError(t, err)
	_, err = OnCPU(before[0]).RealTime(100, RealTimeOptions{}).Enter()
	require.ErrorIs(t, err, ErrPriority)
	assertOrdinary(t, before)
	_, err = OnCPU(1 << 12).Enter()
	require.ErrorIs(t, err, ErrNoCPU)
	e, err := Thread{}.Enter()
	require.NoError(t, err)
	require.NoError(t, e.Leave())
	assertOrdinary(t, before)
}

// A limit is enough for real-time priority: no capability is needed, up to it.
func TestRealTimeByLimit(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "to raise a limit one must be it")
	}
	r, err := RealTime(1, RealTimeOptions{})
	realTimeOr(t, err)
	require.NoError(t, r.Undo())
	p := testkit.Start(t, "limited")
	said := p.Line()
	require.NoError(t, p.Wait())
	if said != "done" {
		t.Skip("this root may not raise limits: ", said) // CAP_SYS_RESOURCE, which no setting of the host gives back
	}
}

func limitedRole([]string) error {
	const rlimitRTPrio = 14
	if err := syscall.Setrlimit(rlimitRTPrio, &syscall.Rlimit{Cur: 10, Max: 10}); err != nil {
		fmt.Println(err)
		return nil
	}
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	if _, err := RealTime(11, RealTimeOptions{}); !errors.Is(err, ErrPrivilege) {
		return fmt.Errorf("above the limit: %w", err)
	}
	r, err := RealTime(10, RealTimeOptions{})
	if err != nil {
		return err
	}
	fmt.Println("done")
	return r.Undo()
}
