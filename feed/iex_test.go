package feed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	aaplMsg = tradeMsg('T', "AAPL", 283, 1489100, 1000)
	zxMsg   = tradeMsg('T', "ZXIET", 100, 250000, 1001)
	zxBreak = tradeMsg('B', "ZXIET", 100, 250000, 1001)
	quote   = append([]byte{'Q'}, make([]byte, 41)...)

	aapl = trade("AAPL", 148.91, 1000, 283)
	zx   = trade("ZXIET", 25, 1001, 100)
)

func broken(t Trade) Trade {
	t.Valid = false
	return t
}

// foreignFrames are sound packets of other protocols.
func foreignFrames() [][]byte {
	udp := frame([]byte("not IEX-TP at all"))
	return [][]byte{
		edit(udp, 12, 0x08, 0x06),              // ARP
		edit(udp, 12, 0x86, 0xdd),              // IPv6
		edit(udp, ipAt+9, 6),                   // TCP
		edit(udp, ipAt+2, 0, 0, 0, 0, 0x20, 1), // not the first fragment
		udp,
		frame(nil),
		frame([]byte{1, 0, 0x04, 0x80, 0, 0}), // IEX-TP with DEEP
	}
}

func TestIEX(t *testing.T) {
	packets := func(add ...[]byte) [][]byte {
		s := iexStream{sequence: 1}
		return append(add,
			frame(s.segment()),
			frame(s.segment(quote, aaplMsg)),
			frame(s.segment(zxMsg, zxBreak, quote), 0x8100),
			frame(s.segment(aaplMsg), 0x88a8, 0x8100),
		)
	}
	for _, tc := range []struct {
		name   string
		frames [][]byte
		opts   Options
		want   []Trade
		stats  Stats
	}{
		{"trades", packets(), Options{}, []Trade{aapl, zx, aapl},
			Stats{Trades: 3, Breaks: 1, Other: 2, Backward: 1, Packets: 4}},
		{"breaks", packets(), Options{Breaks: true}, []Trade{aapl, zx, broken(zx), aapl},
			Stats{Trades: 3, Breaks: 1, Other: 2, Backward: 1, Packets: 4}},
		{"one symbol", packets(), Options{Symbol: "AAPL", Breaks: true}, []Trade{aapl, aapl},
			Stats{Trades: 2, Filtered: 2, Other: 2, Packets: 4}},
		{"the symbol with a break", packets(), Options{Symbol: "ZXIET", Breaks: true}, []Trade{zx, broken(zx)},
			Stats{Trades: 1, Breaks: 1, Filtered: 2, Other: 2, Packets: 4}},
		{"scale", packets()[:2], Options{VolumeScale: 10}, []Trade{scaled(aapl, 10)},
			Stats{Trades: 1, Other: 1, Packets: 2}},
		{"foreign packets", packets(foreignFrames()...), Options{}, []Trade{aapl, zx, aapl},
			Stats{Trades: 3, Breaks: 1, Other: 2, Backward: 1, Packets: 11, Foreign: 7}},
		{"fields appended to a message", [][]byte{frame((&iexStream{}).segment(append(bytes.Clone(aaplMsg), 1, 2)))}, Options{}, []Trade{aapl},
			Stats{Trades: 1, Packets: 1}},
		{"Ethernet padding", [][]byte{append(frame((&iexStream{}).segment(aaplMsg)), 0, 0, 0)}, Options{}, []Trade{aapl},
			Stats{Trades: 1, Packets: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, data := range [][]byte{
				pcapFile(t, tc.frames...), pcapngFile(t, tc.frames...),
				gzipped(t, pcapFile(t, tc.frames...)), gzipped(t, pcapngFile(t, tc.frames...)),
			} {
				got := decodeAll(data, tc.opts)
				require.NoError(t, got.err)
				assert.Empty(t, got.gaps)
				assert.Equal(t, tc.want, got.trades)
				assert.Equal(t, tc.stats, got.stats)
			}
		})
	}
}

func TestIEXUnknownMessageType(t *testing.T) {
	got := decodeAll(pcapFile(t, frame((&iexStream{}).segment([]byte{'t'}, edit(aaplMsg, 0, 'P'), quote, aaplMsg))), Options{})
	require.NoError(t, got.err)
	assert.Equal(t, []Trade{aapl}, got.trades)
	assert.Equal(t, Stats{Trades: 1, Other: 3, Unknown: 2, Packets: 1}, got.stats)
}

