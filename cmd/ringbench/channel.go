package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/tickring/tickring/cmd/ringbench/stage"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// channel is one instance of a transport. It is made before the processes that use it are started, which inherit it
// as open files; only a ring has a name, until all of them have it.
type channel struct {
	id        int
	transport string
	doorbell  bool   // of a ring: readers can block
	slots     uint64 // of a ring
	missing   error

	memory        *stage.Memory
	send, receive *os.File
	segment       string // a name in /dev/shm

	geometry ring.Geometry
	pages    []hugepages.Report // of a ring, in the Go processes, the writer's first
}

// namePrefix begins the names of all that ringbench makes.
const namePrefix = "ringbench-"

func newName() string { return fmt.Sprintf("/%s%d-%s", namePrefix, os.Getpid(), rand.Text()) }

// make makes the channel. What cannot be had here is not an error of the run.
func (ch *channel) make(pages hugepages.Policy) (err error) {
	if _, ok := rings[ch.transport]; ok {
		return ch.makeRing(pages)
	}
	if ch.transport == transportChannel {
		return nil
	}
	r := rivals[ch.transport]
	if r.bytes > 0 {
		ch.memory, err = stage.New(r.bytes)
		return err
	}
	ch.send, ch.receive, ch.missing = r.files(newName())
	return nil
}

// makeRing makes a segment without a writer, whatever the language of those who will use it.
func (ch *channel) makeRing(pages hugepages.Policy) (err error) {
	if ch.geometry, err = ring.GeometryOf[ring.TradingData](ch.slots); err != nil {
		return err
	}
	if ch.memory, err = stage.New(pageBytes); err != nil { // for a word of the receiver to a sender that waits
		return err
	}
	name := newName()
	s, err := segment.Create(name, ch.geometry, segment.Options{Mode: 0o600, Pages: pages, Doorbell: ch.doorbell})
	if err != nil {
		return err
	}
	ch.segment = name
	return s.Close()
}

// handOver lets the members inherit the channel, and returns the orders with which they open their ends.
func (ch *channel) handOver(sender *member, receivers []*member) map[*member][]openOrder {
	orders := map[*member][]openOrder{}
	give := func(m *member, sends bool, f *os.File) {
		o := openOrder{Channel: ch.id, Transport: ch.transport, Sends: sends, Segment: ch.segment}
		if f != nil {
			o.FD = m.inherit(f)
		}
		orders[m] = append(orders[m], o)
	}
	send, receive := ch.send, ch.receive
	if ch.memory != nil {
		send, receive = ch.memory.File, ch.memory.File
	}
	give(sender, true, send)
	for _, m := range receivers {
		if m != sender {
			give(m, false, receive)
		}
	}
	return orders
}

// forget removes the channel's name, which nobody needs any more. From then on nothing can be left behind, not even
// if this process is killed.
func (ch *channel) forget() error {
	if ch.segment == "" {
		return nil
	}
	name := ch.segment
	ch.segment = ""
	return segment.Unlink(name)
}

// close gives up this process's part in the channel, when others have theirs or when it is over.
func (ch *channel) close() error {
	for _, f := range []*os.File{ch.send, ch.receive} {
		if f != nil {
			_ = f.Close()
		}
	}
	if ch.memory != nil {
		ch.memory.Close()
	}
	ch.send, ch.receive, ch.memory = nil, nil, nil
	return ch.forget()
}

func closeAll(channels []*channel) (err error) {
	for _, ch := range channels {
		err = errors.Join(err, ch.close())
	}
	return err
}
