// Package sys is the system calls that Tickring makes, and the one importer of golang.org/x/sys/unix.
// Errors are bare errnos: the caller knows the object and the operation. Outside Linux every function
// that needs the system returns errors.ErrUnsupported.
package sys

import (
	"errors"
	"fmt"
)

// ErrNoProc: what needs /proc cannot be done. To give an unnamed file its name does.
var ErrNoProc = fmt.Errorf("/proc is not mounted here: %w", errors.ErrUnsupported)
