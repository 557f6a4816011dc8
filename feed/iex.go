package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tickring/tickring/ring"
)

const (
	tradeReport = 'T'
	tradeBreak  = 'B'

	tradeMessage = 38 // bytes of a T or B; a later revision may append fields

	priceUnits = 10_000         // per unit of the quote currency
	maxPrice   = int64(1 << 53) // up to here float64 holds each integer, so that one division rounds once
)

// otherMessages are the types that hold no trade, with their lengths: a trade whose type byte is
// damaged does not pass for one of them.
var otherMessages = map[byte]int{
	'S': 10, // system event
	'D': 31, // security directory
	'H': 22, // trading status
	'I': 18, // retail liquidity
	'O': 18, // operational halt
	'P': 19, // short sale price test
	'Q': 42, // quote
	'X': 26, // official price
	'A': 80, // auction
}

// iexDecoder reads TOPS 1.6 messages from a capture.
type iexDecoder struct {
	src     *source
	opts    Options
	stats   *Stats
	packets interface {
		ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	}
	link layers.LinkType // of every packet, in pcap

	feeds    map[netip.AddrPort]bool // addresses where TOPS 1.6 was seen
	streams  sequencer
	start    int64  // where the current packet starts
	messages []byte // what is left of it
}

func newIEXDecoder(src *source, opts Options, stats *Stats) (*iexDecoder, error) {
	d := &iexDecoder{src: src, opts: opts, stats: stats, feeds: map[netip.AddrPort]bool{}, streams: sequencer{}}
	var err error
	if strings.HasPrefix(src.format, formatPcapng) {
		// Without mixed link types the library leaves out packets of other interfaces silently.
		d.packets, err = pcapgo.NewNgReader(src.Reader, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	} else {
		var r *pcapgo.Reader
		if r, err = pcapgo.NewReader(src.Reader); err == nil {
			d.packets, d.link = r, r.LinkType()
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, src.errorAt(0, 0, src.cause(err))
	}
	return d, nil
}

func (d *iexDecoder) next() (Trade, error) {
	for {
		for len(d.messages) > 0 {
			var t Trade
			var ok bool
			message, rest, err := cutMessage(d.messages)
			if d.messages = rest; err == nil {
				t, ok, err = d.decode(message)
			}
			if err != nil {
				return Trade{}, d.errorHere(err)
			}
			if ok {
				return t, nil
			}
		}
		if err := d.nextPacket(); err != nil {
			return Trade{}, err
		}
	}
}

func (d *iexDecoder) errorHere(err error) error {
	return d.src.errorAt(d.stats.Packets, d.start, err)
}

// nextPacket reads one packet and leaves its new messages in d.messages, also where it returns a *GapError.
func (d *iexDecoder) nextPacket() error {
	d.start = d.src.offset()
	frame, info, err := d.packets.ZeroCopyReadPacketData()
	err = d.src.cause(err)
	if err == io.EOF && info.Length == 0 {
		if d.stats.Packets == d.stats.Foreign {
			return d.errorHere(ErrNoTOPS)
		}
		return io.EOF
	}
	d.stats.Packets++
	if err == io.EOF { // the library's word for a file that ends right behind a packet's header
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return d.errorHere(err)
	}

	gram, err := d.datagram(frame, info)
	if errors.Is(err, errForeign) {
		d.stats.Foreign++
		return nil
	}
	if err == nil {
		err = d.segment(gram)
	}
	if _, gap := errors.AsType[*GapError](err); err == nil || gap {
		return err
	}
	if info.CaptureLength < info.Length {
		err = fmt.Errorf("%w (only %d of the packet's %d bytes were captured: record with a larger snap length)",
			err, info.CaptureLength, info.Length)
	}
	return d.errorHere(err)
}

// datagram returns the UDP payload of a TOPS 1.6 packet, errForeign for a packet of anything else.
func (d *iexDecoder) datagram(frame []byte, info gopacket.CaptureInfo) ([]byte, error) {
	link := d.link
	if len(info.AncillaryData) > 0 {
		link, _ = info.AncillaryData[0].(layers.LinkType)
	}
	if link != layers.LinkTypeEthernet {
		return nil, fmt.Errorf("link type %d (%v) is not supported, only Ethernet: capture on an Ethernet interface", int(link), link)
	}
	gram, err := parseFrame(frame)
	if err != nil {
		return nil, err
	}
	switch {
	case !isTOPS(gram.payload) && len(gram.payload) < min(tpSignature, gram.length):
		return nil, tooShort("UDP payload", gram.length, len(gram.payload)) // could be of the feed
	case !isTOPS(gram.payload) && d.feeds[gram.to]:
		return nil, fmt.Errorf("damaged IEX-TP header: %s had TOPS 1.6 before, and now % x",
			gram.to, gram.payload[:min(tpSignature, len(gram.payload))])
	case !isTOPS(gram.payload):
		return nil, errForeign
	case gram.fragment:
		return nil, errors.New("the IEX-TP packet is fragmented: captures of reassembled IP are needed")
	case len(gram.payload) < gram.length:
		return nil, tooShort("UDP payload", gram.length, len(gram.payload))
	}
	d.feeds[gram.to] = true
	return gram.payload, nil
}

// segment takes the messages of one IEX-TP packet that have not been seen yet.
func (d *iexDecoder) segment(payload []byte) error {
	s, err := parseSegment(payload)
	if err != nil {
		return err
	}
	repeated, lost, err := d.streams.accept(s)
	if err != nil {
		return err
	}
	d.messages = s.messages
	for range repeated {
		if _, d.messages, err = cutMessage(d.messages); err != nil {
			return err
		}
	}
	d.stats.Repeated += int64(repeated)
	if lost == 0 {
		return nil
	}
	d.stats.Gaps++
	d.stats.Lost += lost
	return &GapError{
		Path: d.src.path, Packet: d.stats.Packets, Offset: d.start,
		Channel: s.stream.channel, Session: s.stream.session, Want: s.first - lost, Got: s.first,
	}
}

// decode returns the trade or, if they are wanted, the break in message; ok is false for any other.
func (d *iexDecoder) decode(message []byte) (t Trade, ok bool, err error) {
	kind := message[0]
	if kind != tradeReport && kind != tradeBreak {
		d.stats.Other++
		if len(message) != otherMessages[kind] {
			d.stats.Unknown++
		}
		return t, false, nil
	}
	fail := func(err error) (Trade, bool, error) {
		return Trade{}, false, fmt.Errorf("message %c: %w", kind, err)
	}
	if len(message) < tradeMessage {
		return fail(tooShort("trade", tradeMessage, len(message)))
	}
	le := binary.LittleEndian
	symbol := strings.TrimRight(string(message[10:18]), " ")
	if err := checkSymbol(symbol); err != nil {
		return fail(err)
	}
	if d.opts.Symbol != "" && symbol != d.opts.Symbol {
		d.stats.Filtered++
		return t, false, nil
	}

	timestamp := int64(le.Uint64(message[2:]))
	if timestamp < 0 {
		return fail(fmt.Errorf("timestamp %d ns is negative", timestamp))
	}
	price := int64(le.Uint64(message[22:]))
	if price <= 0 || price > maxPrice {
		return fail(fmt.Errorf("price %d/%d is not in 1..%d", price, priceUnits, maxPrice))
	}
	volume, err := parseVolume(strconv.FormatUint(uint64(le.Uint32(message[18:])), 10), d.opts.VolumeScale)
	if err != nil {
		return fail(err)
	}
	if kind == tradeBreak {
		d.stats.Breaks++
	}
	return Trade{Symbol: symbol, TradingData: ring.TradingData{
		Price: float64(price) / priceUnits, Timestamp: uint64(timestamp), Volume: volume, Valid: kind == tradeReport,
	}}, kind == tradeReport || d.opts.Breaks, nil
}
