package feed

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	tpHeader     = 40
	tpVersion    = 1
	tpSignature  = 4 // version, reserved and protocol: enough to know the feed
	topsProtocol = 0x8003
)

// isTOPS tells whether a UDP payload starts as IEX-TP with TOPS 1.6.
func isTOPS(payload []byte) bool {
	return len(payload) >= tpSignature && payload[0] == tpVersion && binary.LittleEndian.Uint16(payload[2:]) == topsProtocol
}

// segment is one IEX-TP packet. Its messages, each behind its u16 length, fill the payload exactly.
type segment struct {
	stream   tpStream
	first    int64 // sequence number of the first message
	offset   int64 // of the first message in the stream, bytes
	count    int
	messages []byte
}

// tpStream names one run of sequence numbers.
type tpStream struct{ channel, session uint32 }

// tpPosition is where a stream goes on.
type tpPosition struct{ sequence, offset int64 }

// parseSegment checks the whole framing before anything of it is used.
func parseSegment(payload []byte) (segment, error) {
	if len(payload) < tpHeader {
		return segment{}, tooShort("IEX-TP header", tpHeader, len(payload))
	}
	le := binary.LittleEndian
	s := segment{
		stream:   tpStream{channel: le.Uint32(payload[4:]), session: le.Uint32(payload[8:])},
		count:    int(le.Uint16(payload[14:])),
		offset:   int64(le.Uint64(payload[16:])),
		first:    int64(le.Uint64(payload[24:])),
		messages: payload[tpHeader:],
	}
	if n := int(le.Uint16(payload[12:])); n != len(s.messages) {
		return segment{}, fmt.Errorf("damaged IEX-TP header: payload length %d, but the datagram holds %d bytes of it", n, len(s.messages))
	}
	const limit = math.MaxInt64 - math.MaxUint16 // the next position must not overflow
	if s.first < 0 || s.first > limit || s.offset < 0 || s.offset > limit {
		return segment{}, fmt.Errorf("damaged IEX-TP header: sequence number %d, stream offset %d", s.first, s.offset)
	}
	rest := s.messages
	for i := range s.count {
		var err error
		if _, rest, err = cutMessage(rest); err != nil {
			return segment{}, fmt.Errorf("message %d of %d: %w", i+1, s.count, err)
		}
	}
	if len(rest) > 0 {
		return segment{}, fmt.Errorf("damaged IEX-TP packet: %d bytes are left after its %d messages", len(rest), s.count)
	}
	return s, nil
}

// cutMessage takes the first message off a run of messages.
func cutMessage(messages []byte) (message, rest []byte, err error) {
	if len(messages) < 2 {
		return nil, nil, tooShort("length of an IEX-TP message", 2, len(messages))
	}
	n, messages := int(binary.LittleEndian.Uint16(messages)), messages[2:]
	if n == 0 {
		return nil, nil, fmt.Errorf("damaged IEX-TP packet: a message of no bytes")
	}
	if n > len(messages) {
		return nil, nil, tooShort("IEX-TP message", n, len(messages))
	}
	return messages[:n], messages[n:], nil
}

// sequencer follows the sequence numbers of each stream. A stream's first packet sets where it starts.
type sequencer map[tpStream]tpPosition

// accept takes note of s. It returns how many of its messages, from the first, have been passed
// before, and how many are missing in front of it.
func (q sequencer) accept(s segment) (repeated int, lost int64, err error) {
	end := tpPosition{s.first + int64(s.count), s.offset + int64(len(s.messages))}
	want, known := q[s.stream]
	if !known {
		q[s.stream] = end
		return 0, 0, nil
	}
	// Numbers and bytes advance together. Where they do not, one of them is damaged, and to
	// believe a number that is far too high would leave out all that follows as repeated.
	if cmp.Compare(s.first, want.sequence) != cmp.Compare(s.offset, want.offset) ||
		cmp.Compare(end.sequence, want.sequence) != cmp.Compare(end.offset, want.offset) {
		return 0, 0, fmt.Errorf("damaged IEX-TP header: sequence number %d at stream offset %d does not agree with the expected %d at %d",
			s.first, s.offset, want.sequence, want.offset)
	}
	repeated = int(min(max(want.sequence-s.first, 0), int64(s.count)))
	lost = max(s.first-want.sequence, 0)
	if end.sequence > want.sequence {
		q[s.stream] = end
	}
	return repeated, lost, nil
}
