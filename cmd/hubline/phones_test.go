package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubline/cmd/hubline/carrier"
	"hubline/sip"
)

// Sound is taken where phones sign in, and not on this machine alone when they come from elsewhere.
func TestWhereSoundIsTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg            Phones
		listen, public string // "" for whatever this machine has
	}{
		{Phones{SIP: "127.0.0.1:5060"}, "127.0.0.1", "127.0.0.1"},
		{Phones{SIP: "0.0.0.0:5060", PublicIP: "203.0.113.9"}, "0.0.0.0", "203.0.113.9"},
		{Phones{SIP: "[::]:5060", PublicIP: "203.0.113.9"}, "::", "203.0.113.9"},
		{Phones{SIP: ":5060"}, "", ""},
		{Phones{SIPTLS: "0.0.0.0:5061", PublicIP: "203.0.113.9"}, "0.0.0.0", "203.0.113.9"},
		{Phones{SIPTLS: "0.0.0.0:5061"}, "0.0.0.0", ""},
		{Phones{PublicIP: "203.0.113.9"}, "", "203.0.113.9"},
		{Phones{}, "127.0.0.1", "127.0.0.1"},
	} {
		listen, public, err := c.cfg.mediaAddresses()
		if err != nil || c.listen != "" && listen.String() != c.listen || c.public != "" && public.String() != c.public ||
			c.listen == "" && !listen.IsUnspecified() || c.public == "" && (!public.IsValid() || public.IsUnspecified()) {
			t.Errorf("%+v: sound on %v, told as %v, %v; wanted %q and %q", c.cfg, listen, public, err, c.listen, c.public)
		}
	}
	for _, bad := range []Phones{{SIP: "5060"}, {SIP: "host.example:5060"}, {SIPTLS: "host.example:5061"}, {SIP: "0.0.0.0:5060", PublicIP: "here"}} {
		if listen, public, err := bad.mediaAddresses(); err == nil {
			t.Errorf("%+v: %v, %v, and no error", bad, listen, public)
		}
	}
}

// demoPhone is a phone that signs in to a demo with what demo.json says.
type demoPhone struct {
	t    *testing.T
	e    *sip.Engine
	flow *sip.Flow
	as   demoSIP
	rang chan *sip.Leg
}

func (d *demoRun) phone(t *testing.T, as demoSIP, transport string) *demoPhone {
	t.Helper()
	p := &demoPhone{t: t, as: as, rang: make(chan *sip.Leg, 1)}
	p.e = sip.New(sip.Config{Handler: func(in *sip.Incoming) { p.rang <- p.e.Answering(in) }})
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		p.e.Close(now)
	})
	if _, err := p.e.ListenUDP(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.flow, err = p.e.Dial(t.Context(), transport, netip.MustParseAddrPort(d.about.SIP), nil); err != nil {
		t.Fatal(err)
	}
	m := p.request("REGISTER", "")
	m.Set("Contact", "<sip:phone@"+p.flow.Local().String()+">")
	if res := p.ask(m); res.Status != 200 {
		t.Fatalf("register over %s with %s: %d %s", transport, as.Algorithm, res.Status, res.Reason)
	}
	return p
}

func (p *demoPhone) request(method, user string) *sip.Message {
	self := "<sip:" + p.as.Username + "@" + p.as.Domain + ">"
	m := sip.NewRequest(method, sip.URI{Scheme: "sip", User: user, Host: p.as.Domain})
	m.Set("From", self+";tag=one")
	m.Set("To", self)
	if user != "" {
		m.Set("To", "<sip:"+user+"@"+p.as.Domain+">")
	}
	m.Set("Call-ID", strings.ReplaceAll(p.t.Name(), "/", "-")+p.as.Username+user)
	m.Set("CSeq", "1 "+method)
	return m
}

