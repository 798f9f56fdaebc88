package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const (
	sdpA = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\n"
	sdpB = "v=0\r\no=b 1 1 IN IP4 127.0.0.1\r\n"
	sdpC = "v=0\r\no=c 1 1 IN IP4 127.0.0.1\r\n"
)

// wantEvent takes the next event, which must be of this kind.
func wantEvent(t testing.TB, l *Leg, kind EventKind) Event {
	t.Helper()
	select {
	case ev, ok := <-l.Events():
		if !ok || ev.Kind != kind {
			t.Fatalf("event %v (open %v), want %v", ev.Kind, ok, kind)
		}
		return ev
	case <-time.After(patience):
		t.Fatalf("no event came, want %v", kind)
	}
	return Event{}
}

// wantEnd makes sure that nothing more happens to the leg.
func wantEnd(t testing.TB, l *Leg) {
	t.Helper()
	select {
	case ev, ok := <-l.Events():
		if ok {
			t.Fatalf("event %v, want the end", ev.Kind)
		}
	case <-time.After(patience):
		t.Fatal("the leg does not end")
	}
}

// answering starts an engine whose legs come out of the channel.
func answering(t testing.TB, cfg Config) (*Engine, *peer, <-chan *Leg) {
	t.Helper()
	legs := make(chan *Leg, 16)
	var e *Engine
	ready := make(chan struct{})
	cfg.Handler = func(t *Incoming) {
		<-ready
		if t.Request.Method != "INVITE" || t.Leg != nil {
			t.Refuse(405, "")
			return
		}
		legs <- e.Answering(t)
	}
	e, addr := engine(t, cfg)
	close(ready)
	return e, newPeer(t, addr), legs
}

func take(t testing.TB, legs <-chan *Leg) *Leg {
	t.Helper()
	select {
	case l := <-legs:
		return l
	case <-time.After(patience):
		t.Fatal("no call came")
		return nil
	}
}

// answered lets the peer call and the leg answer.
func answeredLeg(t testing.TB, p *peer, legs <-chan *Leg) (l *Leg, tag string) {
	t.Helper()
	p.send("INVITE", "1", 1, "", sdpA)
	l = take(t, legs)
	if err := l.Answer([]byte(sdpB)); err != nil {
		t.Fatal(err)
	}
	tag = p.want("200 INVITE").ToTag()
	p.send("ACK", "1ack", 1, tag)
	wantEvent(t, l, Confirmed)
	return l, tag
}

// calling lets the engine call the peer.
func calling(t testing.TB, e *Engine, p *peer, sdp string) (*Leg, *Message) {
	t.Helper()
	l, err := e.Call(t.Context(), p.flow(e), invitation(p.callID, sdp))
	if err != nil {
		t.Fatal(err)
	}
	return l, p.want("INVITE")
}

func invitation(callID, sdp string) *Message {
	invite := NewRequest("INVITE", URI{Scheme: "sip", User: "bob", Host: "example.com"})
	invite.Set("From", "<sip:ann@example.com>")
	invite.Set("To", "<sip:bob@example.com>")
	if callID != "" {
		invite.Set("Call-ID", callID)
	}
	setSDP(invite, []byte(sdp))
	return invite
}

// established lets the engine call the peer, who answers.
func established(t testing.TB, e *Engine, p *peer, more ...string) *Leg {
	t.Helper()
	l, invite := calling(t, e, p, sdpA)
	p.answer(invite, 200, append(more, sdpB)...)
	p.want("ACK")
	wantEvent(t, l, Answered)
	return l
}

func noneLeft(t testing.TB, e *Engine) {
	t.Helper()
	eventually(t, "legs and transactions are forgotten", func() bool {
		s := e.Stats()
		return s.Legs == 0 && s.Transactions == 0
	})
}

