package carrier

import (
	"context"
	"net/netip"
	"time"

	"hubline/media"
	"hubline/sip"
)

const (
	backTime    = 3 * time.Minute  // how long a number of the system may ring
	reofferTime = 20 * time.Second // how long one side may take to answer what the other offers
)

// back is a call that came from the system and goes back to it. The sound goes between the system's own ports: the network passes
// descriptions on and stays out of it.
type back struct {
	n         *Network
	near, far *sip.Leg
	out, in   *noted // the same call as seen on either side
	late      bool   // the caller left the offer to the called side
}

// passOn brings a call to a number of the system back to it, as a call from outside.
func (c *call) passOn(system netip.AddrPort, number string) {
	out := c.noted.now()
	in := c.n.calls.add(Call{Time: c.n.o.Now().UTC(), Direction: ToSystem, From: out.From, Asserted: out.Asserted, Privacy: out.Privacy, To: number, Outcome: outcomeCalling})
	ringing, cancel := context.WithTimeout(c.n.work, backTime)
	defer cancel()
	far, err := c.n.invite(ringing, system, in.now(), c.leg.RemoteSDP())
	if err != nil {
		c.n.o.Log.Error("the demo's network does not reach the system", "error", err)
		in.over(c.n.o.Now(), outcomeOf(503), 503)
		c.refuse(503)
		return
	}
	b := &back{n: c.n, near: c.leg, far: far, out: c.noted, in: in, late: c.leg.RemoteSDP() == nil}
	if b.connect(ringing) {
		b.talk()
	}
}

// invite calls a number of the system. From a hidden caller the system learns nothing but that it is hidden.
func (n *Network) invite(ctx context.Context, system netip.AddrPort, as Call, offer []byte) (*sip.Leg, error) {
	flow, err := n.engine.Dial(ctx, "udp", system, nil)
	if err != nil {
		return nil, err
	}
	to := sip.URI{Scheme: "sip", User: as.To, Host: hostOf(system), Port: int(system.Port())}
	m := sip.NewRequest("INVITE", to)
	m.Set("To", sip.Address{URI: to}.String())
	if as.Privacy != "" {
		m.Set("From", sip.Address{Name: "Anonymous", URI: sip.URI{Scheme: "sip", User: anonymous, Host: "anonymous.invalid"}}.String())
		m.Set("Privacy", as.Privacy)
	} else {
		from := sip.URI{Scheme: "sip", User: as.From, Host: hostOf(n.addr)}
		m.Set("From", sip.Address{URI: from}.String())
		if as.Asserted != "" {
			from.User = as.Asserted
			m.Set("P-Asserted-Identity", sip.Address{URI: from}.String())
		}
	}
	m.Body = offer
	return n.engine.Call(ctx, flow, m)
}

func hostOf(a netip.AddrPort) string {
	if a.Addr().Is6() {
		return "[" + a.Addr().String() + "]"
	}
	return a.Addr().String()
}

// connect passes ringing and the answer on, and tells whether there was one.
func (b *back) connect(ringing context.Context) bool {
	for {
		select {
		case ev, open := <-b.near.Events():
			if !open || ev.Kind != sip.Info {
				b.far.Hangup()
				b.over(outcomeOf(487), 487)
				return false
			}
		case ev := <-b.far.Events():
			switch ev.Kind {
			case sip.Ringing:
				b.near.Ring(ev.Message.Status, ev.SDP)
				b.says("ringing")
			case sip.Answered:
				return b.answered(ev.SDP)
			case sip.Refused:
				b.over(outcomeOf(ev.Message.Status), ev.Message.Status)
				b.near.Refuse(ev.Message.Status, ev.Message.Reason)
				return false
			default:
				b.over(outcomeOf(500), 500)
				b.near.Refuse(500, "")
				return false
			}
		case <-ringing.Done():
			b.far.Hangup()
			b.over(outcomeOf(480), 480)
			b.near.Refuse(480, "")
			return false
		}
	}
}

