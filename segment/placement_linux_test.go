package segment

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
)

func TestNode(t *testing.T) {
	needNUMA(t)
	node, err := host.CurrentNode()
	require.NoError(t, err)
	for which, n := range map[string]Node{"own": OnOwnNode(), "named": OnNode(node), "any": {}} {
		s, err := Create(testkit.Name(t), shape(1<<16), Options{Node: n})
		if errors.Is(err, host.ErrForbidden) || errors.Is(err, errors.ErrUnsupported) {
			testkit.Require(t, "numa", err.Error())
		}
		require.NoError(t, err, which)
		defer s.Close()
		pages, err := s.Nodes()
		require.NoError(t, err)
		assert.Zero(t, pages.Absent, which)
		assert.NotEmpty(t, pages.ByNode, which)
		if which != "any" {
			assert.Len(t, pages.ByNode, 1)
			assert.NotZero(t, pages.ByNode[node], "%s: %v", which, pages)
		}
	}
}

func needNUMA(t *testing.T) {
	t.Helper()
	if testkit.Emulated() {
		t.Skip("the emulator places no memory")
	}
}

// A node that there is not is an error, and nothing stays behind.
func TestNoSuchNode(t *testing.T) {
	needNUMA(t)
	for _, policy := range []hugepages.Policy{hugepages.Off, hugepages.Prefer} {
		name := testkit.Name(t)
		_, err := Create(name, shape(1<<17), Options{Node: OnNode(900), Pages: policy})
		var e *host.NodeError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, host.ErrNoNode)
		assert.Equal(t, 900, e.Node)
		assert.Empty(t, testkit.Objects(t, name))
	}
}

func TestLock(t *testing.T) {
	s, err := Create(testkit.Name(t), shape(16), Options{Lock: true, Pages: hugepages.Off})
	if errors.Is(err, host.ErrLockLimit) {
		testkit.Require(t, "memlock", err.Error())
	}
	require.NoError(t, err)
	defer s.Close()
	pages := (s.Geometry().SegmentSize + 4095) / 4096 * 4
	assert.Equal(t, pages, locked(t))
	r, err := Attach(s.Name())
	require.NoError(t, err)
	require.NoError(t, r.Lock())
	assert.Equal(t, 2*pages, locked(t))
	require.NoError(t, r.Close())
	assert.Equal(t, pages, locked(t))
}

// locked is how many KiB this process has locked.
func locked(t *testing.T) (n uint64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "VmLck:"); ok {
			_, err := fmt.Sscan(value, &n)
			require.NoError(t, err)
		}
	}
	return n
}

func TestLockRefused(t *testing.T) {
	p := testkit.Start(t, "small lock limit", testkit.Name(t))
	require.NoError(t, p.Wait())
}

// smallLockLimit may lock 64 KiB: it is told what a segment would need, gets none that it asked to be locked, and one
// that it did not.
func smallLockLimit(args []string) error {
	if os.Geteuid() == 0 {
		if err := testkit.BecomeNobody(); err != nil {
			return err
		}
	}
	const rlimitMemlock = 8
	if err := syscall.Setrlimit(rlimitMemlock, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
		return err
	}
	g := shape(1 << 16)
	_, err := Create(args[0], g, Options{Lock: true, Pages: hugepages.Off})
	if e, ok := errors.AsType[*host.LockError](err); !ok || e.Bytes != g.SegmentSize || !errors.Is(err, host.ErrLockLimit) {
		return fmt.Errorf("created: %w", err)
	}
	if _, err := os.Stat(Dir + args[0]); err == nil {
		return errors.New("something was left behind")
	}
	s, err := Create(args[0], g, Options{Pages: hugepages.Off})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Lock(); !errors.Is(err, host.ErrLockLimit) || !strings.Contains(err.Error(), "segment: lock "+args[0]) {
		return fmt.Errorf("locked: %w", err)
	}
	return Unlink(args[0])
}
