// Package outward makes HTTP requests to addresses that somebody else chose: the issuer of a sign-in provider, a webhook. It keeps them
// away from the machines around this one. It does not know what is fetched or sent.
package outward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrInner says that an address leads to this machine, to a network around it, or to nowhere on the public internet. Its text names
// no resolved address: whoever chose the name learns nothing about the network.
var ErrInner = errors.New("outward: the address is not on the public internet")

// ErrURL says that a text is no address that may be asked: no https, a user name inside, a host written as a number.
var ErrURL = errors.New("outward: not an https address")

// ErrTooLong says that an answer was longer than its client takes.
var ErrTooLong = errors.New("outward: the answer is too long")

// Guard decides which addresses may be connected to. The zero value lets through public addresses only. It is safe for concurrent use.
type Guard struct {
	allowed  []place
	resolver *net.Resolver // nil: the system's
}

// place is an inner network that may be reached all the same.
type place struct {
	net  netip.Prefix
	port uint16 // 0: every port
}

// New returns a Guard that lets through public addresses, and the inner ones of allow: a network ("10.1.0.0/16"), an address
// ("10.1.0.5", "fd00::5") or an address with its port ("127.0.0.1:9000", "[::1]:9000").
func New(allow ...string) (*Guard, error) {
	g := &Guard{}
	for _, text := range allow {
		p, err := parsePlace(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%q is no network, address, or address with a port", text)
		}
		g.allowed = append(g.allowed, p)
	}
	return g, nil
}

func parsePlace(text string) (place, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return place{net: p.Masked()}, nil
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		a := ap.Addr().Unmap()
		return place{netip.PrefixFrom(a, a.BitLen()), ap.Port()}, nil
	}
	a, err := netip.ParseAddr(text)
	a = a.Unmap()
	return place{net: netip.PrefixFrom(a, a.BitLen())}, err
}

// URL reads an address that a person typed. It must be https, with a host and without user, password and fragment; plain http goes only to a literal
// address of the allow list. What a name resolves to is checked at every connection, not here. Other texts give ErrURL or ErrInner.
func (g *Guard) URL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
		return nil, ErrURL
	}
	return u, g.check(u)
}

func (g *Guard) check(u *url.URL) error {
	if u.User != nil {
		return ErrURL
	}
	port := map[string]uint16{"https": 443, "http": 80}[u.Scheme]
	if port == 0 {
		return ErrURL
	}
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return ErrURL
		}
		port = uint16(n)
	}
	host := u.Hostname()
	address, err := netip.ParseAddr(host)
	if err != nil {
		switch {
		case endsInNumber(host): // 2130706433, 0x7f.1, 127.1: some resolvers read them as addresses
			return ErrInner
		case u.Scheme != "https":
			return ErrURL
		}
		return nil
	}
	switch allowed := g.allows(address, port); {
	case allowed:
		return nil
	case !Public(address):
		return ErrInner
	case u.Scheme != "https":
		return ErrURL
	}
	return nil
}

// endsInNumber is the test of the same name in the URL standard (section 3.5): such a host is an IPv4 address or nothing.
func endsInNumber(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := strings.ToLower(labels[len(labels)-1])
	if last == "" {
		return true
	}
	if digits, hex := strings.CutPrefix(last, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

func (g *Guard) allows(a netip.Addr, port uint16) bool {
	a = a.Unmap()
	for _, p := range g.allowed {
		if p.net.Contains(a) && (p.port == 0 || p.port == port) {
			return true
		}
	}
	return false
}

// special are the networks inside what looks global that lead elsewhere or nowhere (the IANA special-purpose registries, RFC 6890).
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")     // all that is given out of IPv6 (RFC 4291 section 2.4)
	translated    = netip.MustParsePrefix("64:ff9b::/96") // an IPv4 address behind NAT64 (RFC 6052 section 2.1)
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// Public reports whether an address belongs to a machine of the public internet. An IPv4 address inside an IPv6 one counts as itself.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if translated.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Limits bound one request.
type Limits struct {
	Time time.Duration // from the look-up of the name to the end of the answer
	Body int64         // bytes of the answer that may be read
}

// Client returns a client that connects to public and allowed addresses only, asks every address that a name resolves to at every
// connection, goes through no proxy and follows no redirect: the answer 3xx is the answer.
func (g *Guard) Client(l Limits) *http.Client {
	dialer := &net.Dialer{Timeout: l.Time, KeepAlive: 30 * time.Second, Resolver: g.resolver, ControlContext: g.control}
	return &http.Client{
		Timeout: l.Time,
		Transport: &checked{guard: g, body: l.Body, next: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    l.Time,
			ResponseHeaderTimeout:  l.Time,
			MaxResponseHeaderBytes: 32 << 10,
			MaxIdleConns:           20,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// control sees each address that is about to be connected to, after its name was resolved: a name that changes its mind between a
// check and the connection gains nothing.
func (g *Guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return ErrInner
	}
	if !Public(ap.Addr()) && !g.allows(ap.Addr(), ap.Port()) {
		return ErrInner
	}
	return nil
}

// checked looks at the address of each request and bounds each answer.
type checked struct {
	guard *Guard
	body  int64
	next  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (c *checked) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.guard.check(r.URL); err != nil {
		if r.Body != nil {
			r.Body.Close() // RoundTrip must, also on errors
		}
		return nil, err
	}
	answer, err := c.next.RoundTrip(r)
	if err == nil {
		answer.Body = &bounded{answer.Body, c.body}
	}
	return answer, err
}

// CloseIdleConnections lets http.Client close what waits for another request.
func (c *checked) CloseIdleConnections() { c.next.CloseIdleConnections() }

// bounded is a body that fails when it is longer than what is left.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLong
	}
	if int64(len(p)) > b.left+1 { // one more byte tells an answer that fits from one that does not
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, ErrTooLong
	}
	return n, err
}
