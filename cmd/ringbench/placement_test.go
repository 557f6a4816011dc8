package main

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
)

func TestSpread(t *testing.T) {
	pairs := func(cpu int) string { return fmt.Sprint(cpu % 4) } // CPUs 0 and 4 are one core, and so on
	alone := func(cpu int) string { return fmt.Sprint(cpu) }
	for _, tc := range []struct {
		allowed []int
		coreOf  func(int) string
		want    []int
	}{
		{[]int{0, 1}, alone, []int{1, 0}},
		{[]int{0, 1, 2, 3}, alone, []int{1, 2}},
		{[]int{0, 1, 2, 3, 4, 5, 6, 7}, pairs, []int{1, 2, 3}},
		{[]int{0, 1, 2, 3, 4, 5, 6, 7}, pairs, []int{1, 2, 3, 0, 4}},
		{[]int{0, 4}, pairs, []int{0, 4}},
		{[]int{6, 9}, alone, []int{9, 6}},
	} {
		assert.Equal(t, tc.want, spread(tc.allowed, len(tc.want), tc.coreOf), "%v", tc.allowed)
	}
}

func TestPlace(t *testing.T) {
	two := []int{0, 1}
	p, err := place(pinAuto, 1, two)
	require.NoError(t, err)
	assert.True(t, p.Pinned)
	assert.False(t, p.Shared)
	assert.NotEqual(t, p.cpu(0), p.cpu(1))

	assert.False(t, p.shares(1))

	p, err = place(pinAuto, 3, two)
	require.NoError(t, err)
	assert.True(t, p.Pinned)
	assert.True(t, p.Shared)
	assert.Equal(t, []int{1, 0, 0, 0}, []int{p.cpu(0), p.cpu(1), p.cpu(2), p.cpu(3)}, "the writer has its own")
	assert.False(t, p.shares(0))
	assert.False(t, p.shares(1))
	assert.True(t, p.shares(2))
	assert.Contains(t, p.Note, "3 readers")

	p, err = place(pinAuto, 4, []int{0, 1, 2})
	require.NoError(t, err)
	assert.Equal(t, []int{2, 0, 2, 0}, p.Readers)

	p, err = place(pinAuto, 1, []int{5})
	require.NoError(t, err)
	assert.False(t, p.Pinned)
	assert.True(t, p.Shared)
	assert.True(t, p.shares(1))
	assert.Equal(t, noCPU, p.cpu(0))
	assert.Contains(t, p.Note, "2 processes, 1 CPU")

	p, err = place(pinNone, 1, two)
	require.NoError(t, err)
	assert.False(t, p.Pinned)
	assert.False(t, p.Shared)

	p, err = place("1, 0,1", 2, two)
	require.NoError(t, err)
	assert.True(t, p.Shared, "both on CPU 1")
	assert.Equal(t, []int{1, 0, 1}, []int{p.cpu(0), p.cpu(1), p.cpu(2)})

	for _, pin := range []string{"", "1", "0,1,0", "0,2", "0,-1", "x,y"} {
		_, err := place(pin, 1, two)
		assert.ErrorContains(t, err, "--pin", pin)
	}
}

// A seat pins its loop's thread, and releases it afterwards.
func TestSeat(t *testing.T) {
	allowed, err := allowedCPUs()
	if runtime.GOOS != "linux" {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	cpu := allowed[len(allowed)-1]
	var inside []int
	st, err := seat{cpu: cpu, allowed: allowed}.run(true, func() { inside, _ = sys.ThreadCPUs() })
	require.NoError(t, err)
	if !st.Moved {
		assert.Equal(t, []int{cpu}, inside)
		assert.GreaterOrEqual(t, st.Preempted, int64(0))
	}
	after, err := sys.ThreadCPUs()
	require.NoError(t, err)
	assert.Equal(t, allowed, after)

	_, err = seat{cpu: noCPU}.run(true, func() { inside, _ = sys.ThreadCPUs() })
	require.NoError(t, err)
	assert.Equal(t, allowed, inside)

	_, err = seat{cpu: cpu, allowed: allowed}.run(false, func() { inside, _ = sys.ThreadCPUs() })
	require.NoError(t, err)
	assert.Equal(t, []int{cpu}, inside, "the process is pinned where a loop may sleep")

	for _, spins := range []bool{true, false} {
		_, err = seat{cpu: 1023}.run(spins, func() { t.Error("ran where it cannot") })
		assert.ErrorContains(t, err, "pin to CPU 1023")
	}
}

func TestPair(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	allowed, err := allowedCPUs()
	require.NoError(t, err)
	first, last := allowed[0], allowed[len(allowed)-1]
	var inside [2][]int
	look := func(i int) func() { return func() { inside[i], _ = sys.ThreadCPUs() } }
	require.NoError(t, runPair([2]int{first, last}, [2]func(){look(0), look(1)}))
	assert.Equal(t, [2][]int{{first}, {last}}, inside)
	assert.ErrorContains(t, runPair([2]int{noCPU, 1023}, [2]func(){look(0), look(1)}), "pin to CPU 1023")
}
