package switchboard

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"hubline/media"
	"hubline/product/call"
	"hubline/sip"
	"hubline/sip/sdp"
)

// target is one place that a call is sent to: a binding of a device, or a carrier's host.
type target struct {
	name   string // for the record
	party  party  // of a device
	point  string // the answering point if it answers
	flow   *sip.Flow
	invite *sip.Message
	again  func(refused *sip.Message) *sip.Message // another INVITE after that refusal, nil for none
}

// fork is a target that rings.
type fork struct {
	target
	leg   *sip.Leg
	alive bool // it refused an INVITE before this one
	over  bool
}

type forkEvent struct {
	*fork
	sip.Event
	from *sip.Leg // an INVITE that was repeated with credentials has another leg than before
	ok   bool     // false when the leg is over
}

// ringing is the time between the INVITEs to the targets and the first answer.
type ringing struct {
	c      *conversation
	forks  []*fork
	events chan forkEvent
	quit   chan struct{} // closed when nobody listens any more
	winner *fork
	answer []byte
	why    refusal // when there is no winner
	left   int     // forks that are not over
	busy   int
	rang   bool
	last   *sip.Message // the last refusal
	hush   func()       // ends the ringing that the caller hears from us; nil for none
}

// completedElsewhere tells the phones that did not answer why they stop ringing, so that they do not show a missed call (RFC 3326).
const completedElsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// dial rings all targets at the same time until one answers, the caller leaves, everybody refuses, or the time is up; or, unless quiet is
// 0, when none of them has shown a sign of life for that long. The targets' INVITEs carry c.far.talk's offer.
func (c *conversation) dial(targets []target, patience, quiet time.Duration) *ringing {
	r := &ringing{c: c, events: make(chan forkEvent), quit: make(chan struct{}), why: refusedAway}
	defer r.stop()
	for _, t := range targets {
		r.start(&fork{target: t})
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var silence <-chan time.Time
	if quiet > 0 {
		silence = time.After(quiet)
	}
	for r.left > 0 {
		select {
		case ev, ok := <-c.near.leg.Events():
			if c.callerLeft(ev, ok) {
				r.why = refusal{}
				return r
			}
		case e := <-r.events:
			if r.take(e) {
				return r
			}
		case <-silence:
			if r.silent() {
				r.why = unreachable
				return r
			}
		case <-timer.C:
			r.why = refusal{480, "No answer", &media.Unavailable, call.Unanswered, "no-answer"}
			return r
		case cause := <-c.stop:
			r.why = refusal{480, "", nil, call.Unavailable, cause}
			return r
		}
	}
	return r
}

// silent tells whether nothing came back from any target.
func (r *ringing) silent() bool {
	for _, f := range r.forks {
		if f.alive || f.leg.Heard() {
			return false
		}
		r.c.step("silent", f.name, 0, "")
	}
	return true
}

// start sends the INVITE of a fork.
func (r *ringing) start(f *fork) {
	leg, err := r.c.b.engine.Call(r.c.b.work, f.flow, f.invite)
	if err != nil {
		r.c.step("unreachable", f.name, 0, "")
		return
	}
	f.leg = leg
	r.forks = append(r.forks, f)
	r.left++
	r.c.step("dialled", f.name, 0, "")
	go r.forward(f, leg)
}

// forward brings the events of one leg into line with those of the others. After an answer the leg is read by whoever won it.
func (r *ringing) forward(f *fork, leg *sip.Leg) {
	for ev := range leg.Events() {
		select {
		case r.events <- forkEvent{f, ev, leg, true}:
		case <-r.quit:
			return
		}
		if ev.Kind == sip.Answered {
			return
		}
	}
	select {
	case r.events <- forkEvent{f, sip.Event{}, leg, false}:
	case <-r.quit:
	}
}

// stop takes the call back from everybody but the winner.
func (r *ringing) stop() {
	close(r.quit)
	r.quiet()
	for _, f := range r.forks {
		switch {
		case f == r.winner:
		case r.winner != nil:
			f.leg.Hangup("Reason", completedElsewhere)
		default:
			f.leg.Hangup()
		}
	}
}

// take handles an event of a fork; true when ringing is over.
func (r *ringing) take(e forkEvent) bool {
	switch {
	case e.from != e.leg:
		return false
	case !e.ok:
		return r.gone(e.fork, 503)
	}
	switch e.Kind {
	case sip.Ringing:
		r.progress(e)
	case sip.Answered:
		r.winner, r.answer = e.fork, e.SDP
		return true
	case sip.Refused:
		return r.refused(e)
	case sip.Failed, sip.Timeout:
		return r.gone(e.fork, 408)
	}
	return false
}

// progress passes on that a phone rings. Early media is for calls with one target: of several phones none is heard before it answers.
func (r *ringing) progress(e forkEvent) {
	c := r.c
	if !r.rang && e.Message.Status != 181 {
		c.step("ringing", e.name, e.Message.Status, "")
	}
	if e.SDP != nil && len(r.forks) == 1 && c.earlyMedia(e) {
		r.rang = true
		r.quiet()
		return
	}
	if !r.rang && e.Message.Status != 181 {
		r.rang = true
		r.ring()
	}
}

// ring lets the caller hear that it rings: from their own phone or carrier, or from us where those are silent.
func (r *ringing) ring() {
	c := r.c
	if c.ringback {
		if codec, ok := c.early(); ok {
			ctx, stop := context.WithCancel(c.b.work)
			var over sync.WaitGroup
			over.Go(func() { _ = c.near.talk.end.Play(ctx, media.Ringback, codec) }) // a call without the tone is still a call
			r.hush = func() { stop(); over.Wait() }
			return
		}
	}
	c.near.leg.Ring(180, nil)
}

func (r *ringing) quiet() {
	if r.hush != nil {
		r.hush()
		r.hush = nil
	}
}

// earlyMedia lets the caller hear what the other side sends before it answers.
func (c *conversation) earlyMedia(e forkEvent) bool {
	if c.near.leg.RemoteSDP() == nil { // who made no offer cannot be given an answer yet
		return false
	}
	if _, err := c.far.talk.hear(e.SDP); err != nil {
		return false
	}
	c.join(signalling(e.leg))
	return c.near.leg.Ring(e.Message.Status, c.near.talk.said) == nil
}

// join opens both ends and puts sound through, after the far side's description was heard.
func (c *conversation) join(signalled netip.Addr) {
	near, far := c.near.talk, c.far.talk
	offer := near.peer.codecs
	if c.ringback && near.said != nil {
		offer = near.spoken // what the caller was told with the ringing stays (RFC 3261 13.2.1)
	}
	near.say(answering(offer, far.peer.codecs), far.peer.direction, far.peer.ptime)
	near.open(signalling(c.near.leg))
	far.open(signalled)
	c.bridge()
}

func (c *conversation) bridge() {
	if c.unbridge == nil {
		c.unbridge = media.Bridge(c.near.talk.end, c.far.talk.end)
	}
}

// refused handles a final answer of 300 and more.
func (r *ringing) refused(e forkEvent) bool {
	status := e.Message.Status
	if e.again != nil {
		if invite := e.again(e.Message); invite != nil {
			if leg, err := r.c.b.engine.Call(r.c.b.work, e.flow, invite); err == nil {
				e.fork.leg, e.fork.again, e.fork.alive = leg, nil, true
				go r.forward(e.fork, leg)
				return false
			}
		}
	}
	r.last = e.Message
	r.c.step("refused", e.name, status, e.Message.Reason)
	if status >= 600 {
		r.why = refusedDeclined
		r.why.status = status
		if status == 600 {
			r.why = refusedBusy
		}
		return true
	}
	if status == 486 {
		r.busy++
	}
	return r.gone(e.fork, status)
}

// gone takes a fork off the list; when it was the last, the call has failed.
func (r *ringing) gone(f *fork, status int) bool {
	if f.over {
		return false
	}
	f.over = true
	if r.left--; r.left > 0 {
		return false
	}
	switch {
	case r.busy > 0:
		r.why = refusedBusy
	case status/100 == 3: // a phone may not send calls elsewhere: that is for its owner to set in the portal
		r.why = redirected
	case status == 480: // a phone that is told not to disturb
		r.why = notAvailable
	case status == 408, status == 503 && r.last == nil:
		r.why = unreachable
	default:
		r.why = refusal{status, "", nil, call.Unavailable, "refused"}
	}
	return true
}

// openFar makes the offer for the called side out of the caller's; each target takes it with saidTo.
func (c *conversation) openFar() error {
	err := c.hearCaller()
	if err != nil && err != errNoSDP {
		return err
	}
	end, failed := c.b.media.Endpoint()
	if failed != nil {
		return failed
	}
	c.far.talk = c.b.newTalk(end, end.Addr().Addr())
	if err == errNoSDP {
		c.far.talk.say(offered, sdp.SendRecv, 0)
		return nil
	}
	p := c.near.talk.peer
	if spoken, ok := speakable(p.codecs); ok && c.ringback {
		p.codecs = append([]sdp.Codec{spoken}, slices.DeleteFunc(slices.Clone(p.codecs), speech)...)
		c.near.talk.say(p.codecs, sdp.Reverse(p.direction), p.ptime)
	}
	c.far.talk.say(relayed(p.codecs), p.direction, p.ptime)
	return nil
}
