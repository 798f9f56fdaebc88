package sip

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// rawClient sends prepared text and reads answers without allocating, so that a benchmark counts the engine's work.
type rawClient struct {
	b   *testing.B
	pc  *net.UDPConn
	to  netip.AddrPort
	out []byte
	in  [65536]byte
}

func newRawClient(b *testing.B, to netip.AddrPort) *rawClient {
	b.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { pc.Close() })
	return &rawClient{b: b, pc: pc, to: to}
}

// write sends text with every # replaced by n and every @ by more.
func (c *rawClient) write(text []byte, n int, more []byte) {
	c.out = c.out[:0]
	for _, ch := range text {
		switch ch {
		case '#':
			c.out = strconv.AppendInt(c.out, int64(n), 10)
		case '~':
			c.out = append(c.out, more...)
		default:
			c.out = append(c.out, ch)
		}
	}
	if _, err := c.pc.WriteToUDPAddrPort(c.out, c.to); err != nil {
		c.b.Fatal(err)
	}
}

// read waits for a message that starts with one of the texts.
func (c *rawClient) read(starts ...string) []byte {
	for {
		c.pc.SetReadDeadline(time.Now().Add(patience))
		n, err := c.pc.Read(c.in[:])
		if err != nil {
			c.b.Fatal(err)
		}
		for _, start := range starts {
			if bytes.HasPrefix(c.in[:n], []byte(start)) {
				return c.in[:n]
			}
		}
	}
}

func registration() []byte {
	text := bytes.ReplaceAll(registerText, []byte("branch=z9hG4bK-"), []byte("branch=z9hG4bK-#-"))
	return bytes.ReplaceAll(text, []byte("CSeq: 2 "), []byte("CSeq: # "))
}

func BenchmarkStateless401(b *testing.B) {
	nonces := NewNonces([]byte("secret"), 0, nil)
	_, addr := engine(b, Config{Budget: Budget{PerSecond: -1}, Before: func(m *Message, flow *Flow) (*Message, bool) {
		res := m.Respond(401, "")
		res.Set("WWW-Authenticate", nonces.Challenge("pbx.example.com", "MD5", flow.Remote().Addr().String(), false))
		return res, true
	}})
	c, text := newRawClient(b, addr), registration()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		c.write(text, n, nil)
		c.read("SIP/2.0 401")
	}
}

func BenchmarkRegistration(b *testing.B) {
	_, addr := engine(b, Config{Budget: Budget{PerSecond: -1}, Handler: func(t *Incoming) {
		t.Stateless()
		res := t.Request.Respond(200, "")
		for _, c := range t.Request.Contacts() {
			c.Params = c.Params.With("expires", "300")
			res.Add("Contact", c.String())
		}
		t.Reply(res)
	}})
	c, text := newRawClient(b, addr), registration()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		c.write(text, n, nil)
		c.read("SIP/2.0 200")
	}
}

// BenchmarkCallThroughTwoLegs is INVITE, 180, 200, ACK, BYE, 200 from a caller through both legs to a callee and back.
func BenchmarkCallThroughTwoLegs(b *testing.B) {
	var e *Engine
	var callee *net.UDPConn
	ready := make(chan struct{})
	e, addr := engine(b, Config{Budget: Budget{PerSecond: -1}, T1: 500 * time.Millisecond, Handler: func(t *Incoming) {
		<-ready
		to := callee.LocalAddr().(*net.UDPAddr).AddrPort()
		flow, err := e.Dial(context.Background(), "udp", to, nil)
		if err != nil {
			b.Error(err)
			return
		}
		connect(e, e.Answering(t), flow)
	}})
	callee = echoCallee(b)
	close(ready)
	c := newRawClient(b, addr)
	invite := bytes.ReplaceAll(inviteText, []byte("branch=z9hG4bK-"), []byte("branch=z9hG4bK-#-"))
	invite = bytes.Replace(invite, []byte("Call-ID: "), []byte("Call-ID: #"), 1)
	inDialog := func(method string, seq int) []byte {
		return fmt.Appendf(nil, "%s sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK%s#;rport\r\nMax-Forwards: 70\r\n"+
			"~CSeq: %d %s\r\nContent-Length: 0\r\n\r\n", method, method, seq, method)
	}
	seq, _ := parsed(b, inviteText).CSeq()
	ack, bye := inDialog("ACK", int(seq)), inDialog("BYE", int(seq)+1)
	var names []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		c.write(invite, n, nil)
		res := c.read("SIP/2.0 200")
		names = names[:0]
		for line := range bytes.Lines(res) {
			for _, name := range []string{"From:", "To:", "Call-ID:"} {
				if bytes.HasPrefix(line, []byte(name)) {
					names = append(names, line...)
				}
			}
		}
		c.write(ack, n, names)
		c.write(bye, n, names)
		c.read("SIP/2.0 200")
	}
}

// connect is the smallest back-to-back agent.
func connect(e *Engine, a *Leg, flow *Flow) {
	invite := NewRequest("INVITE", a.Request().Target)
	invite.Set("From", "<sip:a@example.com>")
	invite.Set("To", "<sip:b@example.com>")
	setSDP(invite, a.RemoteSDP())
	l, err := e.Call(context.Background(), flow, invite)
	if err != nil {
		a.Refuse(503, "")
		return
	}
	for {
		select {
		case ev, ok := <-l.Events():
			switch {
			case !ok:
				a.Hangup()
				return
			case ev.Kind == Ringing:
				a.Ring(ev.Message.Status, ev.SDP)
			case ev.Kind == Answered:
				a.Answer(ev.SDP)
			}
		case _, ok := <-a.Events():
			if !ok {
				l.Hangup()
				return
			}
		}
	}
}

// echoCallee answers every INVITE with 180 and 200 and every BYE with 200, by moving lines.
func echoCallee(b *testing.B) *net.UDPConn {
	b.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { pc.Close() })
	go func() {
		in, out := make([]byte, 65536), make([]byte, 0, 65536)
		for {
			n, from, err := pc.ReadFromUDPAddrPort(in)
			if err != nil {
				return
			}
			if bytes.HasPrefix(in[:n], []byte("ACK")) {
				continue
			}
			out = append(out[:0], "SIP/2.0 180 Ringing\r\n"...)
			for line := range bytes.Lines(in[:n]) {
				for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
					if bytes.HasPrefix(line, []byte(name)) {
						out = append(out, bytes.TrimRight(line, "\r\n")...)
						if name == "To:" && !bytes.Contains(line, []byte("tag=")) {
							out = append(out, ";tag=callee"...)
						}
						out = append(out, '\r', '\n')
					}
				}
			}
			out = append(out, "Contact: <sip:callee@127.0.0.1>\r\nContent-Type: application/sdp\r\nContent-Length: 10\r\n\r\nv=0\r\ns=-\r\n"...)
			if bytes.HasPrefix(in[:n], []byte("INVITE")) {
				pc.WriteToUDPAddrPort(out, from)
			}
			copy(out[8:], "200 OK     ")
			pc.WriteToUDPAddrPort(out, from)
		}
	}()
	return pc
}
