package switchboard

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"hubline/base/fault"
	"hubline/media"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/sip"
	"hubline/sip/sdp"
)

// outbound is a call that a device makes. What the phone says about who is calling is not even read; where the call may go is decided by the
// room number.
func (b *Board) outbound(t *sip.Incoming, who phoneuser.Credential) {
	ctx, cancel := context.WithTimeout(b.work, handleLimit)
	defer cancel()
	dialled := b.dialled(t.Request)
	if b.strangers != nil && !b.plan.Emergency(dialled) && !b.signedIn(t.Flow(), who) {
		b.strange(ctx, t, who)
		return
	}
	from, err := b.phones.Seat(ctx, who.AccountID, who.PhoneUserID)
	if fault.Is(err, fault.NotFound) {
		t.Refuse(403, "")
		return
	}
	if err != nil && b.plan.Emergency(dialled) { // help is called without the store, too
		b.log.Error("a phone user could not be read; the emergency call goes on", "error", err, "account", who.AccountID)
		from, err = phoneuser.User{ID: who.PhoneUserID, AccountID: who.AccountID,
			Settings: phoneuser.Settings{Extension: who.Extension, DisplayName: who.DisplayName}}, nil
	}
	var to number.Destination
	if err == nil {
		to, err = b.numbers.Dial(ctx, from, dialled)
	}
	if err != nil {
		b.log.Error("a call could not be routed", "error", err, "account", who.AccountID)
		t.Refuse(503, "", "Retry-After", "5")
		return
	}
	c := b.converse(t, call.Record{
		AccountID: from.AccountID, Direction: call.Internal,
		FromNumber: from.Extension, FromName: from.DisplayName, FromUserID: from.ID, ToNumber: to.Number,
	})
	defer c.finish()
	c.caller, c.emergency = party{seat{from.AccountID, from.ID}, who.DeviceID}, to.Emergency
	switch {
	case to.Echo:
		c.echo()
	case to.Colleague.ID != "":
		c.toExtension(from, to.Colleague)
	default:
		c.outside(to)
	}
}

// dialled is what the person dialled: the user part of the Request-URI, if its host means us.
func (b *Board) dialled(m *sip.Message) string {
	user, _, _ := strings.Cut(m.Target.User, ";")
	if m.Target.Scheme != "tel" && !b.isHere(m.Target.Host, m.Flow) {
		return user + "@" + m.Target.Host // no number: nothing is looked up anywhere else
	}
	return user
}

// toExtension rings the devices of a phone user of the same account.
func (c *conversation) toExtension(from, to phoneuser.User) {
	c.record.ToName, c.record.ToUserID = to.DisplayName, to.ID
	if !c.begin() {
		return
	}
	r, why := c.reach(to, shown{name: from.DisplayName, user: from.Extension})
	if r == nil {
		why.sound = nil // who calls a colleague sees why
		c.turnAway(why)
		return
	}
	if c.connect(r) {
		c.talk()
	}
}

// reach rings a phone user's devices; nil when nobody answered, with why. The refusal is empty when the caller left.
func (c *conversation) reach(user phoneuser.User, who shown) (*ringing, refusal) {
	if !user.AppEnabled {
		return nil, refusedAway
	}
	if !c.b.live.room(seat{user.AccountID, user.ID}) {
		return nil, refusedBusy
	}
	if err := c.openFar(); err != nil {
		return nil, c.unheard(err)
	}
	targets := c.ring(user, who)
	if len(targets) == 0 {
		return nil, refusedAway
	}
	r := c.dial(targets, c.b.times.Ring, 0)
	if r.winner == nil {
		return nil, r.why
	}
	return r, refusal{}
}

// unheard is the refusal for an offer that cannot be taken.
func (c *conversation) unheard(err error) refusal {
	switch err {
	case errEncrypted:
		return refusal{488, "Encrypted audio is not offered here; use RTP/AVP", nil, call.Unavailable, "encrypted-audio"}
	case errNoCodec, errNoAudio, errNoSDP, errBadSDP:
		return refusedMedia
	}
	c.b.log.Error("a call has no media", "error", err)
	return refusal{503, "No media port is free", nil, call.Unavailable, "no-media-port"}
}

