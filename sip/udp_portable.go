//go:build !linux || !(amd64 || arm64 || riscv64)

package sip

import (
	"errors"
	"net"
	"net/netip"
)

// port is a bound socket.
type port struct{ *net.UDPConn }

func newPort(pc *net.UDPConn) (*port, error) { return &port{pc}, nil }

func (p *port) write(b []byte, to netip.AddrPort) error {
	_, err := p.WriteToUDPAddrPort(b, to)
	return err
}

// release is called when nobody reads any more.
func (p *port) release() { p.Close() }

// batch is for systems that take many datagrams with one call; here each is sent by itself.
type batch struct{ s *udpSocket }

func (b *batch) answer(m *Message, to netip.AddrPort) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	*buf = m.AppendTo((*buf)[:0])
	b.s.e.count.sent.Add(1)
	_ = b.s.send(*buf, to) // there is nobody to tell
}

// read handles datagrams until the socket is closed.
func (s *udpSocket) read() error {
	s.out = &batch{s}
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.port.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue // an ICMP error about something sent earlier
		}
		s.datagram(buf[:n], unmap(from))
	}
}
