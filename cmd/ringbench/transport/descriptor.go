package transport

import (
	"errors"
	"fmt"
	"io"

	"github.com/tickring/tickring/cmd/ringbench/kernel"
)

// A descriptor is an end of a pipe, a socket or a POSIX message queue: all of them are read and written alike, but for
// the system calls' names.

// NewDescriptorSender sends by writes to a pipe or socket.
func NewDescriptorSender(fd int) (*MessageSender, error) { return descriptorSender(fd, kernel.Write) }

// NewQueueSender sends to a message queue.
func NewQueueSender(fd int) (*MessageSender, error) { return descriptorSender(fd, kernel.WriteQueue) }

func descriptorSender(fd int, write func(int, []byte) (int, error)) (*MessageSender, error) {
	if err := kernel.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("make the sending end non-blocking: %w", err)
	}
	return &MessageSender{send: func(records []Record) error {
		b := bytesOf(records)
		for len(b) > 0 {
			n, err := write(fd, b)
			if err != nil {
				if kernel.Busy(err) {
					continue
				}
				return fmt.Errorf("send a record: %w", err)
			}
			b = b[n:]
		}
		return nil
	}}, nil
}

// NewDescriptorReceiver receives by reads from a pipe or socket.
func NewDescriptorReceiver(fd int) *MessageReceiver {
	return descriptorReceiver(fd, kernel.Read, kernel.ReadWaiting)
}

// NewQueueReceiver receives from a message queue.
func NewQueueReceiver(fd int) *MessageReceiver {
	return descriptorReceiver(fd, kernel.ReadQueue, kernel.ReadQueueWaiting)
}

func descriptorReceiver(fd int, poll, wait func(int, []byte) (int, error)) *MessageReceiver {
	buf := make([]Record, maxMessage)
	b, have := bytesOf(buf), 0 // have: bytes of a record that a stream has not brought to its end
	read := poll
	return &MessageReceiver{
		ready: func(waits string) error {
			switch waits {
			case WaitSpin:
				read = poll
			case WaitBlock:
				read = wait
			default:
				return errWait
			}
			return kernel.SetNonblock(fd, waits == WaitSpin)
		},
		receive: func() ([]Record, error) {
			if have > 0 { // the rest of the last record comes to the front
				copy(b, b[len(b)-have:])
			}
			for {
				n, err := read(fd, b[have:])
				switch {
				case n == 0:
					return nil, fmt.Errorf("receive a record: %w", io.ErrUnexpectedEOF)
				case err != nil && !kernel.Busy(err):
					return nil, fmt.Errorf("receive a record: %w", err)
				case err != nil:
					continue
				}
				if have += n; have >= recordBytes {
					break
				}
			}
			whole := have / recordBytes
			have -= whole * recordBytes
			copy(b[len(b)-have:], b[whole*recordBytes:][:have])
			return buf[:whole], nil
		},
	}
}

var errWait = errors.New("this transport knows how to spin and how to block, and no other way to wait")
