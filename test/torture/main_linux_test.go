package torture

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/test/internal/records"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{
		"publisher": publisher,
		"reader":    reader,
	})
}

// amount is how much is done of what has no end: rounds, or if that is 0, time.
type amount struct {
	rounds int
	time   time.Duration
	long   bool
}

// wanted is what TICKRING_TORTURE says.
func wanted(t testing.TB) amount {
	t.Helper()
	text := os.Getenv("TICKRING_TORTURE")
	switch {
	case text != "":
		if rounds, err := strconv.Atoi(text); err == nil {
			return amount{rounds: rounds, long: true}
		}
		d, err := time.ParseDuration(text)
		require.NoError(t, err, "TICKRING_TORTURE is neither a number of rounds nor a duration")
		return amount{time: d, long: true}
	case testkit.Race:
		return amount{rounds: 20}
	}
	return amount{rounds: 200}
}

// config is a ring and how full it is when something happens to its writer.
type config struct {
	kind string
	options
	filled uint64 // records published before
}

func (c config) String() string {
	text := fmt.Sprintf("%d-%s-behind-%d", c.slots, c.kind, c.filled)
	if c.bell {
		text += "-bell"
	}
	if c.huge {
		text += "-huge"
	}
	return text
}

// fills are the states of a ring: empty, half full, just before wrapping, wrapped.
func fills(slots uint64) []uint64 { return []uint64{0, slots / 2, slots - 1, 2*slots + 1} }

// configs are all of them in the long form; else each fill of each ring, with the rest by turns, which begin anywhere.
func configs(t testing.TB, turn int) (all []config) {
	t.Helper()
	for _, slots := range []uint64{2, 4, 64} {
		for i, filled := range fills(slots) {
			if i == 2 && filled == slots/2 {
				continue
			}
			for _, kind := range records.Kinds {
				for _, bell := range []bool{false, true} {
					all = append(all, config{kind, options{slots: slots, bell: bell}, filled})
				}
			}
			if !wanted(t).long {
				all = append(all[:len(all)-6], all[len(all)-6+turn%6])
				turn += 5
			}
		}
	}
	if testkit.Race {
		return all[3:5]
	}
	return all
}

// stride is the distance between points at which a kill is tried: all, but under the race detector, which takes its
// time and does not see shared memory.
var stride = map[bool]int{false: 1, true: 7}[testkit.Race]
