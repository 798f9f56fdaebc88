package sip

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Leg is one INVITE dialog with one peer, as caller or as callee (RFC 3261 12 to 15, 3311, 4028). What the peer does arrives on
// Events in its order; the methods below say what we do and may be called from any goroutine. Everything goes through the flow
// the peer used last, never through a name of its messages.
//
// The state machines of a leg run on the goroutine that reads from the network and on the one that runs the timers, under the
// leg's lock; neither ever waits for the leg's owner.
type Leg struct {
	e      *Engine
	caller bool // the INVITE is ours
	invite *Message
	tag    string // ours; the key in Engine.legs
	callID string
	events chan Event
	done   chan struct{} // closed with events

	mu        sync.Mutex
	flow      *Flow
	state     legState
	dialog    dialog
	local     []byte // session descriptions
	remote    []byte
	tx        *serverTx // of the INVITE, callee
	out       *Outgoing // of the INVITE, caller
	stop      func() bool
	accepted  *accepted // a 2xx of ours that waits for its ACK
	offer     *serverTx // an offer of the peer that waits for our answer
	offering  bool      // an offer of ours waits for its answer
	acks      map[string]*Message
	updates   bool // the peer allows UPDATE
	byeWanted bool // hung up before the ACK came
	byeWith   []string
	forgotten bool
	heard     bool // the callee answered the INVITE in some way
	session   session
	ring      timer
}

type legState uint8

const (
	legInviting legState = iota // no 2xx yet
	legAnswered                 // 2xx, no ACK yet
	legUp
	legOver
)

// accepted is a 2xx that is repeated until its ACK (RFC 3261 13.3.1.4).
type accepted struct {
	res      *Message
	seq      uint32
	interval time.Duration
	giveUp   time.Time
	timer    timer
}

// What a timer of a leg is for.
const (
	legTimerACK uint8 = iota
	legTimerSession
	legTimerRing
)

// EventKind says what happened to a leg.
type EventKind int

// What can happen to a leg. The last event before the channel closes is one of Refused, Cancelled, Bye, Timeout and Failed, unless
// Hangup or Refuse ended the leg: then it closes without a further event.
const (
	Ringing   EventKind = iota + 1 // provisional answer of the peer other than 100; SDP when it carries any (early media)
	Answered                       // 2xx to our INVITE; SDP is the answer, or the offer when the INVITE had none: then call Ack
	Confirmed                      // ACK to our 2xx; SDP when it carries the answer to an offer of ours
	Refused                        // final answer of 300 or more to our INVITE; without a Flow it was made up: 408 nobody answered, 503 no way there
	Cancelled                      // CANCEL before we answered; 487 was sent. Message is the CANCEL, with its Reason
	Offered                        // re-INVITE or UPDATE; call AnswerOffer or RefuseOffer. SDP is nil when the peer asks us to offer
	Info                           // INFO, already answered with 200
	Bye                            // BYE, already answered with 200
	Timeout                        // no ACK to our 2xx, or the session interval passed without a refresh; BYE was sent
	Failed                         // the flow broke, or the peer no longer knows the dialog
)

var eventNames = [...]string{"", "Ringing", "Answered", "Confirmed", "Refused", "Cancelled", "Offered", "Info", "Bye", "Timeout", "Failed"}

// String returns the name of the constant.
func (k EventKind) String() string {
	if k < 1 || int(k) >= len(eventNames) {
		return fmt.Sprintf("EventKind(%d)", int(k))
	}
	return eventNames[k]
}

// Event is something that happened to a leg.
type Event struct {
	Kind    EventKind
	Message *Message // what the peer sent; nil for Timeout and some kinds of Failed. Read it, do not change it
	SDP     []byte   // the session description in it, nil if none

	t *serverTx // of an offer
}

const (
	roomForEvents = 16
	reserved      = 6 // places that only events which cannot be refused may take
)

// StatusError is a refusal of something asked inside a dialog. It is ErrRefused.
type StatusError struct {
	Status int
	Reason string
}

func (s *StatusError) Error() string {
	return fmt.Sprintf("sip: refused with %d %s", s.Status, s.Reason)
}