// again is a request with the credentials that a challenge asked for.
func (p *demoPhone) again(m, challenged *sip.Message) *sip.Message {
	p.t.Helper()
	asks, answers := "WWW-Authenticate", "Authorization"
	if challenged.Status == 407 {
		asks, answers = "Proxy-Authenticate", "Proxy-Authorization"
	}
	credentials, err := sip.Answer(challenged.Get(asks), p.as.Username, p.as.Password, m.Method, m.Target.String(), 1)
	if err != nil {
		p.t.Fatalf("%v in %d %s", err, challenged.Status, challenged.Reason)
	}
	m.Set(answers, credentials)
	m.Set("CSeq", "2 "+m.Method)
	return m
}

func (p *demoPhone) ask(m *sip.Message) *sip.Message {
	p.t.Helper()
	again := m.Clone()
	return p.once(p.again(again, p.once(m)))
}

func (p *demoPhone) once(m *sip.Message) (last *sip.Message) {
	p.t.Helper()
	o, err := p.e.Send(p.t.Context(), p.flow, m)
	if err != nil {
		p.t.Fatal(err)
	}
	for res := range o.Responses() {
		last = res
	}
	return last
}

const demoOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"

// call dials a number and returns the leg once its first INVITE was challenged and repeated.
func (p *demoPhone) call(number string) *sip.Leg {
	p.t.Helper()
	m := p.request("INVITE", number)
	m.Body = []byte(demoOffer)
	again := m.Clone()
	first, err := p.e.Call(p.t.Context(), p.flow, m)
	if err != nil {
		p.t.Fatal(err)
	}
	refused := p.event(first, sip.Refused)
	leg, err := p.e.Call(p.t.Context(), p.flow, p.again(again, refused.Message))
	if err != nil {
		p.t.Fatal(err)
	}
	return leg
}

// event waits for something to happen on a leg, over provisional answers.
func (p *demoPhone) event(l *sip.Leg, kind sip.EventKind) sip.Event {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case ev, open := <-l.Events():
			if ev.Kind == kind {
				return ev
			}
			if !open || ev.Kind != sip.Ringing {
				p.t.Fatalf("%v, want %v", ev.Kind, kind)
			}
		case <-deadline:
			p.t.Fatalf("no %v", kind)
		}
	}
}

// A number that another account has is called through the demo's network and comes back in.
func TestDemoCallsGoOutAndComeBackIn(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t))
	defer d.stop()
	mary := d.phone(t, *d.about.Accounts[0].PhoneUsers[0].SIP, "udp")
	lena := d.phone(t, *d.about.Accounts[1].PhoneUsers[0].SIPSHA256, "tcp")
	out := mary.call("0370101234")
	var in *sip.Leg
	select {
	case in = <-lena.rang:
	case <-time.After(patience):
		t.Fatal("the other account's phone does not ring")
	}
	if from := in.Request().From(); from.URI.User != "0255500142" {
		t.Errorf("it shows %v", from)
	}
	if err := in.Answer([]byte(demoOffer)); err != nil {
		t.Fatal(err)
	}
	mary.event(out, sip.Answered)
	lena.event(in, sip.Confirmed)
	out.Hangup()
	lena.event(in, sip.Bye)
	var calls []carrier.Call
	readJSON(t, d.about.Portal+"/_carrier.json", &calls)
	if len(calls) != 2 || calls[0].From != "+61255500142" && calls[1].From != "+61255500142" {
		t.Errorf("the network saw %+v", calls)
	}
}

func readJSON(t *testing.T, url string, into any) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestSIPOverWebSocketBesideThePortal(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t))
	defer d.stop()
	ws, _, err := websocket.Dial(t.Context(), d.about.SIPWS, &websocket.DialOptions{Subprotocols: []string{"sip"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	request := "OPTIONS sip:" + d.about.Domain + " SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:" +
		d.about.Domain + ">\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(request)); err != nil {
		t.Fatal(err)
	}
	_, text, err := ws.Read(t.Context())
	if err != nil || !strings.HasPrefix(string(text), "SIP/2.0 200 ") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, _, err := websocket.Dial(t.Context(), d.about.SIPWS, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}); err == nil {
		t.Error("a page of another origin was let in")
	}
}
