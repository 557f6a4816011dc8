// Package kernel makes the system calls of the ways to send a record that go through the kernel.
//
// They are not those of internal/sys because the library has no use for them, and because a loop that only spins on
// calls which never block does not tell the Go scheduler about each: that would cost some 40 ns a call, and be
// charged to a pipe that did not cause it.
package kernel
