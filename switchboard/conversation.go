package switchboard

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"hubline/base/ident"
	"hubline/media"
	"hubline/product/call"
	"hubline/sip"
	"hubline/sip/sdp"
)

// conversation is one call: the side that calls, the side that was called, and the sound between them. Everything about it happens on the
// goroutine of the INVITE, one event after the other; when its function returns, the call is over and its record complete.
type conversation struct {
	b         *Board
	record    call.Record
	begun     bool // the record is with the room
	near, far side // who calls, and who is called
	caller    party
	stop      chan string // why others ended the call
	unbridge  func()
	infos     chan info
	over      chan struct{}
	emergency bool
	channel   *atomic.Int64 // of the carrier, while it counts this call
	ringback  bool          // the caller hears ringing from us
}

// side is one of the two ends of a call.
type side struct {
	leg  *sip.Leg
	talk *talk // nil until sound is needed
}

// The sides as records name them.
const (
	byCaller = "caller"
	byCalled = "callee"
	bySystem = "system"
)

// converse begins a call that came in. The record is what is known so far.
func (b *Board) converse(t *sip.Incoming, record call.Record) *conversation {
	record.StartedAt = b.now().UnixMilli()
	record.ID = ident.Ordered(record.StartedAt)
	return &conversation{b: b, record: record, near: side{leg: b.engine.Answering(t)}, stop: make(chan string, 1), over: make(chan struct{})}
}

// end tells the call to end; it may be called from any goroutine.
func (c *conversation) end(cause string) {
	select {
	case c.stop <- cause:
	default:
	}
}

// begin counts the call and opens its record. What is refused for a limit is recorded too.
func (c *conversation) begin() bool {
	why, ok := c.b.live.admit(c, c.record.AccountID, c.caller, c.emergency)
	c.begun = true
	ctx, cancel := context.WithTimeout(c.b.work, c.patience())
	defer cancel()
	if _, err := c.b.calls.Begin(ctx, c.record); err != nil {
		c.b.log.Error("a call was not recorded as begun", "error", err, "call", c.record.ID)
	}
	if !ok {
		c.turnAway(why)
		return false
	}
	c.b.live.name(c, c.record.ID)
	return true
}

// finish frees what the call holds and completes its record. It is deferred, so that it runs whatever happened.
func (c *conversation) finish() {
	close(c.over)
	if c.unbridge != nil {
		c.unbridge()
	}
	c.near.leg.Hangup()
	if c.far.leg != nil {
		c.far.leg.Hangup()
	}
	for _, s := range []*side{&c.near, &c.far} {
		if s.talk != nil {
			c.b.ended.sound(s.talk.end.Stats())
			s.talk.end.Close()
		}
	}
	c.b.live.remove(c)
	if c.channel != nil {
		c.channel.Add(-1)
	}
	if !c.begun {
		return
	}
	r := &c.record
	r.EndedAt = c.b.now().UnixMilli()
	if r.AnsweredAt > 0 {
		r.RingMS, r.TalkMS = r.AnsweredAt-r.StartedAt, r.EndedAt-r.AnsweredAt
	} else {
		r.RingMS = r.EndedAt - r.StartedAt
	}
	if r.Status == "" {
		r.Status, r.Cause, r.EndedBy = call.Unavailable, "internal", bySystem
	}
	c.b.ended.call(r.Status)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.b.work), finishLimit)
	defer cancel()
	if err := c.b.calls.Finish(ctx, r.AccountID, *r); err != nil {
		c.b.log.Error("a call's record was not completed", "error", err, "call", r.ID)
	}
}

// finishLimit bounds the wait for a place in the line of records to be written.
const finishLimit = 30 * time.Second

// step notes what happened in the call's record.
func (c *conversation) step(kind, party string, status int, text string) {
	c.record.Steps = append(c.record.Steps, call.Step{At: c.b.now().UnixMilli(), Kind: kind, Party: party, Status: status, Text: text})
}

// result notes how the call ended, unless that is known already.
func (c *conversation) result(status call.Status, by, cause string, sipStatus int) {
	if c.record.Status != "" && c.record.Status != call.Answered || c.record.Cause != "" {
		return
	}
	if c.record.Status == "" {
		c.record.Status = status
	}
	c.record.EndedBy, c.record.Cause, c.record.SIPStatus = by, cause, sipStatus
}

// turnAway tells the caller that the call goes no further: a message where there is one, which costs the caller nothing because the call is
// never answered, and then the status.
func (c *conversation) turnAway(why refusal) {
	c.result(why.outcome, bySystem, why.cause, why.status)
	if why.sound != nil && !c.announce(*why.sound) {
		return
	}
	var header []string
	if why.status == 503 {
		header = []string{"Retry-After", "10"}
	}
	c.near.leg.Refuse(why.status, why.reason, header...)
}

// announce plays a message as early media. A caller whose phone has no G.711, or offered nothing, goes without. It is false when the caller
// left meanwhile.
func (c *conversation) announce(sound media.Sound) bool {
	codec, ok := c.early()
	if !ok {
		return true
	}
	c.step("message", "", 0, "")
	ctx, cancel := context.WithTimeout(c.b.work, c.b.times.Message)
	defer cancel()
	played := make(chan struct{})
	go func() {
		defer close(played)
		_ = c.near.talk.end.Play(ctx, sound, codec) // whatever cut it short, the status follows
	}()
	for {
		select {
		case <-played:
			return true
		case ev, ok := <-c.near.leg.Events():
			if c.callerLeft(ev, ok) {
				return false
			}
		case <-c.stop:
			return true
		}
	}
}

