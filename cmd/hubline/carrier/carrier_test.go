package carrier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/cmd/hubline/carrier"
	"hubline/media/mediatest"
	"hubline/sip"
	"hubline/sip/sdp"
)

const owned = "+61255500142"

// system is what calls the network and is called by it.
type system struct {
	t     *testing.T
	n     *carrier.Network
	e     *sip.Engine
	addr  netip.AddrPort
	rang  chan *sip.Leg
	sound *mediatest.Phone
}

func newSystem(t *testing.T) *system {
	t.Helper()
	t.Parallel()
	n, err := carrier.Start("127.0.0.1:0", carrier.Options{Ring: 50 * time.Millisecond})
	must(t, err)
	t.Cleanup(func() { must(t, n.Close()) })
	s := &system{t: t, n: n, rang: make(chan *sip.Leg, 4), sound: mediatest.NewPhone(t, "127.0.0.1")}
	s.e = sip.New(sip.Config{Handler: func(in *sip.Incoming) { s.rang <- s.e.Answering(in) }, Budget: sip.Budget{PerSecond: -1}})
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.e.Close(now)
	})
	udp, err := s.e.ListenUDP(t.Context(), "127.0.0.1:0")
	must(t, err)
	s.addr = netip.MustParseAddrPort(udp.String())
	n.Connect(s.addr, func(_ context.Context, number string) bool { return number == owned })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *system) offer(lines ...string) []byte {
	at := s.sound.Addr()
	text := append([]string{"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio " + strconv.Itoa(int(at.Port())) + " RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"}, lines...)
	return []byte(strings.Join(text, "\r\n") + "\r\n")
}

// invite is a call of a phone user with a caller ID.
func (s *system) invite(number string) *sip.Message {
	m := sip.NewRequest("INVITE", sip.URI{Scheme: "sip", User: number, Host: s.n.Addr().Addr().String(), Port: int(s.n.Addr().Port())})
	m.Set("From", "<sip:+61255500143@sip.hubline.test>")
	m.Set("To", "<sip:"+number+"@"+s.n.Addr().String()+">")
	m.Set("P-Asserted-Identity", "<sip:+61255500143@sip.hubline.test>")
	m.Body = s.offer()
	return m
}

func (s *system) send(m *sip.Message, transport string) *sip.Leg {
	s.t.Helper()
	flow, err := s.e.Dial(s.t.Context(), transport, s.n.Addr(), nil)
	must(s.t, err)
	leg, err := s.e.Call(s.t.Context(), flow, m)
	must(s.t, err)
	return leg
}

// until waits for an event of the kind, over provisional ones, and returns the statuses of those.
func until(t *testing.T, l *sip.Leg, kind sip.EventKind) (sip.Event, []int) {
	t.Helper()
	var rang []int
	for {
		select {
		case ev, open := <-l.Events():
			switch {
			case !open:
				t.Fatalf("the leg is over without %v", kind)
			case ev.Kind == kind:
				return ev, rang
			case ev.Kind == sip.Ringing:
				rang = append(rang, ev.Message.Status)
			case ev.Kind != sip.Confirmed:
				t.Fatalf("%v, want %v", ev.Kind, kind)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %v within ten seconds", kind)
		}
	}
}

// last waits until the network's newest call has the outcome.
func (s *system) last(outcome string) carrier.Call {
	s.t.Helper()
	var c carrier.Call
	mediatest.Until(s.t, func() bool {
		list := s.n.Calls()
		if len(list) > 0 {
			c = list[len(list)-1]
		}
		return c.Outcome == outcome && (outcome == "ringing" || c.EndedAt != nil)
	})
	return c
}

func audioOf(t *testing.T, text []byte) netip.AddrPort {
	t.Helper()
	d, err := sdp.Parse(text)
	must(t, err)
	at, ok := d.Audio().Addr()
	if !ok {
		t.Fatalf("no address in\n%s", text)
	}
	return at
}

func TestAnyNumberAnswersWithAToneAndAnEcho(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := newSystem(t)
			l := s.send(s.invite("+61491570006"), transport)
			ev, rang := until(t, l, sip.Answered)
			if len(rang) != 1 || rang[0] != 180 {
				t.Errorf("rang with %v", rang)
			}
			at := audioOf(t, ev.SDP)
			s.sound.Wait(25)
			if share := mediatest.Share(s.sound.Heard(), 8000, 440); share < 0.8 {
				t.Errorf("%.2f of what is played is the tone", share)
			}
			mediatest.Until(t, func() bool { // the echo follows the tone
				s.sound.Whistle(at, 1000, 200*time.Millisecond)
				heard := s.sound.Heard()
				return mediatest.Share(heard[max(0, len(heard)-1280):], 8000, 1000) > 0.8
			})
			l.Hangup()
			c := s.last("answered")
			if c.Direction != carrier.FromSystem || c.From != "+61255500143" || c.Asserted != "+61255500143" || c.Privacy != "" || c.To != "+61491570006" || c.AnsweredAt == nil || c.Status != 200 {
				t.Errorf("noted %+v", c)
			}
		})
	}
}

