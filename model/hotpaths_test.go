package model

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// hotPaths are the functions whose machine code is kept in testdata, to be read when it changes.
var hotPaths = []string{
	"seqlock.Publish.abi0", "seqlock.PublishRun.abi0", "seqlock.LoadRun3.abi0", "ring.(*Writer[T]).PublishBatch", "ring.(*Reader[T]).Poll",
	"main.tryPoll", "ring.(*Reader[T]).PollBatch", "ring.(*follower).miss",
}

const hotPathsFile = "testdata/hotpaths.amd64.txt"

// TestHotPaths: the machine code of the hot paths is what somebody has read. Another compiler makes other code.
func TestHotPaths(t *testing.T) {
	built := compile(t, "amd64")
	var b strings.Builder
	fmt.Fprintf(&b, "%s, linux/amd64. Written by: go test ./model -run HotPaths -update\n", runtime.Version())
	for _, name := range hotPaths {
		fmt.Fprintf(&b, "\n%s\n%s", name, built.listing(t, name))
	}
	if *update {
		require.NoError(t, os.WriteFile(hotPathsFile, []byte(b.String()), 0o644))
		return
	}
	kept, err := os.ReadFile(hotPathsFile)
	require.NoError(t, err)
	if by, _, _ := strings.Cut(string(kept), ","); by != runtime.Version() {
		testkit.Require(t, by, "this is "+runtime.Version()+", and "+filepath.Base(hotPathsFile)+" was written with "+by)
	}
	assert.Equal(t, string(kept), b.String(), "read the difference; then go test ./model -run HotPaths -update")
}

var absolute = regexp.MustCompile(`0x[0-9a-f]{6,}$`)

// listing is a function's code, with places counted from its start.
func (c *machineCode) listing(t *testing.T, name string) string {
	start, ok := c.entry[name]
	require.True(t, ok, "there is no %s", name)
	end := ^uint64(0)
	for _, at := range c.entry {
		if at > start {
			end = min(end, at)
		}
	}
	var all []*machineOp
	for at, o := range c.ops {
		if at >= start && at < end {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *machineOp) int { return int(a.address) - int(b.address) })
	var b strings.Builder
	for _, o := range all {
		_, text, _ := strings.Cut(o.text, ": ")
		if strings.HasPrefix(o.name, "INT") {
			continue // between functions
		}
		text = absolute.ReplaceAllStringFunc(text, func(s string) string {
			to, err := strconv.ParseUint(s, 0, 64)
			if err != nil || to < start || to >= end {
				return s
			}
			return fmt.Sprintf("+%#x", to-start)
		})
		fmt.Fprintf(&b, "  %#6x  %s\n", o.address-start, text)
	}
	return b.String()
}
