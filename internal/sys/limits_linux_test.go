package sys

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoSuchNode(t *testing.T) {
	for _, node := range []int{-1, MaxNodes, MaxNodes + 1} {
		assert.ErrorIs(t, BindToNode(nil, node), syscall.EINVAL)
	}
}

func TestOpenHugeOpensNothingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Dir(file), "/dev/null"} {
		_, _, _, err := OpenHuge(path, false)
		assert.ErrorIs(t, err, syscall.ENODEV, path)
	}
}

func TestACommandThatTheKernelHasNot(t *testing.T) {
	assert.ErrorIs(t, membarrier(1<<30), errors.ErrUnsupported)
}

func TestRealTime(t *testing.T) {
	const normal, fifo, roundRobin, batch = 0, 1, 2, 3
	for policy, want := range map[uint32]bool{normal: false, fifo: true, roundRobin: true, batch: false} {
		_, ok := RealTime(&Schedule{Policy: policy})
		assert.Equal(t, want, ok, "policy %d", policy)
	}
}
