package switchboard

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"hubline/product/phoneuser"
	"hubline/sip"
)

// shown is who a phone is told is calling.
type shown struct {
	name   string
	user   string // of the address to call back: digits or an extension
	hidden bool
}

// ring makes the INVITEs for every device that a phone user has signed in, but not for the one that calls. Each goes the way its REGISTER
// came.
func (c *conversation) ring(to phoneuser.User, who shown) []target {
	var targets []target
	for _, bd := range c.b.registrar.live(seat{to.AccountID, to.ID}, c.b.now()) {
		if bd.DeviceID == c.caller.device {
			continue
		}
		uri, err := sip.ParseURI(bd.Contact)
		if err != nil {
			continue
		}
		flow, ok := c.b.flowTo(bd, uri)
		if !ok {
			continue
		}
		targets = append(targets, target{
			name: deviceName(bd), party: party{seat{to.AccountID, to.ID}, bd.DeviceID}, point: to.DisplayName,
			flow: flow, invite: c.b.inviteDevice(uri, to, who, c.far.talk.saidTo(flow.Remote().Addr())),
		})
	}
	return targets
}

// deviceName names a device in a record: by its program, which is what its owner knows it by.
func deviceName(bd binding) string {
	if bd.UserAgent == "" {
		return bd.Address
	}
	return bd.UserAgent
}

func (b *Board) inviteDevice(uri sip.URI, to phoneuser.User, who shown, offer []byte) *sip.Message {
	m := sip.NewRequest("INVITE", uri)
	m.Set("To", sip.Address{Name: to.DisplayName, URI: sip.URI{Scheme: "sip", User: to.Extension, Host: b.domain}}.String())
	from := sip.Address{Name: who.name, URI: sip.URI{Scheme: "sip", User: who.user, Host: b.domain}}
	if who.hidden {
		from = sip.Address{Name: "Anonymous", URI: sip.URI{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}}
	}
	m.Set("From", from.String())
	if !who.hidden {
		m.Set("P-Asserted-Identity", from.String())
	}
	m.Body = offer
	return m
}

// flowTo finds the way to a binding: the flow it came by, or, after a restart, a connection to the address it came from.
func (b *Board) flowTo(bd binding, uri sip.URI) (*sip.Flow, bool) {
	if flow, ok := b.engine.FlowByToken(bd.Flow); ok {
		return flow, flow.Alive()
	}
	addr, ok := dialable(bd, uri)
	if !ok {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(b.work, dialLimit)
	defer cancel()
	flow, err := b.engine.Dial(ctx, "tcp", addr, nil)
	return flow, err == nil
}

const dialLimit = 2 * time.Second

// dialable tells whether a phone that was connected can be connected to: its contact is the address that its REGISTER came from, so no
// NAT is between us, and no contact makes us connect elsewhere.
func dialable(bd binding, uri sip.URI) (netip.AddrPort, bool) {
	transport, _ := uri.Params.Get("transport")
	addr, ok := uri.Addr()
	return addr, ok && strings.EqualFold(transport, "tcp") && addr.Addr().String() == bd.Address
}

// reachable tells whether a call to the binding has a way to go.
func (b *Board) reachable(bd binding) bool {
	if flow, ok := b.engine.FlowByToken(bd.Flow); ok {
		return flow.Alive()
	}
	uri, err := sip.ParseURI(bd.Contact)
	if err != nil {
		return false
	}
	_, ok := dialable(bd, uri)
	return ok
}