// outside calls a number through the carriers, or says why not.
func (c *conversation) outside(to number.Destination) {
	c.record.Direction = call.Outbound
	c.record.Hidden = to.Hidden
	if to.CallerID != "" {
		c.record.FromNumber, c.record.ServiceNumber, c.record.ServiceName = to.CallerID, to.CallerID, to.ServiceName
	}
	if !c.begin() {
		return
	}
	if to.Barred != "" {
		c.turnAway(refusals[to.Barred])
		return
	}
	if err := c.openFar(); err != nil {
		c.turnAway(c.unheard(err))
		return
	}
	r, why := c.carry(to)
	if r == nil {
		c.turnAway(why)
		return
	}
	if c.connect(r) {
		c.talk()
	}
}

// carry tries the carriers' hosts in their order until one takes the call. It tries the next only as long as nobody outside can have
// heard of the call, and does not wait for a host that says nothing at all while there is another.
func (c *conversation) carry(to number.Destination) (*ringing, refusal) {
	why := refusedNoCarrier
	ways := c.ways()
	for i, w := range ways {
		if w.full() && !c.emergency {
			continue
		}
		t, ok := c.toCarrier(w.trunk, w.at, to)
		if !ok {
			continue
		}
		quiet := c.b.times.Host
		if i == len(ways)-1 {
			quiet = 0
		}
		c.record.Carrier = w.Name
		c.holdChannel(&w.calls)
		r := c.dial([]target{t}, c.b.times.Outside, quiet)
		if r.winner != nil || r.rang || c.record.Cause != "" || !takesElsewhere(r) {
			if r.winner == nil {
				return nil, outsideRefusal(r)
			}
			return r, refusal{}
		}
		c.freeChannel(&w.calls)
		w.mark(w.at, false)
		why = outsideRefusal(r)
	}
	return nil, why
}

// way is a host of a carrier.
type way struct {
	*trunk
	at netip.AddrPort
}

// full tells whether the carrier has all the calls that it may have.
func (w way) full() bool { return w.Channels > 0 && w.calls.Load() >= int64(w.Channels) }

// ways lists where a call outside may go now, in the order in which they are tried.
func (c *conversation) ways() (list []way) {
	for _, carrier := range c.b.carriers.list {
		if (way{trunk: carrier}).full() && !c.emergency {
			continue
		}
		for _, at := range carrier.ways() {
			list = append(list, way{carrier, at})
		}
	}
	return list
}

// holdChannel counts the call towards its carrier until it ends.
func (c *conversation) holdChannel(calls *atomic.Int64) {
	calls.Add(1)
	c.channel = calls
}

func (c *conversation) freeChannel(calls *atomic.Int64) {
	if c.channel == calls {
		c.channel = nil
		calls.Add(-1)
	}
}

// takesElsewhere tells whether a refusal is about the host and not about the call.
func takesElsewhere(r *ringing) bool {
	if r.last == nil {
		return r.why.cause == refusedAway.cause || r.why.cause == "unreachable"
	}
	switch r.last.Status {
	case 500, 502, 503, 504:
		return true
	case 408:
		return r.last.Flow == nil // nobody there
	}
	return false
}

// outsideRefusal passes the network's answer on. The network plays its own messages.
func outsideRefusal(r *ringing) refusal {
	why := r.why
	why.sound = nil
	if r.last == nil {
		return why
	}
	why.status, why.reason = r.last.Status, r.last.Reason
	switch status := r.last.Status; {
	case status == 486 || status == 600 || status == 603:
		why.outcome, why.cause = call.Busy, "busy"
	case status == 408 || status == 480 || status == 487:
		why.outcome, why.cause = call.Unanswered, "no-answer"
	case status == 401 || status == 407 || status == 403:
		why.status, why.outcome, why.cause = 503, call.Unavailable, "carrier-refused" // what is between us and the carrier is none of the phone's business
		why.reason = "The carrier refused the call"
	case status/100 == 3:
		why.status, why.reason, why.outcome, why.cause = 480, "", call.Unavailable, "redirected"
	default:
		why.outcome, why.cause = call.Unavailable, "refused"
	}
	return why
}

// toCarrier makes the INVITE for one of a carrier's hosts.
func (c *conversation) toCarrier(carrier *trunk, at netip.AddrPort, to number.Destination) (target, bool) {
	ctx, cancel := context.WithTimeout(c.b.work, dialLimit)
	defer cancel()
	flow, err := carrier.flow(ctx, c.b.engine, at)
	if err != nil {
		c.step("unreachable", carrier.Name, 0, "")
		carrier.mark(at, false)
		return target{}, false
	}
	uri := carrier.uri(carrier.target(c.b.plan, to.Number), at)
	m := sip.NewRequest("INVITE", uri)
	m.Set("To", "<"+uri.String()+">")
	carrier.identify(m, c.b.plan, identity{to.CallerID, to.Hidden}, c.b.domain)
	m.Body = c.far.talk.saidTo(at.Addr())
	point := c.b.plan.National(to.Number)
	return target{name: carrier.Name, point: point, flow: flow, invite: m, again: func(refused *sip.Message) *sip.Message { return carrier.authorise(m, refused) }}, true
}

