package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// listenTries is how many ports are looked at for one that is free for UDP and TCP: with half of all ports taken for TCP, fewer than 50 fail
// once in 10^15 starts.
const listenTries = 50

// Listen serves UDP and TCP on one port until Close, as RFC 3261 section 18.2.1 wants of an element. The address is IP:port; port 0 picks one that is
// free for both. Where the port of a given address is taken the error is syscall.EADDRINUSE.
func (e *Engine) Listen(ctx context.Context, addr string) (netip.AddrPort, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for range listenTries {
		var at netip.AddrPort
		if at, err = e.listenBoth(ctx, addr); port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			return at, err
		}
	}
	return netip.AddrPort{}, err
}

// listenBoth binds both before either is served, so that a port that is taken for one of them hears nothing.
func (e *Engine) listenBoth(ctx context.Context, addr string) (netip.AddrPort, error) {
	pc, err := bindUDP(ctx, addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := unmap(pc.LocalAddr().(*net.UDPAddr).AddrPort())
	ln, err := bindTCP(ctx, at.String())
	if err != nil {
		pc.Close()
		return at, err
	}
	return at, errors.Join(e.serveUDP(pc), e.serveTCP(ln, "tcp", nil))
}
