package media

import (
	"net/netip"
	"sync/atomic"
	"time"

	"hubline/media/rtp"
)

// Limits of learning where a peer really is. Whoever may send from its addresses could take its place, so the door is open for a few packets only.
const (
	learnPackets = 5
	// sourceQuiet is how long a source must be silent before another from the same address takes its place. It costs a real change three packets.
	sourceQuiet = 60 * time.Millisecond
)

// rank says how well a source fits what the signalling said.
type rank uint8

const (
	stranger     rank = iota
	sameSignal        // from the address of the signalling, any port
	sameAddress       // from the address of the SDP, any port
	sameAndRight      // exactly what the SDP says
)

// peer is where packets go to and may come from: security rule S11, RTP Bleed. The SDP's address is used at first. The best of the first
// packets from the allowed addresses decides once; after that, packets from anywhere else are dropped until the next SDP.
type peer struct {
	signalledAddr netip.AddrPort // of the SDP
	signalling    netip.Addr
	to            netip.AddrPort
	rank          rank  // of to; stranger = nothing learned yet
	left          uint8 // packets that may still change it
}

func (p *peer) set(addr netip.AddrPort, signalling netip.Addr) {
	if addr.Port() == 0 || addr.Addr().IsUnspecified() || addr.Addr().IsMulticast() {
		addr = netip.AddrPort{}
	}
	// The same SDP once more, as in a refresh: what was learned goes on being used until a packet says otherwise.
	if addr != p.signalledAddr || signalling != p.signalling || !addr.IsValid() {
		p.to = addr
	}
	p.signalledAddr, p.signalling, p.rank, p.left = addr, signalling, stranger, learnPackets
}

func (p *peer) fit(from netip.AddrPort) rank {
	switch {
	case !p.signalledAddr.IsValid():
		return stranger
	case from == p.signalledAddr:
		return sameAndRight
	case from.Addr() == p.signalledAddr.Addr():
		return sameAddress
	case from.Addr() == p.signalling:
		return sameSignal
	}
	return stranger
}

// mayCome says whether a packet from there is looked at.
func (p *peer) mayCome(from netip.AddrPort) bool {
	if p.left > 0 {
		return p.fit(from) != stranger
	}
	return from == p.to
}

// learn takes a valid packet from an address that mayCome let in. It says whether the peer is now taken to be elsewhere than before, and
// whether the packet is the peer's.
func (p *peer) learn(from netip.AddrPort) (moved, ok bool) {
	if p.left == 0 {
		return false, true
	}
	p.left--
	fit := p.fit(from)
	if p.rank == stranger || fit > p.rank {
		moved = from != p.to
		p.to, p.rank = from, fit
	}
	if p.rank == sameAndRight {
		p.left = 0
	}
	return moved, from == p.to
}

// receiver is the stream that comes from the peer.
type receiver struct {
	ssrc    uint32
	anew    bool // the next source is taken at once
	epoch   uint64
	last    time.Duration
	packets uint64
	bytes   uint64
	stream  rtp.Stream
	press   press
}

// speaks says whether a packet is of the source that is listened to, and changes to a new one when it may: after a new SDP, when the
// peer moved, or when the old one is quiet.
func (r *receiver) speaks(ssrc uint32, moved bool, at time.Duration, epochs *atomic.Uint64) bool {
	begun := r.packets > 0
	if begun && !r.anew && !moved && ssrc == r.ssrc {
		return true
	}
	if begun && !r.anew && !moved && at-r.last < sourceQuiet {
		return false
	}
	if !begun || ssrc != r.ssrc {
		r.ssrc, r.epoch = ssrc, epochs.Add(1)
		r.stream.Restart()
	}
	r.anew = false
	return true
}

func (r *receiver) add(h rtp.Header, size int, at time.Duration) {
	r.packets++
	r.bytes += uint64(size)
	r.last = at
	r.stream.Add(h, at)
}

// sender is the stream that goes to the peer. Whatever feeds it, the peer sees one source whose sequence numbers rise by one and whose
// timestamps follow the clock, so that a change of bridge or a prompt does not upset its jitter buffer.
type sender struct {
	ssrc      uint32
	sequence  uint16 // highest sent
	timestamp uint32 // of that packet
	at        time.Duration
	epoch     uint64 // of the source whose numbers the offsets fit
	addSeq    uint16
	addTime   uint32
	packets   uint64
	bytes     uint64
}

// number turns a source's numbers into ours.
func (s *sender) number(h *rtp.Header, epoch uint64, at time.Duration, clock uint32) {
	if epoch != s.epoch {
		if clock == 0 {
			clock = 8000
		}
		// The new source goes on one packet after the old one, as much later on the RTP clock as it is on ours.
		elapsed := max(at-s.at, 20*time.Millisecond)
		s.epoch = epoch
		s.addSeq = s.sequence + 1 - h.Sequence
		s.addTime = s.timestamp + uint32(elapsed.Microseconds()*int64(clock)/1_000_000) - h.Timestamp
		h.Marker = true
	}
	h.SSRC = s.ssrc
	h.Sequence += s.addSeq
	h.Timestamp += s.addTime
	if int16(h.Sequence-s.sequence) > 0 {
		s.sequence, s.timestamp, s.at = h.Sequence, h.Timestamp, at
	}
}