func TestACallComesInAndEnds(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	p.send("INVITE", "1", 1, "", "Record-Route: <sip:127.0.0.9;lr>, <sip:127.0.0.8;lr>", sdpA)
	l := take(t, legs)
	if string(l.RemoteSDP()) != sdpA || l.CallID() != p.callID || l.Established() {
		t.Errorf("the leg of a new call: %q, %q, %v", l.RemoteSDP(), l.CallID(), l.Established())
	}
	l.Ring(183, []byte(sdpC))
	ringing := p.want("183 INVITE")
	if string(ringing.Body) != sdpC || ringing.Get("Contact") == "" || ringing.Get("Record-Route") == "" {
		t.Errorf("183 lacks something:\n%s", ringing)
	}
	l.Answer([]byte(sdpB))
	ok := p.want("200 INVITE")
	if string(ok.Body) != sdpB || ok.ToTag() != ringing.ToTag() {
		t.Errorf("200 lacks something:\n%s", ok)
	}
	p.send("ACK", "2", 1, ok.ToTag())
	wantEvent(t, l, Confirmed)
	if !l.Established() {
		t.Error("the call is not established")
	}
	l.Hangup("Reason", "Q.850;cause=16")
	bye := p.want("BYE")
	if got := strings.Join(bye.All("Route"), " "); got != "<sip:127.0.0.9;lr> <sip:127.0.0.8;lr>" {
		t.Errorf("Route is %s", got)
	}
	if bye.Target.HostPort() != p.addr().String() || bye.Get("Reason") != "Q.850;cause=16" || bye.FromTag() != ok.ToTag() || bye.ToTag() != p.tag {
		t.Errorf("BYE is not the dialog's:\n%s", bye)
	}
	p.answer(bye, 200)
	wantEnd(t, l)
	noneLeft(t, e)
}

func TestACallGoesOutAndEnds(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})
	l, invite := calling(t, e, p, sdpA)
	for _, name := range []string{"Contact", "Allow", "Supported", "Session-Expires", "Max-Forwards"} {
		if invite.Get(name) == "" {
			t.Errorf("INVITE has no %s", name)
		}
	}
	p.answer(invite, 100)
	p.answer(invite, 180)
	p.answer(invite, 183, sdpC)
	wantEvent(t, l, Ringing)
	if ev := wantEvent(t, l, Ringing); string(ev.SDP) != sdpC {
		t.Errorf("early media: %q", ev.SDP)
	}
	p.answer(invite, 200, "Record-Route: <sip:127.0.0.8;lr>", "Record-Route: <sip:127.0.0.9;lr>", sdpB)
	ack := p.want("ACK")
	if string(ack.Body) != "" || ack.Get("CSeq") != "1 ACK" || ack.Branch() == invite.Branch() || ack.Get("Route") != "<sip:127.0.0.9;lr>" {
		t.Errorf("the ACK is wrong:\n%s", ack)
	}
	if ev := wantEvent(t, l, Answered); string(ev.SDP) != sdpB || string(l.RemoteSDP()) != sdpB {
		t.Errorf("the answer is %q, %q", ev.SDP, l.RemoteSDP())
	}
	p.answer(invite, 200, sdpB) // our ACK was lost
	if again := p.want("ACK"); again.String() != ack.String() {
		t.Errorf("another ACK:\n%s\n%s", ack, again)
	}
	p.send("BYE", "bye", 100, invite.FromTag())
	p.want("200 BYE")
	wantEvent(t, l, Bye)
	wantEnd(t, l)
	l.Hangup()
	p.never("BYE")
	noneLeft(t, e)
}

func TestTheAnswerIsRepeatedUntilTheACK(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	p.send("INVITE", "1", 1, "", sdpA)
	l := take(t, legs)
	l.Answer([]byte(sdpB))
	for range 3 {
		p.want("200 INVITE")
	}
	p.answer(p.want("BYE"), 200) // nobody sends an ACK
	wantEvent(t, l, Timeout)
	wantEnd(t, l)
	noneLeft(t, e)
}

