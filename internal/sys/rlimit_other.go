//go:build !linux

package sys

import "math"

// Unlimited is a limit that is none.
const Unlimited = math.MaxUint64

// LockLimit is for Linux.
func LockLimit() (soft, hard uint64, err error) { return 0, 0, errUnsupported }

// RealTimeLimit is for Linux.
func RealTimeLimit() (soft, hard uint64, err error) { return 0, 0, errUnsupported }
