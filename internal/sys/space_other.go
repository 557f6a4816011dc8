//go:build !linux

package sys

// Space is for Linux.
func Space(string) (total, free uint64, err error) { return 0, 0, errUnsupported }

// Writable is for Linux.
func Writable(string) bool { return false }
