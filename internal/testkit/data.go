// Package testkit holds what the tests of several packages share.
package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// DataFile returns the path of a file of recorded market data, which lies in the folder that
// TICKRING_DATA names or, without it, in ../shared/data beside the module. Where it is missing
// the test fails if CI is set in the environment, and is skipped elsewhere.
func DataFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TICKRING_DATA")
	if dir == "" {
		dir = filepath.Join(ModuleRoot(t), "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		report := t.Skipf
		if os.Getenv("CI") != "" {
			report = t.Fatalf
		}
		report("test data is missing: %v; set TICKRING_DATA to the folder that holds %s", err, name)
	}
	return path
}

// ModuleRoot returns the folder of go.mod, at or above the test's working directory.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("where the test runs: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod at or above the test's working directory")
		}
		dir = parent
	}
}
