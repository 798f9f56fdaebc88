package switchboard_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/media/mediatest"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/phoneuser"
	"hubline/sip"
	"hubline/sip/sdp"
	"hubline/switchboard"
)

// change changes settings of a phone user of harbour.
func (r *rig) change(u phoneuser.User, c phoneuser.Change) {
	r.t.Helper()
	_, err := r.Phones.Change(r.t.Context(), r.admin.Actor(), u.ID, c, 0)
	must(r.t, err)
}

func TestACallOutShowsTheChosenCallerID(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		for i, dialled := range []string{"91464604", "0291464604", "61291464604", "+61291464604"} {
			a := mary.call(dialled)
			z := r.network.ringing()
			m := z.Request()
			if got := m.Target.User; got != "+61291464604" {
				t.Errorf("%s goes out as %s", dialled, got)
			}
			if m.From().URI.User != mainLine || !strings.Contains(m.Get("P-Asserted-Identity"), mainLine) || m.Get("Privacy") != "" {
				t.Errorf("From %q, P-Asserted-Identity %q, Privacy %q", m.Get("From"), m.Get("P-Asserted-Identity"), m.Get("Privacy"))
			}
			must(t, z.Ring(180, nil))
			must(t, z.Answer(r.network.offer()))
			want(t, a, sip.Answered)
			want(t, z, sip.Confirmed)
			a.Hangup()
			want(t, z, sip.Bye)
			wish := `outbound answered: +61255500142 (Mary Chen) to +61291464604 (), answered by "02 9146 4604", service +61255500142 "Main line", hung-up by caller, 200`
			if got := sentence(r.records(r.admin, i+1)[i]); got != wish {
				t.Errorf("recorded\n%s, want\n%s", got, wish)
			}
		}
	})
}

// S23: who calls is what the account set, whatever the phone writes.
func TestS23WhatAPhoneSaysAboutItselfIsIgnored(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		hide := true
		for _, hidden := range []bool{false, true} {
			if hidden {
				r.change(r.mary, phoneuser.Change{HideCallerID: &hide})
			}
			for _, header := range []string{"P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "History-Info", "Privacy", "X-Caller", "Identity"} {
				m := mary.invite("0491570157")
				m.Set(header, "<sip:+61399999999@evil.example>")
				if header == "Privacy" {
					m.Set(header, "id")
				}
				m.Set("From", `"+61399999999" <sip:`+mary.as.Username+"@"+domain+`>;tag=1`)
				a := mary.place(m)
				z := r.network.ringing()
				got := z.Request()
				out := string(got.AppendTo(nil))
				if strings.Contains(out, "99999999") || strings.Contains(out, "evil") || strings.Contains(out, mary.as.Username) || strings.Contains(out, "127.0.0.1:"+fmt.Sprint(mary.flow.Local().Port())) {
					t.Errorf("%s: the carrier sees\n%s", header, out)
				}
				from, asserted, privacy := got.From().URI.User, got.Get("P-Asserted-Identity"), got.Get("Privacy")
				if !strings.Contains(asserted, mainLine) || hidden != (from == "anonymous") || hidden != (privacy == "id") || !hidden && from != mainLine {
					t.Errorf("hidden %t: From %q, P-Asserted-Identity %q, Privacy %q", hidden, from, asserted, privacy)
				}
				z.Refuse(486, "")
				refusal(t, a)
			}
		}
	})
}

// S8: nothing a phone writes leaves the house but what we write ourselves.
func TestS8OnlyOurOwnHeadersGoOut(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		m := mary.invite("0491570157")
		m.Set("Subject", "smuggled")
		m.Set("X-Anything", "smuggled")
		m.Set("Alert-Info", "<http://smuggled.example>")
		m.Body = mary.offer("a=smuggled:1", "a=candidate:1 1 UDP 1 192.0.2.1 5 typ host", "m=video 4000 RTP/AVP 96", "a=rtpmap:96 H264/90000")
		a := mary.place(m)
		z := r.network.ringing()
		out := string(z.Request().AppendTo(nil))
		if strings.Contains(out, "smuggled") || strings.Contains(out, "candidate") || strings.Contains(out, fmt.Sprint(mary.sound.Addr().Port())) {
			t.Errorf("sent out:\n%s", out)
		}
		known := []string{"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Allow", "Supported", "Session-Expires", "Min-SE", "Content-Type",
			"Content-Length", "P-Asserted-Identity", "User-Agent"}
		head, _, _ := strings.Cut(out, "\r\n\r\n")
		for _, line := range strings.Split(head, "\r\n")[1:] {
			if name, _, _ := strings.Cut(line, ":"); !slices.Contains(known, strings.TrimSpace(name)) {
				t.Errorf("the carrier is sent %q", line)
			}
		}
		must(t, z.Answer(r.network.offer()))
		ev := want(t, a, sip.Answered)
		s, err := sdp.Parse(ev.SDP)
		must(t, err)
		if len(s.Media) != 2 || s.Media[1].Port != 0 || s.Media[1].Kind != "video" {
			t.Errorf("the video is answered with\n%s", ev.SDP)
		}
		a.Hangup()
	})
}

