package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hubline/sip"
)

// phones looks at what calls need: ports, addresses, names and carriers.
func (c *doctorCommand) phones(ctx context.Context) (list []finding) {
	listen, public, err := c.mediaAddresses()
	if err != nil {
		return []finding{{broken, "phones", err.Error(), "Correct it"}}
	}
	low, high, err := c.rtpPorts()
	if err != nil {
		return []finding{{broken, "phones", err.Error(), "Correct it"}}
	}
	if c.SIP == "" && c.SIPTLS == "" {
		list = append(list, finding{worth, "phones", "phones can connect over WebSocket only", "Give --sip an address, such as 0.0.0.0:5060"})
	}
	if c.SIP != "" {
		list = append(list, sipPorts(ctx, c.SIP))
	}
	if c.SIP != "" || c.SIPTLS != "" {
		list = append(list, soundPorts(ctx, listen, low, high, c.SIP), c.publicAddress(listen, public), c.sipName(ctx))
	}
	if c.SIPTLS != "" {
		list = append(list, c.tlsPort(ctx), c.sipCertificate())
	}
	return append(list, c.carriersReached(ctx)...)
}

// sipPorts tells whether the port is free for UDP and TCP, or a Hubline answers there.
func sipPorts(ctx context.Context, address string) finding {
	engine := sip.New(sip.Config{Handler: func(*sip.Incoming) {}}) // what comes meanwhile comes again
	_, err := engine.Listen(ctx, address)
	err = errors.Join(err, engine.Close(ctx))
	switch {
	case err == nil:
		return finding{healthy, "phones", address + " is free", ""}
	case errors.Is(err, syscall.EADDRINUSE) && answersSIP(ctx, address):
		return finding{healthy, "phones", "Hubline answers on " + address, ""}
	}
	return finding{broken, "phones", err.Error(), "Stop the other program or choose another address with --sip"}
}

// answersSIP asks whether a Hubline is behind a UDP port.
func answersSIP(ctx context.Context, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		address = net.JoinHostPort("localhost", port)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	m := sip.NewRequest("OPTIONS", sip.URI{Scheme: "sip", Host: address})
	for name, value := range map[string]string{
		"Via": "SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bK" + rand.Text() + ";rport", "From": "<sip:doctor@invalid>;tag=" + rand.Text(),
		"To": "<sip:" + address + ">", "Call-ID": rand.Text(), "CSeq": "1 OPTIONS", "Max-Forwards": "70",
	} {
		m.Set(name, value)
	}
	if conn.SetDeadline(time.Now().Add(aliveLimit)) != nil {
		return false
	}
	if _, err := conn.Write(m.AppendTo(nil)); err != nil {
		return false
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return false
	}
	res, err := sip.Parse(answer[:n])
	return err == nil && res.Status == 200 && res.Get("Server") == "Hubline"
}

// soundPorts looks at the range for the sound of calls: whether it can be used, does not hold the port for phones, and how many calls fit.
func soundPorts(ctx context.Context, listen netip.Addr, low, high int, sipAddress string) finding {
	if low == 0 {
		return finding{healthy, "sound", "takes free ports", ""}
	}
	text := fmt.Sprintf("UDP ports %d to %d", low, high)
	if _, port, err := net.SplitHostPort(sipAddress); err == nil {
		if n, err := strconv.Atoi(port); err == nil && low <= n && n <= high {
			return finding{broken, "sound", text + " hold the port of --sip", "Choose others with --rtp-ports"}
		}
	}
	var l net.ListenConfig
	taken := 0
	for port := low; port < low+portsTried && port <= high; port++ {
		conn, err := l.ListenPacket(ctx, "udp", netip.AddrPortFrom(listen, uint16(port)).String())
		switch {
		case err == nil:
			_ = conn.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			taken++
		default:
			return finding{broken, "sound", err.Error(), "Correct --sip or --rtp-ports"}
		}
	}
	if taken == portsTried {
		return finding{worth, "sound", fmt.Sprintf("the first %d of %s are in use", taken, text), "Choose others with --rtp-ports, unless Hubline has calls on them"}
	}
	const portsOfCall = 4
	return finding{healthy, "sound", fmt.Sprintf("%s are enough for %d calls", text, (high-low+1)/portsOfCall), ""}
}

// portsTried is how many ports for sound are opened to see whether they can be.
const portsTried = 20

