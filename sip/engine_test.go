package sip

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// quick are timers for tests: everything that takes half a minute on the Internet takes two thirds of a second.
func quick(cfg Config) Config {
	cfg.T1, cfg.T2, cfg.T4 = 10*time.Millisecond, 40*time.Millisecond, 50*time.Millisecond
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Handler == nil {
		cfg.Handler = func(t *Incoming) { t.Refuse(404, "") }
	}
	return cfg
}

// engine starts one with a UDP socket on loopback.
func engine(t testing.TB, cfg Config) (*Engine, netip.AddrPort) {
	t.Helper()
	e := New(quick(cfg))
	t.Cleanup(func() { e.Close(expired) })
	addr, err := e.ListenUDP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return e, addr.(*net.UDPAddr).AddrPort()
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// peer is the other end, played by the test byte by byte.
type peer struct {
	t      testing.TB
	pc     *net.UDPConn
	to     netip.AddrPort
	callID string
	tag    string // ours, in From of requests and To of responses
}

var peers atomic.Int64

func newPeer(t testing.TB, to netip.AddrPort) *peer {
	t.Helper()
	ip := net.IPv4(127, 0, 0, 1)
	if to.Addr().Is6() {
		ip = net.IPv6loopback
	}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	n := strconv.FormatInt(peers.Add(1), 10)
	return &peer{t: t, pc: pc, to: to, callID: "call" + n, tag: "peer" + n}
}

func (p *peer) addr() netip.AddrPort { return p.pc.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *peer) write(text string) {
	p.t.Helper()
	if _, err := p.pc.WriteToUDPAddrPort([]byte(text), p.to); err != nil {
		p.t.Error(err)
	}
}

// send sends a request of the peer's call: branch and sequence number, To tag, more header lines, and a body behind an empty line.
func (p *peer) send(method, branch string, seq int, toTag string, more ...string) {
	p.t.Helper()
	p.write(p.text(method, branch, seq, toTag, more...))
}

func (p *peer) text(method, branch string, seq int, toTag string, more ...string) string {
	to := "<sip:bob@example.com>"
	if toTag != "" {
		to += ";tag=" + toTag
	}
	head := []string{
		method + " sip:bob@example.com SIP/2.0",
		"Via: SIP/2.0/UDP " + p.addr().String() + ";rport;branch=z9hG4bK" + p.callID + branch,
		"From: <sip:ann@example.com>;tag=" + p.tag, "To: " + to,
		"Call-ID: " + p.callID, fmt.Sprintf("CSeq: %d %s", seq, method), "Max-Forwards: 70", "Contact: <sip:ann@" + p.addr().String() + ">",
	}
	body := ""
	for _, line := range more {
		if strings.HasPrefix(line, "v=") {
			body = line
			head = append(head, "Content-Type: application/sdp")
			continue
		}
		head = append(head, line)
	}
	head = append(head, "Content-Length: "+strconv.Itoa(len(body)))
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body
}

// answer answers a request that the engine sent.
func (p *peer) answer(req *Message, status int, more ...string) {
	p.t.Helper()
	res := req.Respond(status, "")
	if status > 100 {
		res.SetToTag(p.tag)
	}
	if status < 300 {
		res.Set("Contact", "<sip:bob@"+p.addr().String()+">")
	}
	for _, line := range more {
		if strings.HasPrefix(line, "v=") {
			setSDP(res, []byte(line))
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		if name == "Tag" {
			res.Set("To", strings.Replace(res.Get("To"), "tag="+p.tag, "tag="+value, 1))
			continue
		}
		res.Add(name, value)
	}
	p.write(res.String())
}

// next returns the next message, nil if none comes in time.
func (p *peer) next(within time.Duration) *Message {
	buf := make([]byte, 65536)
	p.pc.SetReadDeadline(time.Now().Add(within))
	n, err := p.pc.Read(buf)
	if err != nil {
		return nil
	}
	m, err := Parse(buf[:n])
	if err != nil {
		p.t.Errorf("the engine sent no SIP: %v\n%s", err, buf[:n])
		return nil
	}
	if status, reason := Admit(m); status != 0 {
		p.t.Errorf("the engine sent what it would refuse itself: %d %s\n%s", status, reason, buf[:n])
	}
	return m
}

// want waits for a request by its method or a response by "status method", and drops what comes before.
func (p *peer) want(what string) *Message {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	var seen []string
	for {
		m := p.next(time.Until(deadline))
		if m == nil {
			p.t.Fatalf("no %s came, but %v", what, seen)
		}
		name := m.Method
		if m.IsResponse() {
			_, method := m.CSeq()
			name = fmt.Sprintf("%d %s", m.Status, method)
		}
		if name == what {
			return m
		}
		seen = append(seen, name)
	}
}

// never fails the test when such a message comes within the time in which it would have come several times.
func (p *peer) never(what string) {
	p.t.Helper()
	deadline := time.Now().Add(200 * time.Millisecond)
	for {
		m := p.next(time.Until(deadline))
		if m == nil {
			return
		}
		if _, method := m.CSeq(); m.Method == what || m.IsResponse() && fmt.Sprintf("%d %s", m.Status, method) == what {
			p.t.Fatalf("%s came:\n%s", what, m)
		}
	}
}

// flow is how the engine reaches the peer.
func (p *peer) flow(e *Engine) *Flow {
	p.t.Helper()
	f, err := e.Dial(p.t.Context(), "udp", p.addr(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}
