package hostile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

var roles = map[string]func([]string) error{
	"scribble":    scribble,
	"obstruct":    obstruct,
	"follow":      follow,
	"publish":     publish,
	"attach":      attach,
	"wait":        wait,
	"strategy":    strategy,
	"feedhandler": feedhandler,
}

func TestMain(m *testing.M) { testkit.Main(m, roles) }

// duration of a run: short, unless TICKRING_HOSTILE says how long.
func duration(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("TICKRING_HOSTILE")
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "TICKRING_HOSTILE")
	return d
}

// seed of a run, which is printed.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := rand.Uint64()
	if text := os.Getenv("TICKRING_HOSTILE_SEED"); text != "" {
		var err error
		s, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "TICKRING_HOSTILE_SEED")
	}
	t.Logf("TICKRING_HOSTILE_SEED=%d repeats this", s)
	return s
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// needFaults ends a test where a fault in a segment's memory is not Go's to handle.
func needFaults(t *testing.T) {
	t.Helper()
	if testkit.Race || testkit.Emulated() {
		t.Skip("a fault in memory that C touches, or an emulator, cannot be recovered from")
	}
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
