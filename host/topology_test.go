package host

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

const cpuDir = "sys/devices/system/cpu/"

// two sockets of two L3s with four cores each, SMT: CPUs 0-15 and their siblings 16-31.
var big = testkit.Machine{Sockets: 2, L3s: 2, Cores: 4, Threads: 2}

func read(t *testing.T, root fs.FS) *Topology {
	t.Helper()
	topology, err := TopologyOf(root)
	require.NoError(t, err)
	return topology
}

func TestTopologyOfTwoSockets(t *testing.T) {
	tree := big.Tree()
	testkit.Change(tree, cpuDir+"isolated", "4-7,20-23")
	testkit.Change(tree, cpuDir+"nohz_full", "5")
	testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0,16", "Cpus_allowed_list:\t0-3,8-19,24-31")
	topology := read(t, tree)
	assert.Len(t, topology.CPUs, 32, "a process may go to isolated CPUs, though it does not start there")
	assert.Equal(t, []int{0, 1}, topology.Nodes)
	assert.Equal(t, []int{4, 5, 6, 7, 20, 21, 22, 23}, topology.Isolated)
	assert.True(t, topology.SMT())
	five, ok := topology.Find(5)
	require.True(t, ok)
	assert.Equal(t, CPU{ID: 5, Package: 0, Node: 0, Core: 5, Siblings: []int{21}, L3: 4, Isolated: true, NohzFull: true}, five)
	last, _ := topology.Find(31)
	assert.Equal(t, CPU{ID: 31, Package: 1, Node: 1, Core: 15, Siblings: []int{15}, L3: 12}, last)
}

func TestDistance(t *testing.T) {
	tree := big.Tree()
	testkit.Remove(tree, cpuDir+"cpu3/cache")
	testkit.Remove(tree, cpuDir+"cpu9/topology")
	testkit.Change(tree, cpuDir+"cpu13/topology/physical_package_id", "-1")
	topology := read(t, tree)
	for _, tc := range []struct {
		a, b int
		want Distance
	}{
		{1, 1, SameCPU},
		{1, 17, SameCore},
		{1, 2, SameL3},
		{1, 18, SameL3},
		{1, 4, SameSocket},
		{1, 8, CrossSocket}, // whose core_id is the same as CPU 0's
		{0, 8, CrossSocket},
		{1, 3, UnknownDistance}, // it shows no caches
		{3, 19, SameCore},
		{3, 8, CrossSocket},
		{8, 9, UnknownDistance}, // it shows no topology
		{13, 12, SameL3},
		{13, 8, UnknownDistance},
		{1, 99, UnknownDistance},
	} {
		assert.Equal(t, tc.want, topology.Distance(tc.a, tc.b), "%d, %d", tc.a, tc.b)
		assert.Equal(t, tc.want, topology.Distance(tc.b, tc.a), "%d, %d", tc.b, tc.a)
	}
}

// Machines without a third-level cache are known to have none; those that show the first level only are not.
func TestNoThirdLevelCache(t *testing.T) {
	tree := testkit.Machine{Sockets: 1, L3s: 1, Cores: 4, Threads: 1}.Tree()
	for _, cpu := range []string{"cpu0", "cpu1", "cpu2", "cpu3"} {
		testkit.Remove(tree, cpuDir+cpu+"/cache/index3")
	}
	assert.Equal(t, SameSocket, read(t, tree).Distance(1, 2))
	testkit.Remove(tree, cpuDir+"cpu2/cache/index2")
	assert.Equal(t, UnknownDistance, read(t, tree).Distance(1, 2))
}

func TestOfflineAndHoles(t *testing.T) {
	m := big
	m.Offline = []int{1, 2, 16, 17, 18, 19, 20, 21}
	tree := m.Tree()
	topology := read(t, tree)
	assert.Equal(t, []int{0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}, topology.IDs())
	three, _ := topology.Find(3)
	assert.Empty(t, three.Siblings)
	assert.Zero(t, three.L3)
	_, found := topology.Find(1)
	assert.False(t, found)
}

