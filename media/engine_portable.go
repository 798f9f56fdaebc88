package media

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// portable is the engine for systems without one of their own: the net package and a goroutine for every socket.
type portable struct {
	since   func() time.Duration
	readers sync.WaitGroup
}

func newPortable(since func() time.Duration) (engine, error) { return &portable{since: since}, nil }

// largestPacket is more than any frame of sound needs; what is longer is cut, and invalid then.
const largestPacket = 2048

type portableSocket struct {
	engine  *portable
	e       *Endpoint
	control bool
	conn    *net.UDPConn
	local   int
}

func (p *portable) open(e *Endpoint, addr netip.AddrPort, control bool) (socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return &portableSocket{p, e, control, conn, conn.LocalAddr().(*net.UDPAddr).Port}, nil
}

func (p *portable) start(s socket) error {
	p.readers.Go(s.(*portableSocket).read)
	return nil
}

func (p *portable) close() { p.readers.Wait() }

func (s *portableSocket) read() {
	packet := make([]byte, largestPacket)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(packet)
		s.e.mu.Lock()
		switch {
		case s.e.closed || errors.Is(err, net.ErrClosed):
			s.e.mu.Unlock()
			return
		case err != nil: // of an earlier packet that could not be delivered
			s.e.mu.Unlock()
		default:
			s.e.receive(packet[:n], unmap(from), s.control, s.engine.since())
		}
	}
}

func (s *portableSocket) port() int { return s.local }

func (s *portableSocket) send(packet []byte, to netip.AddrPort) bool {
	_, err := s.conn.WriteToUDPAddrPort(packet, to)
	return err == nil
}

func (s *portableSocket) settle(netip.AddrPort) int { return none }

func (s *portableSocket) unsettle() {}

func (s *portableSocket) close() { _ = s.conn.Close() }
