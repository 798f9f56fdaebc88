package sip

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// subprotocol is what a SIP client asks for (RFC 7118 4.1).
const subprotocol = "sip"

// WebSocket serves SIP over WebSocket (RFC 7118) to pages of the server's own host and of Config.Origins. The HTTP server it is
// mounted on does the waiting for slow clients until the upgrade; from then on the limits of the engine hold.
func (e *Engine) WebSocket() http.Handler { return http.HandlerFunc(e.upgrade) }

func (e *Engine) upgrade(w http.ResponseWriter, r *http.Request) {
	remote, ok := e.client(r)
	switch {
	case !ok || !offers(r, subprotocol):
		http.Error(w, `This address speaks the WebSocket subprotocol "sip".`, http.StatusBadRequest)
		return
	case e.draining.Load():
		http.Error(w, "Shutting down.", http.StatusServiceUnavailable)
		return
	case !e.conns.reserve(remote.Addr()):
		e.count.refused.Add(1)
		http.Error(w, "Too many connections.", http.StatusServiceUnavailable)
		return
	}
	defer e.conns.release(remote.Addr())
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		OriginPatterns:     e.cfg.Origins,
		InsecureSkipVerify: slices.Contains(e.cfg.Origins, "*"),
	})
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(int64(e.cfg.Limits.MessageBytes))
	var local netip.AddrPort
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		local = addr.AddrPort()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := e.newConn("ws", local, remote, func(b []byte) error { return e.writeFrame(ctx, ws, b) }, func() {
		cancel()
		ws.CloseNow()
	})
	if err != nil {
		ws.Close(websocket.StatusGoingAway, "")
		return
	}
	c.secure = r.TLS != nil
	go c.ping(ctx, ws)
	c.readFrames(ctx, ws)
}

// client returns who is at the other end.
func (e *Engine) client(r *http.Request) (netip.AddrPort, bool) {
	if e.cfg.Client != nil {
		addr := e.cfg.Client(r)
		return unmap(addr), addr.IsValid()
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return unmap(addr), err == nil
}

// offers tells whether the client asks for a subprotocol.
func offers(r *http.Request, name string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for offered := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(offered), name) {
				return true
			}
		}
	}
	return false
}

// writeFrame sends one message as one frame: text, which every client knows, unless its body is not text (RFC 7118 5).
func (e *Engine) writeFrame(ctx context.Context, ws *websocket.Conn, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Limits.Write)
	defer cancel()
	kind := websocket.MessageText
	if !utf8.Valid(b) {
		kind = websocket.MessageBinary
	}
	return ws.Write(ctx, kind, b)
}

// ping finds out whether the client is still there: a pong must come before the next ping is due.
func (c *conn) ping(ctx context.Context, ws *websocket.Conn) {
	every := c.e.cfg.Limits.PingEvery
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		pong, cancel := context.WithTimeout(ctx, every)
		err := ws.Ping(pong)
		cancel()
		if err != nil {
			c.close()
			return
		}
	}
}

// readFrames handles messages, text or binary, until the connection ends. Only the first has a deadline of its own: later on the
// pings tell who is gone.
func (c *conn) readFrames(ctx context.Context, ws *websocket.Conn) {
	defer c.ended()
	greeting, greeted := context.WithTimeout(ctx, c.e.cfg.Limits.Greeting)
	defer greeted()
	for reading := greeting; ; {
		_, b, err := ws.Read(reading)
		if err != nil {
			return
		}
		if c.frame(b) {
			reading = ctx
			greeted()
		}
	}
}

// frame handles one message and tells whether it was SIP. Garbage is counted and costs the client nothing but the message: framing
// is WebSocket's, so the next one may be fine.
func (c *conn) frame(b []byte) bool {
	if len(bytes.Trim(b, "\r\n")) == 0 {
		c.e.count.keepAlives.Add(1)
		if bytes.Equal(b, keepAlive) {
			c.send(keepAliveAnswer)
		}
		return false
	}
	c.slow(b)
	m, err := Parse(b)
	if err != nil {
		c.e.count.malformed.Add(1)
		return false
	}
	m.Flow = c.flow
	c.e.receive(m)
	return true
}