func TestACalleeWaitsForTheACKBeforeBYE(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{TransactionTimeout: 5 * time.Second})
	p.send("INVITE", "1", 1, "", sdpA)
	l := take(t, legs)
	l.Answer([]byte(sdpB))
	tag := p.want("200 INVITE").ToTag()
	l.Hangup()
	wantEnd(t, l)
	p.never("BYE")
	p.send("ACK", "2", 1, tag)
	p.answer(p.want("BYE"), 200)
	eventually(t, "the leg is forgotten", func() bool { return e.Stats().Legs == 0 })
}

func TestHangupWithoutAnyACKEndsTheDialogInTime(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	p.send("INVITE", "1", 1, "", sdpA)
	l := take(t, legs)
	if err := l.Answer([]byte(sdpB)); err != nil {
		t.Fatal(err)
	}
	l.Hangup("Reason", "Q.850;cause=16")
	wantEnd(t, l)
	bye := p.want("BYE")
	if bye.Get("Reason") != "Q.850;cause=16" {
		t.Errorf("BYE has no Reason:\n%s", bye)
	}
	p.answer(bye, 200)
	noneLeft(t, e)
}

func TestRefusedAndCancelledCalls(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	p.send("INVITE", "1", 1, "", sdpA)
	l := take(t, legs)
	l.Refuse(480, "Not Now", "Retry-After", "30")
	if m := p.want("480 INVITE"); m.Reason != "Not Now" || m.Get("Retry-After") != "30" {
		t.Errorf("refusal:\n%s", m)
	}
	p.send("ACK", "1", 1, "x")
	wantEnd(t, l)
	if err := l.Answer(nil); !errors.Is(err, ErrState) {
		t.Errorf("answering a refused call: %v", err)
	}

	p.send("INVITE", "2", 2, "", sdpA)
	l = take(t, legs)
	l.Hangup()
	p.want("603 INVITE")
	p.send("ACK", "2", 2, "x")
	wantEnd(t, l)

	p.send("INVITE", "3", 3, "", sdpA)
	l = take(t, legs)
	l.Ring(180, nil)
	p.want("180 INVITE")
	p.send("CANCEL", "3", 3, "", "Reason: SIP;cause=200")
	p.want("487 INVITE")
	p.send("ACK", "3", 3, "x")
	if ev := wantEvent(t, l, Cancelled); ev.Message.Get("Reason") != "SIP;cause=200" {
		t.Error("the event does not carry the CANCEL")
	}
	wantEnd(t, l)

	l, invite := calling(t, e, p, sdpA)
	p.answer(invite, 486)
	p.want("ACK")
	if ev := wantEvent(t, l, Refused); ev.Message.Status != 486 {
		t.Errorf("refused with %d", ev.Message.Status)
	}
	wantEnd(t, l)
	noneLeft(t, e)
}

// The peer answers while our CANCEL is on its way: the call is ended at once.
func TestCancelThatComesTooLate(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	l, err := e.Call(ctx, p.flow(e), invitation("", sdpA))
	if err != nil {
		t.Fatal(err)
	}
	invite := p.want("INVITE")
	p.answer(invite, 180)
	wantEvent(t, l, Ringing)
	cancel()
	p.answer(p.want("CANCEL"), 200)
	p.answer(invite, 200, sdpB)
	p.want("ACK")
	bye := p.want("BYE")
	if bye.ToTag() != p.tag || bye.CallID() != l.CallID() {
		t.Errorf("BYE is not the dialog's:\n%s", bye)
	}
	p.answer(bye, 200)
	wantEnd(t, l)
	noneLeft(t, e)
}

func TestHangupBeforeAnySignOfLife(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})
	l, invite := calling(t, e, p, sdpA)
	l.Hangup("Reason", "SIP;cause=200")
	wantEnd(t, l)
	p.answer(invite, 100)
	cancel := p.want("CANCEL")
	if cancel.Get("Reason") != "SIP;cause=200" {
		t.Errorf("no Reason:\n%s", cancel)
	}
	p.answer(cancel, 200)
	p.answer(invite, 487)
	p.want("ACK")
	noneLeft(t, e)
}

