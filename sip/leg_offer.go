package sip

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// remoteOffer handles a re-INVITE or UPDATE (RFC 3261 14.2, RFC 3311 5.2): one offer at a time, glare is 491.
func (l *Leg) remoteOffer(m *Message, tx *serverTx) {
	sdp := sdpOf(m)
	short := l.e.tooShort(m)
	switch {
	case short != nil:
		tx.reply(short)
	case m.Method == "UPDATE" && sdp == nil: // only the session timer and the Contact
		l.dialog.refresh(m)
		res := m.Respond(200, "")
		introduce(res, l.flow)
		l.agreeAsServer(m, res)
		tx.reply(res)
	case l.offer != nil, l.state == legInviting && !l.caller:
		l.tryLater(m, tx)
	case l.state != legUp || l.offering || l.accepted != nil:
		tx.reply(m.Respond(491, ""))
	default:
		tx.attach(l)
		tx.expectAnswer()
		if !l.emit(Event{Kind: Offered, Message: m, SDP: sdp, t: tx}) {
			l.tryLater(m, tx)
			return
		}
		l.offer = tx
		l.dialog.refresh(m)
	}
}

// AnswerOffer accepts an Offered event. When its SDP was nil, sdp is our offer and the answer comes with a Confirmed event.
func (l *Leg) AnswerOffer(ev Event, sdp []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ev.t == nil || ev.t != l.offer {
		return ErrState
	}
	l.offer = nil
	res := ev.Message.Respond(200, "")
	introduce(res, l.flow)
	setSDP(res, sdp)
	l.agreeAsServer(ev.Message, res)
	if err := ev.t.reply(res); err != nil {
		return err
	}
	l.local = sdp
	if ev.SDP != nil {
		l.remote = ev.SDP
	}
	if seq, method := ev.Message.CSeq(); method == "INVITE" {
		l.await(res, seq)
	}
	return nil
}

// RefuseOffer refuses an Offered event; the session stays as it was. 488 is the usual status.
func (l *Leg) RefuseOffer(ev Event, status int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ev.t == nil || ev.t != l.offer {
		return ErrState
	}
	l.offer = nil
	return ev.t.reply(ev.Message.Respond(status, ""))
}

// Reoffer changes the session of an established call with a re-INVITE and returns the peer's answer. Glare is resolved by
// trying again after a random pause (RFC 3261 14.1). An error wraps ErrRefused when the peer refused: the old session stays.
func (l *Leg) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) {
	for {
		answers := make(chan *Message, 1)
		o, err := l.sendOffer(sdp, answers)
		if err != nil {
			return nil, err
		}
		if o != nil {
			select {
			case res := <-answers:
				if res.Status < 300 {
					return sdpOf(res), nil
				}
				if res.Status != 491 {
					return nil, l.judge(ctx, res)
				}
			case <-ctx.Done():
				o.Cancel()
				return nil, ctx.Err()
			case <-l.done:
				return nil, ErrState
			}
		}
		select {
		case <-time.After(l.glarePause()):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.done:
			return nil, ErrState
		}
	}
}

// glarePause is 2.1 to 4 seconds for the end that made the Call-ID and up to 2 for the other (RFC 3261 14.1), in units of T1.
func (l *Leg) glarePause() time.Duration {
	t1 := l.e.cfg.T1
	if l.caller {
		return randomBetween(t1*42/10, 8*t1)
	}
	return randomBetween(0, 4*t1)
}

func randomBetween(low, high time.Duration) time.Duration {
	var b [8]byte
	rand.Read(b[:])
	return low + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(high-low+1))
}

// sendOffer sends one re-INVITE; nil without an error when an offer of the peer is under way.
func (l *Leg) sendOffer(sdp []byte, answers chan<- *Message) (*Outgoing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.state != legUp:
		return nil, ErrState
	case l.offering:
		return nil, ErrBusy
	case l.offer != nil || l.accepted != nil:
		return nil, nil
	}
	return l.reinvite(sdp, func(res *Message) { answers <- res })
}

// reinvite sends an INVITE inside the dialog and calls final once, under the lock of the leg. A 2xx is confirmed each time it comes.
func (l *Leg) reinvite(sdp []byte, final func(res *Message)) (*Outgoing, error) {
	req := l.dialog.request("INVITE", 0)
	introduce(req, l.flow)
	setSDP(req, sdp)
	l.sessionHeaders(req)
	seq, _ := req.CSeq()
	var ack *Message
	o := &Outgoing{}
	o.deliver = func(m *Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case m.Status < 200:
			return
		case ack != nil:
			ack.Flow.sendMessage(ack)
			return
		case m.Status < 300:
			l.dialog.refresh(m)
			ack = l.e.ackFor(&l.dialog, l.flow, seq, nil)
			ack.Flow.sendMessage(ack)
			if l.state != legOver {
				l.local = sdp
				if answer := sdpOf(m); answer != nil {
					l.remote = answer
				}
				l.agreeAsClient(m)
			}
		}
		l.offering = false
		final(m)
	}
	l.offering = true
	if err := l.e.begin(o, l.flow.towards(l.dialog.hop()), req); err != nil {
		l.offering = false
		return nil, err
	}
	return o, nil
}