func TestAgreedNumbers(t *testing.T) {
	s := newSystem(t)
	for _, c := range []struct {
		number, outcome string
		status          int
		rings           bool
	}{
		{carrier.Busy, "busy", 486, true}, {carrier.Refuses, "refused", 603, true}, {carrier.NotInService, "not in service", 404, false},
		{carrier.Fails, "failed", 500, false}, {carrier.NoWay, "failed", 503, false},
	} {
		ev, rang := until(t, s.send(s.invite(c.number), "udp"), sip.Refused)
		if ev.Message.Status != c.status || (len(rang) > 0) != c.rings {
			t.Errorf("%s: %d after %v", c.number, ev.Message.Status, rang)
		}
		if noted := s.last(c.outcome); noted.Status != c.status || noted.To != c.number {
			t.Errorf("%s: noted %+v", c.number, noted)
		}
	}

	l := s.send(s.invite(carrier.NeverAnswers), "udp")
	until(t, l, sip.Ringing)
	s.last("ringing")
	l.Hangup()
	s.last("cancelled")

	l = s.send(s.invite(carrier.EarlyMedia), "udp")
	ev, _ := until(t, l, sip.Ringing)
	if ev.Message.Status != 183 || ev.SDP == nil {
		t.Errorf("early media: %d with %q", ev.Message.Status, ev.SDP)
	}
	s.sound.Wait(1)
	until(t, l, sip.Answered)
	l.Hangup()
	s.last("answered")
}

func TestOffersInEveryOrder(t *testing.T) {
	s := newSystem(t)
	m := s.invite("+61491570006")
	m.Body = nil
	l := s.send(m, "udp")
	ev, _ := until(t, l, sip.Answered)
	must(t, l.Ack(s.offer()))
	s.sound.Wait(5)
	s.sound.Say(audioOf(t, ev.SDP), 101, []byte{7, 0x80, 1, 144})
	answer, err := l.Reoffer(t.Context(), s.offer("a=sendonly"))
	must(t, err)
	if !strings.Contains(string(answer), "a=recvonly") {
		t.Errorf("a hold is answered with\n%s", answer)
	}
	var refused *sip.StatusError
	if _, err := l.Reoffer(t.Context(), []byte("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 99\r\n")); err == nil || !asRefused(err, &refused) || refused.Status != 488 {
		t.Errorf("video only: %v", err)
	}
	mediatest.Until(t, func() bool { return s.n.Calls()[0].Digits == "7" })
	l.Hangup()
	s.last("answered")
}

func asRefused(err error, to **sip.StatusError) bool {
	s, ok := err.(*sip.StatusError)
	*to = s
	return ok
}

func TestACallToAnOwnedNumberComesBack(t *testing.T) {
	s := newSystem(t)
	m := s.invite(owned)
	m.Set("From", "<sip:anonymous@anonymous.invalid>")
	m.Set("Privacy", "id")
	out := s.send(m, "udp")
	in := <-s.rang
	r := in.Request()
	if r.Target.User != owned || r.From().URI.User != "anonymous" || r.Get("Privacy") != "id" || strings.Contains(string(r.AppendTo(nil)), "255500143") {
		t.Errorf("a hidden caller comes in as\n%s", r.AppendTo(nil))
	}
	if string(in.RemoteSDP()) != string(s.offer()) || r.Flow.Remote() != s.n.Addr() {
		t.Errorf("from %s with\n%s", r.Flow.Remote(), in.RemoteSDP())
	}
	must(t, in.Ring(180, nil))
	until(t, out, sip.Ringing)
	must(t, in.Answer(s.offer("a=x")))
	ev, _ := until(t, out, sip.Answered)
	if string(ev.SDP) != string(s.offer("a=x")) {
		t.Errorf("the answer is\n%s", ev.SDP)
	}
	until(t, in, sip.Confirmed)
	answered := make(chan string, 1)
	go func() {
		answer, err := out.Reoffer(context.Background(), s.offer("a=sendonly"))
		if err != nil {
			answer = []byte(err.Error())
		}
		answered <- string(answer)
	}()
	ev, _ = until(t, in, sip.Offered)
	must(t, in.AnswerOffer(ev, s.offer("a=recvonly")))
	if got := <-answered; !strings.Contains(got, "a=recvonly") {
		t.Errorf("the hold is answered with %s", got)
	}
	in.Hangup()
	until(t, out, sip.Bye)
	c := s.last("answered")
	if list := s.n.Calls(); c.Direction != carrier.ToSystem || c.From != "anonymous" || len(list) != 2 || list[0].Direction != carrier.FromSystem || list[0].Asserted != "+61255500143" {
		t.Errorf("noted %+v", list)
	}
}

