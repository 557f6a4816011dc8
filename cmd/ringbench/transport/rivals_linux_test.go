package transport

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/kernel"
	"github.com/tickring/tickring/internal/testkit"
)

func TestKernel(t *testing.T) {
	for name, pair := range map[string]func() (send, receive *os.File, err error){
		"datagram": kernel.Datagrams,
		"stream":   kernel.Streams,
		"pipe": func() (send, receive *os.File, err error) {
			receive, send, err = os.Pipe()
			return send, receive, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			send, receive, err := pair()
			testEnds(t, queueEnds(t, send, receive, err, NewDescriptorSender, NewDescriptorReceiver))
		})
	}
}

func TestMessageQueue(t *testing.T) {
	name := fmt.Sprintf("/tickring-test-%d", os.Getpid())
	send, receive, err := kernel.Queue(name, MessageBytes)
	if err != nil {
		testkit.Require(t, "mqueue", err.Error())
	}
	testEnds(t, queueEnds(t, send, receive, nil, NewQueueSender, NewQueueReceiver))

	// Its name is free again.
	again, other, err := kernel.Queue(name, MessageBytes)
	require.NoError(t, err)
	assert.NoError(t, again.Close())
	assert.NoError(t, other.Close())
}

// A receiver that blocks gets the same.
func TestBlocking(t *testing.T) {
	send, receive, err := kernel.Streams()
	e := queueEnds(t, send, receive, err, NewDescriptorSender, NewDescriptorReceiver)
	s := pacedSlice(t, 500)
	s.Waits = WaitBlock
	sent, got, _ := play(t, e.Sender, e.Receiver, s)
	assert.Equal(t, sent.Published, got.Received)
}

// A stream may bring a record in pieces.
func TestRecordsInPieces(t *testing.T) {
	send, receive, err := kernel.Streams()
	e := queueEnds(t, send, receive, err, NewDescriptorSender, NewDescriptorReceiver)
	s := fullSlice(t, 1)
	require.NoError(t, e.Ready(s))
	want := s.Tape[:3]
	b := bytesOf(want)
	for _, piece := range []struct{ bytes, records int }{{recordBytes + 5, 1}, {recordBytes, 1}, {recordBytes - 5, 1}} {
		_, err := send.Write(b[:piece.bytes])
		require.NoError(t, err)
		got, err := e.Receiver.(*MessageReceiver).receive()
		require.NoError(t, err)
		require.Equal(t, want[:piece.records], got)
		b, want = b[piece.bytes:], want[piece.records:]
	}
}

// An end whose other end is gone says so.
func TestTheOtherEndIsGone(t *testing.T) {
	send, receive, err := kernel.Streams()
	e := queueEnds(t, send, receive, err, NewDescriptorSender, NewDescriptorReceiver)
	s := fullSlice(t, 1)
	require.NoError(t, e.Ready(s))
	require.NoError(t, send.Close())
	_, err = e.Receive(s)
	assert.ErrorContains(t, err, "receive a record")
}
