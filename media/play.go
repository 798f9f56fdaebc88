package media

import (
	"context"
	"errors"
	"time"

	"hubline/media/rtp"
)

// One frame of sound; 20 ms is the packet time every phone takes without being asked.
const (
	frameTime    = 20 * time.Millisecond
	frameSamples = 160
	// framesBehind is how many frames are sent at once after a stall; older ones are left out, as a jitter buffer would drop them anyway.
	framesBehind = 5
)

// ErrReplaced is returned by Play and Dial when something else began to play on the same endpoint.
var ErrReplaced = errors.New("media: another sound took over")

// player is whoever feeds the endpoint in place of the bridge.
type player struct {
	epoch uint64
	began time.Time
	sent  int // frames
}

func (e *Endpoint) begin() (*player, error) {
	p := &player{epoch: e.server.epoch.Add(1), began: time.Now()}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	e.player = p
	return p, nil
}

func (e *Endpoint) end(p *player) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.player == p {
		e.player = nil
	}
}

// Play sends the sound to the peer, one frame every 20 ms, and returns when it is over, ctx ends, the endpoint is closed (ErrClosed) or
// something else is played (ErrReplaced). While it plays, a bridge brings nothing to this peer. The codec is the one agreed on with the
// peer; ErrNotPlayable for any but PCMU and PCMA.
func (e *Endpoint) Play(ctx context.Context, sound Sound, codec Codec) error {
	law, err := codec.law()
	if err != nil {
		return err
	}
	bytes := sound.bytes(law)
	if len(bytes) == 0 {
		return errors.New("media: a sound without samples")
	}
	return e.feed(ctx, func(frame int) (h rtp.Header, payload []byte, more bool) {
		at := frame * frameSamples
		if !sound.endless && at >= len(bytes) {
			return h, nil, false
		}
		h = rtp.Header{Payload: codec.Payload, Sequence: uint16(frame), Timestamp: uint32(at)}
		return h, sound.frame(bytes, at, law), true
	})
}

// feed sends what next gives for frame 0, 1, 2 … in time. A frame without payload is a pause.
func (e *Endpoint) feed(ctx context.Context, next func(frame int) (h rtp.Header, payload []byte, more bool)) error {
	p, err := e.begin()
	if err != nil {
		return err
	}
	defer e.end(p)
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	packet := make([]byte, 0, rtp.HeaderSize+frameSamples)
	for {
		due := int(time.Since(p.began)/frameTime) + 1
		p.sent = max(p.sent, due-framesBehind)
		for ; p.sent < due; p.sent++ {
			h, payload, more := next(p.sent)
			if !more {
				return nil
			}
			if packet = h.Append(packet[:0], payload); len(payload) > 0 && !e.emit(p, packet, h) {
				return e.whyEnded()
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.done:
			return ErrClosed
		}
	}
}

func (e *Endpoint) whyEnded() error {
	select {
	case <-e.done:
		return ErrClosed
	default:
		return ErrReplaced
	}
}

// emit sends a frame unless another player took over.
func (e *Endpoint) emit(p *player, packet []byte, h rtp.Header) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.player != p {
		return false
	}
	e.send(p.epoch, packet, h, e.server.since())
	return true
}
