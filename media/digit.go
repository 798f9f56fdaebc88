package media

import (
	"context"
	"fmt"
	"time"

	"hubline/media/rtp"
)

// Times of a key that we press: long enough for every gateway, RFC 4733 section 2.5 for the rest.
const (
	keyFrames  = 5 // 100 ms
	keyEnds    = 3 // the end is said three times, as any one may get lost
	keyPause   = 4
	keyVolume  = 10
	keyTotal   = keyFrames + keyEnds - 1 + keyPause
	digitsKept = 32
)

// Dial presses keys (0–9, *, #, A–D) for the peer as telephone events in the payload type that was agreed on.
func (e *Endpoint) Dial(ctx context.Context, keys string, codec Codec) error {
	if !codec.isEvent() {
		return fmt.Errorf("media: keys are sent as telephone-event, not in %s", codec.Name)
	}
	codes := make([]uint8, len(keys))
	for i := range keys {
		code, ok := rtp.KeyCode(keys[i])
		if !ok {
			return fmt.Errorf("media: %q is no key of a phone", keys[i])
		}
		codes[i] = code
	}
	samples := uint32(codec.clock() / int(time.Second/frameTime))
	sequence := uint16(0)
	return e.feed(ctx, func(frame int) (h rtp.Header, payload []byte, more bool) {
		key, at := frame/keyTotal, frame%keyTotal
		if key >= len(codes) {
			return h, nil, false
		}
		if at >= keyTotal-keyPause {
			return h, nil, true
		}
		event := rtp.Event{Code: codes[key], Volume: keyVolume, Duration: uint16(samples) * uint16(min(at+1, keyFrames)), End: at >= keyFrames-1}
		h = rtp.Header{Payload: codec.Payload, Marker: at == 0, Sequence: sequence, Timestamp: samples * uint32(key*keyTotal)}
		sequence++
		return h, event.Append(nil), true
	})
}

// Digit is a key that the peer pressed.
type Digit struct {
	Key byte // 0–9, *, #, A–D
}

// press remembers which key press was told already: every packet of a press carries the timestamp of its beginning.
type press struct {
	told      bool
	timestamp uint32
	ssrc      uint32
}

// Digits brings the keys that the peer presses, as telephone events, each once and as soon as its first packet arrives. Keys beyond the
// 32 that wait are dropped. Events need SetCodecs to be recognised. The channel is never closed; wait for Done too.
func (e *Endpoint) Digits() <-chan Digit { return e.digits }

func (e *Endpoint) press(h rtp.Header, body []byte) {
	event, ok := rtp.ParseEvent(body)
	if !ok {
		return
	}
	was := &e.in.press
	if was.told && was.ssrc == h.SSRC && int32(h.Timestamp-was.timestamp) <= 0 {
		return
	}
	was.told, was.ssrc, was.timestamp = true, h.SSRC, h.Timestamp
	if key, ok := event.Key(); ok {
		select {
		case e.digits <- Digit{Key: key}:
		default:
		}
	}
}
