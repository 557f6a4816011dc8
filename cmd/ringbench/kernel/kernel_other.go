//go:build !linux

package kernel

import (
	"errors"
	"os"
)

var errUnsupported = errors.Join(errors.New("kernel: for Linux"), errors.ErrUnsupported)

// Read is for Linux.
func Read(int, []byte) (int, error) { return -1, errUnsupported }

// Write is for Linux.
func Write(int, []byte) (int, error) { return -1, errUnsupported }

// ReadWaiting is for Linux.
func ReadWaiting(int, []byte) (int, error) { return -1, errUnsupported }

// Busy is for Linux.
func Busy(error) bool { return false }

// SetNonblock is for Linux.
func SetNonblock(int, bool) error { return errUnsupported }

// Datagrams is for Linux.
func Datagrams() (send, receive *os.File, err error) { return nil, nil, errUnsupported }

// Streams is for Linux.
func Streams() (send, receive *os.File, err error) { return nil, nil, errUnsupported }

// Queue is for Linux.
func Queue(string, int) (send, receive *os.File, err error) { return nil, nil, errUnsupported }

// WriteQueue is for Linux.
func WriteQueue(int, []byte) (int, error) { return -1, errUnsupported }

// ReadQueue is for Linux.
func ReadQueue(int, []byte) (int, error) { return -1, errUnsupported }

// ReadQueueWaiting is for Linux.
func ReadQueueWaiting(int, []byte) (int, error) { return -1, errUnsupported }