// Is makes errors.Is(err, ErrRefused) true.
func (s *StatusError) Is(target error) bool { return target == ErrRefused }

// Events returns what the peer does, in order. The channel closes when the leg is over. It holds a few events; a peer that sends
// more than are taken is told to try later.
func (l *Leg) Events() <-chan Event { return l.events }

// Request returns the INVITE that made the leg. It must not be changed.
func (l *Leg) Request() *Message { return l.invite }

// CallID returns the Call-ID.
func (l *Leg) CallID() string { return l.callID }

// Flow returns the way to the peer: the one it used last.
func (l *Leg) Flow() *Flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flow
}

// RemoteSDP returns the peer's latest session description, nil before the first.
func (l *Leg) RemoteSDP() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remote
}

// LocalSDP returns the latest one that the peer has accepted or was given in an answer.
func (l *Leg) LocalSDP() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.local
}

// Established tells whether the call was answered and is not over.
func (l *Leg) Established() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == legAnswered || l.state == legUp
}

// Hangup ends the leg as its state asks: CANCEL, BYE, or 603 to a caller who was not answered (RFC 3261 15). Events closes at
// once; what the protocol still owes the peer goes on without the owner. header lists names and values in turn for the message
// that is sent: "Reason", "Q.850;cause=16". It may be called twice.
func (l *Leg) Hangup(header ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.state == legOver:
	case l.state == legInviting && l.caller:
		l.byeWith = header
		l.out.cancel(header...)
		l.end(Event{})
	case l.state == legInviting:
		_ = l.refuse(603, "", header)
	case l.state == legAnswered && !l.caller: // a callee may not send BYE before the ACK
		l.byeWanted, l.byeWith = true, header
		l.end(Event{})
	case l.state == legAnswered:
		l.sendACK(nil)
		fallthrough
	default:
		l.bye(header)
		l.end(Event{})
	}
}

// bye sends BYE. The leg stays known until it is answered, so that a BYE that crosses is answered with 200.
func (l *Leg) bye(header []string) {
	req := l.dialog.request("BYE", 0)
	addHeaders(req, header)
	o := &Outgoing{deliver: func(m *Message) {
		if m.Status >= 200 {
			l.mu.Lock()
			l.byeWanted = false
			l.forget()
			l.mu.Unlock()
		}
	}}
	l.byeWanted = true
	if err := l.e.begin(o, l.flow.towards(l.dialog.hop()), req); err != nil {
		l.byeWanted = false
		l.forget()
	}
}

// end closes the leg for its owner, with a last event unless it is empty. What the peer waits for is answered.
func (l *Leg) end(last Event) {
	if l.state == legOver {
		return
	}
	l.state = legOver
	l.forget() // first: whoever hears of a refusal may send the same INVITE again, with credentials
	if last.Kind != 0 {
		l.emit(last)
	}
	close(l.events)
	close(l.done)
	if l.offer != nil {
		l.offer.abandonWith(487)
		l.offer = nil
	}
	l.e.wheel.clear(&l.ring)
	l.e.wheel.clear(&l.session.timer)
	if l.stop != nil {
		l.stop()
	}
}

// forget takes the leg off the engine's list, unless it still waits for an ACK or the answer to its BYE.
func (l *Leg) forget() {
	if l.state != legOver || l.byeWanted || l.forgotten {
		return
	}
	l.forgotten = true
	if l.accepted != nil {
		l.e.wheel.clear(&l.accepted.timer)
		l.accepted = nil
	}
	l.e.legs.delete(l.tag)
	l.e.count.legs.Add(-1)
	select {
	case l.e.legEnded <- struct{}{}:
	default:
	}
}

// emit puts an event in line; false when the owner is too slow for it.
func (l *Leg) emit(ev Event) bool {
	room := roomForEvents
	switch ev.Kind {
	case Ringing, Offered, Info:
		room -= reserved
	}
	if len(l.events) >= room {
		return false
	}
	l.events <- ev
	return true
}

// fail ends a leg whose dialog is broken.
func (l *Leg) fail(kind EventKind, m *Message) {
	if l.state == legOver {
		return
	}
	if l.state == legUp || l.state == legAnswered {
		l.bye(nil)
	}
	l.end(Event{Kind: kind, Message: m})
}

