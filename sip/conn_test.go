package sip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// options is a request as a client on a connection sends it.
func options(branch, subject string) string {
	return "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP host.invalid;branch=z9hG4bK" + branch + "\r\nFrom: <sip:a@example.com>;tag=1\r\n" +
		"To: <sip:example.com>\r\nCall-ID: " + branch + "\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nSubject: " + subject + "\r\nContent-Length: 0\r\n\r\n"
}

// echoing answers with the Subject it was asked with.
func echoing(t *Incoming) {
	res := t.Request.Respond(200, "")
	res.Set("Subject", t.Request.Get("Subject"))
	t.Reply(res)
}

// tcpClient is a client on a TCP connection.
type tcpClient struct {
	t      testing.TB
	nc     net.Conn
	buf    []byte
	parser StreamParser
	pongs  int // answered keep-alives
}

func dialTCP(t testing.TB, addr net.Addr) *tcpClient {
	t.Helper()
	nc, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &tcpClient{t: t, nc: nc}
}

func (s *tcpClient) write(text string) {
	s.t.Helper()
	if _, err := s.nc.Write([]byte(text)); err != nil {
		s.t.Error(err)
	}
}

// read returns the next message, or nil when the connection ended.
func (s *tcpClient) read() *Message {
	s.t.Helper()
	for {
		for strings.HasPrefix(string(s.buf), "\r\n") {
			s.buf = s.buf[2:]
			s.pongs++
		}
		if m, used, err := s.parser.Next(s.buf); err != nil {
			s.t.Fatalf("%v in %q", err, s.buf)
		} else if m != nil {
			s.buf = s.buf[used:]
			return m
		}
		if !s.fill() {
			return nil
		}
	}
}

func (s *tcpClient) fill() bool {
	s.t.Helper()
	chunk := make([]byte, 4096)
	s.nc.SetReadDeadline(time.Now().Add(patience))
	n, err := s.nc.Read(chunk)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		s.t.Fatal("nothing comes, and the connection stays open")
	}
	s.buf = append(s.buf, chunk[:n]...)
	return err == nil
}

func (s *tcpClient) want(subject string) {
	s.t.Helper()
	if m := s.read(); m == nil || m.Status != 200 || m.Get("Subject") != subject {
		s.t.Fatalf("the answer is %v, want 200 with %q", m, subject)
	}
}

func tcpEngine(t testing.TB, cfg Config) (*Engine, net.Addr) {
	t.Helper()
	if cfg.Handler == nil {
		cfg.Handler = echoing
	}
	e, _ := engine(t, cfg)
	addr, err := e.ListenTCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return e, addr
}

func TestStreamsInAnyPieces(t *testing.T) {
	t.Parallel()
	_, addr := tcpEngine(t, Config{Budget: Budget{PerSecond: -1}})
	s := dialTCP(t, addr)
	for _, b := range []byte(options("1", "bytes")) {
		s.write(string(b))
	}
	s.want("bytes")
	s.write(options("2", "one") + "\r\n" + options("3", "two") + "\r\n\r\n" + options("4", "three")[:50])
	first, second := s.read(), s.read() // each from a goroutine of its own
	if got := first.Get("Subject") + second.Get("Subject"); got != "onetwo" && got != "twoone" {
		t.Errorf("the answers are %q", got)
	}
	s.write(options("4", "three")[50:])
	s.want("three")
	if s.pongs != 1 {
		t.Errorf("the keep-alive is answered %d times", s.pongs)
	}
	long := strings.Repeat("x", 20_000)
	s.write(options("5", long))
	s.want(long)
	s.write("\r")
	s.write("\n\r\n")
	s.fill()
	if string(s.buf) != "\r\n" {
		t.Errorf("the keep-alive is answered with %q", s.buf)
	}
}