// publicAddress looks at the address that phones and carriers are told to send sound to.
func (c *doctorCommand) publicAddress(listen, public netip.Addr) finding {
	switch {
	case public.IsLoopback():
		return finding{worth, "address", public.String() + " is what phones are told; only this machine reaches it", "Let phones sign in at another address than " + listen.String()}
	case c.PublicIP != "" && !isOwn(public):
		return finding{healthy, "address", public.String() + " is what phones are told; it is none of this machine's, as behind a NAT", ""}
	case c.PublicIP == "" && public.IsPrivate():
		return finding{worth, "address", public.String() + " is what phones are told; it reaches no further than this network", "For phones and carriers outside, set --public-ip"}
	}
	return finding{healthy, "address", public.String() + " is what phones are told", ""}
}

func isOwn(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == ip
	})
}

// sipHost is the name that phones look up: where they are told to connect, or else the domain.
func (c *doctorCommand) sipHost() string {
	if host, _, err := net.SplitHostPort(c.SIPServer); err == nil {
		return host
	}
	if c.SIPServer != "" {
		return c.SIPServer
	}
	if c.SIPDomain != "" {
		return c.SIPDomain
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// sipName asks whether the name that phones look up leads anywhere.
func (c *doctorCommand) sipName(ctx context.Context) finding {
	host := c.sipHost()
	if loopback(host) {
		return finding{worth, "SIP DNS", host + " is this machine only", "Set --sip-server to the name that phones connect to"}
	}
	if net.ParseIP(host) != nil {
		return finding{healthy, "SIP DNS", host + " is an address", ""}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return finding{broken, "SIP DNS", host + ": " + err.Error(), "Make an A or AAAA record for it, or set --sip-server to a name that has one"}
	}
	return finding{healthy, "SIP DNS", host + " is " + strings.Join(addresses, ", "), ""}
}

// tlsPort tells whether the port for TLS is free, or something there shows a certificate.
func (c *doctorCommand) tlsPort(ctx context.Context) finding {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", c.SIPTLS)
	if err == nil {
		_ = listener.Close()
		return finding{healthy, "phones", c.SIPTLS + " is free", ""}
	}
	if pair, e := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); e == nil && errors.Is(err, syscall.EADDRINUSE) && shows(ctx, c.SIPTLS, pair.Leaf) {
		return finding{healthy, "phones", "Hubline answers on " + c.SIPTLS, ""}
	}
	return finding{broken, "phones", err.Error(), "Stop the other program or choose another address with --sip-tls"}
}

// shows tells whether a port has that certificate.
func shows(ctx context.Context, address string, leaf *x509.Certificate) bool {
	ctx, cancel := context.WithTimeout(ctx, aliveLimit)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // it is compared with the file, whoever signed it
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	seen := conn.(*tls.Conn).ConnectionState().PeerCertificates
	return len(seen) > 0 && seen[0].Equal(leaf)
}

// sipCertificate looks at the certificate for the name that phones connect to.
func (c *doctorCommand) sipCertificate() finding {
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return finding{broken, "SIP TLS", err.Error(), "Check --tls-cert and --tls-key"}
	}
	f := validity(pair.Leaf, c.sipHost(), time.Now())
	f.Part = "SIP TLS"
	return f
}

// carriersReached asks each carrier whether it is there.
func (c *doctorCommand) carriersReached(ctx context.Context) (list []finding) {
	carriers, err := c.carriers()
	if err != nil {
		return []finding{{broken, "carrier", err.Error(), "Correct --carrier"}}
	}
	if len(carriers) == 0 {
		return []finding{{worth, "carrier", "there is none: calls stay inside", "Give --carrier what your carrier told you"}}
	}
	for _, carrier := range carriers {
		limited, cancel := context.WithTimeout(ctx, doctorLimit)
		up, all, err := carrier.Reach(limited)
		cancel()
		switch {
		case err != nil:
			list = append(list, finding{broken, "carrier", carrier.Name + ": " + err.Error(), "Check its hosts"})
		case up == 0:
			list = append(list, finding{broken, "carrier", fmt.Sprintf("%s: none of %d addresses answers OPTIONS", carrier.Name, all), "Check its hosts, and that the carrier lets this address in"})
		case up < all:
			list = append(list, finding{worth, "carrier", fmt.Sprintf("%s: %d of %d addresses answer OPTIONS", carrier.Name, up, all), "Ask the carrier about the others"})
		default:
			list = append(list, finding{healthy, "carrier", fmt.Sprintf("%s answers", carrier.Name), ""})
		}
	}
	return list
}
