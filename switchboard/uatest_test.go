package switchboard_test

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/phoneuser"
	"hubline/sip"
)

// ua is a phone of the test's own: a SIP engine that does what the test says, and an RTP port.
type ua struct {
	t       testing.TB
	e       *sip.Engine
	flow    *sip.Flow
	as      phoneuser.Details
	sound   *mediatest.Phone
	rang    chan *sip.Leg // calls that came in
	other   chan *sip.Incoming
	callID  string
	cseq    int
	nc      uint32
	contact string
}

// newUA opens a phone that reaches the switchboard by udp or tcp, with an address of its family.
func newUA(t testing.TB, to netip.AddrPort, transport string) *ua {
	t.Helper()
	self := "127.0.0.1"
	if to.Addr().Is6() {
		self = "::1"
	}
	u := &ua{t: t, rang: make(chan *sip.Leg, 8), other: make(chan *sip.Incoming, 8), sound: mediatest.NewPhone(t, self), callID: strings.ReplaceAll(t.Name(), "/", "-") + strconv.FormatInt(time.Now().UnixNano(), 36)}
	u.e = sip.New(sip.Config{T1: fast, T2: 8 * fast, T4: 4 * fast, TransactionTimeout: 2 * time.Second, UserAgent: "Test phone", SessionExpires: -1, Budget: sip.Budget{PerSecond: -1}, Handler: func(in *sip.Incoming) {
		if in.Request.Method == "INVITE" && in.Leg == nil {
			u.rang <- u.e.Answering(in)
			return
		}
		if in.Request.Method == "REGISTER" && in.Request.Get("Authorization") == "" { // as a carrier
			in.Refuse(401, "", "WWW-Authenticate", sip.NewNonces([]byte("secret"), 0, nil).Challenge("network.example", "MD5", "x", false))
		} else {
			in.Refuse(501, "")
		}
		select {
		case u.other <- in:
		default:
		}
	}})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		u.e.Close(ctx)
	})
	_, err := u.e.ListenUDP(t.Context(), net.JoinHostPort(self, "0"))
	must(t, err)
	u.flow, err = u.e.Dial(t.Context(), transport, to, nil)
	must(t, err)
	u.contact = "<sip:phone@" + u.flow.Local().String() + ";transport=" + transport + ">"
	return u
}

// phone is a phone with a device of the phone user, signed in over UDP.
func (r *rig) phone(u phoneuser.User) *ua {
	r.t.Helper()
	p := r.unregistered(u, "udp")
	if res := p.register(300); res.Status != 200 {
		r.t.Fatalf("register: %d %s", res.Status, res.Reason)
	}
	return p
}

// unregistered is a phone that was set up and has not signed in.
func (r *rig) unregistered(u phoneuser.User, transport string) *ua {
	r.t.Helper()
	p := newUA(r.t, r.sip, transport)
	admin := r.admin
	if u.AccountID == r.north.Account.ID {
		admin = r.north
	}
	p.as = r.Device(admin, u.ID, "phone")
	return p
}

func (u *ua) aor() string { return "<sip:" + u.as.Username + "@" + domain + ">" }

// request makes a request as the device, without credentials.
func (u *ua) request(method, user string) *sip.Message {
	m := sip.NewRequest(method, sip.URI{Scheme: "sip", User: user, Host: domain})
	m.Set("From", u.aor()+";tag=t"+strconv.Itoa(u.cseq))
	m.Set("To", "<sip:"+user+"@"+domain+">")
	if user == "" {
		m.Set("To", u.aor())
	}
	u.cseq++
	m.Set("Call-ID", u.callID+method)
	m.Set("CSeq", strconv.Itoa(u.cseq)+" "+method)
	return m
}

// once sends a request and returns the final answer.
func (u *ua) once(m *sip.Message) *sip.Message {
	u.t.Helper()
	o, err := u.e.Send(u.t.Context(), u.flow, m)
	must(u.t, err)
	var last *sip.Message
	for res := range o.Responses() {
		last = res
	}
	return last
}

// ask sends a request, answers the challenge, and returns the final answer.
func (u *ua) ask(m *sip.Message) *sip.Message {
	u.t.Helper()
	again := m.Clone()
	res := u.once(m)
	if res.Status != 401 && res.Status != 407 {
		return res
	}
	u.authorise(again, res)
	return u.once(again)
}

// authorise adds credentials for a challenge, and the next CSeq.
func (u *ua) authorise(m, challenged *sip.Message) {
	u.t.Helper()
	asks, answers := "WWW-Authenticate", "Authorization"
	if challenged.Status == 407 {
		asks, answers = "Proxy-Authenticate", "Proxy-Authorization"
	}
	u.nc++
	credentials, err := sip.Answer(challenged.Get(asks), u.as.Username, u.as.Password, m.Method, m.Target.String(), 1)
	must(u.t, err)
	m.Set(answers, credentials)
	u.cseq++
	m.Set("CSeq", strconv.Itoa(u.cseq)+" "+m.Method)
}

