package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"

	"hubline/base/fault"
	"hubline/cmd/hubline/carrier"
)

// carrierAbove is how far the carrier's port is above the one for phones.
const carrierAbove = 10

// startCarrier opens the demo's telephone network beside the phones' address: the same host, a port that follows theirs.
func startCarrier(sip string, log *slog.Logger) (*carrier.Network, error) {
	host, port, err := net.SplitHostPort(sip)
	if err != nil {
		return nil, usagef("--sip %s: write host:port", sip)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n > 65535-carrierAbove {
		return nil, usagef("--sip %s: the port is no number up to %d", sip, 65535-carrierAbove)
	}
	if n > 0 {
		n += carrierAbove
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil: // localhost, or nothing at all
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case ip.IsUnspecified() && ip.Is4():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case ip.IsUnspecified():
		ip = netip.IPv6Loopback()
	}
	address := netip.AddrPortFrom(ip, uint16(n))
	c, err := carrier.Start(address.String(), carrier.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("the demo's carrier at %s, which follows --sip: %w", address, err)
	}
	return c, nil
}

// connect opens the ports for phones, and tells the carrier where they are.
func (d *demo) connect(ctx context.Context) error {
	if err := d.openPhones(ctx); err != nil {
		return err
	}
	d.phones.Server = d.sip.String()
	system := d.sip
	if system.Addr().IsUnspecified() {
		system = netip.AddrPortFrom(d.net.Addr().Addr(), system.Port())
	}
	d.net.Connect(system, d.owned)
	return nil
}

// owned tells the carrier which numbers lead back to the installation.
func (d *demo) owned(ctx context.Context, number string) bool {
	_, err := d.numbers.Route(ctx, number)
	if err != nil && !fault.Is(err, fault.NotFound) {
		d.log.Error("the demo's carrier cannot tell whose a number is", "error", err)
	}
	return err == nil
}
