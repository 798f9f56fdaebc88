package rtp

import (
	"encoding/binary"
	"time"
)

// RTCP packet types, RFC 3550 section 12.1.
const (
	typeSenderReport   = 200
	typeReceiverReport = 201
	typeDescription    = 202
	typeBye            = 203
)

// Report is a compound RTCP packet as far as one audio stream needs it: a sender or receiver report and the name of the source.
type Report struct {
	SSRC   uint32
	Name   string // CNAME; written, not read
	Sender *Sender
	Blocks []Block
	Bye    bool
}

// Sender tells what was sent, RFC 3550 section 6.4.1.
type Sender struct {
	NTP       uint64 // the moment, see NTP
	Timestamp uint32 // the same moment on the RTP clock
	Packets   uint32
	Bytes     uint32 // of payload
}

// Block tells what arrived of one source, RFC 3550 section 6.4.1.
type Block struct {
	SSRC     uint32
	Fraction uint8  // lost since the last report, in 256ths
	Lost     uint32 // in all, 24 bits
	Highest  uint32 // extended sequence number
	Jitter   uint32 // in units of the clock
	Last     uint32 // middle 32 bits of the NTP moment of the last sender report; 0 = none
	Delay    uint32 // since then, in 65536ths of a second
}

// NTP is a moment as 32.32 bits of seconds since 1900.
func NTP(t time.Time) uint64 {
	const since1900 = 2_208_988_800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}

// Append adds the report to b as a compound packet: SR or RR, SDES, and BYE at the end of a stream.
func (r Report) Append(b []byte) []byte {
	kind, words := byte(typeReceiverReport), 1+6*len(r.Blocks)
	if r.Sender != nil {
		kind, words = typeSenderReport, words+5
	}
	b = appendControl(b, len(r.Blocks), kind, words, r.SSRC)
	if s := r.Sender; s != nil {
		b = binary.BigEndian.AppendUint64(b, s.NTP)
		b = binary.BigEndian.AppendUint32(b, s.Timestamp)
		b = binary.BigEndian.AppendUint32(b, s.Packets)
		b = binary.BigEndian.AppendUint32(b, s.Bytes)
	}
	for _, k := range r.Blocks {
		b = binary.BigEndian.AppendUint32(b, k.SSRC)
		b = binary.BigEndian.AppendUint32(b, uint32(k.Fraction)<<24|k.Lost&0xffffff)
		b = binary.BigEndian.AppendUint32(b, k.Highest)
		b = binary.BigEndian.AppendUint32(b, k.Jitter)
		b = binary.BigEndian.AppendUint32(b, k.Last)
		b = binary.BigEndian.AppendUint32(b, k.Delay)
	}
	b = r.appendDescription(b)
	if r.Bye {
		b = appendControl(b, 1, typeBye, 1, r.SSRC)
	}
	return b
}

// appendDescription adds the SDES packet with the CNAME, padded with zeros to a whole word (at least one zero ends the list).
func (r Report) appendDescription(b []byte) []byte {
	name := r.Name[:min(len(r.Name), 255)]
	zeros := 4 - (2+len(name))%4
	b = appendControl(b, 1, typeDescription, 1+(2+len(name)+zeros)/4, r.SSRC)
	b = append(b, 1, byte(len(name))) // item 1 is CNAME
	b = append(b, name...)
	return append(b, make([]byte, zeros)...)
}

func appendControl(b []byte, count int, kind byte, words int, ssrc uint32) []byte {
	b = append(b, 2<<6|byte(count), kind)
	b = binary.BigEndian.AppendUint16(b, uint16(words))
	return binary.BigEndian.AppendUint32(b, ssrc)
}

// ParseReport reads a compound packet; packets of other types inside it are passed over. It refuses what RFC 3550 appendix A.2 calls
// invalid: another version, lengths that do not add up, and no report at the front.
func ParseReport(packet []byte) (r Report, ok bool) {
	for rest := packet; len(rest) > 0; {
		if len(rest) < 4 || rest[0]>>6 != 2 {
			return r, false
		}
		size := 4 * (1 + int(binary.BigEndian.Uint16(rest[2:])))
		if size > len(rest) {
			return r, false
		}
		if !r.read(rest[1], int(rest[0]&0x1f), rest[4:size]) {
			return r, false
		}
		ok = ok || rest[1] == typeSenderReport || rest[1] == typeReceiverReport
		rest = rest[size:]
	}
	return r, ok
}

func (r *Report) read(kind byte, count int, body []byte) bool {
	switch kind {
	case typeSenderReport, typeReceiverReport:
		return r.readBlocks(kind, count, body)
	case typeBye:
		r.Bye = true
	}
	return true
}

func (r *Report) readBlocks(kind byte, count int, body []byte) bool {
	head := 4
	if kind == typeSenderReport {
		head = 24
	}
	if len(body) < head+24*count {
		return false
	}
	r.SSRC = binary.BigEndian.Uint32(body)
	if kind == typeSenderReport {
		r.Sender = &Sender{
			NTP: binary.BigEndian.Uint64(body[4:]), Timestamp: binary.BigEndian.Uint32(body[12:]),
			Packets: binary.BigEndian.Uint32(body[16:]), Bytes: binary.BigEndian.Uint32(body[20:]),
		}
	}
	for b := body[head:]; count > 0; b, count = b[24:], count-1 {
		lost := binary.BigEndian.Uint32(b[4:])
		r.Blocks = append(r.Blocks, Block{
			SSRC: binary.BigEndian.Uint32(b), Fraction: uint8(lost >> 24), Lost: lost & 0xffffff, Highest: binary.BigEndian.Uint32(b[8:]),
			Jitter: binary.BigEndian.Uint32(b[12:]), Last: binary.BigEndian.Uint32(b[16:]), Delay: binary.BigEndian.Uint32(b[20:]),
		})
	}
	return true
}
