package testkit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dataVerdict records how a test that asks for data would have ended.
type dataVerdict struct {
	testing.TB
	failed, skipped bool
}

func (*dataVerdict) Helper()                 {}
func (v *dataVerdict) Fatalf(string, ...any) { v.failed = true }
func (v *dataVerdict) Skipf(string, ...any)  { v.skipped = true }

func TestDataFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TICKRING_DATA", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "there"), nil, 0o600))

	for _, tc := range []struct {
		name, file, ci string
		want           dataVerdict
	}{
		{"present in CI", "there", "true", dataVerdict{}},
		{"present elsewhere", "there", "", dataVerdict{}},
		{"missing in CI", "missing", "true", dataVerdict{failed: true}},
		{"missing elsewhere", "missing", "", dataVerdict{skipped: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("CI", tc.ci)
			var got dataVerdict
			path := DataFile(&got, tc.file)
			assert.Equal(t, tc.want, got)
			assert.Equal(t, filepath.Join(dir, tc.file), path)
		})
	}
}

func TestModuleRoot(t *testing.T) {
	assert.FileExists(t, filepath.Join(ModuleRoot(t), "internal", "testkit", "data.go"))
}
