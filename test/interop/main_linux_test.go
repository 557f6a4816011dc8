package interop

import (
	"testing"

	"github.com/tickring/tickring/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{"driver": driverRole})
}
