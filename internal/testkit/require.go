package testkit

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// RequireEnv names the environment variable that lists the capabilities which the host must have,
// separated by commas, or is "all".
const RequireEnv = "TICKRING_REQUIRE"

// Require ends a test that cannot run because the host lacks a capability, such as "hugetlb": it is
// skipped, or fails where [RequireEnv] says that the host must have it. CI sets that to all, so that
// a green run has skipped nothing.
//
//	if !canMount() {
//		testkit.Require(t, "mount", "mounting tmpfs needs root")
//	}
func Require(t testing.TB, capability, reason string) {
	t.Helper()
	if required(os.Getenv(RequireEnv), capability) {
		t.Fatalf("%s is required by %s, but: %s", capability, RequireEnv, reason)
	}
	t.Skipf("needs %s: %s", capability, reason)
}

func required(list, capability string) bool {
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(names, "all") || slices.Contains(names, capability)
}
