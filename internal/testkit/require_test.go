package testkit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// verdict records how a test would have ended.
type verdict struct {
	testing.TB
	failed, skipped bool
}

func (*verdict) Helper()                 {}
func (v *verdict) Fatalf(string, ...any) { v.failed = true; panic(v) }
func (v *verdict) Skipf(string, ...any)  { v.skipped = true; panic(v) }

func TestRequire(t *testing.T) {
	for list, fails := range map[string]bool{
		"":               false,
		"all":            true,
		"hugetlb":        true,
		"mount, hugetlb": true,
		"mount":          false,
		"hugetlbfs":      false,
		"mount,all":      true,
	} {
		t.Run(list, func(t *testing.T) {
			t.Setenv(RequireEnv, list)
			v := &verdict{}
			assert.PanicsWithValue(t, v, func() { Require(v, "hugetlb", "no pages") })
			assert.Equal(t, fails, v.failed)
			assert.Equal(t, !fails, v.skipped)
		})
	}
}
