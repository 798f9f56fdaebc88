package switchboard

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"hubline/product/call"
	"hubline/sip"
)

// connect joins the caller with the phone that answered. It is false when that failed and the call is over.
func (c *conversation) connect(r *ringing) bool {
	f := r.winner
	c.far.leg = f.leg
	if err := c.hearAnswer(r.answer); err != nil {
		f.leg.Hangup("Reason", `SIP;cause=488;text="No audio codec in common"`)
		c.turnAway(refusedMedia)
		return false
	}
	if f.party.device != "" {
		c.b.live.joins(c, f.party)
	}
	c.step("answered", f.name, 200, "")
	c.recordAnswer(f.point, f.party.user)
	if !c.answerCaller(signalling(f.leg)) {
		f.leg.Hangup()
		c.record.Status, c.record.AnsweredAt = "", 0 // nobody spoke to anybody
		c.result(call.Cancelled, byCaller, "cancelled", 487)
		return false
	}
	return true
}

// hearAnswer reads the answer of the phone that won. One without a description repeats what it said before it answered.
func (c *conversation) hearAnswer(text []byte) error {
	if text == nil && c.far.talk.remote != nil {
		return nil
	}
	_, err := c.far.talk.hear(text)
	return err
}

// answerCaller sends the 200 to the caller: the answer to its offer, or our offer when it made none.
func (c *conversation) answerCaller(signalled netip.Addr) bool {
	near, far := c.near.talk, c.far.talk
	if near.remote != nil {
		c.join(signalled)
		return c.near.leg.Answer(near.said) == nil
	}
	near.say(far.peer.codecs, far.peer.direction, far.peer.ptime)
	far.open(signalled)
	c.bridge()
	return c.near.leg.Answer(near.said) == nil
}

// talking is an answered call.
type talking struct {
	*conversation
	reoffered chan reoffer
	pending   bool // one is under way
	silent    [2]<-chan struct{}
	asked     *side // who was made an offer that it asked for
}

// reoffer is a change of the session that was offered on to the other side, and what it said.
type reoffer struct {
	ev       sip.Event // of the side that wants it
	from, to *side
	old      [2]talk // as both were before
	answer   []byte
	err      error
}

// talk lets both sides talk until one of them, or the system, ends the call.
func (c *conversation) talk() {
	t := &talking{conversation: c, reoffered: make(chan reoffer, 1)}
	t.listen()
	t.hold()
	for {
		var by, cause string
		select {
		case ev, ok := <-c.near.leg.Events():
			by, cause = t.take(&c.near, &c.far, byCaller, ev, ok)
		case ev, ok := <-c.far.leg.Events():
			by, cause = t.take(&c.far, &c.near, byCalled, ev, ok)
		case r := <-t.reoffered:
			t.settle(r)
		case <-t.silent[0]:
			by, cause = t.hush()
		case <-t.silent[1]:
			by, cause = t.hush()
		case why := <-c.stop:
			by, cause = bySystem, why
		}
		if cause != "" {
			t.hangUp(by, cause)
			return
		}
	}
}

// hangUp ends both legs, the one that did not end by itself with the reason.
func (t *talking) hangUp(by, cause string) {
	t.result(call.Answered, by, cause, 200)
	t.step("ended", by, 0, cause)
	for _, s := range []*side{&t.near, &t.far} {
		s.leg.Hangup("Reason", `Q.850;cause=16;text="Normal call clearing"`)
	}
}

// take handles an event of one side; a cause that is not empty ends the call.
func (t *talking) take(from, to *side, name string, ev sip.Event, ok bool) (by, cause string) {
	if !ok {
		return name, "lost"
	}
	switch ev.Kind {
	case sip.Bye:
		return name, "hung-up"
	case sip.Cancelled:
		return name, "hung-up"
	case sip.Timeout:
		return bySystem, "session-expired"
	case sip.Failed:
		return bySystem, "connection-lost"
	case sip.Offered:
		t.offered(from, to, ev)
	case sip.Confirmed:
		t.confirmed(from, to, ev)
	case sip.Info:
		t.pass(ev, to.leg)
	}
	return "", ""
}

// listen arms the watch for silence on both sides.
func (t *talking) listen() {
	t.silent[0] = t.near.talk.end.Silent(t.b.times.Silence)
	t.silent[1] = t.far.talk.end.Silent(t.b.times.Silence)
}

