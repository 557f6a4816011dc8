package hugepages_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

const (
	huge  = 2 << 20
	slots = 2 << 20 // of 32 bytes: 64 MiB
)

// needTHP ends a test on a machine without transparent huge pages of 2 MiB for shared memory.
func needTHP(t *testing.T) {
	t.Helper()
	if testkit.Emulated() {
		t.Skip("the pages of an emulated program are not its own")
	}
	const dir = "/sys/kernel/mm/transparent_hugepage/"
	size, err := os.ReadFile(dir + "hpage_pmd_size")
	if err != nil || strings.TrimSpace(string(size)) != fmt.Sprint(huge) {
		testkit.Require(t, "thp", fmt.Sprintf("the kernel has no transparent huge pages of 2 MiB: %s%v", size, err))
	}
	if b, err := os.ReadFile(dir + "shmem_enabled"); err != nil || strings.Contains(string(b), "[deny]") {
		testkit.Require(t, "thp", fmt.Sprintf("they are denied to shared memory: %s%v", b, err))
	}
}

func TestRequireObtainsHugePages(t *testing.T) {
	needTHP(t)
	for _, option := range []string{"huge=advise", "huge=always"} {
		for _, policy := range []hugepages.Policy{hugepages.Require, hugepages.Prefer} {
			t.Run(fmt.Sprint(option, " ", policy), func(t *testing.T) {
				p := testkit.StartWith(t, "obtain", testkit.OwnMounts(t), "size=256m,"+option, policy.String(), fmt.Sprint(slots))
				var got obtained
				require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
				require.NoError(t, p.Wait())
				for _, r := range []hugepages.Report{got.Writer, got.Reader} {
					assert.Equal(t, hugepages.Report{Backing: "tmpfs", PageBytes: huge, HugeBytes: slots * 32}, r)
					assert.Equal(t, "tmpfs, 2048 KiB pages", r.String())
				}
			})
		}
	}
}

func TestOffTakesPlainPages(t *testing.T) {
	needTHP(t)
	p := testkit.StartWith(t, "obtain", testkit.OwnMounts(t), "size=256m,huge=advise", "off", fmt.Sprint(slots))
	var got obtained
	require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
	require.NoError(t, p.Wait())
	plain := hugepages.Report{Backing: "tmpfs", PageBytes: os.Getpagesize()}
	assert.Equal(t, obtained{plain, plain}, got)
}

// A tmpfs that has room for the segment and for nothing more.
func TestHugePagesThatJustFit(t *testing.T) {
	needTHP(t)
	p := testkit.StartWith(t, "obtain", testkit.OwnMounts(t), "size=4100k,huge=advise", "require", fmt.Sprint(4<<20/32))
	var got obtained
	require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
	require.NoError(t, p.Wait())
	assert.Equal(t, uint64(4<<20), got.Reader.HugeBytes)
}

const noHugetlbfs = "no hugetlbfs with pages of 2M is mounted: as root: ringctl hugepages --mount /dev/hugepages; "

var reserveFlag = regexp.MustCompile(` --reserve \d+`)

func TestPreferKeepsTheReason(t *testing.T) {
	for name, tc := range map[string]struct {
		options, slots, reason string
	}{
		"mounted without":   {"size=16m", "65536", noHugetlbfs + "/dev/shm is a tmpfs mounted without huge pages: as root: mount -o remount,huge=advise /dev/shm"},
		"mounted with none": {"size=16m,huge=never", "65536", noHugetlbfs + "/dev/shm is a tmpfs mounted without huge pages: as root: mount -o remount,huge=advise /dev/shm"},
		"too small":         {"size=16m,huge=advise", "1024", "36864 bytes are less than a huge page of 2M: more slots"},
	} {
		t.Run(name, func(t *testing.T) {
			needTHP(t)
			p := testkit.StartWith(t, "obtain", testkit.OwnMounts(t), tc.options, "prefer", tc.slots)
			var got obtained
			require.NoError(t, json.Unmarshal([]byte(p.Line()), &got))
			require.NoError(t, p.Wait())
			for _, r := range []*hugepages.Report{&got.Writer, &got.Reader} { // how many there are is the machine's
				r.Fallback = reserveFlag.ReplaceAllString(r.Fallback, "")
			}
			want := hugepages.Report{Backing: "tmpfs", PageBytes: os.Getpagesize(), Fallback: tc.reason}
			assert.Equal(t, obtained{want, want}, got)
			assert.Equal(t, fmt.Sprintf("tmpfs, %d KiB pages (%s)", os.Getpagesize()>>10, tc.reason), got.Reader.String())
		})
	}
}

