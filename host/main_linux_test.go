package host

import (
	"testing"

	"github.com/tickring/tickring/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{
		"small limit":  smallLimitRole,
		"limited":      limitedRole,
		"unprivileged": unprivilegedRole,
		"lose root":    loseRootRole,
		"one CPU":      oneCPURole,
	})
}
