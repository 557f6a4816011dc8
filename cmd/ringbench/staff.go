package main

import (
	"cmp"
	"fmt"
	"slices"
)

// staff makes the channels of all trials and decides which processes there are. A trial whose transport cannot be had
// stays without a channel.
func (b *conductor) staff() error {
	for _, t := range append([]*trial{b.limit}, b.trials...) {
		doorbell := t.wait == waitBlock && t.transport == transportRing
		slots := uint64(0)
		if _, ring := rings[t.transport]; ring {
			slots = cmp.Or(t.slots, b.config.slots)
		}
		at := slices.IndexFunc(b.channels, func(ch *channel) bool {
			return ch.transport == t.transport && ch.doorbell == doorbell && ch.slots == slots
		})
		if at < 0 {
			at = len(b.channels)
			ch := &channel{id: at, transport: t.transport, doorbell: doorbell, slots: slots}
			b.channels = append(b.channels, ch)
			if err := b.makeChannel(ch); err != nil {
				return fmt.Errorf("%s: %w", t.transport, err)
			}
		}
		if ch := b.channels[at]; ch.missing == nil {
			t.channel = ch
			b.cast(t)
		} else {
			t.missing = ch.missing
		}
	}
	// All that a channel's ends are known by now.
	for _, ch := range b.channels {
		var sender *member
		var receivers []*member
		for _, t := range append([]*trial{b.limit}, b.trials...) {
			if t.channel == ch {
				sender = t.sender
				if len(t.receivers) > len(receivers) {
					receivers = t.receivers
				}
			}
		}
		if sender == nil {
			continue
		}
		for m, orders := range ch.handOver(sender, receivers) {
			b.orders[m] = append(b.orders[m], orders...)
		}
	}
	return nil
}

func (b *conductor) makeChannel(ch *channel) error {
	if r := rings[ch.transport]; (r.senderCpp || r.receiverCpp) && b.cpp.err != nil {
		ch.missing = b.cpp.err
		return nil //nolint:nilerr // the rows say why
	}
	return ch.make(b.config.pages)
}

// cast gives a trial the processes that play it.
func (b *conductor) cast(t *trial) {
	if t.inProcess() {
		pair := b.member("writer and reader", 0, false)
		t.sender, t.receivers = pair, []*member{pair}
		return
	}
	r := rings[t.transport]
	t.sender = b.member(cppName(r.senderCpp, "writer"), 0, r.senderCpp)
	if !r.senderCpp {
		b.listen(t.sender)
	}
	for i := range t.readers {
		m := b.member(cppName(r.receiverCpp, fmt.Sprintf("reader %d", i+1)), i+1, r.receiverCpp)
		t.receivers = append(t.receivers, m)
		if !r.receiverCpp {
			b.listen(m)
		}
	}
}

func cppName(cpp bool, name string) string {
	if cpp {
		return "C++ " + name
	}
	return name
}

// member returns the process of a name, which runs on the CPU of the given place: 0 the writer's, 1 the first reader's.
func (b *conductor) member(name string, place int, cpp bool) *member {
	for _, m := range b.members {
		if m.name == name {
			return m
		}
	}
	m := &member{name: name, cpu: b.placement.cpu(place), cpp: cpp}
	b.members = append(b.members, m)
	return m
}

// listen makes a process measure its CPU's hiccups, unless another one does.
func (b *conductor) listen(m *member) {
	for _, other := range b.listeners {
		if other == m || other.cpu == m.cpu && m.cpu != noCPU {
			return
		}
	}
	b.listeners = append(b.listeners, m)
}

// members of a trial, each once.
func (t *trial) members() []*member {
	if t.inProcess() {
		return t.receivers
	}
	return append([]*member{t.sender}, t.receivers...)
}
