package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

const (
	etherTypeIPv4 = 0x0800
	protocolUDP   = 17

	ethernetHeader = 14
	vlanTag        = 4
	ipv4Header     = 20 // without options
	udpHeader      = 8
)

// errForeign marks a sound packet that holds no UDP over IPv4, or only a later fragment of it.
var errForeign = errors.New("not UDP over IPv4")

// datagram is what a frame holds of one UDP datagram.
type datagram struct {
	to       netip.AddrPort
	payload  []byte // may be shorter than length if the frame was cut or is the first fragment
	length   int    // of the payload, as the UDP header has it
	fragment bool
}

// parseFrame finds the UDP datagram in an Ethernet frame.
func parseFrame(frame []byte) (datagram, error) {
	if len(frame) < ethernetHeader {
		return datagram{}, tooShort("Ethernet header", ethernetHeader, len(frame))
	}
	etherType, packet := binary.BigEndian.Uint16(frame[12:]), frame[ethernetHeader:]
	for etherType == 0x8100 || etherType == 0x88a8 || etherType == 0x9100 {
		if len(packet) < vlanTag {
			return datagram{}, tooShort("VLAN tag", vlanTag, len(packet))
		}
		etherType, packet = binary.BigEndian.Uint16(packet[2:]), packet[vlanTag:]
	}
	if etherType != etherTypeIPv4 {
		return datagram{}, errForeign
	}
	return parseIPv4(packet)
}

func parseIPv4(packet []byte) (datagram, error) {
	if len(packet) < ipv4Header {
		return datagram{}, tooShort("IPv4 header", ipv4Header, len(packet))
	}
	flags := binary.BigEndian.Uint16(packet[6:])
	if packet[9] != protocolUDP || flags&0x1fff != 0 {
		return datagram{}, errForeign
	}
	header, total := int(packet[0]&0xf)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if packet[0]>>4 != 4 || header < ipv4Header || total < header+udpHeader {
		return datagram{}, fmt.Errorf("damaged IPv4 header: version %d, header of %d bytes, packet of %d bytes", packet[0]>>4, header, total)
	}
	if len(packet) < header+udpHeader {
		return datagram{}, tooShort("UDP header", header+udpHeader, len(packet))
	}
	// What is captured beyond the IP packet is Ethernet padding.
	udp := packet[header:min(total, len(packet))]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if length < udpHeader {
		return datagram{}, fmt.Errorf("damaged UDP header: length %d is less than the header", length)
	}
	return datagram{
		to:       netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[16:20])), binary.BigEndian.Uint16(udp[2:])),
		payload:  udp[udpHeader:min(length, len(udp))],
		length:   length - udpHeader,
		fragment: flags&0x2000 != 0,
	}, nil
}

// tooShort says that something ends before it should.
func tooShort(what string, need, have int) error {
	return fmt.Errorf("%s needs %d bytes, there are %d: %w", what, need, have, io.ErrUnexpectedEOF)
}
