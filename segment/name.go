package segment

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
)

// Dir is where POSIX shared memory lies on Linux.
const Dir = "/dev/shm"

const maxName = 200 // leaves room for the doorbell's suffix within NAME_MAX

// path checks a POSIX name ("/trading_data", the slash may be left out) and returns the object's path.
func path(name string) (string, error) {
	base := strings.TrimPrefix(name, "/")
	problem := ""
	switch {
	case base == "":
		problem = "is empty"
	case base == "." || base == ".." || strings.ContainsAny(base, "/"):
		problem = "would leave " + Dir + ": a name has one slash, in front"
	case len(base) > maxName:
		problem = fmt.Sprintf("is longer than %d bytes", maxName)
	case strings.HasSuffix(base, doorbellSuffix):
		problem = "ends in " + doorbellSuffix + ", as doorbells do"
	case strings.ContainsFunc(base, func(c rune) bool { return c <= ' ' || c > '~' }):
		problem = "has other than printable ASCII characters"
	default:
		return filepath.Join(Dir, base), nil
	}
	return "", fmt.Errorf("%w: %q %s: use one like /trading_data", ErrName, name, problem)
}

// canonical is the name with its slash.
func canonical(name string) string { return "/" + strings.TrimPrefix(name, "/") }

// ErrName: the name is not one of a shared memory object.
var ErrName = fmt.Errorf("invalid segment name: %w", syscall.EINVAL)
