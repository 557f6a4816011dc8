//go:build !linux

package sys

// ThreadCPUs is for Linux.
func ThreadCPUs() ([]int, error) { return nil, errUnsupported }

// SetThreadCPUs is for Linux.
func SetThreadCPUs(...int) error { return errUnsupported }

// SetProcessCPUs is for Linux.
func SetProcessCPUs(...int) error { return errUnsupported }

// ThreadID is for Linux.
func ThreadID() int { return 0 }
