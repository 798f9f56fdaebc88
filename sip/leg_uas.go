package sip

import "time"

// Answering makes the leg of an INVITE that came in. The Incoming belongs to the leg from here on: answer through Ring, Answer
// and Refuse. The handler may return and the leg live on.
func (e *Engine) Answering(t *Incoming) *Leg {
	l := &Leg{
		e: e, invite: t.Request, tx: t.tx, flow: t.Request.Flow, events: make(chan Event, roomForEvents), done: make(chan struct{}),
		remote: sdpOf(t.Request), updates: t.Request.lists(hAllow, "UPDATE"),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tag, cancelled := t.tx.attach(l)
	l.tag, l.dialog = tag, calleeDialog(t.Request, tag)
	l.callID = l.dialog.callID
	e.legs.add(tag, l)
	e.count.legs.Add(1)
	if cancelled {
		l.tx.reply(t.Request.Respond(487, ""))
		l.end(Event{Kind: Cancelled})
	}
	return l
}

// Ring sends a provisional answer (180, 183, …), with a session description for early media or nil. It is repeated each minute
// until the final one (RFC 3261 13.3.1.1).
func (l *Leg) Ring(status int, sdp []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.caller || l.state != legInviting {
		return ErrState
	}
	res := l.invite.Respond(status, "")
	if status > 100 {
		introduce(res, l.flow)
		setSDP(res, sdp)
	}
	if err := l.tx.reply(res); err != nil {
		return err
	}
	l.e.wheel.set(&l.ring, l.ringEvery(), l, legTimerRing)
	return nil
}

// Answer accepts the call with 200, repeated until the ACK (RFC 3261 13.3.1.4). When the INVITE had no offer, sdp is ours and the
// answer comes with Confirmed.
func (l *Leg) Answer(sdp []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.caller || l.state != legInviting {
		return ErrState
	}
	res := l.invite.Respond(200, "")
	introduce(res, l.flow)
	setSDP(res, sdp)
	l.agreeAsServer(l.invite, res)
	if err := l.tx.reply(res); err != nil {
		return err
	}
	l.e.wheel.clear(&l.ring)
	l.state, l.local = legAnswered, sdp
	l.await(res, l.dialog.remoteSeq)
	return nil
}

// Refuse ends a call that was not answered yet, and the leg. An empty reason becomes the usual one; header lists names and values
// in turn: "Retry-After", "30".
func (l *Leg) Refuse(status int, reason string, header ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.caller || l.state != legInviting {
		return ErrState
	}
	return l.refuse(status, reason, header)
}

func (l *Leg) refuse(status int, reason string, header []string) error {
	res := l.invite.Respond(status, reason)
	addHeaders(res, header)
	err := l.tx.reply(res)
	l.end(Event{})
	return err
}

// cancelled is called by the transaction of the INVITE, or of an INVITE inside the dialog (RFC 3261 9.2).
func (l *Leg) cancelled(cancel *Message, tx *serverTx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case tx == l.tx && l.state == legInviting:
		l.tx.reply(l.invite.Respond(487, ""))
		l.end(Event{Kind: Cancelled, Message: cancel})
	case tx == l.offer:
		l.offer.abandonWith(487)
		l.offer = nil
	}
}

// await repeats a 2xx to the INVITE with this sequence number until the ACK comes: also over transports that lose nothing,
// because the hop behind the next may.
func (l *Leg) await(res *Message, seq uint32) {
	a := &accepted{res: res, seq: seq, interval: l.e.cfg.T1, giveUp: time.Now().Add(l.e.cfg.TransactionTimeout)}
	l.accepted = a
	l.e.wheel.set(&a.timer, a.interval, l, legTimerACK)
}

// repeat2xx sends the 2xx again, or gives up: then BYE ends the dialog (RFC 3261 13.3.1.4).
func (l *Leg) repeat2xx() {
	a := l.accepted
	switch {
	case a == nil:
	case time.Now().Before(a.giveUp):
		a.res.Flow.sendMessage(a.res)
		a.interval = min(2*a.interval, l.e.cfg.T2)
		l.e.wheel.set(&a.timer, a.interval, l, legTimerACK)
	case l.state == legOver:
		l.accepted = nil
		l.bye(l.byeWith)
	default:
		l.accepted = nil
		l.fail(Timeout, nil)
	}
}

// ack takes the ACK for a 2xx of ours. An ACK that comes again means nothing.
func (l *Leg) ack(m *Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, _ := m.CSeq()
	if l.accepted == nil || l.accepted.seq != seq {
		return
	}
	l.e.wheel.clear(&l.accepted.timer)
	l.accepted = nil
	sdp := sdpOf(m)
	if sdp != nil {
		l.remote = sdp
	}
	switch {
	case l.state == legOver: // hung up in the meantime
		l.bye(l.byeWith)
	case l.state == legAnswered:
		l.state = legUp
		l.emit(Event{Kind: Confirmed, Message: m, SDP: sdp})
	case sdp != nil:
		l.emit(Event{Kind: Confirmed, Message: m, SDP: sdp})
	}
}
