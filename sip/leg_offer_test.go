package sip

import (
	"context"
	"errors"
	"testing"
	"time"
)

// reoffer runs Reoffer beside the test.
func reoffer(l *Leg, sdp string) <-chan error {
	done := make(chan error, 1)
	go func() {
		answer, err := l.Reoffer(context.Background(), []byte(sdp))
		if err == nil && string(answer) != sdpC {
			err = errors.New("the answer is " + string(answer))
		}
		done <- err
	}()
	return done
}

func wantResult(t testing.TB, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatal("Reoffer does not return")
		return nil
	}
}

func TestReoffer(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})
	l := established(t, e, p)
	done := reoffer(l, sdpB)
	invite := p.want("INVITE")
	if invite.ToTag() != p.tag || invite.Get("CSeq") != "2 INVITE" || string(invite.Body) != sdpB {
		t.Errorf("the re-INVITE is wrong:\n%s", invite)
	}
	if _, err := l.Reoffer(t.Context(), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a second offer at the same time: %v", err)
	}
	p.answer(invite, 200, sdpC)
	ack := p.want("ACK")
	if ack.Get("CSeq") != "2 ACK" {
		t.Errorf("the ACK is wrong:\n%s", ack)
	}
	if err := wantResult(t, done); err != nil || string(l.LocalSDP()) != sdpB || string(l.RemoteSDP()) != sdpC {
		t.Errorf("%v, %q, %q", err, l.LocalSDP(), l.RemoteSDP())
	}
	p.answer(invite, 200, sdpC)
	p.want("ACK")

	done = reoffer(l, sdpA)
	p.answer(p.want("INVITE"), 488)
	p.want("ACK")
	if err := wantResult(t, done); !errors.Is(err, ErrRefused) || string(l.LocalSDP()) != sdpB || !l.Established() {
		t.Errorf("a refused offer: %v, %q", err, l.LocalSDP())
	}

	ctx, cancel := context.WithCancel(t.Context())
	go l.Reoffer(ctx, []byte(sdpA))
	invite = p.want("INVITE")
	p.answer(invite, 100)
	cancel()
	p.answer(p.want("CANCEL"), 200)
	p.answer(invite, 487)
	p.want("ACK")
	eventually(t, "the next offer is possible", func() bool {
		done = reoffer(l, sdpA)
		select {
		case err := <-done:
			return !errors.Is(err, ErrBusy)
		case <-time.After(5 * time.Millisecond):
			return true
		}
	})
	p.answer(p.want("INVITE"), 481) // the peer forgot us
	if err := wantResult(t, done); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	wantEvent(t, l, Failed)
	wantEnd(t, l)
}

func TestGlareIsTriedAgain(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})
	l := established(t, e, p)
	done := reoffer(l, sdpB)
	ours := p.want("INVITE")
	p.send("INVITE", "glare", 50, l.tag, sdpA) // at the same moment
	p.want("491 INVITE")
	p.send("ACK", "glare", 50, l.tag)
	p.send("UPDATE", "glare2", 51, l.tag, sdpA)
	p.want("491 UPDATE")
	p.answer(ours, 491)
	p.want("ACK")
	p.answer(p.want("INVITE"), 200, sdpC)
	p.want("ACK")
	if err := wantResult(t, done); err != nil {
		t.Error(err)
	}
}

