// Package media carries the sound of calls: endpoints with ports of their own that send to one peer, bridges that pass packets from
// one endpoint to another without decoding them, and sounds played into an endpoint. It knows RTP and addresses only: neither
// SIP nor SDP, no calls, no tenants.
//
// An endpoint's life: Server.Endpoint opens its ports, SetCodecs and SetPeer say what the answer said, Bridge, Play or Echo give it
// something to send, Close ends all of that. Each may be called again at any time: the peer hears one stream with even numbers.
package media

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config says where a server's ports are.
type Config struct {
	IP      netip.Addr // written into SDP, the address phones send to; empty: Listen
	Listen  netip.Addr // the address the ports are opened on; empty: 127.0.0.1
	PortMin int        // of the range of ports, ends included; an RTP port is even and its RTCP port the next. Both 0: ports that the system has free
	PortMax int
	Threads int // that move packets; 0: one for every two processors
	Log     *slog.Logger
	Now     func() time.Time
}

// ErrNoPorts is returned by Server.Endpoint when every pair of the range is taken.
var ErrNoPorts = errors.New("media: no free pair of ports in the range")

// ErrClosed is returned for an endpoint or a server that was closed.
var ErrClosed = errors.New("media: closed")

// Server opens endpoints. Make one with New.
type Server struct {
	config Config
	began  time.Time
	epoch  atomic.Uint64 // names the sources of packets, see sender
	make   func(since func() time.Duration) (engine, error)

	mu        sync.Mutex
	closed    bool
	engines   []engine // made with the first endpoint
	next      int      // engine for the next endpoint
	endpoints map[*Endpoint]struct{}
	reports   *time.Timer // nil while nothing is open
}

// Takes tells whether packets of the address's family arrive: those of both do where the ports are open on every address, "::".
func (s *Server) Takes(peer netip.Addr) bool {
	at := s.config.Listen
	return at.Is6() && at.IsUnspecified() || at.Is4() == peer.Is4()
}

// engine opens sockets and hands what arrives to their endpoints, on a thread or goroutines of its own.
type engine interface {
	open(e *Endpoint, addr netip.AddrPort, control bool) (socket, error)
	start(socket) error // lets packets in
	close()
}

// socket is one open port. Its methods are called with its endpoint locked.
type socket interface {
	port() int
	send(packet []byte, to netip.AddrPort) bool
	settle(to netip.AddrPort) (fd int) // the peer will stay there, until unsettle; the descriptor for pass, or none
	unsettle()
	close()
}

// none is no descriptor.
const none = -1

// New returns a server without any open port.
func New(c Config) *Server {
	if !c.Listen.IsValid() {
		c.Listen = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if !c.IP.IsValid() {
		c.IP = c.Listen
	}
	if c.Threads == 0 {
		c.Threads = (runtime.GOMAXPROCS(0) + 1) / 2
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Server{config: c, began: c.Now(), make: newEngine, endpoints: make(map[*Endpoint]struct{})}
}

// Endpoint opens a pair of ports chosen at random, so that nobody can guess where a call's sound arrives.
func (s *Server) Endpoint() (*Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	eng, err := s.engine()
	if err != nil {
		return nil, err
	}
	e := newEndpoint(s)
	if err := s.open(eng, e); err != nil {
		return nil, err
	}
	e.mu.Lock() // a packet may come before both are started
	defer e.mu.Unlock()
	for _, opened := range []socket{e.rtp, e.rtcp} {
		if err := eng.start(opened); err != nil {
			e.closed = true
			e.rtp.close()
			e.rtcp.close()
			return nil, fmt.Errorf("media: %w", err)
		}
	}
	s.endpoints[e] = struct{}{}
	if s.reports == nil {
		s.reports = time.AfterFunc(reportLook, s.report)
	}
	return e, nil
}

func (s *Server) engine() (engine, error) {
	if s.closed {
		return nil, ErrClosed
	}
	if len(s.engines) == 0 {
		for range s.config.Threads {
			eng, err := s.make(s.since)
			if err != nil {
				return nil, fmt.Errorf("media: %w", err)
			}
			s.engines = append(s.engines, eng)
		}
	}
	s.next++
	return s.engines[s.next%len(s.engines)], nil
}

// Pairs tried at random before the whole range is walked through, and pairs asked of the system.
const (
	randomTries = 16
	systemTries = 200
)

func (s *Server) open(eng engine, e *Endpoint) error {
	if s.config.PortMin == 0 && s.config.PortMax == 0 {
		return s.openAny(eng, e)
	}
	low, pairs := s.pairs()
	if pairs <= 0 {
		return fmt.Errorf("media: no even port with its neighbour between %d and %d", s.config.PortMin, s.config.PortMax)
	}
	for range randomTries {
		if s.openPair(eng, e, low+2*randomBelow(pairs)) == nil {
			return nil
		}
	}
	var last error
	from := randomBelow(pairs)
	for i := range pairs {
		if last = s.openPair(eng, e, low+2*((from+i)%pairs)); last == nil {
			return nil
		}
	}
	return fmt.Errorf("%w %d-%d: %w", ErrNoPorts, s.config.PortMin, s.config.PortMax, last)
}

// pairs is the lowest even port of the range and how many pairs begin there.
func (s *Server) pairs() (low, count int) {
	low = s.config.PortMin + s.config.PortMin%2
	return low, (s.config.PortMax + 1 - low) / 2
}

func (s *Server) openAny(eng engine, e *Endpoint) error {
	var last error
	for range systemTries {
		probe, err := eng.open(e, netip.AddrPortFrom(s.config.Listen, 0), false)
		if err != nil {
			return fmt.Errorf("media: %w", err)
		}
		port := probe.port()
		probe.close()
		if last = s.openPair(eng, e, port&^1); last == nil {
			return nil
		}
	}
	return fmt.Errorf("%w of the system: %w", ErrNoPorts, last)
}

func (s *Server) openPair(eng engine, e *Endpoint, port int) (err error) {
	if e.rtp, err = eng.open(e, netip.AddrPortFrom(s.config.Listen, uint16(port)), false); err != nil {
		return err
	}
	if e.rtcp, err = eng.open(e, netip.AddrPortFrom(s.config.Listen, uint16(port+1)), true); err != nil {
		e.rtp.close()
	}
	return err
}

// Open is how many endpoints are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.endpoints)
}

// Close closes every endpoint and ends the server's threads.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	open := make([]*Endpoint, 0, len(s.endpoints))
	for e := range s.endpoints {
		open = append(open, e)
	}
	engines := s.engines
	s.engines = nil
	s.mu.Unlock()
	for _, e := range open {
		e.Close()
	}
	for _, eng := range engines {
		eng.close()
	}
}

func (s *Server) forget(e *Endpoint) {
	s.mu.Lock()
	delete(s.endpoints, e)
	s.mu.Unlock()
}

// since is the time on the server's clock. Differences are all that packets need, and they fit in a word.
func (s *Server) since() time.Duration { return s.config.Now().Sub(s.began) }

func random32() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}

func randomBelow(n int) int { return int(uint64(random32()) * uint64(n) >> 32) }