// hush is called when a side was silent for long. A side may mute itself; a call in which nobody sends anything is dead.
func (t *talking) hush() (by, cause string) {
	t.listen()
	since := t.b.now().Add(-t.b.times.Silence)
	for _, s := range []*side{&t.near, &t.far} {
		if last := s.talk.end.LastPacket(); last.After(since) {
			return "", ""
		}
	}
	return bySystem, "no-media"
}

// hold tells the endpoints whether sound is to be expected. While either side holds, neither needs to send.
func (t *talking) hold() {
	held := t.near.talk.peer.held || t.far.talk.peer.held
	t.near.talk.end.Hold(held)
	t.far.talk.end.Hold(held)
}

// offered handles an offer inside the call. What changes nothing for the other side is answered here: refreshes of the session, and new
// addresses, because sound goes through us anyway.
func (t *talking) offered(from, to *side, ev sip.Event) {
	switch {
	case t.pending:
		from.leg.RefuseOffer(ev, 491)
		return
	case ev.SDP == nil:
		t.asked = from
		from.leg.AnswerOffer(ev, from.talk.again(to.talk.peer.direction))
		return
	case from.talk.repeats(ev.SDP):
		from.leg.AnswerOffer(ev, from.talk.said)
		return
	}
	old := [2]talk{*from.talk, *to.talk}
	p, err := from.talk.hear(ev.SDP)
	if err != nil {
		*from.talk = old[0]
		from.leg.RefuseOffer(ev, 488)
		return
	}
	if before := old[0].peer; p.direction == before.direction && p.ptime == before.ptime && slices.Equal(p.codecs, before.codecs) {
		from.leg.AnswerOffer(ev, from.talk.say(from.talk.spoken, to.talk.peer.direction, to.talk.peer.ptime))
		from.talk.open(signalling(from.leg))
		return
	}
	t.offerOn(reoffer{ev: ev, from: from, to: to, old: old})
}

// reofferLimit is how long the other side may think about an offer; people may be asked.
const reofferLimit = 30 * time.Second

// offerOn offers the change to the other side, without holding up the call.
func (t *talking) offerOn(r reoffer) {
	t.pending = true
	p := r.from.talk.peer
	offer := r.to.talk.say(relayed(p.codecs), p.direction, p.ptime)
	go func() {
		ctx, cancel := context.WithTimeout(t.b.work, reofferLimit)
		defer cancel()
		r.answer, r.err = r.to.leg.Reoffer(ctx, offer)
		t.reoffered <- r
	}()
}

// settle finishes what offerOn began.
func (t *talking) settle(r reoffer) {
	t.pending = false
	if r.err == nil {
		_, r.err = r.to.talk.hear(r.answer)
	}
	if r.err != nil {
		said := r.to.talk.version
		*r.from.talk, *r.to.talk = r.old[0], r.old[1]
		r.to.talk.version = said // the versions that were refused are used up
		if r.ev.Message != nil {
			r.from.leg.RefuseOffer(r.ev, refusalOf(r.err))
		}
		return
	}
	from, to := r.from.talk, r.to.talk
	from.say(answering(from.peer.codecs, to.peer.codecs), to.peer.direction, to.peer.ptime)
	if r.ev.Message != nil {
		r.from.leg.AnswerOffer(r.ev, from.said)
	}
	from.open(signalling(r.from.leg))
	to.open(signalling(r.to.leg))
	t.hold()
}

// refusalOf is what a side is told whose offer the other side did not take.
func refusalOf(err error) int {
	if status, ok := errors.AsType[*sip.StatusError](err); ok && status.Status >= 400 && status.Status < 500 && status.Status != 401 && status.Status != 407 {
		return status.Status
	}
	return 488
}

// confirmed takes the ACK. One with a description answers an offer of ours: of the first 200, or of one that the side had asked for.
func (t *talking) confirmed(from, to *side, ev sip.Event) {
	if ev.SDP == nil {
		return
	}
	old := [2]talk{*from.talk, *to.talk}
	p, err := from.talk.hear(ev.SDP)
	if err != nil {
		*from.talk = old[0]
		return
	}
	from.talk.open(signalling(from.leg))
	asked := t.asked == from
	t.asked = nil
	t.hold()
	if asked && !t.pending && p.direction != old[0].peer.direction {
		t.offerOn(reoffer{from: from, to: to, old: old})
	}
}
