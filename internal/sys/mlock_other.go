//go:build !linux

package sys

// Lock is for Linux.
func Lock([]byte) error { return errUnsupported }

// Unlock is for Linux.
func Unlock([]byte) error { return errUnsupported }

// Populate is for Linux.
func Populate([]byte, bool) error { return errUnsupported }
