package switchboard

import (
	"context"
	"strings"

	"hubline/base/fault"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/sip"
)

// inbound is a call from the telephone network to one of the installation's numbers. An unknown number leaves no trace: nobody could read it.
func (b *Board) inbound(t *sip.Incoming, carrier *trunk) {
	ctx, cancel := context.WithTimeout(b.work, handleLimit)
	defer cancel()
	called, ok := b.called(t.Request)
	if !ok {
		t.Refuse(404, "No such number")
		return
	}
	to, err := b.numbers.Route(ctx, called)
	if fault.Is(err, fault.NotFound) {
		t.Refuse(404, "No such number")
		return
	}
	if err != nil {
		b.log.Error("a call could not be routed", "error", err, "carrier", carrier.Name)
		t.Refuse(503, "", "Retry-After", "5")
		return
	}
	from, hidden := carrier.calling(t.Request, b.plan)
	c := b.converse(t, call.Record{
		AccountID: to.AccountID, Direction: call.Inbound, Carrier: carrier.Name, FromNumber: from, Hidden: hidden,
		ToNumber: to.Number, ServiceNumber: to.Number, ServiceName: to.ServiceName,
	})
	defer c.finish()
	c.holdChannel(&carrier.calls)
	c.ringback = carrier.Ringback
	c.comeIn(ctx, to, b.caller(from, hidden))
}

// called reads the number that was called: the Request-URI says it, or the To of carriers that put the account's name there.
func (b *Board) called(m *sip.Message) (e164 string, ok bool) {
	for _, u := range []sip.URI{m.Target, m.To().URI} {
		user, _, _ := strings.Cut(u.User, ";")
		if e164, ok = b.plan.Parse(user); ok {
			return e164, true
		}
	}
	return "", false
}

// caller is how a caller from outside looks on a phone: the number as people of the country dial it back.
func (b *Board) caller(number string, hidden bool) shown {
	if hidden || number == "" {
		return shown{hidden: true}
	}
	national := b.plan.National(number)
	return shown{name: national, user: compact(national)}
}

// comeIn rings whoever the number leads to.
func (c *conversation) comeIn(ctx context.Context, to number.Route, who shown) {
	if to.Stopped {
		if c.begin() {
			c.turnAway(refusedStoppedIn)
		}
		return
	}
	if to.PhoneUserID == "" {
		if c.begin() {
			c.turnAway(refusedNoRoute)
		}
		return
	}
	user, err := c.b.phones.Seat(ctx, to.AccountID, to.PhoneUserID)
	c.record.ToName, c.record.ToUserID = user.DisplayName, user.ID
	if !c.begin() {
		return
	}
	if err != nil {
		why := refusedAway // the app is off
		if !fault.Is(err, fault.NotFound) {
			c.b.log.Error("a phone user could not be read", "error", err, "account", to.AccountID)
			why = refusedStore
		}
		c.turnAway(why)
		return
	}
	r, why := c.reach(user, who)
	if r == nil {
		c.turnAway(why)
		return
	}
	if c.connect(r) {
		c.talk()
	}
}