// early opens sound to a caller who was not answered, and returns the codec that messages are played in.
func (c *conversation) early() (media.Codec, bool) {
	if c.hearCaller() != nil {
		return media.Codec{}, false
	}
	t := c.near.talk
	codecs := t.spoken
	if t.said == nil {
		codecs = t.peer.codecs
	}
	spoken, ok := speakable(codecs)
	if !ok {
		return media.Codec{}, false
	}
	if t.said == nil {
		t.say([]sdp.Codec{spoken}, sdp.SendOnly, 0)
	}
	if c.near.leg.Ring(183, t.said) != nil {
		return media.Codec{}, false
	}
	t.open(signalling(c.near.leg))
	return media.Codec{Payload: uint8(spoken.Payload), Name: spoken.Name, Clock: spoken.Rate}, true
}

// hearCaller reads the caller's offer and opens an endpoint for it. A caller may make no offer; then errNoSDP comes back and the
// endpoint is open nevertheless.
func (c *conversation) hearCaller() error {
	if c.near.talk == nil {
		end, err := c.b.media.Endpoint()
		if err != nil {
			return err
		}
		c.near.talk = c.b.newTalk(end, signalling(c.near.leg))
	}
	if c.near.talk.remote != nil {
		return nil
	}
	offer := c.near.leg.RemoteSDP()
	if offer == nil {
		return errNoSDP
	}
	_, err := c.near.talk.hear(offer)
	return err
}

// callerLeft looks at an event of a caller who was not answered yet.
func (c *conversation) callerLeft(ev sip.Event, ok bool) bool {
	if !ok {
		c.result(call.Cancelled, byCaller, "caller-gone", 487)
		return true
	}
	switch ev.Kind {
	case sip.Cancelled, sip.Bye:
		c.result(call.Cancelled, byCaller, "cancelled", 487)
		return true
	case sip.Failed, sip.Timeout:
		c.result(call.Cancelled, byCaller, "caller-gone", 408)
		return true
	case sip.Offered:
		c.near.leg.RefuseOffer(ev, 488)
	}
	return false
}

// signalling is where a leg's messages come from, which is where its sound may come from too.
func signalling(l *sip.Leg) netip.Addr { return l.Flow().Remote().Addr() }

// emergencyCommit is how long an emergency call waits for the record of its answer.
const emergencyCommit = 2 * time.Second

// patience is how long the call waits for its record.
func (c *conversation) patience() time.Duration {
	if c.emergency {
		return min(c.b.times.Commit, emergencyCommit)
	}
	return c.b.times.Commit
}

// recordAnswer writes down who answered before the caller is told: an answered call survives a crash.
func (c *conversation) recordAnswer(point, byID string) {
	c.record.Status, c.record.AnsweredAt = call.Answered, c.b.now().UnixMilli()
	c.record.AnsweringPoint, c.record.AnsweredByID = point, byID
	ctx, cancel := context.WithTimeout(c.b.work, c.patience())
	defer cancel()
	// A store that stalls for longer is broken, and people come before bookkeeping: the call goes on, and its record is completed at its
	// end.
	if err := c.b.calls.Answered(ctx, c.record.AccountID, c.record.ID, point, byID, c.record.AnsweredAt); err != nil {
		c.b.log.Error("an answer was not recorded", "error", err, "call", c.record.ID)
	}
}

// info is a digit or the like on its way to the other side.
type info struct {
	to   *sip.Leg
	kind string
	body []byte
}

// infoKinds are the contents of INFO that are passed on; everything else ends here.
var infoKinds = []string{"application/dtmf-relay", "application/dtmf"}

const longestInfo = 256

// infoKind returns our own word for a content type that is passed on, "" for another.
func infoKind(header string) string {
	kind, _, _ := strings.Cut(header, ";")
	for _, known := range infoKinds {
		if strings.EqualFold(strings.TrimSpace(kind), known) {
			return known
		}
	}
	return ""
}

// infoLimit bounds one INFO.
const infoLimit = 5 * time.Second

// pass hands an INFO on, in the order in which they came and without holding up the call.
func (c *conversation) pass(ev sip.Event, to *sip.Leg) {
	kind := infoKind(ev.Message.Get("Content-Type"))
	if kind == "" || len(ev.Message.Body) > longestInfo {
		return
	}
	if c.infos == nil {
		c.infos = make(chan info, 16)
		go c.passInfos(c.infos)
	}
	select {
	case c.infos <- info{to, kind, ev.Message.Body}:
	default: // a peer that sends faster than the other takes loses digits, not the call
	}
}

func (c *conversation) passInfos(infos <-chan info) {
	for {
		select {
		case i := <-infos:
			ctx, cancel := context.WithTimeout(c.b.work, infoLimit)
			_ = i.to.Info(ctx, i.kind, i.body) // a peer without INFO hears the tone instead
			cancel()
		case <-c.over:
			return
		}
	}
}