func TestIEXPriceRoundsOnce(t *testing.T) {
	for _, price := range []int64{1, 3, 1489100, 1489101, 9_999_999_999, maxPrice - 1, maxPrice} {
		got := decodeAll(pcapFile(t, frame((&iexStream{}).segment(tradeMsg('T', "A", 1, price, 0)))), Options{})
		require.NoError(t, got.err)
		assert.Equal(t, float64(price)/10000, got.trades[0].Price)
	}
}

func TestIEXGap(t *testing.T) {
	s := iexStream{sequence: 5, offset: 900}
	first, lost, after := frame(s.segment(aaplMsg)), frame(s.segment(quote, zxMsg)), frame(s.segment(aaplMsg))
	heartbeat := frame(s.segment())

	for _, tc := range []struct {
		name   string
		frames [][]byte
		gaps   []*GapError
		trades int
		stats  Stats
	}{
		{"none", [][]byte{first, lost, after, heartbeat}, nil, 3,
			Stats{Trades: 3, Other: 1, Backward: 1, Packets: 4}},
		{"before trades", [][]byte{first, after, heartbeat}, []*GapError{{Packet: 2, Channel: 1, Session: 7, Want: 6, Got: 8}}, 2,
			Stats{Trades: 2, Packets: 3, Gaps: 1, Lost: 2}},
		{"shown by a heartbeat", [][]byte{first, heartbeat}, []*GapError{{Packet: 2, Channel: 1, Session: 7, Want: 6, Got: 9}}, 1,
			Stats{Trades: 1, Packets: 2, Gaps: 1, Lost: 3}},
		{"both lines of the feed", [][]byte{first, first, lost, lost, after, after, heartbeat, heartbeat}, nil, 3,
			Stats{Trades: 3, Other: 1, Backward: 1, Packets: 8, Repeated: 4}},
		{"one line lost a packet", [][]byte{first, lost, first, after, lost, after}, nil, 3,
			Stats{Trades: 3, Other: 1, Backward: 1, Packets: 6, Repeated: 4}},
		{"too late", [][]byte{first, after, lost}, []*GapError{{Packet: 2, Channel: 1, Session: 7, Want: 6, Got: 8}}, 2,
			Stats{Trades: 2, Packets: 3, Gaps: 1, Lost: 2, Repeated: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := decodeAll(pcapFile(t, tc.frames...), Options{})
			require.NoError(t, got.err)
			require.Len(t, got.gaps, len(tc.gaps))
			for i, gap := range got.gaps {
				tc.gaps[i].Offset = 24 + 16 + int64(len(first)) // behind the file header and the first packet
				assert.Equal(t, tc.gaps[i], gap)
				assert.Equal(t, tc.gaps[i].Got-tc.gaps[i].Want, gap.Lost())
			}
			assert.Len(t, got.trades, tc.trades)
			assert.Equal(t, tc.stats, got.stats)
		})
	}
}

func TestIEXGapErrorTeaches(t *testing.T) {
	gap := &GapError{Path: "x.pcap", Packet: 2, Offset: 40, Channel: 1, Session: 7, Want: 6, Got: 8}
	assert.EqualError(t, gap, "feed: x.pcap: packet 2 at byte 40: IEX-TP channel 1 session 7 jumps from sequence number 6 to 8: "+
		"the recording lacks 2 messages; trades may be among them")
}

func TestIEXPartlyRepeatedPacket(t *testing.T) {
	s := iexStream{sequence: 1}
	first := frame(s.segment(quote, zxMsg))
	s = iexStream{sequence: 2, offset: int64(2 + len(quote))}
	got := decodeAll(pcapFile(t, first, frame(s.segment(zxMsg, aaplMsg))), Options{})
	require.NoError(t, got.err)
	assert.Equal(t, []Trade{zx, aapl}, got.trades)
	assert.Equal(t, int64(1), got.stats.Repeated)
}

func TestIEXStreamsAreCountedApart(t *testing.T) {
	a, b := (&iexStream{sequence: 1}).segment(aaplMsg), (&iexStream{sequence: 500}).segment(zxMsg)
	got := decodeAll(pcapFile(t, frame(a), frame(edit(b, 8, 9))), Options{}) // another session
	require.NoError(t, got.err)
	assert.Empty(t, got.gaps)
	assert.Equal(t, []Trade{aapl, zx}, got.trades)
}