func TestConnectionsThatMisbehave(t *testing.T) {
	t.Parallel()
	limits := Limits{Greeting: 200 * time.Millisecond, Message: 300 * time.Millisecond, Idle: 500 * time.Millisecond}
	e, addr := tcpEngine(t, Config{Limits: limits})
	for name, text := range map[string]string{
		"silent":           "",
		"keep-alives only": "\r\n\r\n",
		"half a message":   options("1", "x")[:80],
		"garbage":          "GET / HTTP/1.1\r\n\r\n",
		"endless header":   options("1", "x")[:80] + strings.Repeat("y", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialTCP(t, addr)
			if text != "" {
				s.nc.Write([]byte(text))
			}
			for s.fill() {
			}
		})
	}
	t.Run("half a second message, byte by byte", func(t *testing.T) {
		t.Parallel()
		s := dialTCP(t, addr)
		s.write(options("1", "fine"))
		s.want("fine")
		ended := make(chan bool)
		go func() {
			for range options("2", strings.Repeat("z", 2000)) {
				if _, err := s.nc.Write([]byte("O")); err != nil {
					break
				}
				<-time.After(5 * time.Millisecond)
			}
			close(ended)
		}()
		for s.fill() {
		}
		s.nc.Close()
		<-ended
	})
	t.Run("no length", func(t *testing.T) {
		t.Parallel()
		s := dialTCP(t, addr)
		s.write(strings.Replace(options("1", "x"), "Content-Length: 0\r\n", "", 1) + options("2", "never"))
		for s.fill() {
		}
		if got := string(s.buf); !strings.HasPrefix(got, "SIP/2.0 400 ") || strings.Contains(got, "never") {
			t.Errorf("the answer is %q", got)
		}
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		s := dialTCP(t, addr)
		s.write(options("1", "fine"))
		s.want("fine")
		if s.fill() {
			t.Error("something came")
		}
	})
	t.Cleanup(func() {
		eventually(t, "all connections are forgotten", func() bool { return e.Stats().Connections == 0 })
	})
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	e, addr := tcpEngine(t, Config{Limits: Limits{PerSource: 3}})
	var open []*tcpClient
	for range 3 {
		s := dialTCP(t, addr)
		s.write(options("1", "in"))
		s.want("in")
		open = append(open, s)
	}
	if nc, err := net.Dial("tcp", addr.String()); err == nil {
		fourth := &tcpClient{t: t, nc: nc}
		if fourth.fill() {
			t.Error("a fourth connection is served")
		}
		nc.Close()
	}
	eventually(t, "the refusal is counted", func() bool { return e.Stats().Refused == 1 })
	open[0].nc.Close()
	eventually(t, "room", func() bool { return e.Stats().Connections == 2 })
	s := dialTCP(t, addr)
	s.write(options("1", "in"))
	s.want("in")
}

// A peer that does not read loses its connection, and nobody waits for it.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	flows := make(chan *Flow, 1)
	e, addr := tcpEngine(t, Config{Limits: Limits{QueueBytes: 64 << 10, Write: time.Minute}, Handler: func(t *Incoming) {
		flows <- t.Flow()
		echoing(t)
	}})
	s := dialTCP(t, addr)
	s.write(options("1", "x"))
	s.want("x")
	flow := <-flows
	body := make([]byte, 32<<10)
	eventually(t, "the queue is full", func() bool {
		req := outgoing(&peer{callID: "slow"}, "MESSAGE")
		req.Body = body
		_, err := e.Send(t.Context(), flow, req)
		return err == nil && !flow.Alive()
	})
	if _, ok := e.FlowByToken(flow.Token()); ok {
		t.Error("the token still leads to the closed connection")
	}
}

func TestCallsOverTCPAndTLS(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	for _, transport := range []string{"tcp", "tls", "udp"} {
		for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
			t.Run(transport+" "+host, func(t *testing.T) {
				t.Parallel()
				legs := make(chan *Leg, 1)
				unrepeated := func(cfg Config) *Engine { // however slowly the test goes
					cfg = quick(cfg)
					cfg.T1 = patience
					return New(cfg)
				}
				var callee *Engine
				callee = unrepeated(Config{Handler: func(t *Incoming) { legs <- callee.Answering(t) }})
				t.Cleanup(func() { callee.Close(expired) })
				caller := unrepeated(Config{})
				t.Cleanup(func() { caller.Close(expired) })
				if _, err := caller.ListenUDP(t.Context(), host); err != nil {
					t.Fatal(err)
				}
				listen := map[string]func() (net.Addr, error){
					"tcp": func() (net.Addr, error) { return callee.ListenTCP(t.Context(), host) },
					"tls": func() (net.Addr, error) { return callee.ListenTLS(t.Context(), host, server) },
					"udp": func() (net.Addr, error) { return callee.ListenUDP(t.Context(), host) },
				}[transport]
				addr, err := listen()
				if err != nil {
					t.Fatal(err)
				}
				flow, err := caller.Dial(t.Context(), transport, netip.MustParseAddrPort(addr.String()), client)
				if err != nil {
					t.Fatal(err)
				}
				a, err := caller.Call(t.Context(), flow, invitation("", sdpA))
				if err != nil {
					t.Fatal(err)
				}
				b := take(t, legs)
				b.Ring(180, nil)
				wantEvent(t, a, Ringing)
				b.Answer([]byte(sdpB))
				wantEvent(t, a, Answered)
				wantEvent(t, b, Confirmed)
				done := make(chan error, 1)
				go func() {
					_, err := b.Reoffer(context.Background(), []byte(sdpB))
					done <- err
				}()
				a.AnswerOffer(wantEvent(t, a, Offered), []byte(sdpC))
				if err := wantResult(t, done); err != nil {
					t.Error(err)
				}
				a.Hangup()
				wantEvent(t, b, Bye)
				wantEnd(t, a)
				wantEnd(t, b)
			})
		}
	}
}

