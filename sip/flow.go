package sip

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Flow is a way to reach a peer again: a UDP pair of addresses, or one open connection (RFC 5626 3). Responses and everything
// inside a dialog go back through the flow that a peer used; nothing in this package resolves a name.
type Flow struct {
	e      *Engine
	udp    *udpSocket // one of udp and conn is set
	conn   *conn
	remote netip.AddrPort
}

// Transport returns "udp", "tcp", "tls" or "ws".
func (f *Flow) Transport() string {
	if f.conn != nil {
		return f.conn.transport
	}
	return "udp"
}

// Remote returns the peer's address as packets carry it, whatever its messages claim.
func (f *Flow) Remote() netip.AddrPort { return f.remote }

// Local returns the address of our end; its address is unspecified when a UDP socket is bound to all.
func (f *Flow) Local() netip.AddrPort {
	if f.conn != nil {
		return f.conn.local
	}
	return f.udp.local
}

// Token returns a text that leads back to the flow through Engine.FlowByToken. Equal flows have equal tokens. It holds addresses
// or a random name, has no spaces, and is meant to be stored with a location, not to be shown to peers.
func (f *Flow) Token() string {
	if f.conn != nil {
		return f.conn.id
	}
	var room [128]byte
	b := append(f.udp.local.AppendTo(append(room[:0], "udp;"...)), ';')
	return string(f.remote.AppendTo(b))
}

// Alive tells whether the flow can be sent to: always on UDP while the engine runs, and until a connection closes.
func (f *Flow) Alive() bool {
	if f.conn != nil {
		return f.conn.alive()
	}
	return !f.e.isClosed()
}

// Close closes the connection of the flow; a UDP flow has none.
func (f *Flow) Close() {
	if f.conn != nil {
		f.conn.close()
	}
}

// reliable tells whether messages need no repetition (RFC 3261 17).
func (f *Flow) reliable() bool { return f.conn != nil }

// send hands one message to the transport; b may be reused afterwards. An error means that it was certainly not sent.
func (f *Flow) send(b []byte) error {
	f.e.count.sent.Add(1)
	if f.conn != nil {
		return f.conn.send(b)
	}
	return f.udp.send(b, f.remote)
}

// sendMessage serialises m and sends it.
func (f *Flow) sendMessage(m *Message) error {
	buf := buffers.Get().(*[]byte)
	*buf = m.AppendTo((*buf)[:0])
	err := f.send(*buf)
	buffers.Put(buf)
	return err
}

// buffers holds what messages are serialised into.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// host returns the host and port that the peer reaches us at, for Via and Contact.
func (f *Flow) host() string {
	local := f.Local()
	if !local.IsValid() {
		return "local.invalid" // a WebSocket whose server does not tell; its peer has no use for it (RFC 7118 5.2)
	}
	if !local.Addr().IsUnspecified() {
		return local.String()
	}
	return netip.AddrPortFrom(f.e.SeenBy(f.remote.Addr()), local.Port()).String()
}

// SeenBy returns our address as a peer sees it: Config.Advertise if that is of the peer's family, or else the one that the kernel's
// routes name.
func (e *Engine) SeenBy(peer netip.Addr) netip.Addr {
	if told := e.cfg.Advertise; told.IsValid() && told.Is4() == peer.Is4() {
		return told
	}
	return e.routes.local(netip.AddrPortFrom(peer, discardPort))
}

// discardPort is where a socket is connected to that only asks for the way (RFC 863).
const discardPort = 9

// towards returns the flow that a request inside a dialog takes. Peers may be behind NAT, so this is the flow that they used; only
// from peers that Config.Follow names is the next hop taken from the route or Contact, and only when it is an IP address.
func (f *Flow) towards(hop URI) *Flow {
	if f.udp == nil || f.e.cfg.Follow == nil || !f.e.cfg.Follow(f.remote.Addr()) {
		return f
	}
	addr, err := netip.ParseAddr(strings.Trim(hop.Host, "[]"))
	if err != nil || !f.udp.reaches(addr) {
		return f
	}
	port := hop.Port
	if port == 0 {
		port = 5060
	}
	remote := netip.AddrPortFrom(addr.Unmap(), uint16(port))
	if remote == f.remote {
		return f
	}
	return &Flow{e: f.e, udp: f.udp, remote: remote}
}

