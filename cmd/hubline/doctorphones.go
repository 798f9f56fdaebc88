package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// phones looks at what calls need: ports, addresses and carriers.
func (c *doctorCommand) phones(ctx context.Context) (list []finding) {
	if _, _, err := c.mediaAddresses(); err != nil {
		return []finding{{broken, "phones", err.Error(), ""}}
	}
	if _, _, err := c.rtpPorts(); err != nil {
		return []finding{{broken, "phones", err.Error(), ""}}
	}
	if c.SIP == "" && c.SIPTLS == "" {
		list = append(list, finding{worth, "phones", "phones can connect over WebSocket only", "Give --sip an address, such as 0.0.0.0:5060"})
	}
	if c.SIP != "" {
		list = append(list, udpPort(ctx, c.SIP))
	}
	return append(list, c.carriersReached(ctx)...)
}

// udpPort tells whether the port is free. One that is taken is most likely Hubline's own.
func udpPort(ctx context.Context, address string) finding {
	var l net.ListenConfig
	conn, err := l.ListenPacket(ctx, "udp", address)
	switch {
	case err == nil:
		conn.Close()
		return finding{healthy, "phones", address + " is free", ""}
	case errors.Is(err, syscall.EADDRINUSE):
		return finding{healthy, "phones", "something answers for phones on " + address, ""}
	}
	return finding{broken, "phones", err.Error(), "Choose another address with --sip"}
}

// carriersReached asks each carrier whether it is there.
func (c *doctorCommand) carriersReached(ctx context.Context) (list []finding) {
	carriers, err := c.carriers()
	if err != nil {
		return []finding{{broken, "carrier", err.Error(), ""}}
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
			list = append(list, finding{broken, "carrier", carrier.Name + ": " + err.Error(), ""})
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