// A browser that is closed while it rings is known to be gone at once.
func TestARingingConnectionBreaks(t *testing.T) {
	t.Parallel()
	flows := make(chan *Flow, 1)
	e, addr := tcpEngine(t, Config{TransactionTimeout: time.Hour, Handler: func(t *Incoming) {
		flows <- t.Flow()
		echoing(t)
	}})
	s := dialTCP(t, addr)
	s.write(options("1", "x"))
	s.want("x")
	l, err := e.Call(t.Context(), <-flows, invitation("", sdpA))
	if err != nil {
		t.Fatal(err)
	}
	invite := s.read()
	s.write(invite.Respond(180, "").String())
	wantEvent(t, l, Ringing)
	s.nc.Close()
	if ev := wantEvent(t, l, Refused); ev.Message.Status != 503 || ev.Message.Flow != nil {
		t.Errorf("refused with %v", ev.Message)
	}
	wantEnd(t, l)
	eventually(t, "the leg is forgotten", func() bool { return e.Stats().Legs == 0 })
}

// What was said last still goes out when the engine closes.
func TestCloseSendsWhatWaits(t *testing.T) {
	t.Parallel()
	legs := make(chan *Leg, 1)
	var e *Engine
	ready := make(chan struct{})
	e, addr := tcpEngine(t, Config{Handler: func(t *Incoming) {
		<-ready
		legs <- e.Answering(t)
	}})
	close(ready)
	s := dialTCP(t, addr)
	p := newPeer(t, netip.MustParseAddrPort(addr.String()))
	s.write(p.text("INVITE", "1", 1, "", sdpA))
	l := take(t, legs)
	l.Answer([]byte(sdpB))
	s.write(p.text("ACK", "2", 1, s.read().ToTag()))
	wantEvent(t, l, Confirmed)
	go e.Close(expired)
	for m := s.read(); m == nil || m.Method != "BYE"; m = s.read() {
		if m == nil {
			t.Fatal("the connection closed without a BYE")
		}
	}
}

