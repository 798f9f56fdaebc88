package sip

import (
	"context"
	"strconv"
	"time"
)

// Call sends an INVITE through a flow. Target, From, To, and what else the callee should see are the caller's; Via, Call-ID, From
// tag, CSeq, Contact, Max-Forwards, Allow, Supported and Session-Expires are added where missing. A Call-ID, From tag and CSeq
// that are given stay: an INVITE that is repeated with credentials is the same call (RFC 3261 22.2). The first 2xx wins; those of
// other forks are answered with ACK and BYE. When ctx ends before a final answer, the call is hung up. invite belongs to the leg
// afterwards.
func (e *Engine) Call(ctx context.Context, flow *Flow, invite *Message) (*Leg, error) {
	if flow == nil || !flow.Alive() {
		return nil, ErrFlow
	}
	if e.isClosed() {
		return nil, ErrClosed
	}
	e.prepareInvite(flow, invite)
	l := &Leg{
		e: e, caller: true, invite: invite, flow: flow, tag: invite.FromTag(), callID: invite.CallID(), local: sdpOf(invite),
		events: make(chan Event, roomForEvents), done: make(chan struct{}),
	}
	l.dialog.localSeq, _ = invite.CSeq()
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, added := e.legs.add(l.tag, l); !added {
		return nil, ErrState
	}
	e.count.legs.Add(1)
	if err := l.sendInvite(invite); err != nil {
		l.end(Event{})
		return nil, err
	}
	if ctx.Done() != nil {
		l.stop = context.AfterFunc(ctx, l.giveUp)
	}
	return l, nil
}

// prepareInvite adds what an INVITE needs to make a dialog (RFC 3261 13.2.1).
func (e *Engine) prepareInvite(flow *Flow, invite *Message) {
	if invite.CallID() == "" {
		invite.set(hCallID, newToken("", callIDLength))
	}
	if invite.FromTag() == "" {
		from := invite.From()
		from.Params = from.Params.With("tag", newToken("", tagLength))
		invite.Set("From", from.String())
	}
	if invite.get(hCSeq) == "" {
		invite.set(hCSeq, "1 INVITE")
	}
	if len(invite.Body) > 0 && invite.get(hContentType) == "" {
		invite.set(hContentType, sdpType)
	}
	introduce(invite, flow)
	e.offerSession(invite)
}

func (l *Leg) sendInvite(invite *Message) error {
	l.invite = invite
	l.out = &Outgoing{deliver: l.response}
	return l.e.begin(l.out, l.flow, invite)
}

// giveUp is called when the context of a call ends.
func (l *Leg) giveUp() {
	l.mu.Lock()
	inviting := l.state == legInviting
	l.mu.Unlock()
	if inviting {
		l.Hangup()
	}
}

// Heard tells whether anything came back for an INVITE that Call sent, 100 (Trying) included.
func (l *Leg) Heard() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard
}

// response takes every response to our INVITE but repetitions of its refusal (RFC 3261 13.2.2).
func (l *Leg) response(m *Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = true
	switch {
	case m.Status < 200:
		if l.state == legInviting && m.Status > 100 {
			if sdp := sdpOf(m); sdp != nil {
				l.remote = sdp
			}
			l.emit(Event{Kind: Ringing, Message: m, SDP: sdpOf(m)})
		}
	case m.Status < 300:
		l.success(m)
	case l.state != legInviting:
	case m.Status == 422 && l.retryInterval(m):
	default:
		l.end(Event{Kind: Refused, Message: m})
	}
}

// success takes a 2xx: the first makes the dialog, a repetition gets the ACK again, and those of other forks, or after we hung
// up, are ended at once (RFC 3261 13.2.2.4).
func (l *Leg) success(m *Message) {
	tag := m.ToTag()
	if ack, known := l.acks[tag]; known {
		if ack != nil {
			ack.Flow.sendMessage(ack)
		}
		return
	}
	if len(l.acks) >= mostForks {
		return
	}
	if l.acks == nil {
		l.acks = map[string]*Message{}
	}
	l.acks[tag] = nil
	if l.state != legInviting {
		l.endFork(m)
		return
	}
	if l.stop != nil {
		l.stop()
	}
	seq := l.dialog.localSeq
	l.dialog = callerDialog(l.invite, m)
	l.dialog.localSeq = seq
	l.updates = m.lists(hAllow, "UPDATE")
	if sdp := sdpOf(m); sdp != nil {
		l.remote = sdp
	}
	l.state = legAnswered
	if l.local != nil {
		l.sendACK(nil)
	}
	l.agreeAsClient(m)
	l.emit(Event{Kind: Answered, Message: m, SDP: sdpOf(m)})
}

// mostForks bounds what one INVITE can make us remember.
const mostForks = 32

// sendACK confirms the 2xx (RFC 3261 13.2.2.4) and remembers the ACK for its repetitions.
func (l *Leg) sendACK(sdp []byte) {
	seq, _ := l.invite.CSeq()
	ack := l.e.ackFor(&l.dialog, l.flow, seq, sdp)
	l.acks[l.dialog.remoteTag] = ack
	l.state = legUp
	ack.Flow.sendMessage(ack)
}

// ackFor makes the ACK for a 2xx.
func (e *Engine) ackFor(d *dialog, flow *Flow, seq uint32, sdp []byte) *Message {
	ack := d.request("ACK", seq)
	ack.Flow = flow.towards(d.hop())
	ack.Prepend("Via", ack.Flow.via(newToken(magicCookie, branchLength)))
	e.complete(ack)
	setSDP(ack, sdp)
	return ack
}

// endFork ends a dialog that nobody wants.
func (l *Leg) endFork(m *Message) {
	d := callerDialog(l.invite, m)
	ack := l.e.ackFor(&d, l.flow, d.localSeq, nil)
	l.acks[m.ToTag()] = ack
	ack.Flow.sendMessage(ack)
	bye := d.request("BYE", 0)
	addHeaders(bye, l.byeWith)
	_ = l.e.begin(&Outgoing{deliver: func(*Message) {}}, ack.Flow, bye)
}

// Ack answers the offer that came with Answered.
func (l *Leg) Ack(sdp []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.caller || l.state != legAnswered {
		return ErrState
	}
	l.local = sdp
	l.sendACK(sdp)
	return nil
}

// retryInterval repeats the INVITE with the session interval that the peer wants at least (RFC 4028 7.2).
func (l *Leg) retryInterval(m *Message) bool {
	least, ok := seconds32(m.get(hMinSE))
	asked, _ := sessionInterval(l.invite)
	if !ok || least > mostSessionSeconds || asked == 0 || time.Duration(least)*time.Second <= asked {
		return false
	}
	again := l.invite.Clone()
	again.Del("Via")
	again.Set("Session-Expires", strconv.Itoa(least))
	again.Set("Min-SE", strconv.Itoa(least))
	l.dialog.localSeq++
	again.Set("CSeq", strconv.FormatUint(uint64(l.dialog.localSeq), 10)+" INVITE")
	return l.sendInvite(again) == nil
}
