package media

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"hubline/media/rtp"
)

// Endpoint is one end of a call's sound: a pair of our ports and the peer that may use them. All methods may be called from any
// goroutine at any time; after Close they do nothing.
type Endpoint struct {
	mu sync.Mutex
	flow
	rtcp     socket
	done     chan struct{} // closed by Close
	digits   chan Digit
	name     string       // CNAME of our reports
	reportAt atomic.Int64 // the server's time of the next report; 0: there is no peer yet
	control  control
	waits    waits
	dropped  dropped
}

// flow is what every packet needs of an endpoint, guarded by its lock. With a thousand calls none of it is still in the processor's cache when
// their next packets come, and fetching it takes longer than all that is done with it. So it stands together, in few lines of the cache.
type flow struct {
	closed  bool
	muted   bool
	server  *Server // never changes
	rtp     socket  // never changes
	bridge  *bridge
	far     *Endpoint // the other end of the bridge
	player  *player   // what is played instead of what the bridge brings
	in      receiver
	out     sender
	steady  uint64 // packets received when the peer counts as settled
	settled int    // descriptor of the socket that is the peer's alone, or none
	peer    peer
	codecs  table
}

// settling is how many packets a peer sends before its socket is made for it alone; a second of sound. Shorter calls do without.
const settling = 50

// dropped counts what was not passed on.
type dropped struct{ strangers, invalid, unsent uint64 }

// Stats is a moment of an endpoint.
type Stats struct {
	Peer      netip.AddrPort // where packets are sent: of the SDP, or as learned
	Packets   uint64         // received from the peer
	Bytes     uint64         // of these packets, headers included
	Lost      uint64         // expected from the peer and not received
	Jitter    time.Duration  // RFC 3550 section 6.4.1
	Sent      uint64         // packets sent to the peer
	SentBytes uint64         // headers included
	Strangers uint64         // packets dropped because of where they came from, or because another source spoke
	Invalid   uint64         // packets dropped that were no RTP or of a payload type nobody agreed on
	Unsent    uint64         // packets that the system did not take
	PeerLost  uint32         // of our packets, as the peer last reported
	RoundTrip time.Duration  // as of the peer's last report; 0 = none yet
}

func newEndpoint(s *Server) *Endpoint {
	e := &Endpoint{flow: flow{server: s, settled: none}, done: make(chan struct{}), digits: make(chan Digit, digitsKept)}
	e.out.ssrc, e.out.sequence, e.out.timestamp = random32(), uint16(random32()), random32()
	e.name = cname()
	return e
}

// Port is the RTP port; RTCP is on the next one, and on the same one for peers that multiplex.
func (e *Endpoint) Port() int { return e.rtp.port() }

// Addr is the address and port for our SDP.
func (e *Endpoint) Addr() netip.AddrPort {
	return netip.AddrPortFrom(e.server.config.IP, uint16(e.Port()))
}

// SetPeer says where the peer's SDP wants its packets, and from where its signalling came. Packets go to the address of the SDP until
// the peer's real one is known: it is learned once, from the first packets, and only if they come from one of the two addresses.
// Call it again for every new SDP of the peer; learning then begins anew. An address that is empty, unspecified or multicast stops sending.
func (e *Endpoint) SetPeer(addr netip.AddrPort, signalled netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rtp.unsettle()
	e.settled = none // the descriptor may soon be another call's
	e.peer.set(unmap(addr), signalled.Unmap())
	e.steady = e.in.packets + settling
	e.in.anew = true
	e.control.to, e.control.mux, e.control.heard = netip.AddrPort{}, false, 0
	e.reportAt.CompareAndSwap(0, int64(e.server.since()+reportPause()))
}

// SetControl says where the peer wants RTCP: the attribute rtcp of its SDP, or the peer's own address when both sides multiplex
// (rtcp-mux). Without it RTCP goes to the port after the peer's. SetPeer forgets it.
func (e *Endpoint) SetControl(addr netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.control.to = unmap(addr)
	e.control.mux = e.control.to == e.peer.signalledAddr
}

// SetCodecs says which payload types were agreed on with the peer, the preferred first. Others are dropped then. When a bridge brings
// one law of G.711 to a peer that has only the other, it is converted; nothing else is.
func (e *Endpoint) SetCodecs(codecs ...Codec) {
	t := newTable(codecs)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.codecs = t
	e.in.stream.Clock = t.clock
}

// Hold says whether the peer's side of the call is on hold: then no media is expected from it and Silent does not fire. What the peer
// sends nevertheless, such as music, is passed on.
func (e *Endpoint) Hold(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waits.hold(on, e.server.since())
}

