package feed

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
)

// outcome is all that one pass over a recording gave.
type outcome struct {
	trades []Trade
	gaps   []*GapError
	err    error // fatal, from opening or iterating
	stats  Stats
}

func decodeAll(data []byte, opts Options) (o outcome) {
	r, err := NewReader(bytes.NewReader(data), opts)
	if err != nil {
		o.err = err
		return o
	}
	for t, err := range r.Trades() {
		if gap, ok := errors.AsType[*GapError](err); ok {
			o.gaps = append(o.gaps, gap)
		} else if err != nil {
			o.err = err
		} else {
			o.trades = append(o.trades, t)
		}
	}
	o.stats = r.Stats()
	return o
}

func trade(symbol string, price float64, timestamp uint64, volume int32) Trade {
	return Trade{symbol, ring.TradingData{Price: price, Timestamp: timestamp, Volume: volume, Valid: true}}
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// iexStream numbers the segments of one IEX-TP stream.
type iexStream struct{ sequence, offset int64 }

// segment returns the next IEX-TP packet, holding messages.
func (s *iexStream) segment(messages ...[]byte) []byte {
	var body []byte
	for _, m := range messages {
		body = append(binary.LittleEndian.AppendUint16(body, uint16(len(m))), m...)
	}
	le := binary.LittleEndian
	p := []byte{tpVersion, 0}
	p = le.AppendUint16(p, topsProtocol)
	p = le.AppendUint32(p, 1) // channel
	p = le.AppendUint32(p, 7) // session
	p = le.AppendUint16(p, uint16(len(body)))
	p = le.AppendUint16(p, uint16(len(messages)))
	p = le.AppendUint64(p, uint64(s.offset))
	p = le.AppendUint64(p, uint64(s.sequence))
	p = le.AppendUint64(p, 0) // send time
	s.sequence += int64(len(messages))
	s.offset += int64(len(body))
	return append(p, body...)
}

// tradeMsg returns a T or B message; price is in 1/10,000.
func tradeMsg(kind byte, symbol string, size uint32, price, timestamp int64) []byte {
	le := binary.LittleEndian
	m := []byte{kind, 0}
	m = le.AppendUint64(m, uint64(timestamp))
	m = append(m, (symbol + "        ")[:8]...)
	m = le.AppendUint32(m, size)
	m = le.AppendUint64(m, uint64(price))
	return le.AppendUint64(m, 99) // trade id
}

// frame wraps a UDP payload in UDP, IPv4, VLAN tags and Ethernet.
func frame(payload []byte, vlans ...uint16) []byte {
	be := binary.BigEndian
	f := make([]byte, 12)
	for _, etherType := range vlans {
		f = be.AppendUint16(be.AppendUint16(f, etherType), 5)
	}
	f = be.AppendUint16(f, etherTypeIPv4)
	f = append(f, 0x45, 0)
	f = be.AppendUint16(f, uint16(ipv4Header+udpHeader+len(payload)))
	f = append(f, 0, 0, 0x40, 0, 1, protocolUDP, 0, 0, 10, 0, 0, 1, 233, 215, 21, 4)
	f = be.AppendUint16(be.AppendUint16(f, 10378), 10378)
	f = be.AppendUint16(be.AppendUint16(f, uint16(udpHeader+len(payload))), 0)
	return append(f, payload...)
}

// ipAt is where the IPv4 header starts in what frame returns without VLAN tags.
const ipAt = ethernetHeader

func pcapFile(t testing.TB, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
	for _, f := range frames {
		require.NoError(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(f), Length: len(f)}, f))
	}
	return b.Bytes()
}

func pcapngFile(t testing.TB, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	require.NoError(t, err)
	for _, f := range frames {
		require.NoError(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(f), Length: len(f)}, f))
	}
	require.NoError(t, w.Flush())
	return b.Bytes()
}

// edit returns a copy of b with some bytes from at on replaced.
func edit(b []byte, at int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], with)
	return b
}
