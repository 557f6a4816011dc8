package soak

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{
		"writer":  writerRole,
		"reader":  readerRole,
		"starved": starvedRole,
		"brim":    brimRole,
	})
}

// wanted is how long the soak lasts: TICKRING_SOAK, or what a plain go test has time for.
func wanted(t testing.TB) time.Duration {
	t.Helper()
	if text := os.Getenv("TICKRING_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		require.NoError(t, err, "TICKRING_SOAK is not a duration")
		return d
	}
	if testkit.Race {
		return 6 * time.Second
	}
	return 15 * time.Second
}

// newRandom says its seed, and takes that of TICKRING_SOAK_SEED if there is one. It makes the schedule: when there is
// which fault, and how.
func newRandom(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("TICKRING_SOAK_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("TICKRING_SOAK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