func TestOffersOfThePeer(t *testing.T) {
	t.Parallel()
	_, p, legs := answering(t, Config{})
	l, tag := answeredLeg(t, p, legs)

	p.send("INVITE", "2", 2, tag, sdpC)
	ev := wantEvent(t, l, Offered)
	p.send("UPDATE", "3", 3, tag, sdpA)
	if m := p.want("500 UPDATE"); m.Get("Retry-After") == "" {
		t.Error("a second offer while one is open: no Retry-After")
	}
	done := reoffer(l, sdpA) // must wait for the peer's
	if err := l.AnswerOffer(ev, []byte(sdpB)); err != nil || string(l.RemoteSDP()) != sdpC {
		t.Error(err, string(l.RemoteSDP()))
	}
	for range 2 { // repeated until the ACK
		if m := p.want("200 INVITE"); string(m.Body) != sdpB || m.Get("Contact") == "" {
			t.Errorf("the answer is wrong:\n%s", m)
		}
	}
	p.send("ACK", "2ack", 2, tag)
	invite := p.want("INVITE")
	p.answer(invite, 200, sdpC)
	p.want("ACK")
	if err := wantResult(t, done); err != nil {
		t.Error(err)
	}
	if err := l.AnswerOffer(ev, nil); !errors.Is(err, ErrState) {
		t.Errorf("answered twice: %v", err)
	}

	p.send("UPDATE", "4", 4, tag, sdpA)
	l.AnswerOffer(wantEvent(t, l, Offered), []byte(sdpB))
	if m := p.want("200 UPDATE"); string(m.Body) != sdpB {
		t.Errorf("the answer is wrong:\n%s", m)
	}

	p.send("INVITE", "5", 5, tag, sdpC)
	l.RefuseOffer(wantEvent(t, l, Offered), 488)
	p.want("488 INVITE")
	p.send("ACK", "5", 5, tag)

	p.send("INVITE", "6", 6, tag) // asks for an offer
	if ev = wantEvent(t, l, Offered); ev.SDP != nil {
		t.Errorf("offer %q", ev.SDP)
	}
	l.AnswerOffer(ev, []byte(sdpA))
	p.want("200 INVITE")
	p.send("ACK", "6ack", 6, tag, sdpC)
	if ev = wantEvent(t, l, Confirmed); string(ev.SDP) != sdpC {
		t.Errorf("answer %q", ev.SDP)
	}

	p.send("INVITE", "7", 7, tag, sdpC)
	ev = wantEvent(t, l, Offered)
	p.send("CANCEL", "7", 7, tag)
	p.want("487 INVITE")
	p.send("ACK", "7", 7, tag)
	if err := l.AnswerOffer(ev, nil); !errors.Is(err, ErrState) {
		t.Errorf("a cancelled offer answered: %v", err)
	}
}

func TestCrossings(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})

	l := established(t, e, p) // BYE crosses BYE
	l.Hangup()
	bye := p.want("BYE")
	p.send("BYE", "cross", 70, l.tag)
	p.want("200 BYE")
	p.answer(bye, 200)
	wantEnd(t, l)

	p = newPeer(t, p.to) // our re-INVITE crosses the peer's BYE
	l = established(t, e, p)
	done := reoffer(l, sdpB)
	invite := p.want("INVITE")
	p.send("BYE", "cross", 70, l.tag)
	p.want("200 BYE")
	wantEvent(t, l, Bye)
	wantEnd(t, l)
	if err := wantResult(t, done); !errors.Is(err, ErrState) {
		t.Errorf("Reoffer in a call that ended: %v", err)
	}
	p.answer(invite, 200, sdpC) // it had been accepted before
	p.want("ACK")

	p = newPeer(t, p.to) // the peer's re-INVITE crosses our BYE
	l = established(t, e, p)
	l.Hangup()
	bye = p.want("BYE")
	p.send("INVITE", "cross", 70, l.tag, sdpB)
	p.want("481 INVITE")
	p.send("ACK", "cross", 70, l.tag)
	p.answer(bye, 200)

	p = newPeer(t, p.to) // an offer is open when the peer hangs up
	l = established(t, e, p)
	p.send("INVITE", "open", 70, l.tag, sdpB)
	wantEvent(t, l, Offered)
	p.send("BYE", "bye", 71, l.tag)
	p.want("487 INVITE")
	p.send("ACK", "open", 70, l.tag)
	wantEvent(t, l, Bye)
	noneLeft(t, e)
}