func (u *ua) register(seconds int) *sip.Message {
	u.t.Helper()
	m := u.request("REGISTER", "")
	m.Set("Contact", u.contact)
	m.Set("Expires", strconv.Itoa(seconds))
	return u.ask(m)
}

// offer is a session description of the phone's RTP port.
func (u *ua) offer(lines ...string) []byte { return describe(u.sound.Addr(), lines...) }

func describe(at netip.AddrPort, lines ...string) []byte {
	family := "IP4 "
	if at.Addr().Is6() {
		family = "IP6 "
	}
	text := []string{"v=0", "o=- 1 1 IN " + family + at.Addr().String(), "s=-", "c=IN " + family + at.Addr().String(), "t=0 0",
		"m=audio " + strconv.Itoa(int(at.Port())) + " RTP/AVP 8 0 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"}
	return []byte(strings.Join(append(text, lines...), "\r\n") + "\r\n")
}

// invite is an INVITE of the device to a number or extension, with its offer.
func (u *ua) invite(number string) *sip.Message {
	m := u.request("INVITE", number)
	m.Set("Call-ID", u.callID+"call"+strconv.Itoa(u.cseq))
	m.Body = u.offer()
	return m
}

// call dials and answers the challenge; the leg's next event is the first that comes of the call itself.
func (u *ua) call(number string) *sip.Leg { return u.place(u.invite(number)) }

func (u *ua) place(m *sip.Message) *sip.Leg {
	u.t.Helper()
	again := m.Clone()
	first, err := u.e.Call(u.t.Context(), u.flow, m)
	must(u.t, err)
	ev := next(u.t, first)
	if ev.Kind != sip.Refused || ev.Message.Status != 407 {
		u.t.Fatalf("the INVITE was not challenged: %v %v", ev.Kind, ev.Message)
	}
	again.Set("From", first.Request().Get("From"))
	u.authorise(again, ev.Message)
	leg, err := u.e.Call(u.t.Context(), u.flow, again)
	must(u.t, err)
	return leg
}

// next returns the next event of a leg; its zero value when the leg is over.
func next(t testing.TB, l *sip.Leg) sip.Event {
	t.Helper()
	select {
	case ev := <-l.Events():
		return ev
	case <-time.After(10 * time.Second):
		t.Fatal("nothing happened on the leg within ten seconds")
		panic("unreachable")
	}
}

// want waits for an event of that kind, over provisional ones.
func want(t testing.TB, l *sip.Leg, kind sip.EventKind) sip.Event {
	t.Helper()
	for {
		ev := next(t, l)
		switch {
		case ev.Kind == kind:
			return ev
		case ev.Kind == 0:
			t.Fatalf("the leg ended without %v", kind)
		case ev.Kind == sip.Ringing, ev.Kind == sip.Confirmed && kind != sip.Confirmed:
		default:
			status := 0
			if ev.Message != nil {
				status = ev.Message.Status
			}
			t.Fatalf("%v (%d), want %v", ev.Kind, status, kind)
		}
	}
}

// refusal waits for the final answer of a call that is refused.
func refusal(t testing.TB, l *sip.Leg) *sip.Message {
	t.Helper()
	return want(t, l, sip.Refused).Message
}

// ringing waits for a call to come in.
func (u *ua) ringing() *sip.Leg {
	u.t.Helper()
	select {
	case l := <-u.rang:
		return l
	case <-time.After(10 * time.Second):
		u.t.Fatal("the phone did not ring within ten seconds")
		panic("unreachable")
	}
}

// network is the telephone network behind the carrier: a peer without credentials.
type network struct {
	*ua
	addr netip.AddrPort
}

func newNetwork(t testing.TB) *network {
	t.Helper()
	n := &network{}
	n.ua = newUA(t, netip.MustParseAddrPort("127.0.0.1:9"), "udp")
	n.addr = n.flow.Local()
	return n
}

// call brings a call in from outside.
func (n *network) dial(r *rig, to string, header ...string) *sip.Leg {
	n.t.Helper()
	flow, err := n.e.Dial(n.t.Context(), "udp", r.sip, nil)
	must(n.t, err)
	m := sip.NewRequest("INVITE", sip.URI{Scheme: "sip", User: to, Host: r.sip.Addr().String(), Port: int(r.sip.Port())})
	m.Set("From", "<sip:+61491570006@"+n.addr.String()+">")
	m.Set("To", "<sip:"+to+"@"+r.sip.String()+">")
	for i := 0; i+1 < len(header); i += 2 {
		m.Set(header[i], header[i+1])
	}
	m.Body = n.offer()
	leg, err := n.e.Call(n.t.Context(), flow, m)
	must(n.t, err)
	return leg
}