func TestIEXDamage(t *testing.T) {
	le := binary.LittleEndian
	s := iexStream{sequence: 1}
	first := frame(s.segment(aaplMsg))
	next := s // where the second packet continues
	segment := func(messages ...[]byte) []byte {
		s := next
		return s.segment(messages...)
	}
	good := segment(aaplMsg)
	msg := func(at int, with ...byte) []byte { return frame(segment(edit(aaplMsg, at, with...))) }
	u64 := func(v int64) []byte { return le.AppendUint64(nil, uint64(v)) }

	for _, tc := range []struct {
		name  string
		frame []byte
		want  string
		is    error
	}{
		{name: "empty frame", frame: []byte{}, want: "Ethernet header needs 14 bytes, there are 0", is: io.ErrUnexpectedEOF},
		{name: "short Ethernet header", frame: frame(good)[:13], want: "Ethernet header", is: io.ErrUnexpectedEOF},
		{name: "short VLAN tag", frame: frame(good, 0x8100)[:17], want: "VLAN tag", is: io.ErrUnexpectedEOF},
		{name: "short IPv4 header", frame: frame(good)[:ipAt+19], want: "IPv4 header", is: io.ErrUnexpectedEOF},
		{name: "IP version", frame: edit(frame(good), ipAt, 0x55), want: "damaged IPv4 header: version 5"},
		{name: "IP header length", frame: edit(frame(good), ipAt, 0x44), want: "header of 16 bytes"},
		{name: "IP total length", frame: edit(frame(good), ipAt+2, 0, 27), want: "packet of 27 bytes"},
		{name: "IP fragment", frame: edit(frame(good), ipAt+6, 0x20), want: "fragmented"},
		{name: "short UDP header", frame: frame(good)[:ipAt+27], want: "UDP header", is: io.ErrUnexpectedEOF},
		{name: "UDP length", frame: edit(frame(good), ipAt+24, 0, 7), want: "damaged UDP header"},
		{name: "UDP longer than IP", frame: edit(frame(good), ipAt+24, 0xff), want: "UDP payload", is: io.ErrUnexpectedEOF},
		{name: "UDP reaching into Ethernet padding", frame: append(edit(frame(good), ipAt+25, byte(udpHeader+len(good)+3)), 0, 0, 0),
			want: "UDP payload needs 83 bytes, there are 80", is: io.ErrUnexpectedEOF},
		{name: "cut before the feed is known", frame: frame(good)[:ipAt+30], want: "UDP payload", is: io.ErrUnexpectedEOF},
		{name: "cut in the payload", frame: frame(good)[:ipAt+60], want: "UDP payload", is: io.ErrUnexpectedEOF},
		{name: "another protocol at the feed's address", frame: frame(edit(good, 2, 4)), want: "233.215.21.4:10378 had TOPS 1.6 before"},
		{name: "nothing at the feed's address", frame: frame(nil), want: "had TOPS 1.6 before"},

		{name: "short IEX-TP header", frame: frame(good[:39]), want: "IEX-TP header needs 40 bytes, there are 39", is: io.ErrUnexpectedEOF},
		{name: "payload length", frame: frame(edit(good, 12, 39)), want: "payload length 39, but the datagram holds 40"},
		{name: "too few messages", frame: frame(edit(good, 14, 0)), want: "40 bytes are left after its 0 messages"},
		{name: "too many messages", frame: frame(edit(good, 14, 2)), want: "message 2 of 2: length of an IEX-TP message", is: io.ErrUnexpectedEOF},
		{name: "message too long", frame: frame(edit(good, 40, 39)), want: "message 1 of 1: IEX-TP message needs 39", is: io.ErrUnexpectedEOF},
		{name: "message too short", frame: frame(edit(good, 40, 37)), want: "1 bytes are left"},
		{name: "empty message", frame: frame(segment(nil)), want: "a message of no bytes"},
		{name: "negative sequence number", frame: frame(edit(good, 24, u64(-1)...)), want: "sequence number -1"},
		{name: "sequence number at the end", frame: frame(edit(good, 24, u64(math.MaxInt64)...)), want: "sequence number 9223372036854775807"},
		{name: "negative stream offset", frame: frame(edit(good, 16, u64(-1)...)), want: "stream offset -1"},
		{name: "sequence number alone", frame: frame(edit(good, 24, u64(1<<40)...)), want: "does not agree with the expected 2 at 40"},
		{name: "stream offset alone", frame: frame(edit(good, 16, u64(1<<40)...)), want: "does not agree with the expected 2 at 40"},

		{name: "repeated packet with a wrong end", frame: frame(edit(edit(good, 24, u64(1)...), 16, u64(39)...)), want: "does not agree with the expected 2 at 40"},

		{name: "trade too short", frame: frame(segment(aaplMsg[:37])), want: "message T: trade needs 38 bytes", is: io.ErrUnexpectedEOF},
		{name: "price zero", frame: msg(22, u64(0)...), want: "price 0/10000"},
		{name: "price negative", frame: msg(22, u64(-1)...), want: "price -1/10000"},
		{name: "price too large to round once", frame: msg(22, u64(maxPrice+1)...), want: "price 9007199254740993/10000"},
		{name: "size zero", frame: msg(18, 0, 0, 0, 0), want: "not a positive", is: ErrQuantity},
		{name: "size above int32", frame: msg(18, 0, 0, 0, 0x80), want: `quantity "2147483648"`, is: ErrOverflow},
		{name: "timestamp negative", frame: msg(2, u64(-5)...), want: "timestamp -5 ns is negative"},
		{name: "symbol blank", frame: msg(10, []byte("        ")...), want: "symbol"},
		{name: "symbol not printable", frame: msg(10, 0), want: "symbol"},
		{name: "break damaged", frame: frame(segment(edit(edit(aaplMsg, 0, 'B'), 22, u64(0)...))), want: "message B: price 0/10000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ngStart := len(pcapngFile(t, first))
			for format, data := range map[string][]byte{
				"pcap":   pcapFile(t, first, tc.frame, frame(good)),
				"pcapng": pcapngFile(t, first, tc.frame, frame(good)),
			} {
				got := decodeAll(data, Options{})
				assert.Equal(t, []Trade{aapl}, got.trades, "what stands before the damage, and nothing after it")
				offset := 24 + 16 + len(first)
				if format == "pcapng" {
					offset = ngStart
				}
				var at *PositionError
				require.ErrorAs(t, got.err, &at)
				assert.Equal(t, int64(2), at.Record)
				assert.Equal(t, int64(offset), at.Offset)
				assert.ErrorContains(t, at, fmt.Sprintf("feed: input (%s): packet 2 at byte %d: ", format, offset))
				assert.ErrorContains(t, at, tc.want)
				if tc.is != nil {
					assert.ErrorIs(t, at, tc.is)
				}
			}
		})
	}
}

