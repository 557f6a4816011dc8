package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// resource is what a process, or the machine, must not have more and more of.
type resource struct {
	name  string
	bound float64 // how much more is none
}

// A Go process's memory goes up and down with its garbage collector, and VmData by what that reserves at once.
var resources = []resource{
	{"VmRSS KiB", 6 << 10}, {"VmData KiB", 70 << 10}, {"mappings", 24}, {"descriptors", 4}, {"threads", 4}, {"goroutines", 4},
}

// files are those of the soak in /dev/shm: a segment, its doorbell, and what faults make and break at the moment.
var files = resource{"files in /dev/shm", 6}

// series are samples of one thing, in time.
type series []float64

// flat tells whether there is no more at the end than there was at the beginning: the last quarter's median is not above
// the first one's by more than the bound. The first tenth does not count: a process starts up.
func (s series) flat(r resource) error {
	first, last := s.quarters()
	if last > first+r.bound {
		return fmt.Errorf("%s went from %.0f to %.0f, by more than %.0f", r.name, first, last, r.bound)
	}
	return nil
}

func (s series) quarters() (first, last float64) {
	s = s[len(s)/10:]
	quarter := max(1, len(s)/4)
	return median(s[:quarter]), median(s[len(s)-quarter:])
}

func median(s series) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// The criterion finds a leak, and takes no noise for one.
func TestLeaksAreFound(t *testing.T) {
	r := resource{"things", 4}
	made := func(of func(i int) float64) (s series) {
		for i := range 100 {
			s = append(s, of(i))
		}
		return s
	}
	require.NoError(t, made(func(int) float64 { return 7 }).flat(r))
	require.NoError(t, made(func(i int) float64 { return float64(20 + i*7919%5) }).flat(r), "noise")
	require.NoError(t, made(func(i int) float64 { return float64(20 + i/50*4) }).flat(r), "the bound itself")
	require.NoError(t, made(func(i int) float64 { return float64(1000 * (i % 3 / 2)) }).flat(r), "peaks")
	require.NoError(t, made(func(i int) float64 { return float64(max(0, 10-i) * 100) }).flat(r), "less")
	require.NoError(t, made(func(i int) float64 { return float64(min(i, 10) * 100) }).flat(r), "the start")
	assert.Error(t, made(func(i int) float64 { return float64(i) / 10 }).flat(r), "one in ten")
	assert.Error(t, made(func(i int) float64 { return float64(i + 20*(i%3)) }).flat(r), "under noise")
	assert.Error(t, made(func(i int) float64 { return float64(i / 60 * 5) }).flat(r), "a late step")
}

// Samples of a process that takes more of each are not flat: what is sampled is what there is.
func TestResourcesAreCounted(t *testing.T) {
	before, err := sample(os.Getpid())
	require.NoError(t, err)
	held := make([]byte, 32<<20)
	for i := range held {
		held[i] = 1
	}
	for range 30 {
		null, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer null.Close()
	}
	after, err := sample(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, after["VmRSS KiB"], before["VmRSS KiB"]+30<<10)
	assert.GreaterOrEqual(t, after["descriptors"], before["descriptors"]+30)
	assert.Positive(t, after["threads"])
	assert.Greater(t, after["mappings"], 10.)
	assert.EqualValues(t, 1, held[1])
}

// sample reads what the kernel says of a process.
func sample(pid int) (map[string]float64, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	found := map[string]float64{}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(status)) {
		var n float64
		for key, name := range map[string]string{"VmRSS:": "VmRSS KiB", "VmData:": "VmData KiB", "Threads:": "threads"} {
			if rest, ok := strings.CutPrefix(line, key); ok {
				if _, err := fmt.Sscan(rest, &n); err != nil {
					return nil, err
				}
				found[name] = n
			}
		}
	}
	maps, err := os.ReadFile(filepath.Join(dir, "maps"))
	if err != nil {
		return nil, err
	}
	found["mappings"] = float64(strings.Count(string(maps), "\n"))
	open, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil, err
	}
	found["descriptors"] = float64(len(open))
	return found, nil
}
