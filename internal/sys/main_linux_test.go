package sys

import (
	"fmt"
	"math"
	"testing"

	"github.com/tickring/tickring/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{"free": freeRole, "not files": notFiles, "without proc": withoutProcMounted})
}

// freeRole looks at file systems with a limit and without one.
func freeRole([]string) error {
	for _, tc := range []struct {
		options string
		want    uint64
	}{{"size=1m", 1 << 20}, {"size=0", math.MaxUint64}} {
		if err := testkit.MountShm(tc.options); err != nil {
			return err
		}
		if free, err := Free("/dev/shm"); err != nil || free != tc.want {
			return fmt.Errorf("%s: %d bytes free, %w", tc.options, free, err)
		}
	}
	return nil
}
