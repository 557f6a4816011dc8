package hugepages

import (
	"bufio"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const smaps = `7f000000-7f200000 rw-s 00000000 00:17 5   /dev/shm/a name with: a colon
Size:               2048 kB
KernelPageSize:        4 kB
ShmemPmdMapped:     1024 kB
VmFlags: rd wr sh

7f200000-7f600000 rw-s 00000000 00:18 6
KernelPageSize:     2048 kB
Private_Hugetlb:    4096 kB
`

func TestFieldsIn(t *testing.T) {
	first, err := fieldsIn(strings.NewReader(smaps), 0x7f000000)
	require.NoError(t, err)
	assert.Equal(t, map[string]uint64{"Size": 2 << 20, "KernelPageSize": 4 << 10, "ShmemPmdMapped": 1 << 20}, first)
	second, err := fieldsIn(strings.NewReader(smaps), 0x7f200000)
	require.NoError(t, err)
	assert.Equal(t, Report{Backing: "hugetlbfs", PageBytes: 2 << 20, HugeBytes: 4 << 20}, report(second, 4<<20))
}

// Some of the fields are not those of a mapping that has none of the others.
func TestFieldsInWhatCannotBeReadToItsEnd(t *testing.T) {
	const start = 0x7f000000
	before, _, _ := strings.Cut(smaps, "ShmemPmdMapped")
	_, err := fieldsIn(strings.NewReader(before+strings.Repeat("x", bufio.MaxScanTokenSize)), start)
	require.ErrorIs(t, err, bufio.ErrTooLong)
	_, err = fieldsIn(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(smaps))), start)
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

// Whatever smaps holds, each number is one that stands there, and what is reported is made of them, without overflow.
func FuzzSmaps(f *testing.F) {
	f.Add(smaps, uint64(0x7f000000), uint64(2<<20))
	f.Add(smaps, uint64(0x7f200000), uint64(1))
	f.Add("00000001-00000002\nKernelPageSize: 2251799813685247 kB\nShared_Hugetlb: 2251799813685247 kB\n", uint64(1), uint64(8))
	f.Add("00000001-00000002\nAnonHugePages: 18446744073709551615 kB\n", uint64(1), uint64(1<<63))
	f.Fuzz(func(t *testing.T, text string, start, size uint64) {
		fields, err := fieldsIn(strings.NewReader(text), uintptr(start))
		if err != nil {
			require.Nil(t, fields)
			return
		}
		there := map[string]bool{}
		for line := range strings.Lines(text) {
			if words := strings.Fields(line); len(words) == 3 {
				if n, err := strconv.ParseUint(words[1], 10, 64); err == nil {
					there[words[0]+strconv.FormatUint(n, 10)] = true
				}
			}
		}
		for name, n := range fields {
			require.True(t, there[name+":"+strconv.FormatUint(n>>10, 10)] && n%1024 == 0, "%s: %d", name, n)
		}
		r := report(fields, size)
		require.GreaterOrEqual(t, r.PageBytes, 0)
		most := uint64(0)
		for _, n := range fields {
			most = max(most, n)
		}
		require.LessOrEqual(t, r.HugeBytes/3, most)
	})
}
