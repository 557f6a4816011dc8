package clock

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A counter that comes round between two stamps, or has its highest bit set, gives the same difference as any other.
func TestDifferencesAcrossTheCountersEnd(t *testing.T) {
	c := Clock{Source: counter, TicksPerNs: 2}
	for _, earlier := range []uint64{0, 1<<32 - 3, 1<<63 - 3, 1<<64 - 3} {
		later := earlier + 10
		assert.EqualValues(t, 5, c.Nanoseconds(int64(later-earlier)), "%#x", earlier)
		assert.EqualValues(t, -5, c.Nanoseconds(int64(earlier-later)), "%#x", earlier)
	}
}