func TestBarredCalls(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, tom := r.phone(r.mary), r.phone(r.tom)
		other := "+61255509999"
		for i, tt := range []struct {
			name, dialled string
			as            *ua
			status        int
			cause         string
		}{
			{"premium", "1900654321", mary, 403, "premium-barred"},
			{"abroad", "0011442079460000", mary, 403, "international-barred"},
			{"no caller ID", "0491570157", tom, 403, "caller-id-missing"},
			{"no number", "12", mary, 404, "no-such-number"},
		} {
			a := tt.as.call(tt.dialled)
			spoken := next(t, a)
			if spoken.Kind != sip.Ringing || spoken.Message.Status != 183 || spoken.SDP == nil {
				t.Fatalf("%s: no message is played: %v", tt.name, spoken.Kind)
			}
			tt.as.sound.Wait(10)
			if res := refusal(t, a); res.Status != tt.status {
				t.Errorf("%s: %d", tt.name, res.Status)
			}
			if c := r.records(r.admin, i+1)[i]; c.Status != call.Unavailable || c.Cause != tt.cause {
				t.Errorf("%s: recorded %s", tt.name, sentence(c))
			}
		}
		shows := func(e164 string) {
			_, err := r.DB.ExecContext(t.Context(), `UPDATE phone_users SET caller_id = $1 WHERE account_id = $2 AND id = $3`, e164, r.mary.AccountID, r.mary.ID)
			must(t, err)
			must(t, change.Post(t.Context(), r.DB, r.clock.Now(), "phone-user:"+r.mary.ID))
			for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
				if u, err := r.Phones.Seat(t.Context(), r.mary.AccountID, r.mary.ID); err == nil && u.CallerID == e164 {
					break
				}
				if time.Since(began) > 20*time.Second {
					t.Fatal("the caller ID is not heard of within 20 seconds")
				}
			}
		}
		shows(other) // as if the number had been withdrawn by a way that nobody thought of
		a := mary.call("0491570157")
		if res := refusal(t, a); res.Status != 403 {
			t.Errorf("a caller ID of nobody's: %d", res.Status)
		}
		shows(sales)
		a = mary.call("0491570157")
		if res := refusal(t, a); res.Status != 403 {
			t.Errorf("a 1300 number as caller ID: %d", res.Status)
		}
		select {
		case <-r.network.rang:
			t.Error("a barred call reached the carrier")
		default:
		}
	})
}

// S17: help is called whatever else holds.
func TestEmergencyCallsPassEveryBar(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom := r.phone(r.tom) // who has no caller ID
		var legs []*sip.Leg
		for i, dialled := range []string{"000", "112", "000"} {
			legs = append(legs, tom.call(dialled))
			z := r.network.ringing()
			if z.Request().Target.User != dialled || z.Request().Get("Privacy") != "" {
				t.Errorf("%s goes out as %v", dialled, z.Request().Target)
			}
			must(t, z.Answer(r.network.offer()))
			want(t, legs[i], sip.Answered)
		}
		if res := refusal(t, tom.call("101")); res.Status != 503 || res.Get("Retry-After") == "" {
			t.Errorf("over the limit: %d", res.Status)
		}
		hide := true
		r.change(r.mary, phoneuser.Change{HideCallerID: &hide})
		r.phone(r.mary).call("000")
		z := r.network.ringing()
		if z.Request().From().URI.User != mainLine || z.Request().Get("Privacy") != "" {
			t.Errorf("help is shown %q", z.Request().Get("From"))
		}
	}, func(c *switchboard.Config) { c.Limits = switchboard.Limits{PerUser: 1, PerAccount: 1, Total: 1} })
}