// answered passes the answer on; the caller may have gone in the meantime.
func (b *back) answered(description []byte) bool {
	if b.near.Answer(description) != nil {
		b.far.Hangup()
		b.over(outcomeOf(487), 487)
		return false
	}
	b.out.answered(b.n.o.Now())
	b.in.answered(b.n.o.Now())
	return true
}

// talk passes on what either side says until one hangs up.
func (b *back) talk() {
	defer b.over(outcomeOf(200), 200)
	for {
		select {
		case ev, open := <-b.near.Events():
			if !open || !b.pass(ev, b.near, b.far) {
				b.far.Hangup()
				return
			}
		case ev, open := <-b.far.Events():
			if !open || !b.pass(ev, b.far, b.near) {
				b.near.Hangup()
				return
			}
		case <-b.n.work.Done():
			b.near.Hangup()
			b.far.Hangup()
			return
		}
	}
}

// pass brings an event of one leg to the other; false when the leg is over.
func (b *back) pass(ev sip.Event, from, to *sip.Leg) bool {
	ctx, cancel := context.WithTimeout(b.n.work, reofferTime)
	defer cancel()
	switch ev.Kind {
	case sip.Confirmed:
		if b.late && from == b.near {
			b.late = false
			return to.Ack(ev.SDP) == nil
		}
		if ev.SDP != nil { // the answer to what pass offered below
			_, err := to.Reoffer(ctx, ev.SDP)
			return err == nil
		}
	case sip.Offered:
		if ev.SDP == nil {
			from.AnswerOffer(ev, to.RemoteSDP())
			return true
		}
		answer, err := to.Reoffer(ctx, ev.SDP)
		if err != nil {
			from.RefuseOffer(ev, 488)
			return true
		}
		from.AnswerOffer(ev, answer)
	case sip.Info:
		_ = to.Info(ctx, ev.Message.Get("Content-Type"), ev.Message.Body)
	case sip.Bye, sip.Failed, sip.Timeout:
		return false
	}
	return true
}

func (b *back) says(outcome string) {
	b.out.says(outcome)
	b.in.says(outcome)
}

func (b *back) over(outcome string, status int) {
	now := b.n.o.Now()
	b.out.over(now, outcome, status)
	b.in.over(now, outcome, status)
}

// place makes a call from outside to the system, for people who have no telephone network to try with: once answered, the caller plays
// a tone and then sends back what it hears.
func (n *Network) place(system netip.AddrPort, as Call) {
	noted := n.calls.add(as)
	c := &call{n: n, noted: noted}
	fail := func(status int) { noted.over(n.o.Now(), outcomeOf(status), status) }
	var err error
	if c.end, err = n.media.Endpoint(); err != nil {
		n.o.Log.Error("the demo's network has no port for a call", "error", err)
		fail(503)
		return
	}
	defer c.end.Close()
	if err := c.agree(nil); err != nil {
		fail(500)
		return
	}
	ringing, cancel := context.WithTimeout(n.work, backTime)
	defer cancel()
	if c.leg, err = n.invite(ringing, system, as, c.said); err != nil {
		n.o.Log.Error("the demo's network does not reach the system", "error", err)
		fail(503)
		return
	}
	for ev := range c.leg.Events() {
		switch ev.Kind {
		case sip.Ringing:
			noted.says("ringing")
		case sip.Refused:
			fail(ev.Message.Status)
		case sip.Answered:
			noted.answered(n.o.Now())
			sound, err := c.answeredBy(ev.SDP)
			if err != nil {
				c.hangUp()
				return
			}
			c.talk(false, sound)
			return
		}
	}
	fail(487) // gave up; says nothing where the call was refused already
}

// answeredBy reads the answer of the system to a call that we placed.
func (c *call) answeredBy(answer []byte) (media.Codec, error) {
	if answer == nil {
		return media.Codec{}, errNoCodec
	}
	if err := c.hear(answer); err != nil {
		return media.Codec{}, err
	}
	return media.Playable(playable(c.codecs))
}
