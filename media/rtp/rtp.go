// Package rtp reads and writes RTP packets, telephone events and RTCP reports, and keeps the counts of a received stream
// (RFC 3550, 4733, 5761). It knows bytes and clocks only: no sockets, no addresses, no codecs.
package rtp

import "encoding/binary"

// HeaderSize is the size of a header without contributing sources and extension.
const HeaderSize = 12

// Header is the fixed part of a packet, RFC 3550 section 5.1.
type Header struct {
	Marker    bool
	Payload   uint8 // payload type, 0 to 127
	Sequence  uint16
	Timestamp uint32 // in units of the codec's clock
	SSRC      uint32
}

// Parse reads the header of a packet and returns where its payload begins and ends. It refuses what RFC 3550 appendix A.1 calls
// invalid: another version, lengths that do not fit, and the payload types that belong to RTCP.
func Parse(packet []byte) (h Header, payload []byte, ok bool) {
	if len(packet) < HeaderSize || packet[0]>>6 != 2 || IsControl(packet) {
		return h, nil, false
	}
	begin, end := HeaderSize+4*int(packet[0]&0x0f), len(packet)
	if packet[0]&0x10 != 0 {
		if end < begin+4 {
			return h, nil, false
		}
		begin += 4 + 4*int(binary.BigEndian.Uint16(packet[begin+2:]))
	}
	if packet[0]&0x20 != 0 {
		padding := int(packet[end-1])
		if padding == 0 {
			return h, nil, false
		}
		end -= padding
	}
	if begin > end {
		return h, nil, false
	}
	return Header{
		Marker: packet[1]&0x80 != 0, Payload: packet[1] & 0x7f, Sequence: binary.BigEndian.Uint16(packet[2:]),
		Timestamp: binary.BigEndian.Uint32(packet[4:]), SSRC: binary.BigEndian.Uint32(packet[8:]),
	}, packet[begin:end], true
}

// Put writes the header over the first bytes of a packet. Version, padding, extension and count of sources stay as they are.
func (h Header) Put(packet []byte) {
	packet[1] = h.Payload & 0x7f
	if h.Marker {
		packet[1] |= 0x80
	}
	binary.BigEndian.PutUint16(packet[2:], h.Sequence)
	binary.BigEndian.PutUint32(packet[4:], h.Timestamp)
	binary.BigEndian.PutUint32(packet[8:], h.SSRC)
}

// Append adds a packet without extension to b.
func (h Header) Append(b, payload []byte) []byte {
	n := len(b)
	b = append(b, make([]byte, HeaderSize)...)
	b[n] = 2 << 6
	h.Put(b[n:])
	return append(b, payload...)
}

// IsControl tells RTCP from RTP when both come on one port, RFC 5761 section 4.
func IsControl(packet []byte) bool {
	return len(packet) >= 2 && packet[1] >= 192 && packet[1] <= 223
}