func TestRequestsFollowThePeer(t *testing.T) {
	t.Parallel()
	_, p, legs := answering(t, Config{})
	l, tag := answeredLeg(t, p, legs)
	moved := newPeer(t, p.to) // the NAT chose another port
	moved.callID, moved.tag = p.callID, p.tag
	moved.send("OPTIONS", "moved", 5, tag)
	moved.want("200 OPTIONS")
	l.Hangup()
	moved.answer(moved.want("BYE"), 200)
	if l.Flow().Remote() != moved.addr() {
		t.Errorf("the flow leads to %s", l.Flow().Remote())
	}
}

func TestSessionTimers(t *testing.T) {
	t.Parallel()
	cfg := Config{SessionExpires: 4 * time.Second, MinSessionExpires: time.Second}
	t.Run("we refresh with UPDATE", func(t *testing.T) {
		t.Parallel()
		e, p, _ := answering(t, cfg)
		l := established(t, e, p, "Session-Expires: 3;refresher=uac", "Allow: INVITE, UPDATE")
		update := p.want("UPDATE")
		if update.Get("Session-Expires") != "3;refresher=uac" || len(update.Body) > 0 {
			t.Errorf("the refresh is wrong:\n%s", update)
		}
		p.answer(update, 200, "Session-Expires: 3;refresher=uac")
		p.answer(p.want("UPDATE"), 405)
		invite := p.want("INVITE") // a peer that does not know UPDATE after all
		if string(invite.Body) != sdpA {
			t.Errorf("the session is not offered as it is: %q", invite.Body)
		}
		p.answer(invite, 200, "Session-Expires: 3;refresher=uac", sdpB)
		p.want("ACK")
		p.want("INVITE") // and now the peer is gone
		wantEvent(t, l, Timeout)
		wantEnd(t, l)
	})
	t.Run("the peer refreshes", func(t *testing.T) {
		t.Parallel()
		_, p, legs := answering(t, cfg)
		p.send("INVITE", "1", 1, "", "Supported: timer", "Session-Expires: 3", sdpA)
		l := take(t, legs)
		l.Answer([]byte(sdpB))
		ok := p.want("200 INVITE")
		if ok.Get("Session-Expires") != "3;refresher=uac" || ok.Get("Require") != "timer" {
			t.Errorf("200 is wrong:\n%s", ok)
		}
		p.send("ACK", "1ack", 1, ok.ToTag())
		wantEvent(t, l, Confirmed)
		started := time.Now()
		p.send("UPDATE", "u", 2, ok.ToTag(), "Supported: timer", "Session-Expires: 4;refresher=uac")
		if m := p.want("200 UPDATE"); m.Get("Session-Expires") != "4;refresher=uac" {
			t.Errorf("200 is wrong:\n%s", m)
		}
		p.answer(p.want("BYE"), 200)
		wantEvent(t, l, Timeout)
		if time.Since(started) < 2300*time.Millisecond {
			t.Error("the refresh did not count")
		}
	})
	t.Run("too short", func(t *testing.T) {
		t.Parallel()
		e, p, _ := answering(t, Config{SessionExpires: 100 * time.Second})
		p.send("INVITE", "1", 1, "", "Supported: timer", "Session-Expires: 60", sdpA)
		if m := p.want("422 INVITE"); m.Get("Min-SE") != "90" {
			t.Errorf("422 without Min-SE:\n%s", m)
		}
		_, invite := calling(t, e, p, sdpA)
		p.answer(invite, 422, "Min-SE: 1000")
		p.want("ACK")
		again := p.want("INVITE")
		if again.Get("Session-Expires") != "1000" || again.Get("CSeq") != "2 INVITE" || again.CallID() != invite.CallID() {
			t.Errorf("the second INVITE is wrong:\n%s", again)
		}
		p.answer(again, 200, sdpB)
		if ack := p.want("ACK"); ack.Get("CSeq") != "2 ACK" {
			t.Errorf("the ACK is wrong:\n%s", ack)
		}
	})
}