func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		args  []string
		space bool // it is storage that is missing
	}{
		"required of a mount without":   {[]string{"size=16m", "require", "65536", "thp", "huge pages unavailable", "without huge pages", "mount -o remount,huge=advise"}, false},
		"required for too few slots":    {[]string{"size=16m,huge=advise", "require", "1024", "thp", "less than a huge page", "more slots"}, false},
		"required, no room":             {[]string{"size=16m,huge=advise", "require", "1048576", "thp", "16777216 bytes left"}, true},
		"required, kernel gives none":   {[]string{"size=16m,huge=advise", "require", "65536", "nothp", "gave huge pages for 0 of 2097152 bytes", "compact_memory"}, false},
		"preferred, no room":            {[]string{"size=16m,huge=advise", "prefer", "1048576", "thp", "too small or too full"}, true},
		"preferred, no room, no pages":  {[]string{"size=16m", "prefer", "1048576", "thp", "too small or too full"}, true},
		"off, no room":                  {[]string{"size=16m,huge=advise", "off", "1048576", "thp", "too small or too full"}, true},
		"required, absurd":              {[]string{"size=16m,huge=advise", "require", "68719476736", "thp", "bytes left"}, true},
		"preferred, room all but 4 KiB": {[]string{"size=4m,huge=advise", "prefer", "131072", "thp", "too small or too full"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			needTHP(t)
			p := testkit.StartWith(t, "refused", testkit.OwnMounts(t), tc.args...)
			if tc.space {
				assert.Equal(t, "ENOSPC", p.Line())
			}
			assert.NoError(t, p.Wait())
		})
	}
}

func TestTheUpperMountCounts(t *testing.T) {
	require.NoError(t, testkit.StartWith(t, "hidden", testkit.OwnMounts(t)).Wait())
}

// /dev/shm as this machine has it, which is without huge pages nearly everywhere.
func TestThisMachine(t *testing.T) {
	if testkit.Emulated() {
		t.Skip("the pages of an emulated program are not its own")
	}
	g, err := ring.GeometryOf[ring.TradingData](1 << 16)
	require.NoError(t, err)

	name := testkit.Name(t)
	s, err := segment.Create(name, g, segment.Options{Pages: hugepages.Require})
	if err == nil {
		require.NoError(t, s.Close())
		t.Skip("/dev/shm gives huge pages here")
	}
	var unavailable *hugepages.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.ErrorIs(t, err, hugepages.ErrUnavailable)
	assert.NotEmpty(t, unavailable.Remedy)
	assert.Empty(t, testkit.Objects(t, name))

	s, err = segment.Create(name, g, segment.Options{Pages: hugepages.Prefer})
	require.NoError(t, err)
	defer s.Close()
	mine, err := s.Pages()
	require.NoError(t, err)
	assert.Equal(t, unavailable.Reason+": "+unavailable.Remedy, mine.Fallback)

	p := testkit.Start(t, "pages", name)
	var theirs hugepages.Report
	require.NoError(t, json.Unmarshal([]byte(p.Line()), &theirs))
	require.NoError(t, p.Wait())
	assert.Equal(t, mine, theirs)
}

func TestMeasure(t *testing.T) {
	fd, err := sys.OpenUnnamed(segment.Dir, 0o600)
	require.NoError(t, err)
	defer sys.Close(fd)
	fallback, err := hugepages.Reserve(fd, segment.Dir, 1<<20, hugepages.Want{Policy: hugepages.Off}, nil)
	require.NoError(t, err)
	assert.Empty(t, fallback)
	b, err := sys.Map(fd, 1<<20, false)
	require.NoError(t, err)
	r, err := hugepages.Measure(b)
	require.NoError(t, err)
	assert.Equal(t, hugepages.Report{Backing: "tmpfs", PageBytes: os.Getpagesize()}, r)

	_, err = hugepages.Measure(b[4096:])
	require.ErrorContains(t, err, "no mapping at")
	require.NoError(t, sys.Unmap(b))
	_, err = hugepages.Measure(nil)
	assert.ErrorContains(t, err, "empty mapping")
}

func TestReserveWhereNothingIsMounted(t *testing.T) {
	dir := t.TempDir()
	fd, err := sys.OpenUnnamed(dir, 0o600)
	if err != nil {
		t.Skipf("%s: %v", dir, err)
	}
	defer sys.Close(fd)
	_, err = hugepages.Reserve(fd, dir, 4096, hugepages.Want{Policy: hugepages.Require}, nil)
	require.ErrorIs(t, err, hugepages.ErrUnavailable)
	require.ErrorContains(t, err, "nothing is mounted at "+dir)
	fallback, err := hugepages.Reserve(fd, dir, 4096, hugepages.Want{}, nil)
	require.NoError(t, err)
	assert.Contains(t, fallback, "nothing is mounted")
}

func TestUnavailableError(t *testing.T) {
	var err error = &hugepages.UnavailableError{Reason: "none", Remedy: "buy some", Err: syscall.ENOSPC}
	require.ErrorIs(t, err, hugepages.ErrUnavailable)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.EqualError(t, err, "huge pages unavailable: none: buy some")
	require.EqualError(t, &hugepages.UnavailableError{Reason: "none"}, "huge pages unavailable: none")
}
