//go:build !linux

package sys

import "io/fs"

// Mount is for Linux.
func Mount(string, string, string) error { return errUnsupported }

// Unmount is for Linux.
func Unmount(string) error { return errUnsupported }

// Owner is for Linux.
func Owner(string) (uid, gid uint32, mode fs.FileMode, err error) { return 0, 0, 0, errUnsupported }
