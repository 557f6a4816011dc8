package mounts

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIn(t *testing.T) {
	all, err := In(fstest.MapFS{"proc/self/mountinfo": {Data: []byte(`25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=8388608k,huge=advise
bad line
26 24 0:24 / /dev/huge\040pages ro,nosuid shared:1 master:2 - hugetlbfs hugetlbfs rw,pagesize=2M
27 24 0:25 / /dev/shm rw - ext4 /dev/sda ro
28 24 0:26 / / rw -
29 24 0:27 / /tmp rw - tmpfs tmpfs rw
`)}})
	require.NoError(t, err)
	assert.Equal(t, []Mount{
		{"/dev/huge pages", "hugetlbfs", true, map[string]string{"rw": "", "pagesize": "2M"}},
		{"/dev/shm", "ext4", true, map[string]string{"ro": ""}},
		{"/tmp", "tmpfs", false, map[string]string{"rw": ""}},
	}, all)
	m, ok := At(all, "/dev/shm")
	assert.True(t, ok)
	assert.Equal(t, "ext4", m.Type, "the later one")
	_, ok = At(all, "/dev")
	assert.False(t, ok)
}

func TestNoTable(t *testing.T) {
	_, err := In(fstest.MapFS{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "mount table")
}

func TestThisMachine(t *testing.T) {
	all, err := In(os.DirFS("/"))
	if err != nil {
		t.Skip(err)
	}
	m, ok := At(all, "/proc")
	require.True(t, ok)
	assert.Equal(t, "proc", m.Type)
}

func TestShortLines(t *testing.T) {
	all, err := In(fstest.MapFS{"proc/self/mountinfo": {Data: []byte("1 2 0:3 / /a - tmpfs tmpfs rw\n1 2 0:3 / /b rw - tmpfs tmpfs\n1 2 0:3 / /c rw\n - - -\n")}})
	require.NoError(t, err)
	assert.Empty(t, all)
}