func TestACallIn(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		mary, other := r.phone(r.mary), r.phone(r.mary)
		for i, tt := range []struct {
			called string
			header []string
			name   string
			user   string
			from   string
			hidden bool
		}{
			{"+61255500142", []string{"P-Asserted-Identity", "<sip:+61491570006@network.example>"}, "0491 570 006", "0491570006", "+61491570006", false},
			{"61255500142", nil, "0491 570 006", "0491570006", "+61491570006", false},
			{"0255500142", []string{"From", "<sip:0491570006@network.example>"}, "0491 570 006", "0491570006", "+61491570006", false},
			{"0255500142", []string{"Privacy", "id", "P-Asserted-Identity", "<sip:+61491570006@network.example>"}, "Anonymous", "anonymous", "", true},
			{"0255500142", []string{"From", "<sip:anonymous@anonymous.invalid>"}, "Anonymous", "anonymous", "", true},
			{"trunk", []string{"To", "<sip:+61255500142@hubline.example>", "From", "<sip:+442079460000@network.example>"}, "+44 20 7946 0000", "+442079460000", "+442079460000", false},
		} {
			a := r.network.dial(r, tt.called, tt.header...)
			z, second := mary.ringing(), other.ringing()
			if from := z.Request().From(); from.Name != tt.name || from.URI.User != tt.user {
				t.Errorf("%v: the phone shows %v", tt.header, from)
			}
			if out := string(z.Request().AppendTo(nil)); tt.hidden && strings.Contains(out, "570006") {
				t.Errorf("a hidden number reaches the phone:\n%s", out)
			}
			must(t, z.Answer(mary.offer()))
			want(t, a, sip.Answered)
			want(t, second, sip.Cancelled)
			want(t, z, sip.Confirmed)
			a.Hangup()
			want(t, z, sip.Bye)
			c := r.records(r.admin, i+1)[i]
			if c.Direction != call.Inbound || c.FromNumber != tt.from || c.Hidden != tt.hidden || c.ToNumber != mainLine || c.ServiceName != "Main line" || c.AnsweringPoint != "Mary Chen" || c.Carrier != "Network" {
				t.Errorf("%v: recorded %s, hidden %t", tt.header, sentence(c), c.Hidden)
			}
		}
	})
}

func TestACallInThatNobodyTakes(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		if res := refusal(t, r.network.dial(r, "0255501234")); res.Status != 404 {
			t.Errorf("a number of nobody's: %d", res.Status)
		}
		count := 0
		check := func(name string, a *sip.Leg, status int, outcome call.Status, cause string) {
			t.Helper()
			spoken := false
			for {
				ev := next(t, a)
				if ev.Kind == sip.Ringing {
					spoken = spoken || ev.Message.Status == 183 && ev.SDP != nil
					continue
				}
				if ev.Kind != sip.Refused || ev.Message.Status != status || !spoken {
					t.Errorf("%s: %v, spoken %t", name, ev.Kind, spoken)
				}
				break
			}
			count++
			if c := r.records(r.admin, count)[count-1]; c.Status != outcome || c.Cause != cause || c.AnsweredAt != 0 {
				t.Errorf("%s: recorded %s", name, sentence(c))
			}
		}
		check("leads nowhere", r.network.dial(r, mobile), 404, call.Unavailable, "leads-nowhere")
		check("nobody signed in", r.network.dial(r, mainLine), 480, call.Unavailable, "no-device")
		mary := r.phone(r.mary)
		a := r.network.dial(r, mainLine)
		z := mary.ringing()
		must(t, z.Ring(180, nil))
		check("rings out", a, 480, call.Unanswered, "no-answer")
		want(t, z, sip.Cancelled)
		off := false
		r.change(r.mary, phoneuser.Change{AppEnabled: &off})
		check("the app is off", r.network.dial(r, mainLine), 480, call.Unavailable, "no-device")
	})
}

// S24: an extension is one of the caller's own account, whoever else has the same.
func TestS24ExtensionsStayInTheirAccount(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, nadia, tom := r.phone(r.mary), r.phone(r.stranger), r.phone(r.tom)
		a := tom.call("101")
		mary.ringing().Refuse(603, "")
		refusal(t, a)
		if res := refusal(t, nadia.call("102")); res.Status != 404 {
			t.Errorf("an extension of another account: %d", res.Status)
		}
		a = nadia.call("101") // herself: nobody else's
		if res := refusal(t, a); res.Status != 480 {
			t.Errorf("her own extension: %d", res.Status)
		}
		select {
		case <-mary.rang:
			t.Error("a call crossed accounts")
		case <-tom.rang:
			t.Error("a call crossed accounts")
		default:
		}
		for _, u := range []*accounttest.User{r.admin, r.north} {
			page, err := r.calls.List(t.Context(), u.Actor(), call.Filter{})
			must(t, err)
			for _, c := range page.Calls {
				if c.AccountID != u.Account.ID || r.board.Hangup(u.Account.ID, c.ID) {
					t.Errorf("%s has %s", u.Account.Slug, sentence(c))
				}
			}
		}
	})
}

