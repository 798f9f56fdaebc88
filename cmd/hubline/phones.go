package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"hubline/base/db"
	"hubline/media"
	"hubline/product/call"
	"hubline/product/report"
	"hubline/sip"
	"hubline/switchboard"
)

// phoneSystem is the door for phones with the engines behind it.
type phoneSystem struct {
	calls   *call.Room
	reports *report.Room
	media   *media.Server
	board   *switchboard.Board
	sip     netip.AddrPort // where phones are served over UDP and TCP; invalid when they are not
}

// wirePhones makes the door for phones. Nothing listens yet.
func (s *system) wirePhones() error {
	carriers, err := s.cfg.carriers()
	if err != nil {
		return err
	}
	listen, public, err := s.cfg.mediaAddresses()
	if err != nil {
		return err
	}
	low, high, err := s.cfg.rtpPorts()
	if err != nil {
		return err
	}
	node, err := s.node()
	if err != nil {
		return err
	}
	s.calls = call.New(call.Config{DB: s.store, Keys: s.ring, Account: s.room, Plan: s.numbers.Plan, Log: s.log, Node: node})
	s.reports = report.New(report.Config{Calls: s.calls, Plan: s.numbers.Plan})
	s.media = media.New(media.Config{IP: public, Listen: listen, PortMin: low, PortMax: high, Log: s.log})
	s.board = switchboard.New(switchboard.Config{
		SIP:   sip.Config{UserAgent: "Hubline", Log: s.log, Budget: s.cfg.budget()},
		Media: s.media, Phones: s.phones, Numbers: s.numbers, Calls: s.calls, Feed: s.feed, Carriers: carriers, Plan: s.numbers.Plan, Roaming: !s.cfg.CallsFromRegisteredOnly,
		Domain: s.phones.Domain, Address: public, Node: node, Log: s.log,
	})
	s.phones.Presence, s.calls.Operator = s.board, s.board
	s.calls.Closed = s.hooks.Closed
	return nil
}

// node names this process among those on the same store. Its calls and registrations are told apart by it, also at the next start.
func (s *system) node() (string, error) {
	switch {
	case s.cfg.Node != "":
		return s.cfg.Node, nil
	case s.store.Engine() == db.SQLite:
		return "main", nil
	}
	return os.Hostname()
}

// openPhones reads what the last process left and opens the ports for phones.
func (s *system) openPhones(ctx context.Context) error {
	if err := s.board.Load(ctx); err != nil {
		return err
	}
	if s.cfg.SIP != "" {
		addr, err := s.board.Engine().Listen(ctx, s.cfg.SIP)
		if err != nil {
			return inUse(err, s.cfg.SIP, "--sip")
		}
		s.sip = addr
	}
	if s.cfg.SIPTLS == "" {
		return nil
	}
	files := &certificate{certFile: s.cfg.TLSCert, keyFile: s.cfg.TLSKey}
	if err := files.load(); err != nil {
		return err
	}
	_, err := s.board.Engine().ListenTLS(ctx, s.cfg.SIPTLS, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get})
	return inUse(err, s.cfg.SIPTLS, "--sip-tls")
}

func inUse(err error, address, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; stop that one or choose another address with %s (port 0 takes a free one)", address, flag)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// sipText names where phones are served, for people.
func (s *system) sipText() string {
	if !s.sip.IsValid() {
		return "none"
	}
	return s.sip.String()
}

// closePhones ends calls in peace until ctx ends, and frees the ports.
func (s *system) closePhones(ctx context.Context) error {
	err := s.board.Drain(ctx)
	s.media.Close()
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("calls were ended", "after", drainLimit)
		return nil
	}
	return err
}

// carriers reads the carriers of the configuration.
func (p *Phones) carriers() (list []switchboard.Carrier, err error) {
	for _, text := range p.Carriers {
		c, err := switchboard.ParseCarrier(text)
		if err != nil {
			return nil, usagef("--carrier: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

// budget is what one source may send.
func (p *Phones) budget() sip.Budget {
	if p.SIPRate <= 0 {
		return sip.Budget{PerSecond: -1}
	}
	return sip.Budget{PerSecond: p.SIPRate}
}

// rtpPorts reads "16384-32767".
func (p *Phones) rtpPorts() (low, high int, err error) {
	if p.RTPPorts == "" {
		return 0, 0, nil
	}
	first, last, ok := strings.Cut(p.RTPPorts, "-")
	low, err1 := strconv.Atoi(first)
	high, err2 := strconv.Atoi(last)
	if !ok || err1 != nil || err2 != nil || low < 1024 || high > 65535 || high-low < 3 {
		return 0, 0, usagef("--rtp-ports %q: give two ports from 1024 to 65535, such as 16384-32767", p.RTPPorts)
	}
	return low, high, nil
}

// mediaAddresses returns the address that sound is taken on, and the one that phones are told. Sound is taken where phones sign in: where
// they do so through the portal's address alone, and a public one is named, on every address.
func (p *Phones) mediaAddresses() (listen, public netip.Addr, err error) {
	switch {
	case p.SIP != "":
		listen, err = listenAddress("--sip", p.SIP)
	case p.SIPTLS != "":
		listen, err = listenAddress("--sip-tls", p.SIPTLS)
	case p.PublicIP != "":
		listen = everyAddress()
	default:
		listen = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if err != nil {
		return listen, public, err
	}
	if p.PublicIP != "" {
		if public, err = netip.ParseAddr(p.PublicIP); err != nil {
			return listen, public, usagef("--public-ip %s: give an IP address", p.PublicIP)
		}
		return listen, public, nil
	}
	if public = listen; listen.IsUnspecified() {
		public = ownAddress()
	}
	return listen, public, nil
}

// listenAddress reads the address in one that is listened on.
func listenAddress(flag, text string) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		return netip.Addr{}, usagef("%s %s: give host and port, such as 0.0.0.0:5060", flag, text)
	}
	if host == "" {
		return everyAddress(), nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return addr, usagef("%s %s: give the host as an IP address; 0.0.0.0 stands for all of this machine's", flag, text)
	}
	return addr, nil
}

// everyAddress stands for all addresses of this machine, those of IPv6 among them where it has it.
func everyAddress() netip.Addr {
	conn, err := net.ListenPacket("udp6", "[::]:0")
	if err != nil {
		return netip.IPv4Unspecified()
	}
	_ = conn.Close() // it was only to see
	return netip.IPv6Unspecified()
}

// ownAddress is the address that this machine uses towards others. Connecting a UDP socket sends nothing.
func ownAddress() netip.Addr {
	for _, other := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		if conn, err := net.Dial("udp", other); err == nil {
			defer conn.Close()
			return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