func TestOtherForksAreEnded(t *testing.T) {
	t.Parallel()
	e, p, _ := answering(t, Config{})
	l, invite := calling(t, e, p, sdpA)
	p.answer(invite, 180, "Tag: one")
	p.answer(invite, 180, "Tag: two")
	wantEvent(t, l, Ringing)
	wantEvent(t, l, Ringing)
	p.answer(invite, 200, "Tag: two", sdpB)
	if m := p.want("ACK"); m.ToTag() != "two" {
		t.Errorf("ACK to %s", m.ToTag())
	}
	wantEvent(t, l, Answered)
	for range 2 { // the second 200 is a repetition
		p.answer(invite, 200, "Tag: one", sdpC)
		if m := p.want("ACK"); m.ToTag() != "one" {
			t.Errorf("ACK to %s", m.ToTag())
		}
	}
	bye := p.want("BYE")
	if bye.ToTag() != "one" {
		t.Errorf("BYE to %s", bye.ToTag())
	}
	p.answer(bye, 200)
	if !l.Established() || string(l.RemoteSDP()) != sdpB {
		t.Error("the first fork's call suffered")
	}
}

func TestLateOffers(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	p.send("INVITE", "1", 1, "")
	l := take(t, legs)
	l.Answer([]byte(sdpA))
	tag := p.want("200 INVITE").ToTag()
	p.send("ACK", "2", 1, tag, sdpB)
	if ev := wantEvent(t, l, Confirmed); string(ev.SDP) != sdpB {
		t.Errorf("the answer in the ACK is %q", ev.SDP)
	}
	l.Hangup()
	p.answer(p.want("BYE"), 200)

	p = newPeer(t, p.to)
	l, invite := calling(t, e, p, "")
	p.answer(invite, 200, sdpA)
	if ev := wantEvent(t, l, Answered); string(ev.SDP) != sdpA {
		t.Errorf("the offer in the 200 is %q", ev.SDP)
	}
	p.answer(invite, 200, sdpA)
	p.never("ACK")
	l.Ack([]byte(sdpB))
	if ack := p.want("ACK"); string(ack.Body) != sdpB {
		t.Errorf("the ACK has %q", ack.Body)
	}
	p.answer(invite, 200, sdpA)
	if ack := p.want("ACK"); string(ack.Body) != sdpB {
		t.Errorf("the repeated ACK has %q", ack.Body)
	}

	p = newPeer(t, p.to) // hung up before the answer to the offer was ready
	l, invite = calling(t, e, p, "")
	p.answer(invite, 200, sdpA)
	wantEvent(t, l, Answered)
	l.Hangup()
	p.want("ACK")
	p.answer(p.want("BYE"), 200)
}

func TestInfoAndOtherMethods(t *testing.T) {
	t.Parallel()
	_, p, legs := answering(t, Config{})
	l, tag := answeredLeg(t, p, legs)
	p.write(strings.Replace(p.text("INFO", "i", 2, tag, "Content-Type: application/dtmf-relay"), "Content-Length: 0\r\n\r\n", "Content-Length: 8\r\n\r\nSignal=1", 1))
	p.want("200 INFO")
	if ev := wantEvent(t, l, Info); string(ev.Message.Body) != "Signal=1" {
		t.Errorf("INFO: %q", ev.Message.Body)
	}
	p.send("OPTIONS", "o", 3, tag)
	p.want("200 OPTIONS")
	p.send("MESSAGE", "m", 4, tag)
	p.want("405 MESSAGE")
	p.send("OPTIONS", "late", 3, tag)
	p.want("500 OPTIONS")
	done := make(chan error)
	go func() { done <- l.Info(context.Background(), "application/dtmf-relay", []byte("Signal=2")) }()
	info := p.want("INFO")
	if string(info.Body) != "Signal=2" {
		t.Errorf("INFO: %s", info)
	}
	p.answer(info, 200)
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { done <- l.Info(context.Background(), "text/plain", nil) }()
	p.answer(p.want("INFO"), 481) // the peer lost the dialog
	var refused *StatusError
	if err := <-done; !errors.As(err, &refused) || refused.Status != 481 || !errors.Is(err, ErrRefused) {
		t.Errorf("the error is %v", err)
	}
	wantEvent(t, l, Failed)
	wantEnd(t, l)
}