// A client that never finishes its TLS handshake holds nobody up, and is gone when its time is over.
func TestHalfOpenTLS(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	e, _ := engine(t, Config{Handler: echoing, Limits: Limits{Greeting: time.Second}})
	addr, err := e.ListenTLS(t.Context(), "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	silent := dialTCP(t, addr)
	nc, err := tls.Dial("tcp", addr.String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s := &tcpClient{t: t, nc: nc}
	s.write(options("1", "secure"))
	s.want("secure")
	for silent.fill() {
	}
}

// certificate makes one for loopback, and the client that trusts it.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		DNSNames: []string{"sip.example.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{RootCAs: roots, ServerName: "sip.example.com"}
}

// webServer serves an engine's WebSockets.
func webServer(t testing.TB, cfg Config) (*Engine, *httptest.Server) {
	t.Helper()
	if cfg.Handler == nil {
		cfg.Handler = echoing
	}
	e, _ := engine(t, cfg)
	server := httptest.NewServer(e.WebSocket())
	t.Cleanup(func() {
		e.Close(expired)
		server.Close()
	})
	return e, server
}

func dialWS(t testing.TB, server *httptest.Server, opts *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	if opts == nil {
		opts = &websocket.DialOptions{Subprotocols: []string{"sip"}}
	}
	ws, _, err := websocket.Dial(t.Context(), server.URL, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	return ws
}

// ask sends a request in a frame of the kind and waits for its answer.
func ask(t testing.TB, ws *websocket.Conn, kind websocket.MessageType, subject string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ws.Write(ctx, kind, []byte(options(subject, subject))); err != nil {
		t.Fatal(err)
	}
	_, b, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := Parse(b); err != nil || m.Status != 200 || m.Get("Subject") != subject {
		t.Fatalf("the answer is %v:\n%s", err, b)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	e, server := webServer(t, Config{})
	silent, err := net.Dial("tcp", server.Listener.Addr().String()) // says nothing, and holds nobody up
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ws := dialWS(t, server, nil)
	ask(t, ws, websocket.MessageText, "text")
	ask(t, ws, websocket.MessageBinary, "binary")
	for _, garbage := range []string{"garbage", "", "\x00\xff", "\r\n", options("x", "y")[:30]} {
		if err := ws.Write(t.Context(), websocket.MessageBinary, []byte(garbage)); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, ws, websocket.MessageText, "after-garbage")
	ws.Write(t.Context(), websocket.MessageText, []byte("\r\n\r\n"))
	if _, b, err := ws.Read(t.Context()); err != nil || string(b) != "\r\n" {
		t.Errorf("the keep-alive is answered with %q, %v", b, err)
	}
	if e.Stats().Malformed == 0 {
		t.Error("garbage is not counted")
	}
	ws.CloseNow()
	eventually(t, "the connection is forgotten", func() bool { return e.Stats().Connections == 0 })
}

// Frames by hand: a ping with a payload is answered, and a frame that breaks the protocol ends its own connection only.
func TestWebSocketFrames(t *testing.T) {
	t.Parallel()
	_, server := webServer(t, Config{})
	good := dialWS(t, server, nil)
	ask(t, good, websocket.MessageText, "before")
	s := dialTCP(t, server.Listener.Addr())
	s.write("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
	for !strings.HasSuffix(string(s.buf), "\r\n\r\n") {
		s.fill()
	}
	if head := string(s.buf); !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Sec-Websocket-Protocol: sip") {
		t.Fatalf("the upgrade is answered with:\n%s", head)
	}
	s.buf = nil
	s.write("\x89\x85\x00\x00\x00\x00hello" + frameOf(options("1", "after-ping")))
	for len(s.buf) < 7 {
		s.fill()
	}
	if pong := string(s.buf[:7]); pong != "\x8a\x05hello" {
		t.Errorf("the ping is answered with %q", pong)
	}
	s.buf = s.buf[7:]
	for !strings.Contains(string(s.buf), "after-ping\r\n") {
		s.fill()
	}
	s.write("\xff\x80\x00\x00\x00\x00")
	for s.fill() {
	}
	ask(t, good, websocket.MessageText, "after")
}

// frameOf is a masked text frame whose mask is zero.
func frameOf(text string) string {
	return "\x81\xfe" + string([]byte{byte(len(text) >> 8), byte(len(text))}) + "\x00\x00\x00\x00" + text
}

func TestWebSocketRefusals(t *testing.T) {
	t.Parallel()
	_, server := webServer(t, Config{Origins: []string{"portal.example"}, Limits: Limits{PerSource: 2}})
	for name, c := range map[string]struct {
		protocol, origin string
		want             int
	}{
		"no subprotocol": {"chat", "", http.StatusBadRequest},
		"foreign page":   {"sip", "https://evil.example", http.StatusForbidden},
		"our page":       {"sip", "https://portal.example", http.StatusSwitchingProtocols},
	} {
		opts := &websocket.DialOptions{Subprotocols: []string{c.protocol}, HTTPHeader: http.Header{}}
		if c.origin != "" {
			opts.HTTPHeader.Set("Origin", c.origin)
		}
		ws, res, _ := websocket.Dial(t.Context(), server.URL, opts)
		if res == nil || res.StatusCode != c.want {
			t.Errorf("%s: %v, want %d", name, res, c.want)
		}
		if ws != nil {
			ws.CloseNow()
		}
	}
	var first []*websocket.Conn
	eventually(t, "two connections", func() bool {
		ws, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{Subprotocols: []string{"sip"}})
		if err == nil {
			t.Cleanup(func() { ws.CloseNow() })
			first = append(first, ws)
		}
		return len(first) == 2
	})
	if _, res, _ := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{Subprotocols: []string{"sip"}}); res == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a third connection of one source: %v", res)
	}
}

func TestWebSocketsThatGoSilent(t *testing.T) {
	t.Parallel()
	e, server := webServer(t, Config{Limits: Limits{Greeting: 100 * time.Millisecond, PingEvery: 100 * time.Millisecond}})
	idle := dialWS(t, server, nil) // upgraded and never heard of again
	if _, _, err := idle.Read(t.Context()); err == nil {
		t.Error("something came")
	}
	dead := dialWS(t, server, nil)
	ask(t, dead, websocket.MessageText, "alive")
	// nobody reads dead any more, so its pongs stop
	eventually(t, "both are gone", func() bool { return e.Stats().Connections == 0 })
}
