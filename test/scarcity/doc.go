// Package scarcity runs the shipped packages, commands and clients where something is missing: room, inodes,
// descriptors, address space, the right to write, /proc, /dev/shm itself; and where signals never cease. What fails has to say so
// by a typed error with the system's reason and what to do next, to leave nothing behind, and to leave alone what there was.
//
// Everything happens in processes with mounts of their own. go test -v prints each case with its error.
package scarcity
