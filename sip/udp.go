package sip

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
)

const (
	// udpReceiveBuffer is small on purpose: what waits longer than its sender's patience is work done twice.
	udpReceiveBuffer = 256 << 10
	mostDatagram     = 65_507 // UDP over IPv4
)

// udpSocket reads datagrams on one goroutine, so that the messages of one peer keep their order.
type udpSocket struct {
	e     *Engine
	port  *port
	local netip.AddrPort
	out   *batch // of the goroutine that reads, for answers that it gives at once
}

// ListenUDP opens a socket and serves it until Close. The address is host:port; port 0 picks a free one.
func (e *Engine) ListenUDP(ctx context.Context, addr string) (net.Addr, error) {
	pc, err := bindUDP(ctx, addr)
	if err != nil {
		return nil, err
	}
	return pc.LocalAddr(), e.serveUDP(pc)
}

func bindUDP(ctx context.Context, addr string) (*net.UDPConn, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("sip.ListenUDP: %w", err)
	}
	pc := packets.(*net.UDPConn)
	if err := pc.SetReadBuffer(udpReceiveBuffer); err != nil {
		pc.Close()
		return nil, fmt.Errorf("sip.ListenUDP: %w", err)
	}
	return pc, nil
}

// serveUDP owns the socket from here on.
func (e *Engine) serveUDP(pc *net.UDPConn) error {
	s := &udpSocket{e: e, local: unmap(pc.LocalAddr().(*net.UDPAddr).AddrPort())}
	var err error
	if s.port, err = newPort(pc); err != nil {
		return fmt.Errorf("sip.ListenUDP: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isClosed() {
		s.port.release()
		return ErrClosed
	}
	e.closers = append(e.closers, s.port.Close)
	sockets := append(append([]*udpSocket(nil), *e.udp.Load()...), s)
	e.udp.Store(&sockets)
	e.readers.Add(1)
	go s.serve()
	return nil
}

// reaches tells whether a datagram to the address can leave through the socket.
func (s *udpSocket) reaches(a netip.Addr) bool {
	local := s.local.Addr()
	return local.Is6() && local.IsUnspecified() || local.Is4() == a.Is4()
}

func (s *udpSocket) send(b []byte, to netip.AddrPort) error {
	if len(b) > mostDatagram {
		return ErrTooLarge
	}
	if !s.reaches(to.Addr()) {
		return ErrFlow
	}
	return s.port.write(b, to)
}

func (s *udpSocket) serve() {
	defer s.e.readers.Done()
	defer s.port.release()
	if err := s.read(); !s.e.isClosed() {
		s.e.cfg.Log.Error("a UDP socket is not read any more", "address", s.local, "error", err)
	}
}

var keepAlive, keepAliveAnswer = []byte("\r\n\r\n"), []byte("\r\n")

// datagram handles one packet. Nothing is kept for its sender.
func (s *udpSocket) datagram(b []byte, from netip.AddrPort) {
	defer func() {
		if p := recover(); p != nil {
			s.e.panicked("datagram", p)
		}
	}()
	if len(b) <= len(keepAlive) {
		s.keepAlive(b, from)
		return
	}
	if !neverDropped(b) && !s.e.budget.take(from.Addr()) {
		s.e.count.overBudget.Add(1)
		return
	}
	m, err := Parse(b)
	if m == nil || err != nil && m.IsResponse() {
		s.e.count.malformed.Add(1)
		return
	}
	m.Flow = &Flow{e: s.e, udp: s, remote: from}
	s.e.receive(m)
}

// keepAlive answers CRLF CRLF with CRLF as connections do (RFC 5626 3.5.1); anything else this short is a NAT keep-alive or noise.
func (s *udpSocket) keepAlive(b []byte, from netip.AddrPort) {
	if !s.e.budget.take(from.Addr()) {
		s.e.count.overBudget.Add(1)
		return
	}
	s.e.count.keepAlives.Add(1)
	if bytes.Equal(b, keepAlive) {
		_ = s.port.write(keepAliveAnswer, from) // there is nobody to tell
	}
}

// neverDropped tells what no budget touches: the messages that end or carry on what the engine already holds.
func neverDropped(b []byte) bool {
	return bytes.HasPrefix(b, []byte("SIP/2.0 ")) || bytes.HasPrefix(b, []byte("ACK ")) ||
		bytes.HasPrefix(b, []byte("BYE ")) || bytes.HasPrefix(b, []byte("CANCEL "))
}
