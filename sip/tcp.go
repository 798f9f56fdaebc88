package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// ListenTCP accepts connections until Close. The address is host:port; port 0 picks a free one.
func (e *Engine) ListenTCP(ctx context.Context, addr string) (net.Addr, error) {
	return e.listenStream(ctx, "tcp", addr, nil)
}

// ListenTLS is ListenTCP behind TLS. The handshake of one client never waits for that of another.
func (e *Engine) ListenTLS(ctx context.Context, addr string, config *tls.Config) (net.Addr, error) {
	return e.listenStream(ctx, "tls", addr, config)
}

func (e *Engine) listenStream(ctx context.Context, transport, addr string, config *tls.Config) (net.Addr, error) {
	ln, err := bindTCP(ctx, addr)
	if err != nil {
		return nil, err
	}
	return ln.Addr(), e.serveTCP(ln, transport, config)
}

func bindTCP(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("sip.ListenTCP: %w", err)
	}
	return ln, nil
}

// serveTCP owns the listener from here on.
func (e *Engine) serveTCP(ln net.Listener, transport string, config *tls.Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isClosed() {
		ln.Close()
		return ErrClosed
	}
	e.closers = append(e.closers, ln.Close)
	e.readers.Add(1)
	go e.accept(ln, transport, config)
	return nil
}

// accept takes connections and nothing else: whatever may wait for a client has a goroutine of its own.
func (e *Engine) accept(ln net.Listener, transport string, config *tls.Config) {
	defer e.readers.Done()
	for {
		nc, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely
			select {
			case <-time.After(50 * time.Millisecond):
			case <-e.closed:
			}
			continue
		}
		source := unmap(nc.RemoteAddr().(*net.TCPAddr).AddrPort()).Addr()
		if !e.conns.reserve(source) {
			e.count.refused.Add(1)
			nc.(*net.TCPConn).SetLinger(0)
			nc.Close()
			continue
		}
		go func() {
			defer e.conns.release(source)
			e.serveStream(nc, transport, config)
		}()
	}
}

// serveStream serves one accepted connection to its end.
func (e *Engine) serveStream(nc net.Conn, transport string, config *tls.Config) {
	started := time.Now()
	if config != nil {
		secure := tls.Server(nc, config)
		nc.SetDeadline(started.Add(e.cfg.Limits.Greeting))
		if err := secure.Handshake(); err != nil {
			nc.Close()
			return
		}
		nc.SetDeadline(time.Time{})
		nc = secure
	}
	c, err := e.newStream(nc, transport)
	if err != nil {
		nc.Close()
		return
	}
	c.readStream(nc, started.Add(e.cfg.Limits.Greeting))
}

func (e *Engine) newStream(nc net.Conn, transport string) (*conn, error) {
	local := nc.LocalAddr().(*net.TCPAddr).AddrPort()
	remote := nc.RemoteAddr().(*net.TCPAddr).AddrPort()
	return e.newConn(transport, local, remote, func(b []byte) error {
		nc.SetWriteDeadline(time.Now().Add(e.cfg.Limits.Write))
		_, err := nc.Write(b)
		return err
	}, func() {
		nc.SetDeadline(time.Unix(1, 0)) // unblocks a writer, so that closing TLS does not wait for it
		nc.Close()
	})
}

// dialStream connects to a peer.
func (e *Engine) dialStream(ctx context.Context, transport string, remote netip.AddrPort, config *tls.Config) (*Flow, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", remote.String())
	if err != nil {
		return nil, fmt.Errorf("sip.Dial: %w", err)
	}
	if transport == "tls" {
		secure := tls.Client(nc, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, fmt.Errorf("sip.Dial: %w", err)
		}
		nc = secure
	}
	c, err := e.newStream(nc, transport)
	if err != nil {
		nc.Close()
		return nil, err
	}
	go c.readStream(nc, time.Time{})
	return c.flow, nil
}

const (
	streamBuffer = 2 << 10 // what an idle connection holds; it grows for larger messages and shrinks again
	minimumRead  = 512
)

// readStream reads messages until the connection ends. greeting is when the first whole message must be there; zero for a
// connection that we opened.
func (c *conn) readStream(nc net.Conn, greeting time.Time) {
	defer c.ended()
	var parser StreamParser
	buf := make([]byte, 0, streamBuffer)
	var began time.Time // of the message that buf holds a part of
	for {
		nc.SetReadDeadline(c.deadline(greeting, began))
		if cap(buf)-len(buf) < minimumRead {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := nc.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return
		}
		had := len(buf)
		buf = buf[:len(buf)+n]
		rest, got, err := c.messages(&parser, buf)
		if err != nil || len(rest) > c.e.cfg.Limits.MessageBytes {
			c.e.count.malformed.Add(1)
			return
		}
		if got {
			greeting = time.Time{}
		}
		switch {
		case len(rest) == 0:
			began = time.Time{}
		case got || had == 0:
			began = time.Now()
		}
		if len(rest) == 0 && cap(buf) > streamBuffer {
			buf = make([]byte, 0, streamBuffer)
			continue
		}
		buf = buf[:copy(buf, rest)]
	}
}

// deadline is when the next byte must come: the end of the greeting or of a started message is not moved by single bytes.
func (c *conn) deadline(greeting, began time.Time) time.Time {
	limits := &c.e.cfg.Limits
	deadline := time.Now().Add(limits.Idle)
	if !began.IsZero() {
		deadline = began.Add(limits.Message)
	}
	if !greeting.IsZero() && greeting.Before(deadline) {
		deadline = greeting
	}
	return deadline
}

// messages handles every whole message of what was read, and the keep-alives between them (RFC 5626 3.5.1).
func (c *conn) messages(parser *StreamParser, b []byte) (rest []byte, got bool, err error) {
	for {
		for bytes.HasPrefix(b, keepAlive) {
			b = b[len(keepAlive):]
			c.e.count.keepAlives.Add(1)
			c.send(keepAliveAnswer)
		}
		if bytes.HasPrefix(keepAlive, b) { // nothing, or the beginning of a keep-alive
			return b, got, nil
		}
		for len(b) > 1 && b[0] == '\r' && b[1] == '\n' {
			b = b[2:]
		}
		m, used, err := parser.Next(b)
		if m == nil {
			return b, got, err
		}
		c.slow(b)
		b = b[used:]
		got = true
		m.Flow = c.flow
		c.e.receive(m)
		if err != nil { // answered, but nobody knows where the next message begins
			return b, got, err
		}
	}
}

// slow makes a connection that is over its budget wait, a second per message at most; nothing on a connection is dropped.
func (c *conn) slow(b []byte) {
	if neverDropped(b) {
		return
	}
	for wait := 0; wait < 50 && !c.e.budget.take(c.remote.Addr()); wait++ {
		if wait == 0 {
			c.e.count.overBudget.Add(1)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-c.e.closed:
			return
		}
	}
}
