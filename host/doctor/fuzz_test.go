package doctor

import (
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// The name of a control group, and what is mounted where, may be another process's choice, and numbers somebody else's: each
// check has one verdict on them all the same, in words that cannot steer a terminal.
func FuzzCheck(f *testing.F) {
	good := testkit.Machine{Sockets: 1, L3s: 1, Cores: 2, Threads: 1}.Tree()
	table := string(good["proc/self/mountinfo"].Data)
	f.Add("0::/", "max 100000", "max", "Max locked memory  65536  65536  bytes\n", table)
	f.Add("0::/user.slice/a b;c\x1b[2J", "5000 100000", "4096", "Max realtime priority  0  0\n", table)
	f.Add("4:cpu,memory:/x/../y", "1e308 1e-308", "18446744073709551615", "Max locked memory", "")
	f.Add("0::/x", "NaN 1", "-1", "", `26 24 0:24 / /dev/huge\012pages rw - hugetlbfs hugetlbfs rw,pagesize=2M`)
	f.Fuzz(func(t *testing.T, group, quota, limit, limits, mounts string) {
		tree := fstest.MapFS{}
		for name, file := range good {
			tree[name] = file
		}
		put := func(name, text string) { tree[name] = &fstest.MapFile{Data: []byte(text)} }
		put("proc/self/cgroup", group)
		put("proc/self/limits", limits)
		put("proc/self/mountinfo", mounts)
		name := group[strings.LastIndex(group, ":")+1:]
		dir := path.Join("sys/fs/cgroup", path.Clean("/"+strings.TrimSpace(name)))
		put(path.Join(dir, "cpu.max"), quota)
		put(path.Join(dir, "memory.max"), limit)
		put(path.Join(dir, "memory.current"), limit)

		for _, finding := range byID(t, Check(examine(tree))) {
			require.Zero(t, strings.Count(finding.Found+finding.Fix, "\n"), finding.ID)
			require.NotRegexp(t, `\pC`, finding.Found+finding.Fix, finding.ID)
		}
	})
}

// A command to be typed is about the path that was found, and runs nothing else.
func TestWord(t *testing.T) {
	for path, want := range map[string]string{
		"/sys/fs/cgroup/user.slice/cpu.max": "/sys/fs/cgroup/user.slice/cpu.max",
		`/app\x2d1.slice`:                   `'/app\x2d1.slice'`,
		"/a; it's $(x)":                     `'/a; it'\''s $(x)'`,
		"":                                  "",
	} {
		require.Equal(t, want, word(path))
	}
}
