package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// The segment has no name any more when it is measured, but whoever may look into the process may still truncate it.
func TestTruncatedUnderTheLoops(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector touches the memory from C, where no fault can be recovered from")
	}
	r := startLongRun(t, "wait")
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.reader))
	require.NoError(t, err)
	truncated := 0
	for _, fd := range fds {
		// What never had a name is the score, and the samples.
		if target, _ := os.Readlink(fd); strings.HasPrefix(target, segment.Dir+"/") && !strings.HasPrefix(target, segment.Dir+"/#") {
			require.NoError(t, os.Truncate(fd, 0))
			truncated++
		}
	}
	require.Positive(t, truncated, "the segments are open")
	stderr := r.ended(t)
	assert.Contains(t, stderr, "segment truncated")
	assert.NotContains(t, stderr, "goroutine ", "an error, not a crash")
	assert.Equal(t, exitFailed, r.cmd.ProcessState.ExitCode())
}