func TestCallsComingBackThatNobodyTakes(t *testing.T) {
	s := newSystem(t)
	out := s.send(s.invite(owned), "udp")
	in := <-s.rang
	if r := in.Request(); r.From().URI.User != "+61255500143" || !strings.Contains(r.Get("P-Asserted-Identity"), "+61255500143") {
		t.Errorf("comes in as\n%s", r.AppendTo(nil))
	}
	in.Refuse(480, "")
	if ev, _ := until(t, out, sip.Refused); ev.Message.Status != 480 {
		t.Errorf("refused with %d", ev.Message.Status)
	}
	s.last("no answer")

	out = s.send(s.invite(owned), "udp")
	in = <-s.rang
	must(t, in.Ring(180, nil))
	until(t, out, sip.Ringing)
	out.Hangup()
	until(t, in, sip.Cancelled)
	s.last("cancelled")
}

func (s *system) http(method, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/_carrier.json", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.n.Handler().ServeHTTP(w, r)
	return w
}

func TestCallsArePlacedAndListedOverHTTP(t *testing.T) {
	s := newSystem(t)
	if w := s.http("GET", "", ""); strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("an empty list is %s", w.Body)
	}
	for body, kind := range map[string]string{`{"to":"+61255500142"}`: "text/plain", `{}`: "application/json", `{"to":"a@b"}`: "application/json", `{"from":"\r\n","to":"1"}`: "application/json"} {
		if w := s.http("POST", kind, body); w.Code < 400 {
			t.Errorf("POST %s as %s: %d", body, kind, w.Code)
		}
	}
	if w := s.http("POST", "application/json", `{"from":"+61491570006","to":"`+owned+`"}`); w.Code != http.StatusAccepted {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	in := <-s.rang
	must(t, in.Answer(s.offer()))
	until(t, in, sip.Confirmed)
	s.sound.Wait(25)
	if share := mediatest.Share(s.sound.Heard(), 8000, 440); share < 0.8 {
		t.Errorf("%.2f of what is played is the tone", share)
	}
	in.Hangup()
	s.last("answered")
	var list []map[string]any
	must(t, json.NewDecoder(bytes.NewReader(s.http("GET", "", "").Body.Bytes())).Decode(&list))
	if len(list) != 1 || list[0]["from"] != "+61491570006" || list[0]["to"] != owned || list[0]["direction"] != "to_system" || list[0]["outcome"] != "answered" {
		t.Errorf("listed %v", list)
	}

	s.http("POST", "application/json", `{"to":"`+owned+`"}`)
	in = <-s.rang
	if r := in.Request(); r.From().URI.User != "anonymous" || r.Get("Privacy") != "id" {
		t.Errorf("a hidden caller comes in as\n%s", r.AppendTo(nil))
	}
	in.Refuse(486, "")
	s.last("busy")
	s.http("DELETE", "", "")
	if len(s.n.Calls()) != 0 {
		t.Error("the list is not empty")
	}
}

func TestTheListHoldsAHundred(t *testing.T) {
	s := newSystem(t)
	for range 105 {
		until(t, s.send(s.invite(carrier.Fails), "udp"), sip.Refused)
	}
	if n := len(s.n.Calls()); n != 100 {
		t.Errorf("%d calls are listed", n)
	}
}

func TestOptionsAreAnswered(t *testing.T) {
	s := newSystem(t)
	for method, want := range map[string]int{"OPTIONS": 200, "REGISTER": 405} {
		flow, err := s.e.Dial(t.Context(), "udp", s.n.Addr(), nil)
		must(t, err)
		m := sip.NewRequest(method, sip.URI{Scheme: "sip", Host: s.n.Addr().Addr().String(), Port: int(s.n.Addr().Port())})
		m.Set("From", "<sip:ping@sip.hubline.test>;tag=1")
		m.Set("To", "<sip:"+s.n.Addr().String()+">")
		m.Set("Call-ID", method)
		m.Set("CSeq", "1 "+method)
		o, err := s.e.Send(t.Context(), flow, m)
		must(t, err)
		var status int
		for res := range o.Responses() {
			status = res.Status
		}
		if status != want {
			t.Errorf("%s: %d", method, status)
		}
	}
}
