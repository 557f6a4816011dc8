package kernel

import (
	"os"

	"golang.org/x/sys/unix"
)

// Datagrams makes a connected pair of Unix datagram sockets.
func Datagrams() (send, receive *os.File, err error) { return pair(unix.SOCK_DGRAM) }

// Streams makes a connected pair of Unix stream sockets.
func Streams() (send, receive *os.File, err error) { return pair(unix.SOCK_STREAM) }

func pair(kind int) (send, receive *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}