func TestCarrierOutcomes(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		for i, tt := range []struct {
			status, shown int
			outcome       call.Status
		}{
			{486, 486, call.Busy}, {480, 480, call.Unanswered}, {404, 404, call.Unavailable}, {603, 603, call.Busy}, {407, 503, call.Unavailable}, {302, 480, call.Unavailable}, {503, 503, call.Unavailable},
		} {
			a := mary.call("0491570157")
			r.network.ringing().Refuse(tt.status, "", "Proxy-Authenticate", `Digest realm="`+domain+`", nonce="x"`, "Contact", "<sip:elsewhere@192.0.2.66>")
			if res := refusal(t, a); res.Status != tt.shown || res.Get("Contact") != "" || res.Get("Proxy-Authenticate") != "" {
				t.Errorf("%d: the phone gets\n%s", tt.status, res.AppendTo(nil))
			}
			if c := r.records(r.admin, i+1)[i]; c.Status != tt.outcome || c.Carrier != "Network" {
				t.Errorf("%d: recorded %s", tt.status, sentence(c))
			}
		}
	})
}

func TestEarlyMediaOfTheNetworkIsHeard(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		a := mary.call("0491570157")
		z := r.network.ringing()
		must(t, z.Ring(183, r.network.offer()))
		early := next(t, a)
		if early.Message.Status != 183 || early.SDP == nil {
			t.Fatalf("%d", early.Message.Status)
		}
		r.network.sound.Whistle(audioOf(t, z.RemoteSDP()), 425, 400*time.Millisecond)
		mary.sound.Wait(15)
		if share := mediatest.Share(mary.sound.Heard(), 8000, 425); share < 0.8 {
			t.Errorf("%.2f of the tone is heard", share)
		}
		must(t, z.Answer(r.network.offer()))
		if ev := want(t, a, sip.Answered); string(ev.SDP) != string(early.SDP) {
			t.Errorf("the answer differs from the one before:\n%s\n%s", early.SDP, ev.SDP)
		}
		a.Hangup()
	})
}

func TestTheNextHostTakesTheCall(t *testing.T) {
	var second *network
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		a := mary.call("0491570157")
		r.network.ringing().Refuse(503, "")
		z := second.ringing()
		must(t, z.Answer(second.offer()))
		want(t, a, sip.Answered)
		a.Hangup()
		if c := r.record(); c.Carrier != "Second" || c.Status != call.Answered {
			t.Errorf("recorded %s", sentence(c))
		}
	}, func(c *switchboard.Config) {
		second = newNetwork(t)
		c.Carriers = append(c.Carriers, switchboard.Carrier{Name: "Second", Hosts: []string{second.addr.String()}, Transport: "udp", Numbers: "national", Identity: "rpid"})
	})
}

// A host that takes packets and says nothing holds a call up for a moment only, and the next call not at all.
func TestASilentHostIsPassedOver(t *testing.T) {
	var second *network
	var mute net.PacketConn
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		a := mary.call("0491570157")
		z := second.ringing()
		if m := received(t, mute); m.Method != "INVITE" {
			t.Errorf("the first host got %s", m.Method)
		}
		must(t, z.Answer(second.offer()))
		want(t, a, sip.Answered)
		a.Hangup()
		want(t, z, sip.Bye)
		if c := r.record(); c.Carrier != "Second" || c.Status != call.Answered {
			t.Errorf("recorded %s", sentence(c))
		}
		b := mary.call("0491570157") // the silent host is down as far as we know: the next call does not wait for it
		must(t, second.ringing().Answer(second.offer()))
		want(t, b, sip.Answered)
		b.Hangup()
	}, func(c *switchboard.Config) {
		var err error
		mute, err = net.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { mute.Close() })
		second = newNetwork(t)
		c.Times.Host = quiet
		c.Carriers = []switchboard.Carrier{
			{Name: "Mute", Hosts: []string{mute.LocalAddr().String()}, Transport: "udp", Numbers: "e164", Identity: "pai"},
			{Name: "Second", Hosts: []string{second.addr.String()}, Transport: "udp", Numbers: "national", Identity: "rpid"},
		}
	})
}

const quiet = 300 * time.Millisecond

// received is the next message that comes to a socket, other than the looks whether it is there.
func received(t *testing.T, pc net.PacketConn) *sip.Message {
	t.Helper()
	must(t, pc.SetReadDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 64<<10)
	for {
		n, _, err := pc.ReadFrom(buf)
		must(t, err)
		if m, err := sip.Parse(buf[:n]); err == nil && m.Method != "OPTIONS" {
			return m
		}
	}
}
