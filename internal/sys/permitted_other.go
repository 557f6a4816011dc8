//go:build !linux

package sys

// PermittedBarrier is for Linux.
func PermittedBarrier() error { return errUnsupported }

// PermittedBind is for Linux.
func PermittedBind() error { return errUnsupported }

// PermittedFIFO is for Linux.
func PermittedFIFO(int) error { return errUnsupported }
