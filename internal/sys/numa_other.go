//go:build !linux

package sys

// BindToNode is for Linux.
func BindToNode([]byte, int) error { return errUnsupported }

// NodesOf is for Linux.
func NodesOf([]byte, int, []int32) error { return errUnsupported }

// CurrentNode is for Linux.
func CurrentNode() (int, error) { return 0, errUnsupported }