func TestIEXCutCapture(t *testing.T) {
	full := frame((&iexStream{}).segment(aaplMsg, zxMsg))
	for n := range full {
		var b bytes.Buffer
		w := pcapgo.NewWriter(&b)
		require.NoError(t, w.WriteFileHeader(96, layers.LinkTypeEthernet))
		require.NoError(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: n, Length: len(full)}, full[:n]))
		got := decodeAll(b.Bytes(), Options{})
		assert.Empty(t, got.trades)
		assert.ErrorIs(t, got.err, io.ErrUnexpectedEOF)
		assert.ErrorContains(t, got.err, fmt.Sprintf("only %d of the packet's %d bytes were captured", n, len(full)))
	}
}

func TestIEXCutForeignPacketIsForeign(t *testing.T) {
	full := append(frame([]byte("some other datagram")), make([]byte, 100)...)
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	require.NoError(t, w.WriteFileHeader(96, layers.LinkTypeEthernet))
	require.NoError(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: 50, Length: len(full)}, full[:50]))
	feed := frame((&iexStream{}).segment(aaplMsg))
	require.NoError(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(feed), Length: len(feed)}, feed))
	got := decodeAll(b.Bytes(), Options{})
	require.NoError(t, got.err)
	assert.Equal(t, []Trade{aapl}, got.trades)
	assert.Equal(t, int64(1), got.stats.Foreign)
}

func TestIEXLinkType(t *testing.T) {
	ethernet := frame((&iexStream{}).segment(aaplMsg))
	t.Run("pcap", func(t *testing.T) {
		data := edit(pcapFile(t, ethernet), 20, byte(layers.LinkTypeLinuxSLL))
		assert.ErrorContains(t, decodeAll(data, Options{}).err, "link type 113 (Linux SLL) is not supported")
	})
	t.Run("second interface of a pcapng", func(t *testing.T) {
		var b bytes.Buffer
		w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
		require.NoError(t, err)
		_, err = w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeLinuxSLL})
		require.NoError(t, err)
		for i := range 2 {
			info := gopacket.CaptureInfo{CaptureLength: len(ethernet), Length: len(ethernet), InterfaceIndex: i}
			require.NoError(t, w.WritePacket(info, ethernet))
		}
		require.NoError(t, w.Flush())
		got := decodeAll(b.Bytes(), Options{})
		assert.Equal(t, []Trade{aapl}, got.trades)
		assert.ErrorContains(t, got.err, "packet 2")
		assert.ErrorContains(t, got.err, "link type 113")
	})
}

func TestIEXNoTOPS(t *testing.T) {
	for _, data := range [][]byte{
		pcapFile(t), pcapngFile(t), pcapFile(t, foreignFrames()...), pcapngFile(t, foreignFrames()...),
	} {
		got := decodeAll(data, Options{})
		assert.ErrorIs(t, got.err, ErrNoTOPS)
		var at *PositionError
		assert.ErrorAs(t, got.err, &at)
	}
}