func TestOnlyAllowedCPUs(t *testing.T) {
	// Since the mask leaves out CPUs that are not isolated, somebody chose it.
	tree := big.Tree()
	testkit.Change(tree, cpuDir+"isolated", "8-15")
	testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0,16", "Cpus_allowed_list:\t2-3")
	assert.Equal(t, []int{2, 3}, read(t, tree).IDs())

	// A thread that is pinned does not narrow the process.
	testkit.Change(tree, "proc/self/task/7/status", "Cpus_allowed_list:\t2-4")
	testkit.Change(tree, "proc/self/task/8/status", "Cpus_allowed_list:\t2")
	assert.Equal(t, []int{2, 3, 4}, read(t, tree).IDs())

	// The group's cpuset holds whatever is isolated, of either version, in a container too.
	tree = big.Tree()
	testkit.Change(tree, "sys/fs/cgroup/trading/cpuset.cpus.effective", "0-5")
	testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0,16", "Cpus_allowed_list:\t0")
	assert.Equal(t, []int{0, 1, 2, 3, 4, 5}, read(t, tree).IDs())
	testkit.Remove(tree, "sys/fs/cgroup/")
	testkit.Change(tree, "proc/self/cgroup", "4:memory:/x\n3:cpuset,cpu:/docker/abc\n0::/")
	testkit.Change(tree, "sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0,6")
	assert.Equal(t, []int{0, 6}, read(t, tree).IDs())
	assert.Equal(t, []string{"sys/fs/cgroup/cpuset", "sys/fs/cgroup"}, ControlGroups(tree, "cpuset"))

	// Without a cpuset that can be read, only the mask is certain.
	testkit.Remove(tree, "sys/fs/cgroup/")
	assert.Equal(t, []int{0}, read(t, tree).IDs())
	testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0", "Cpus_allowed_list:\t77")
	_, err := TopologyOf(tree)
	assert.ErrorIs(t, err, ErrNoTopology)
}

func TestNothingToRead(t *testing.T) {
	_, err := TopologyOf(fstest.MapFS{})
	assert.ErrorIs(t, err, ErrNoTopology)
	bare := fstest.MapFS{}
	testkit.Change(bare, cpuDir+"online", "0-1")
	topology := read(t, bare)
	assert.Equal(t, CPU{ID: 1, Package: Unknown, Node: Unknown, Core: Unknown, L3: Unknown}, topology.CPUs[1])
	assert.Equal(t, UnknownDistance, topology.Distance(0, 1))
	assert.Equal(t, 1, topology.Suggest(0).Writer)
}

func TestKernelsThatWriteNull(t *testing.T) {
	tree := big.Tree()
	testkit.Change(tree, cpuDir+"isolated", "")
	testkit.Change(tree, cpuDir+"nohz_full", "(null)")
	topology := read(t, tree)
	assert.Empty(t, topology.Isolated)
	assert.False(t, topology.CPUs[0].NohzFull)
	testkit.Change(tree, "sys/fs/cgroup/cpuset.cpus.isolated", "0,16")
	assert.Equal(t, []int{0, 16}, read(t, tree).Isolated, "by a cpuset partition")
}

func TestCPULists(t *testing.T) {
	for list, want := range map[string][]int{
		"": nil, "0": {0}, "0-3,8": {0, 1, 2, 3, 8}, "8,0-3\n": {0, 1, 2, 3, 8}, "1,1-2": {1, 2},
	} {
		got, err := ParseCPUs(list)
		require.NoError(t, err, list)
		assert.Equal(t, want, got, list)
		again, err := ParseCPUs(FormatCPUs(got))
		require.NoError(t, err)
		assert.Equal(t, want, again)
	}
	for _, list := range []string{"x", "1-", "-1", "3-1", "0-999999999", "1,,2", "0xf"} {
		_, err := ParseCPUs(list)
		assert.Error(t, err, list)
	}
	assert.Equal(t, "0-3,8,10-11", FormatCPUs([]int{0, 1, 2, 3, 8, 10, 11}))
}

func TestDistanceText(t *testing.T) {
	for d := SameCPU; d <= UnknownDistance; d++ {
		text, err := json.Marshal(d)
		require.NoError(t, err)
		var again Distance
		require.NoError(t, json.Unmarshal(text, &again))
		assert.Equal(t, d, again)
		assert.NotEmpty(t, d.String())
	}
	assert.Error(t, new(Distance).UnmarshalText([]byte("near")))
	assert.Equal(t, "same core (SMT)", SameCore.String())
	assert.True(t, strings.HasPrefix(Distance(9).String(), "Distance"))
}