func TestOrderInADialog(t *testing.T) {
	t.Parallel()
	_, p, legs := answering(t, Config{Budget: Budget{PerSecond: -1}})
	l, tag := answeredLeg(t, p, legs)
	const burst = 8
	for first := 0; first < 400; first += burst {
		for i := first; i < first+burst; i++ {
			p.send("INFO", fmt.Sprint("i", i), 2+i, tag, fmt.Sprint("Subject: ", i))
		}
		for i := first; i < first+burst; i++ {
			if ev := wantEvent(t, l, Info); ev.Message.Get("Subject") != fmt.Sprint(i) {
				t.Fatalf("INFO %s came as number %d", ev.Message.Get("Subject"), i)
			}
			p.want("200 INFO")
		}
	}
	for i := range roomForEvents { // in one go, and nobody takes the events
		p.send("INFO", fmt.Sprint("j", i), 500+i, tag, fmt.Sprint("Subject: ", i))
	}
	p.want("500 INFO")
	p.send("BYE", "bye", 600, tag)
	p.want("200 BYE")
	for i := range roomForEvents - reserved {
		if ev := wantEvent(t, l, Info); ev.Message.Get("Subject") != fmt.Sprint(i) {
			t.Fatalf("INFO %s came as number %d", ev.Message.Get("Subject"), i)
		}
	}
	wantEvent(t, l, Bye)
	wantEnd(t, l)
}

func TestCloseLetsCallsEnd(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	l, tag := answeredLeg(t, p, legs)
	closed := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { closed <- e.Close(ctx) }()
	eventually(t, "new calls are refused", func() bool { return e.draining.Load() })
	other := newPeer(t, p.to)
	other.send("INVITE", "1", 1, "", sdpA)
	other.want("503 INVITE")
	p.send("INFO", "i", 2, tag)
	p.want("200 INFO")
	select {
	case <-closed:
		t.Fatal("Close does not wait for the call")
	default:
	}
	p.send("BYE", "b", 3, tag)
	p.want("200 BYE")
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wantEvent(t, l, Info)
	wantEvent(t, l, Bye)
}

func TestCloseHangsUpWhatIsLeft(t *testing.T) {
	t.Parallel()
	e, p, legs := answering(t, Config{})
	l, _ := answeredLeg(t, p, legs)
	if err := e.Close(expired); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	p.want("BYE")
	wantEnd(t, l)
	if _, err := e.Call(t.Context(), p.flow(e), invitation("", sdpA)); err == nil {
		t.Error("a closed engine calls")
	}
}

// A carrier's dialog moves to another of its machines: requests follow its Contact, but only for peers known to have no NAT.
func TestRequestsFollowACarriersContact(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{true, false} {
		e, p, _ := answering(t, Config{Follow: func(netip.Addr) bool { return follow }})
		media := newPeer(t, p.to)
		media.callID, media.tag = p.callID, p.tag
		l, invite := calling(t, e, p, sdpA)
		res := invite.Respond(200, "")
		res.SetToTag(p.tag)
		res.Set("Contact", "<sip:"+media.addr().String()+">")
		setSDP(res, []byte(sdpB))
		p.write(res.String())
		next := p
		if follow {
			next = media
		}
		next.want("ACK")
		wantEvent(t, l, Answered)
		l.Hangup()
		next.answer(next.want("BYE"), 200)
	}
}
