package main

import (
	"fmt"
	"net"
	"os"

	"github.com/tickring/tickring/cmd/ringbench/kernel"
	"github.com/tickring/tickring/cmd/ringbench/transport"
)

// Transports, by the names that the report has.
const (
	transportRing     = "tickring"
	transportCpp      = "c++"
	transportGoToCpp  = "go-to-c++"
	transportCppToGo  = "c++-to-go"
	transportLimit    = "limit"
	transportAtomics  = "atomic-stores"
	transportDatagram = "unix-datagram"
	transportStream   = "unix-stream"
	transportPipe     = "pipe"
	transportTCP      = "tcp"
	transportQueue    = "mqueue"
	transportMutex    = "shm-mutex"
	transportChannel  = "go-channel"
)

// rings says of the transports that are rings whether the sender and the receiver are C++ programs.
var rings = map[string]struct{ senderCpp, receiverCpp bool }{
	transportRing: {}, transportCpp: {true, true}, transportGoToCpp: {false, true}, transportCppToGo: {true, false},
}

// rival is a transport other than a ring, between processes.
type rival struct {
	bytes   uint64                                          // of shared memory; 0: it is a pair of descriptors
	files   func(name string) (s, r *os.File, err error)    // makes them
	send    func(int, []uint64) (transport.Sender, error)   // of a descriptor, or memory
	receive func(fd int, words []uint64) transport.Receiver //
	sleeps  bool                                            // its ends may sleep, also those that spin
	batches bool                                            // a batch can go as one
	full    bool                                            // throughput means something
}

const pageBytes = 4096

var rivals = map[string]rival{
	transportLimit: {
		bytes:   pageBytes,
		send:    func(_ int, w []uint64) (transport.Sender, error) { return transport.NewLimitSender(w), nil },
		receive: func(_ int, w []uint64) transport.Receiver { return transport.NewLimitReceiver(w) },
	},
	transportAtomics: {
		bytes: pageBytes, full: true,
		send:    func(_ int, w []uint64) (transport.Sender, error) { return transport.NewAtomicSender(w), nil },
		receive: func(_ int, w []uint64) transport.Receiver { return transport.NewAtomicReceiver(w) },
	},
	transportMutex: {
		bytes: transport.MutexQueueBytes, sleeps: true, batches: true, full: true,
		send:    func(_ int, w []uint64) (transport.Sender, error) { return transport.NewMutexSender(w), nil },
		receive: func(_ int, w []uint64) transport.Receiver { return transport.NewMutexReceiver(w) },
	},
	transportDatagram: descriptor(func(string) (s, r *os.File, err error) { return kernel.Datagrams() }),
	transportStream:   descriptor(func(string) (s, r *os.File, err error) { return kernel.Streams() }),
	transportPipe: descriptor(func(string) (s, r *os.File, err error) {
		r, s, err = os.Pipe()
		return s, r, err
	}),
	transportTCP: descriptor(func(string) (s, r *os.File, err error) { return loopback() }),
	transportQueue: {
		batches: true, full: true,
		files:   func(name string) (s, r *os.File, err error) { return kernel.Queue(name, transport.MessageBytes) },
		send:    func(fd int, _ []uint64) (transport.Sender, error) { return transport.NewQueueSender(fd) },
		receive: func(fd int, _ []uint64) transport.Receiver { return transport.NewQueueReceiver(fd) },
	},
}

// descriptor is a rival that is written to and read from.
func descriptor(files func(string) (s, r *os.File, err error)) rival {
	return rival{
		files: files, batches: true, full: true,
		send:    func(fd int, _ []uint64) (transport.Sender, error) { return transport.NewDescriptorSender(fd) },
		receive: func(fd int, _ []uint64) transport.Receiver { return transport.NewDescriptorReceiver(fd) },
	}
}

// loopback makes a TCP connection over the loopback device. Go sets TCP_NODELAY.
func loopback() (send, receive *os.File, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	out, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	in, err := listener.Accept()
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	if in.RemoteAddr().String() != out.LocalAddr().String() {
		return nil, nil, fmt.Errorf("another program, %v, took the connection", in.RemoteAddr())
	}
	if send, err = out.(*net.TCPConn).File(); err != nil {
		return nil, nil, err
	}
	if receive, err = in.(*net.TCPConn).File(); err != nil {
		_ = send.Close()
		return nil, nil, err
	}
	return send, receive, nil
}
