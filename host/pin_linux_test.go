package host

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

func TestPinAndUndo(t *testing.T) {
	before, err := sys.ThreadCPUs()
	require.NoError(t, err)
	for _, cpu := range before {
		p, err := Pin(cpu)
		require.NoError(t, err)
		now, err := sys.ThreadCPUs()
		require.NoError(t, err)
		assert.Equal(t, []int{cpu}, now)
		elsewhere := make(chan error)
		go func() {
			runtime.LockOSThread() // on another than the one that is pinned
			defer runtime.UnlockOSThread()
			elsewhere <- p.Undo()
		}()
		assert.ErrorIs(t, <-elsewhere, ErrOtherThread)
		require.NoError(t, p.Undo())
		now, err = sys.ThreadCPUs()
		require.NoError(t, err)
		assert.Equal(t, before, now)
	}
}

func TestPinSaysWhyNot(t *testing.T) {
	for _, cpu := range []int{-1, 1023, 1 << 20} {
		_, err := Pin(cpu)
		var e *PinError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, cpu, e.CPU)
		assert.ErrorIs(t, err, ErrNoCPU)
	}

	tree := tree{big.Tree()}
	m := big
	m.Offline = []int{9}
	tree.FS = m.Tree()
	for cpu, tc := range map[int]struct {
		reason error
		says   string
	}{
		99: {ErrNoCPU, "pin to CPU 99: this machine has no such CPU: it has 0-31"},
		9:  {ErrOffline, "pin to CPU 9: it is offline: as root: echo 1 > /sys/devices/system/cpu/cpu9/online"},
		5:  {syscall.EINVAL, "pin to CPU 5: invalid argument"},
	} {
		err := pinError(tree, cpu, syscall.EINVAL)
		assert.ErrorIs(t, err, tc.reason)
		assert.ErrorIs(t, err, syscall.EINVAL)
		assert.Contains(t, err.Error(), tc.says)
	}
	narrow := big.Tree()
	testkit.Change(narrow, "sys/fs/cgroup/trading/cpuset.cpus.effective", "0-3")
	tree.FS = narrow
	err := pinError(tree, 5, syscall.EINVAL)
	assert.ErrorIs(t, err, ErrOutsideCPUSet)
	assert.Contains(t, err.Error(), "which is 0-3")
}

func TestReadTopologyOfThisMachine(t *testing.T) {
	topology, err := ReadTopology()
	require.NoError(t, err)
	allowed, err := sys.ThreadCPUs()
	require.NoError(t, err)
	assert.Subset(t, topology.IDs(), allowed)
	p, err := Pin(topology.Suggest(1).Writer)
	require.NoError(t, err, "what is suggested can be done")
	require.NoError(t, p.Undo())
	t.Logf("%+v", topology.Suggest(1))
	if _, err := os.Stat("/sys/devices/system/cpu/cpu0/topology"); err == nil {
		assert.NotEqual(t, Unknown, topology.CPUs[0].Core)
	}
}
