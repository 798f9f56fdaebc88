package rtp

import (
	"encoding/binary"
	"strings"
)

// keys are the characters of the events 0 to 15, RFC 4733 section 3.2.
const keys = "0123456789*#ABCD"

// EventSize is the length of a telephone event in a packet.
const EventSize = 4

// Event is the payload of a telephone-event packet, RFC 4733 section 2.3. All packets of one press carry the same RTP timestamp.
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // dBm0 without the sign, 0 to 63
	Duration uint16 // since the press began, in units of the clock
}

// ParseEvent reads the first event of a payload.
func ParseEvent(payload []byte) (e Event, ok bool) {
	if len(payload) < EventSize {
		return e, false
	}
	return Event{Code: payload[0], End: payload[1]&0x80 != 0, Volume: payload[1] & 0x3f, Duration: binary.BigEndian.Uint16(payload[2:])}, true
}

// Append adds the event to b.
func (e Event) Append(b []byte) []byte {
	flags := e.Volume & 0x3f
	if e.End {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(b, e.Code, flags), e.Duration)
}

// Key is the key of a phone that the event stands for; false for flash and other events.
func (e Event) Key() (byte, bool) {
	if int(e.Code) >= len(keys) {
		return 0, false
	}
	return keys[e.Code], true
}

// KeyCode is the event of a key: 0–9, *, #, A–D in either case.
func KeyCode(key byte) (code uint8, ok bool) {
	i := strings.IndexByte(keys, key&^0x20)
	if key < 'A' {
		i = strings.IndexByte(keys, key)
	}
	return uint8(max(i, 0)), i >= 0
}
