//go:build linux

package kernel

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queueAttributes is struct mq_attr.
type queueAttributes struct {
	flags, maxMessages, messageBytes, messages int
	_                                          [4]int
}

// queueLength is as many messages as every process may ask for (/proc/sys/fs/mqueue/msg_max).
const queueLength = 10

// Queue makes a POSIX message queue for messages of up to messageBytes. Its name, which begins with a slash, is gone
// when it returns. Each end has a description of its own, so that one can block while the other does not.
func Queue(name string, messageBytes int) (send, receive *os.File, err error) {
	path, err := unix.BytePtrFromString(name[1:])
	if err != nil {
		return nil, nil, err
	}
	attributes := queueAttributes{maxMessages: queueLength, messageBytes: messageBytes}
	open := func(flags int) (*os.File, error) {
		fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(path)), uintptr(flags|unix.O_CLOEXEC), 0o600,
			uintptr(unsafe.Pointer(&attributes)), 0, 0)
		if errno != 0 {
			return nil, os.NewSyscallError("mq_open", errno)
		}
		return os.NewFile(fd, name), nil
	}
	if send, err = open(unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL); err != nil {
		return nil, nil, err
	}
	receive, err = open(unix.O_RDONLY)
	if _, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(path)), 0, 0); errno != 0 {
		err = errors.Join(err, os.NewSyscallError("mq_unlink", errno))
	}
	if err != nil {
		_ = send.Close()
		return nil, nil, err
	}
	return send, receive, nil
}

// WriteQueue sends b as one message to a queue that does not block.
func WriteQueue(fd int, b []byte) (n int, err error) {
	_, _, errno := unix.RawSyscall6(unix.SYS_MQ_TIMEDSEND, uintptr(fd), address(b), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return len(b), nil
}

// ReadQueue receives one message from a queue that does not block. b must have room for the longest.
func ReadQueue(fd int, b []byte) (n int, err error) {
	return result(unix.RawSyscall6(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), address(b), uintptr(len(b)), 0, 0, 0))
}

// ReadQueueWaiting receives from a queue that blocks, and lets the Go scheduler know.
func ReadQueueWaiting(fd int, b []byte) (n int, err error) {
	for {
		n, err = result(unix.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), address(b), uintptr(len(b)), 0, 0, 0))
		if err != unix.EINTR {
			return n, err
		}
	}
}
