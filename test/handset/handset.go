// Package handset gives tests phones by the hundred: each signs in, calls and rings through the engine of package sip, with the credentials
// of a device. It knows SIP and what a device signs in with, and nothing of the system that it calls.
package handset

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/product/phoneuser"
	"hubline/sip"
)

// Rack is a room full of phones behind one address of their own and one UDP port.
type Rack struct {
	e    *sip.Engine
	flow *sip.Flow
	here netip.AddrPort

	mu     sync.Mutex
	phones map[string]*Phone // by the name in their contact
}

// Open opens a rack at an IP address, for a system at to. Its requests are given up after a few seconds.
func Open(t testing.TB, ip string, to netip.AddrPort) *Rack {
	t.Helper()
	r := &Rack{phones: map[string]*Phone{}}
	r.e = sip.New(sip.Config{UserAgent: "Handset", TransactionTimeout: 8 * time.Second, SessionExpires: -1, Budget: sip.Budget{PerSecond: -1}, Handler: r.take})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = r.e.Close(ctx) // calls that are left end with it
	})
	addr, err := r.e.ListenUDP(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(ip), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	r.here = netip.MustParseAddrPort(addr.String())
	if r.flow, err = r.e.Dial(t.Context(), "udp", to, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// Addr is where the rack's phones send from.
func (r *Rack) Addr() netip.AddrPort { return r.here }

// take hands a call to the phone whose contact it is for. A contact's user is the phone's name and its generation: "p17g3".
func (r *Rack) take(in *sip.Incoming) {
	name, generation, _ := strings.Cut(in.Request.Target.User, "g")
	r.mu.Lock()
	p := r.phones[name]
	r.mu.Unlock()
	n, err := strconv.Atoi(generation)
	if in.Request.Method == "OPTIONS" {
		_ = in.Reply(in.Request.Respond(200, "")) // a carrier that is asked whether it is there
		return
	}
	if in.Request.Method != "INVITE" || in.Leg != nil || p == nil || err != nil {
		in.Refuse(501, "")
		return
	}
	p.ring(r.e.Answering(in), n)
}

// Phone is one device. Register and Call may be used at the same time, each by one goroutine.
type Phone struct {
	rack   *Rack
	name   string
	as     phoneuser.Details
	callID string
	cseq   int

	mu   sync.Mutex
	rang func(leg *sip.Leg, generation int)
	edit func(m *sip.Message)
}

// Phone puts a device into the rack. Its calls are refused as busy until OnRing says otherwise.
func (r *Rack) Phone(as phoneuser.Details) *Phone {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &Phone{rack: r, name: "p" + strconv.Itoa(len(r.phones)), as: as, callID: as.Username + "@" + r.here.String()}
	p.rang = Busy
	r.phones[p.name] = p
	return p
}

// Busy refuses a call.
func Busy(leg *sip.Leg, _ int) { _ = leg.Refuse(486, "") }

// OnRing says what happens with calls that come in. generation is the one of the contact that was called.
func (p *Phone) OnRing(do func(leg *sip.Leg, generation int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rang = do
}

// Edit changes every request of the phone before it goes out, for phones that say odd things.
func (p *Phone) Edit(do func(m *sip.Message)) { p.edit = do }

func (p *Phone) ring(leg *sip.Leg, generation int) {
	p.mu.Lock()
	do := p.rang
	p.mu.Unlock()
	do(leg, generation)
}

// DeviceID names the device.
func (p *Phone) DeviceID() string { return p.as.DeviceID }

// Register signs the phone in for an hour with a contact of that generation, in place of the one before, and returns the final status.
func (p *Phone) Register(ctx context.Context, generation int) (status int, err error) {
	request := func() *sip.Message {
		p.cseq++
		m := p.request("REGISTER", "", p.callID, p.cseq)
		m.Set("Contact", fmt.Sprintf(`<sip:%sg%d@%s>;+sip.instance="<urn:uuid:%s>";reg-id=1`, p.name, generation, p.rack.here, p.as.Username))
		m.Set("Expires", "3600")
		p.edited(m)
		return m
	}
	res, err := p.ask(ctx, request())
	if err != nil || res.Status != 401 {
		return statusOf(res), err
	}
	again := request()
	if err := p.sign(again, res); err != nil {
		return 0, err
	}
	res, err = p.ask(ctx, again)
	return statusOf(res), err
}

func statusOf(m *sip.Message) int {
	if m == nil {
		return 0
	}
	return m.Status
}

// request makes a request of the device to a user of its domain; the empty user is the device itself.
func (p *Phone) request(method, user, callID string, cseq int) *sip.Message {
	m := sip.NewRequest(method, sip.URI{Scheme: "sip", User: user, Host: p.as.Domain})
	own := "<sip:" + p.as.Username + "@" + p.as.Domain + ">"
	m.Set("From", own+";tag="+callID[:8]+strconv.Itoa(cseq))
	m.Set("To", own)
	if user != "" {
		m.Set("To", "<"+m.Target.String()+">")
	}
	m.Set("Call-ID", callID)
	m.Set("CSeq", strconv.Itoa(cseq)+" "+method)
	return m
}

func (p *Phone) edited(m *sip.Message) {
	if p.edit != nil {
		p.edit(m)
	}
}

// ErrUnanswered says that no answer came.
var ErrUnanswered = errors.New("handset: no answer")

// ask sends a request and returns its final answer.
func (p *Phone) ask(ctx context.Context, m *sip.Message) (last *sip.Message, err error) {
	out, err := p.rack.e.Send(ctx, p.rack.flow, m)
	if err != nil {
		return nil, err
	}
	for res := range out.Responses() {
		last = res
	}
	if last == nil || last.Flow == nil { // made up by the engine
		return nil, ErrUnanswered
	}
	return last, nil
}

// sign adds the credentials that an answer asks for.
func (p *Phone) sign(m, challenged *sip.Message) error {
	asks, answers := "WWW-Authenticate", "Authorization"
	if challenged.Status == 407 {
		asks, answers = "Proxy-Authenticate", "Proxy-Authorization"
	}
	text, err := sip.Answer(challenged.Get(asks), p.as.Username, p.as.Password, m.Method, m.Target.String(), 1)
	if err == nil {
		m.Set(answers, text)
	}
	return err
}

// Refusal is the final answer to a call that was not taken.
type Refusal int

func (r Refusal) Error() string { return "handset: refused with " + strconv.Itoa(int(r)) }

// Call dials and returns once the call is answered; the leg's next event is the first after that. The error is a Refusal, ErrUnanswered when
// the system said nothing, or ctx's.
func (p *Phone) Call(ctx context.Context, number string) (*sip.Leg, error) {
	callID := rand.Text()
	first := p.invite(number, callID, 1)
	leg, err := p.rack.e.Call(ctx, p.rack.flow, first)
	if err != nil {
		return nil, err
	}
	ev, err := settled(ctx, leg)
	if err != nil {
		return nil, err
	}
	if ev.Kind != sip.Refused || ev.Message.Status != 407 {
		return nil, fmt.Errorf("handset: the INVITE was not challenged but ended with %v", ev.Kind)
	}
	again := p.invite(number, callID, 2)
	if err := p.sign(again, ev.Message); err != nil {
		return nil, err
	}
	return p.rack.place(ctx, again)
}

// CallIn calls a number as the telephone network does: from the rack's address and without credentials, with an INVITE that edit changes
// before it goes out. It returns as Call does.
func (r *Rack) CallIn(ctx context.Context, number string, edit ...func(m *sip.Message)) (*sip.Leg, error) {
	m := sip.NewRequest("INVITE", sip.URI{Scheme: "sip", User: number, Host: r.flow.Remote().Addr().String(), Port: int(r.flow.Remote().Port())})
	m.Set("From", "<sip:+61491570006@"+r.here.String()+">")
	m.Set("To", "<sip:"+number+"@"+r.flow.Remote().String()+">")
	m.Body = r.SDP()
	for _, change := range edit {
		change(m)
	}
	return r.place(ctx, m)
}

// place sends an INVITE and waits for its end.
func (r *Rack) place(ctx context.Context, m *sip.Message) (*sip.Leg, error) {
	leg, err := r.e.Call(ctx, r.flow, m)
	if err != nil {
		return nil, err
	}
	ev, err := settled(ctx, leg)
	switch {
	case err != nil:
		return nil, err
	case ev.Kind == sip.Answered:
		return leg, nil
	case ev.Kind == sip.Refused:
		return nil, Refusal(ev.Message.Status)
	}
	return nil, fmt.Errorf("handset: the call ended with %v", ev.Kind)
}

func (p *Phone) invite(number, callID string, cseq int) *sip.Message {
	m := p.request("INVITE", number, callID, cseq)
	m.Body = p.rack.SDP()
	p.edited(m)
	return m
}

// SDP describes sound that the rack would take at a port that nobody reads.
func (r *Rack) SDP() []byte {
	ip := r.here.Addr().String()
	return []byte("v=0\r\no=- 1 1 IN IP4 " + ip + "\r\ns=-\r\nc=IN IP4 " + ip + "\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n")
}

// settled waits for the event that decides an INVITE.
func settled(ctx context.Context, leg *sip.Leg) (sip.Event, error) {
	for {
		select {
		case ev, ok := <-leg.Events():
			switch {
			case !ok, ev.Kind == sip.Refused && ev.Message.Flow == nil, ev.Kind == sip.Failed, ev.Kind == sip.Timeout:
				return ev, ErrUnanswered
			case ev.Kind != sip.Ringing:
				return ev, nil
			}
		case <-ctx.Done():
			leg.Hangup()
			return sip.Event{}, ctx.Err()
		}
	}
}
