package testkit

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIntercept(t *testing.T) {
	CanIntercept(t)
	file := filepath.Join(t.TempDir(), "file")
	var seen []string
	err := Intercept(func() error { return os.WriteFile(file, nil, 0o600) }, func(c Call) syscall.Errno {
		if seen = append(seen, c.Name); c.Name == "openat" {
			assert.NoFileExists(t, file, "the call is not made before it is decided on")
		}
		return 0
	})
	require.NoError(t, err)
	assert.Contains(t, seen, "openat")
	assert.FileExists(t, file)

	err = Intercept(func() error { return os.WriteFile(file+"2", nil, 0o600) }, func(Call) syscall.Errno { return syscall.EDQUOT })
	require.ErrorIs(t, err, syscall.EDQUOT)
	assert.NoFileExists(t, file+"2", "it failed instead")
}
