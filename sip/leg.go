package sip

import (
	"context"
)

// Leg is one INVITE dialog with one peer, as caller or as callee (RFC 3261 12 to 15, 3311, 4028). What the peer does arrives on
// Events in its order; the methods below say what we do and may be called from any goroutine. Everything goes through the flow
// the peer used last, never through a name of its messages.
type Leg struct {
	e      *Engine
	events chan Event
}

// EventKind says what happened to a leg.
type EventKind int

// What can happen to a leg. The last event before the channel closes is one of Refused, Cancelled, Bye, Timeout and Failed, unless
// Hangup or Refuse ended the leg: then it closes without a further event.
const (
	Ringing   EventKind = iota + 1 // provisional answer of the peer other than 100; SDP when it carries any (early media)
	Answered                       // 2xx to our INVITE; SDP is the answer, or the offer when the INVITE had none: then call Ack
	Confirmed                      // ACK to our 2xx; SDP when it carries the answer to an offer of ours
	Refused                        // final answer of 300 or more to our INVITE
	Cancelled                      // CANCEL before we answered; 487 was sent
	Offered                        // re-INVITE or UPDATE; call AnswerOffer or RefuseOffer. SDP is nil when the peer asks us to offer
	Info                           // INFO, already answered with 200
	Bye                            // BYE, already answered with 200
	Timeout                        // no ACK to our 2xx, or the session interval passed without a refresh; BYE was sent
	Failed                         // the flow broke, or the peer no longer knows the dialog
)

// Event is something that happened to a leg.
type Event struct {
	Kind    EventKind
	Message *Message // what the peer sent; nil for Timeout and some kinds of Failed. Read it, do not change it
	SDP     []byte   // the session description in it, nil if none

	t *serverTx // of an offer
}

// Answering makes the leg of an INVITE that came in. The Incoming belongs to the leg from here on: answer through Ring, Answer
// and Refuse.
func (e *Engine) Answering(t *Incoming) *Leg { return &Leg{e: e} }

// Call sends an INVITE through a flow. Target, From, To, and what else the callee should see are the caller's; Via, Call-ID, From
// tag, CSeq, Contact, Max-Forwards, Allow, Supported and Session-Expires are added where missing. A Call-ID, From tag and CSeq
// that are given stay: an INVITE that is repeated with credentials is the same call (RFC 3261 22.2). The first 2xx wins; those of
// other forks are answered with ACK and BYE. When ctx ends before a final answer, the call is hung up.
func (e *Engine) Call(ctx context.Context, flow *Flow, invite *Message) (*Leg, error) {
	return nil, ErrClosed
}

// Events returns what the peer does, in order. The channel closes when the leg is over. It holds a few events; a peer that sends
// more than are taken is told to try later.
func (l *Leg) Events() <-chan Event { return l.events }

// Ring sends a provisional answer (180, 183, …), with a session description for early media or nil. It is repeated each minute
// until the final one (RFC 3261 13.3.1.1).
func (l *Leg) Ring(status int, sdp []byte) error { return ErrState }

// Answer accepts the call with 200, repeated until the ACK (RFC 3261 13.3.1.4). When the INVITE had no offer, sdp is ours and the
// answer comes with Confirmed.
func (l *Leg) Answer(sdp []byte) error { return ErrState }

// Refuse ends a call that was not answered yet, and the leg. header lists names and values in turn: "Retry-After", "30".
func (l *Leg) Refuse(status int, reason string, header ...string) error { return ErrState }

// Hangup ends the leg as its state asks: CANCEL, BYE, or 603 to a caller who was not answered. header lists names and values in
// turn for the request sent: "Reason", "Q.850;cause=16". It may be called twice.
func (l *Leg) Hangup(header ...string) {}

// Ack answers the offer that came with Answered.
func (l *Leg) Ack(sdp []byte) error { return ErrState }

// Reoffer changes the session of an established call with a re-INVITE and returns the peer's answer. Glare is resolved by
// trying again after a random pause (RFC 3261 14.1). An error wraps ErrRefused when the peer refused: the old session stays.
func (l *Leg) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) {
	return nil, ErrState
}

// AnswerOffer accepts an Offered event. When its SDP was nil, sdp is our offer and the answer comes with a Confirmed event.
func (l *Leg) AnswerOffer(ev Event, sdp []byte) error { return ErrState }

// RefuseOffer refuses an Offered event; the session stays as it was. 488 is the usual status.
func (l *Leg) RefuseOffer(ev Event, status int) error { return ErrState }

// Info sends an INFO (RFC 2976) and waits for its answer.
func (l *Leg) Info(ctx context.Context, contentType string, body []byte) error { return ErrState }

// Request returns the INVITE that made the leg. It must not be changed.
func (l *Leg) Request() *Message { return nil }

// Flow returns the way to the peer: the one it used last.
func (l *Leg) Flow() *Flow { return nil }

// RemoteSDP returns the peer's latest session description that was part of a finished or open offer; nil before the first.
func (l *Leg) RemoteSDP() []byte { return nil }

// LocalSDP returns ours.
func (l *Leg) LocalSDP() []byte { return nil }

// CallID returns the Call-ID.
func (l *Leg) CallID() string { return "" }

// Established tells whether the call was answered and is not over.
func (l *Leg) Established() bool { return false }