// FlowByToken finds the flow that a token names. UDP tokens resolve as long as a socket of the same address family is open, also
// in another process than the one that made them; tokens of connections only while they are open.
func (e *Engine) FlowByToken(token string) (*Flow, bool) {
	rest, ok := strings.CutPrefix(token, "udp;")
	if !ok {
		c, ok := e.conns.byID(token)
		if !ok {
			return nil, false
		}
		return c.flow, true
	}
	localText, remoteText, _ := strings.Cut(rest, ";")
	local, err := netip.ParseAddrPort(localText)
	if err != nil {
		return nil, false
	}
	remote, err := netip.ParseAddrPort(remoteText)
	if err != nil {
		return nil, false
	}
	socket := e.socketFor(local, remote.Addr())
	if socket == nil {
		return nil, false
	}
	return &Flow{e: e, udp: socket, remote: remote}, true
}

// socketFor returns the UDP socket bound to local, or else the first that can reach the peer; nil when there is none.
func (e *Engine) socketFor(local netip.AddrPort, peer netip.Addr) *udpSocket {
	var first *udpSocket
	for _, s := range *e.udp.Load() {
		if s.local == local {
			return s
		}
		if first == nil && s.reaches(peer) {
			first = s
		}
	}
	return first
}

// Dial makes a flow to a peer: over a socket that ListenUDP opened, or by connecting ("tcp", "tls"). ctx bounds connecting only.
func (e *Engine) Dial(ctx context.Context, transport string, remote netip.AddrPort, config *tls.Config) (*Flow, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	switch transport {
	case "udp":
		socket := e.socketFor(netip.AddrPort{}, remote.Addr())
		if socket == nil {
			return nil, fmt.Errorf("dial %s: no UDP socket for its address family: %w", remote, ErrFlow)
		}
		return &Flow{e: e, udp: socket, remote: remote}, nil
	case "tcp", "tls":
		return e.dialStream(ctx, transport, remote, config)
	default:
		return nil, fmt.Errorf("dial %s: unknown transport %q", remote, transport)
	}
}

// routes remembers which of our addresses the kernel would use towards a network.
type routes struct {
	mu    sync.Mutex
	known map[netip.Addr]route
}

type route struct {
	local netip.Addr
	until time.Time
}

const (
	mostRoutes = 1024
	routeLife  = time.Minute
)

// local returns our address as the peer sees it. The look-up connects a UDP socket, which sends nothing.
func (r *routes) local(peer netip.AddrPort) netip.Addr {
	network := peer.Addr().Unmap()
	if prefix, err := network.WithZone("").Prefix(network.BitLen() * 3 / 4); err == nil && !network.IsLoopback() {
		network = prefix.Addr()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if known, ok := r.known[network]; ok && now.Before(known.until) {
		return known.local
	}
	if r.known == nil || len(r.known) >= mostRoutes {
		r.known = map[netip.Addr]route{}
	}
	local := peer.Addr()
	if c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(peer)); err == nil {
		local = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		c.Close()
	}
	r.known[network] = route{local, now.Add(routeLife)}
	return local
}

// tokens hands out unguessable texts, drawing randomness for many at a time.
var tokens = struct {
	sync.Mutex
	left [4096]byte
	next int
}{next: 4096}

const tokenAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// newToken returns n random characters of 5 bits each behind the prefix.
func newToken(prefix string, n int) string {
	b := make([]byte, len(prefix)+n)
	copy(b, prefix)
	tokens.Lock()
	if tokens.next+n > len(tokens.left) {
		rand.Read(tokens.left[:])
		tokens.next = 0
	}
	copy(b[len(prefix):], tokens.left[tokens.next:tokens.next+n])
	tokens.next += n
	tokens.Unlock()
	for i := len(prefix); i < len(b); i++ {
		b[i] = tokenAlphabet[b[i]&31]
	}
	return string(b)
}

// Lengths of random texts: a branch needs to be unguessable only while its transaction lives, a tag while its dialog does.
const (
	branchLength = 16
	tagLength    = 20
	callIDLength = 26
	connLength   = 24
)
