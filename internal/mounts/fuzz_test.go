package mounts

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// A mount's place and options may be chosen by whoever may mount: whatever the table holds, what comes of it is one mount
// for each place, and no more than there are lines.
func FuzzIn(f *testing.F) {
	f.Add("25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=8388608k,huge=advise\n")
	f.Add("26 24 0:24 / /dev/huge\\040pages ro shared:1 - hugetlbfs hugetlbfs rw,pagesize=2M\n27 24 0:25 / /dev/huge\\040pages rw - ext4 a ro\n")
	f.Add(" - \n1 2 3 4 5 6 - 7 8 9\n - - -")
	f.Fuzz(func(t *testing.T, table string) {
		all, err := In(fstest.MapFS{"proc/self/mountinfo": {Data: []byte(table)}})
		require.NoError(t, err)
		require.LessOrEqual(t, len(all), strings.Count(table, "\n")+1)
		places := map[string]bool{}
		for _, m := range all {
			require.False(t, places[m.Dir], "%q twice", m.Dir)
			places[m.Dir] = true
			require.NotEmpty(t, m.Dir)
			require.NotEmpty(t, m.Type)
			require.NotEmpty(t, m.Options)
			found, ok := At(all, m.Dir)
			require.True(t, ok)
			require.Equal(t, m, found)
		}
	})
}