// Mute stops sending to the peer, for an SDP that says sendonly or inactive.
func (e *Endpoint) Mute(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.muted = on
}

// LastPacket is when the peer was last heard; zero if never.
func (e *Endpoint) LastPacket() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.in.packets == 0 {
		return time.Time{}
	}
	return e.server.began.Add(e.in.last)
}

// Stats is what happened so far.
func (e *Endpoint) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		Peer: e.peer.to, Packets: e.in.packets, Bytes: e.in.bytes, Lost: e.in.stream.Lost(), Jitter: e.in.stream.Jitter(),
		Sent: e.out.packets, SentBytes: e.out.bytes, Strangers: e.dropped.strangers, Invalid: e.dropped.invalid, Unsent: e.dropped.unsent,
		PeerLost: e.control.lost, RoundTrip: e.control.roundTrip,
	}
}

// Done is closed when the endpoint is.
func (e *Endpoint) Done() <-chan struct{} { return e.done }

// Close says goodbye to the peer and frees the ports. It ends Play, Echo and Dial on this endpoint; closing twice does no harm.
func (e *Endpoint) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.sendReport(true)
	e.closed = true
	e.bridge, e.far, e.player = nil, nil, nil
	e.waits.stop()
	e.rtp.close()
	e.rtcp.close()
	e.settled = none
	close(e.done)
	e.mu.Unlock()
	e.server.forget(e)
}

// receive takes a packet that arrived on one of the endpoint's ports; the endpoint is locked and receive unlocks it. The packet's bytes
// belong to the caller again when it returns.
func (e *Endpoint) receive(packet []byte, from netip.AddrPort, control bool, at time.Duration) {
	if control || rtp.IsControl(packet) {
		e.receiveControl(packet, from, control, at)
		e.mu.Unlock()
		return
	}
	p := arrived{packet: packet, at: at}
	ok := e.admit(&p, from)
	far := e.far
	p.bridge, p.epoch = e.bridge, e.in.epoch
	e.mu.Unlock()
	if ok && far != nil {
		far.relay(&p)
	}
}

// arrived is a packet of the peer on its way to the other end of a bridge.
type arrived struct {
	packet, body []byte
	header       rtp.Header
	format       format
	at           time.Duration
	bridge       *bridge
	epoch        uint64
}

// admit checks and counts a packet.
func (e *Endpoint) admit(p *arrived, from netip.AddrPort) (ok bool) {
	if !e.peer.mayCome(from) {
		e.dropped.strangers++
		return false
	}
	if p.header, p.body, ok = rtp.Parse(p.packet); ok {
		p.format, ok = e.codecs.receive(p.header.Payload)
	}
	if !ok {
		e.dropped.invalid++
		return false
	}
	moved, ok := e.peer.learn(from)
	if !ok || !e.in.speaks(p.header.SSRC, moved, p.at, &e.server.epoch) {
		e.dropped.strangers++
		return false
	}
	e.in.add(p.header, len(p.packet), p.at)
	if e.in.packets == e.steady && e.peer.left == 0 {
		e.settled = e.rtp.settle(e.peer.to)
	}
	if p.format == event8000 || p.format == event48000 {
		e.press(p.header, p.body)
	}
	return true
}

// relay sends a packet of a bridge to the peer, unless the endpoint has gone to another bridge meanwhile or something is played.
func (e *Endpoint) relay(p *arrived) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bridge != p.bridge || e.player != nil {
		return
	}
	as := e.codecs.send(p.header.Payload, p.format)
	if !as.ok {
		e.dropped.invalid++
		return
	}
	if as.cross != nil {
		for i, b := range p.body {
			p.body[i] = as.cross[b]
		}
	}
	p.header.Payload = as.number
	e.send(p.epoch, p.packet, p.header, p.at)
}

// send writes our own numbers into a packet and sends it; the endpoint is locked.
func (e *Endpoint) send(epoch uint64, packet []byte, h rtp.Header, at time.Duration) {
	if e.muted || e.closed || !e.peer.to.IsValid() {
		return
	}
	e.out.number(&h, epoch, at, e.codecs.clock)
	h.Put(packet)
	if !e.put(packet) {
		e.dropped.unsent++
		return
	}
	e.out.packets++
	e.out.bytes += uint64(len(packet))
}

// put gives a packet to the system.
func (e *Endpoint) put(packet []byte) bool {
	if e.settled != none {
		return pass(e.settled, packet)
	}
	return e.rtp.send(packet, e.peer.to)
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