// authorise repeats an INVITE with credentials, if the carrier asks for those that it gave us (RFC 3261 22.2).
func (c *Carrier) authorise(invite, refused *sip.Message) *sip.Message {
	asks, answers := "WWW-Authenticate", "Authorization"
	if refused.Status == 407 {
		asks, answers = "Proxy-Authenticate", "Proxy-Authorization"
	} else if refused.Status != 401 {
		return nil
	}
	if c.Username == "" {
		return nil
	}
	credentials, err := c.answer(refused, asks, "INVITE", invite.Target.String())
	if err != nil {
		return nil
	}
	again := invite.Clone()
	again.Del("Via")
	n, _ := invite.CSeq()
	again.Set("CSeq", strconv.FormatUint(uint64(n)+1, 10)+" INVITE")
	again.Set(answers, credentials)
	return again
}

// echo answers and sends back what it hears, for people who want to know whether their phone works.
func (c *conversation) echo() {
	c.record.ToName = "Echo test"
	if !c.begin() {
		return
	}
	if err := c.hearCaller(); err != nil {
		c.turnAway(c.unheard(err))
		return
	}
	t := c.near.talk
	spoken, ok := speakable(t.peer.codecs)
	if !ok {
		c.turnAway(refusedMedia)
		return
	}
	codecs := []sdp.Codec{spoken}
	for _, k := range t.peer.codecs {
		if !speech(k) {
			codecs = append(codecs, k)
		}
	}
	sound := media.Codec{Payload: uint8(spoken.Payload), Name: spoken.Name, Clock: spoken.Rate}
	text := t.say(codecs, sdp.Reverse(t.peer.direction), 0)
	c.recordAnswer("Echo test", "")
	if c.near.leg.Answer(text) != nil {
		c.record.Status, c.record.AnsweredAt = "", 0
		c.result(call.Cancelled, byCaller, "cancelled", 487)
		return
	}
	t.open(signalling(c.near.leg))
	c.step("answered", "Echo test", 200, "")
	ctx, cancel := context.WithCancel(c.b.work)
	defer cancel()
	go func() {
		if t.end.Play(ctx, media.EchoTest, sound) == nil {
			_ = t.end.Echo(ctx) // until the call ends
		}
	}()
	by, cause := c.listenToEcho()
	c.result(call.Answered, by, cause, 200)
	c.step("ended", by, 0, cause)
}

// listenToEcho waits for the end of an echo test.
func (c *conversation) listenToEcho() (by, cause string) {
	longest := time.NewTimer(longestEcho)
	defer longest.Stop()
	silent := c.near.talk.end.Silent(c.b.times.Silence)
	for {
		select {
		case ev, ok := <-c.near.leg.Events():
			switch {
			case !ok, ev.Kind == sip.Bye:
				return byCaller, "hung-up"
			case ev.Kind == sip.Failed, ev.Kind == sip.Timeout:
				return bySystem, "connection-lost"
			case ev.Kind == sip.Offered:
				c.answerEcho(ev)
			}
		case <-silent:
			return bySystem, "no-media"
		case <-longest.C:
			return bySystem, "echo-over"
		case why := <-c.stop:
			return bySystem, why
		}
	}
}

// longestEcho is how long an echo test may last.
const longestEcho = 10 * time.Minute

// answerEcho answers a hold or a refresh during an echo test.
func (c *conversation) answerEcho(ev sip.Event) {
	t := c.near.talk
	if ev.SDP == nil {
		c.near.leg.AnswerOffer(ev, t.again(sdp.SendRecv))
		return
	}
	before := *t
	p, err := t.hear(ev.SDP)
	codecs := answering(p.codecs, t.spoken)
	if _, ok := speakable(codecs); err != nil || !ok {
		*t = before
		c.near.leg.RefuseOffer(ev, 488)
		return
	}
	c.near.leg.AnswerOffer(ev, t.say(codecs, sdp.Reverse(p.direction), 0))
	t.open(signalling(c.near.leg))
	t.end.Hold(p.held)
}