// owns tells whether a request with our tag belongs to the dialog (RFC 3261 12.2.2).
func (l *Leg) owns(m *Message) bool {
	if m.CallID() != l.callID {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialog.remoteTag == m.FromTag() || l.caller && l.state == legInviting
}

// request handles a request inside the dialog (RFC 3261 12.2.2).
func (l *Leg) request(m *Message, tx *serverTx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, method := m.CSeq()
	if l.dialog.remoteSeq != 0 && seq <= l.dialog.remoteSeq {
		tx.reply(m.Respond(500, "Out of Order"))
		return
	}
	l.dialog.remoteSeq = seq
	if l.state == legOver {
		l.afterEnd(m, tx)
		return
	}
	l.flow = m.Flow
	switch method {
	case "BYE":
		l.remoteBye(m, tx)
	case "INVITE", "UPDATE":
		l.remoteOffer(m, tx)
	case "INFO":
		if !l.emit(Event{Kind: Info, Message: m, SDP: sdpOf(m)}) {
			l.tryLater(m, tx)
			return
		}
		tx.reply(m.Respond(200, ""))
	case "OPTIONS":
		res := m.Respond(200, "")
		introduce(res, l.flow)
		tx.reply(res)
	case "PRACK": // no provisional answer of ours is reliable
		tx.reply(m.Respond(481, ""))
	default:
		l.e.dispatch(&Incoming{Request: m, Leg: l, tx: tx})
	}
}

// afterEnd answers what crossed our BYE, or came before the ACK that we wait for to send it (RFC 5407 3.1.4).
func (l *Leg) afterEnd(m *Message, tx *serverTx) {
	if m.Method != "BYE" {
		tx.reply(m.Respond(481, ""))
		return
	}
	tx.reply(m.Respond(200, ""))
	if l.accepted != nil {
		l.byeWanted = false
		l.forget()
	}
}

// remoteBye ends the leg (RFC 3261 15.1.2). A caller may also end an early dialog this way.
func (l *Leg) remoteBye(m *Message, tx *serverTx) {
	if l.caller && l.state == legInviting {
		tx.reply(m.Respond(481, ""))
		return
	}
	tx.reply(m.Respond(200, ""))
	if l.state == legInviting {
		l.tx.reply(l.invite.Respond(487, ""))
	}
	l.end(Event{Kind: Bye, Message: m})
}

func (l *Leg) tryLater(m *Message, tx *serverTx) {
	res := m.Respond(500, "Try Later")
	res.set(hRetryAfter, "2")
	tx.reply(res)
}

// Info sends an INFO (RFC 2976) and waits for its answer.
func (l *Leg) Info(ctx context.Context, contentType string, body []byte) error {
	l.mu.Lock()
	if l.state != legUp {
		l.mu.Unlock()
		return ErrState
	}
	req := l.dialog.request("INFO", 0)
	if len(body) > 0 {
		req.Set("Content-Type", contentType)
		req.Body = body
	}
	o, err := l.e.Send(ctx, l.flow.towards(l.dialog.hop()), req)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	var final *Message
	for m := range o.Responses() {
		final = m
	}
	return l.judge(ctx, final)
}

// judge reads the answer to a request inside the dialog; 408 and 481 mean that the peer lost it (RFC 3261 12.2.1.2).
func (l *Leg) judge(ctx context.Context, m *Message) error {
	switch {
	case m.Status < 300:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case m.Status == 408 || m.Status == 481 || m.Flow == nil:
		l.mu.Lock()
		l.fail(Failed, m)
		l.mu.Unlock()
	}
	return &StatusError{m.Status, m.Reason}
}

// expire runs the timers of the leg.
func (l *Leg) expire(which uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch which {
	case legTimerACK:
		l.repeat2xx()
	case legTimerSession:
		l.sessionDue()
	case legTimerRing:
		if l.state == legInviting && !l.caller {
			l.tx.retransmitted()
			l.e.wheel.set(&l.ring, l.ringEvery(), l, legTimerRing)
		}
	}
}

// ringEvery is the minute of RFC 3261 13.3.1.1.
func (l *Leg) ringEvery() time.Duration { return 120 * l.e.cfg.T1 }
