package sip

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
)

type answered struct{}

func newAnswered() *answered { return &answered{} }

func (e *Engine) receive(m *Message) {}

// ListenTCP accepts connections until Close. The address is host:port; port 0 picks a free one.
func (e *Engine) ListenTCP(ctx context.Context, addr string) (net.Addr, error) { return nil, ErrClosed }

// ListenTLS is ListenTCP behind TLS.
func (e *Engine) ListenTLS(ctx context.Context, addr string, config *tls.Config) (net.Addr, error) {
	return nil, ErrClosed
}

func (e *Engine) dialStream(ctx context.Context, transport string, remote netip.AddrPort, config *tls.Config) (*Flow, error) {
	return nil, ErrClosed
}

// WebSocket serves SIP over WebSocket (RFC 7118), subprotocol "sip", to pages of the server's own host and of Config.Origins.
func (e *Engine) WebSocket() http.Handler { return nil }
