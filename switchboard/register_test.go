package switchboard_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/phoneuser"
	"hubline/sip"
)

func TestRegister(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		p := r.unregistered(r.mary, "udp")
		check := func(name string, res *sip.Message, status int, contacts string) {
			t.Helper()
			if got := shownContacts(res); res.Status != status || got != contacts {
				t.Errorf("%s: %d %s with %q, want %d with %q", name, res.Status, res.Reason, got, status, contacts)
			}
		}
		with := func(expires string, contacts ...string) *sip.Message {
			m := p.request("REGISTER", "")
			if expires != "" {
				m.Set("Expires", expires)
			}
			for _, c := range contacts {
				m.Add("Contact", c)
			}
			return m
		}
		check("none yet", p.ask(with("")), 200, "")
		check("the usual time", p.ask(with("", "<sip:a@127.0.0.1:7000>")), 200, "sip:a@127.0.0.1:7000 120")
		check("its own time", p.ask(with("60", "<sip:b@127.0.0.1:7001>;expires=90")), 200, "sip:a@127.0.0.1:7000 120, sip:b@127.0.0.1:7001 90")
		check("too short", p.ask(with("5", "<sip:c@127.0.0.1:7002>")), 423, "")
		check("asked", p.ask(with("")), 200, "sip:a@127.0.0.1:7000 120, sip:b@127.0.0.1:7001 90")
		check("one away", p.ask(with("300", "<sip:a@127.0.0.1:7000>;expires=0")), 200, "sip:b@127.0.0.1:7001 90")
		check("* with others", p.ask(with("0", "*", "<sip:a@127.0.0.1:7000>")), 400, "")
		check("* for later", p.ask(with("60", "*")), 400, "")
		check("not SIP", p.ask(with("60", "<mailto:mary@harbour.example>")), 400, "")
		check("all away", p.ask(with("0", "*")), 200, "")

		var six []string
		for i := range 6 {
			six = append(six, fmt.Sprintf("<sip:%d@127.0.0.1:7000>", i))
		}
		check("six", p.ask(with("60", six...)), 403, "")
		p.ask(with("60", six[:5]...))
		r.clock.Advance(time.Second)
		if res := p.ask(with("60", six[5])); len(res.Contacts()) != 5 {
			t.Errorf("a sixth contact: %q", shownContacts(res))
		}
		p.ask(with("0", "*"))
		check("long on its own address", p.register(36000), 200, strings.Trim(p.contact, "<>")+" 3600")
		if res := p.ask(with("", "*")); res.Status != 400 {
			t.Errorf("* without Expires: %d", res.Status)
		}
		if got := r.board.State(r.mary.AccountID, r.mary.ID); got != "available" {
			t.Errorf("state %q", got)
		}
		r.clock.Advance(time.Hour)
		if got := r.board.State(r.mary.AccountID, r.mary.ID); got != "" {
			t.Errorf("state %q after the binding ran out", got)
		}
	})
}

// shownContacts lists the contacts of an answer with their seconds, rounded up to ten.
func shownContacts(res *sip.Message) string {
	var list []string
	for _, a := range res.Contacts() {
		text, _ := a.Params.Get("expires")
		n, _ := strconv.Atoi(text)
		list = append(list, a.URI.String()+" "+strconv.Itoa((n+9)/10*10))
	}
	return strings.Join(list, ", ")
}

func TestRegisterInOrder(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		p := r.unregistered(r.mary, "udp")
		send := func(cseq int, expires string) *sip.Message {
			p.cseq = cseq - 2 // the credentials take the next
			m := p.request("REGISTER", "")
			m.Set("Contact", p.contact)
			m.Set("Expires", expires)
			return p.ask(m)
		}
		if res := send(10, "300"); res.Status != 200 {
			t.Fatalf("first: %d", res.Status)
		}
		if res := send(9, "0"); res.Status != 500 {
			t.Errorf("a late removal: %d", res.Status)
		}
		if got := r.board.State(r.mary.AccountID, r.mary.ID); got != "available" {
			t.Error("a REGISTER that came late took the binding away")
		}
		if res := send(12, "0"); res.Status != 200 {
			t.Errorf("in order: %d", res.Status)
		}
	})
}

// S1: nobody learns from an answer whether a name exists.
func TestS1KnownAndUnknownNamesGetTheSameAnswer(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		known := r.unregistered(r.mary, "udp")
		off := r.unregistered(r.tom, "udp")
		no := false
		_, err := r.Phones.Change(t.Context(), r.admin.Actor(), r.tom.ID, phoneuser.Change{AppEnabled: &no}, 0)
		must(t, err)
		names := []string{known.as.Username, off.as.Username, known.as.Username[:1] + "aaaaaaaaaaaaaaaaaaaa", "101", "admin"}
		answer := func(method, name string, credentials bool) string {
			u := newUA(t, r.sip, "udp")
			u.as = phoneuser.Details{Username: name, Password: "wrong", Algorithm: phoneuser.AlgorithmOf(name)}
			m := u.request(method, "")
			if method == "INVITE" {
				m = u.request(method, "102")
			}
			again := m.Clone()
			res := u.once(m)
			if credentials {
				u.authorise(again, res)
				res = u.once(again)
			}
			text := string(res.AppendTo(nil))
			for _, header := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
				if c, err := sip.ParseChallenge(res.Get(header)); err == nil {
					text = strings.ReplaceAll(text, c.Nonce, "…")
				}
			}
			// The name is the last: what is drawn by lot may happen to hold it.
			for _, own := range []string{res.Get("Via"), res.CallID(), res.ToTag(), u.flow.Local().String(), res.Get("From"), res.Get("CSeq"), name} {
				text = strings.ReplaceAll(text, own, "…")
			}
			return text
		}
		for _, method := range []string{"REGISTER", "INVITE"} {
			for _, credentials := range []bool{false, true} {
				first := answer(method, names[0], credentials)
				if !strings.HasPrefix(first, "SIP/2.0 40") {
					t.Fatalf("%s: %s", method, first)
				}
				for _, name := range names[1:] {
					if other := answer(method, name, credentials); other != first {
						t.Errorf("%s, credentials %t, %s:\n%s\nand a known name:\n%s", method, credentials, name, other, first)
					}
				}
			}
		}
	})
}

// S4: a binding is changed by its own device only, and nobody is sent elsewhere by a contact.
func TestS4NobodyTakesARegistrationOver(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, tom := r.phone(r.mary), r.unregistered(r.tom, "udp")
		m := tom.request("REGISTER", "")
		m.Set("To", mary.aor())
		m.Set("Contact", tom.contact)
		if res := tom.ask(m); res.Status != 403 {
			t.Errorf("another's address of record: %d", res.Status)
		}
		m = tom.request("REGISTER", "")
		m.Set("From", mary.aor()+";tag=x")
		m.Set("Contact", tom.contact)
		if res := tom.ask(m); res.Status != 403 {
			t.Errorf("another's From: %d", res.Status)
		}
		m = tom.request("REGISTER", "")
		m.Set("To", mary.aor())
		m.Set("From", mary.aor()+";tag=x")
		m.Set("Contact", "*")
		m.Set("Expires", "0")
		if res := tom.ask(m); res.Status != 403 {
			t.Errorf("another's bindings away: %d", res.Status)
		}
		if r.board.State(r.mary.AccountID, r.mary.ID) != "available" {
			t.Error("Mary's binding is gone")
		}

		victim := newUA(t, r.sip, "udp")
		m = tom.request("REGISTER", "")
		m.Set("Contact", victim.contact)
		if res := tom.ask(m); res.Status != 200 {
			t.Fatalf("register: %d", res.Status)
		}
		leg := mary.call("102")
		z := tom.ringing() // the call goes back to where the REGISTER came from
		z.Refuse(603, "")
		refusal(t, leg)
		select {
		case <-victim.rang:
			t.Error("a contact sent a call to an address that did not register")
		default:
		}
	})
}

// S5: credentials work once, from where they were asked for, in the device's own algorithm, while their nonce is young.
func TestS5CredentialsWorkOnce(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		for _, kind := range []string{phoneuser.Phone, phoneuser.PhoneSHA256} {
			p := newUA(t, r.sip, "udp")
			p.as = r.Device(r.admin, r.mary.ID, kind)
			if p.as.Password == "" {
				t.Fatalf("no password for %s", kind)
			}
			m := p.request("REGISTER", "")
			m.Set("Contact", p.contact)
			again := m.Clone()
			challenged := p.once(m)
			if c, err := sip.ParseChallenge(challenged.Get("WWW-Authenticate")); err != nil || !strings.EqualFold(c.Algorithm, p.as.Algorithm) || len(challenged.All("WWW-Authenticate")) != 1 {
				t.Errorf("challenges %q for a device of %s", challenged.All("WWW-Authenticate"), p.as.Algorithm)
			}
			p.authorise(again, challenged)
			replay := again.Clone()
			if res := p.once(again); res.Status != 200 {
				t.Fatalf("%s: %d", kind, res.Status)
			}
			if res := p.once(replay.Clone()); res.Status != 200 { // its own repetition, whose answer was lost
				t.Errorf("%s: repeated: %d", kind, res.Status)
			}
			for i := range 100 {
				copied := replay.Clone()
				if i%2 == 0 {
					copied.Set("Call-ID", "replay"+strconv.Itoa(i))
				} else {
					copied.Set("CSeq", strconv.Itoa(1000+i)+" REGISTER")
				}
				if res := p.once(copied); res.Status != 401 {
					t.Fatalf("replay %d: %d", i, res.Status)
				}
			}
			r.clock.Advance(2 * time.Minute)
			old := p.request("REGISTER", "")
			old.Set("Authorization", replay.Get("Authorization"))
			res := p.once(old)
			if c, err := sip.ParseChallenge(res.Get("WWW-Authenticate")); err != nil || !c.Stale {
				t.Errorf("an old nonce: %d %q", res.Status, res.Get("WWW-Authenticate"))
			}
		}
	})
}

// S7: whatever the method, nothing is done for a stranger, and nothing beyond calls and registrations for a device.
func TestS7EveryMethodNeedsCredentials(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		p := r.unregistered(r.mary, "udp")
		for method, status := range map[string]int{"MESSAGE": 405, "REFER": 405, "SUBSCRIBE": 489, "PUBLISH": 489, "NOTIFY": 481, "INFO": 481, "UPDATE": 481, "PRACK": 481, "FETCH": 501} {
			m := p.request(method, "102")
			again := m.Clone()
			res := p.once(m)
			if res.Status != 407 && res.Status != 481 {
				t.Errorf("%s of a stranger: %d", method, res.Status)
				continue
			}
			if res.Status == 407 {
				p.authorise(again, res)
				res = p.once(again)
			}
			if res.Status != status {
				t.Errorf("%s of a device: %d, want %d", method, res.Status, status)
			}
		}
		if res := p.once(p.request("OPTIONS", "")); res.Status != 200 || res.Get("Allow") == "" {
			t.Errorf("OPTIONS: %d", res.Status)
		}
		if res := p.once(p.request("BYE", "102")); res.Status != 481 {
			t.Errorf("BYE of no call: %d", res.Status)
		}
		m := p.request("INVITE", "102")
		m.Set("From", "<sip:101@"+domain+">;tag=1") // an extension is no identity
		again := m.Clone()
		p.authorise(again, p.once(m))
		if res := p.once(again); res.Status != 403 {
			t.Errorf("an INVITE as somebody else: %d", res.Status)
		}
	})
}

func TestScannersHearNothing(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		u := newUA(t, r.sip, "udp")
		m := u.request("OPTIONS", "")
		m.Set("User-Agent", "friendly-scanner")
		if res := u.once(m); res.Flow != nil {
			t.Errorf("a scanner was answered with %d", res.Status)
		}
	})
}

func TestS2GuessingEndsInSilence(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		good := r.phone(r.mary) // signed in from the same address before
		bad := r.unregistered(r.tom, "udp")
		right := bad.as.Password
		bad.as.Password = "wrong"
		for i := range 20 {
			if res := bad.register(300); res.Status != 401 {
				t.Fatalf("guess %d: %d", i, res.Status)
			}
		}
		bad.as.Password = right
		if res := bad.register(300); res.Flow != nil {
			t.Errorf("after twenty wrong passwords: %d", res.Status)
		}
		if res := good.register(300); res.Status != 200 {
			t.Errorf("a phone that was there before: %d", res.Status)
		}
		r.clock.Advance(11 * time.Minute)
		if res := bad.register(300); res.Status != 200 {
			t.Errorf("ten minutes later: %d", res.Status)
		}
	})
}

// Whoever may no longer sign in is out within a second: binding, call and next request.
func TestWhatEndsElsewhereEndsHere(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		off := false
		for name, end := range map[string]func(u phoneuser.User, device string) error{
			"device ended": func(u phoneuser.User, device string) error {
				return r.Phones.EndDevice(t.Context(), r.admin.Actor(), u.ID, device)
			},
			"reset": func(u phoneuser.User, _ string) error {
				_, err := r.Phones.Reset(t.Context(), r.admin.Actor(), u.ID)
				return err
			},
			"app off": func(u phoneuser.User, _ string) error {
				_, err := r.Phones.Change(t.Context(), r.admin.Actor(), u.ID, phoneuser.Change{AppEnabled: &off}, 0)
				return err
			},
			"deleted": func(u phoneuser.User, _ string) error {
				_, err := r.Phones.Delete(t.Context(), r.admin.Actor(), u.ID, 0)
				return err
			},
		} {
			extension, err := r.Phones.NextExtension(t.Context(), r.admin.Actor())
			must(t, err)
			p := r.phone(r.Add(r.admin, extension, name))
			u, err := r.Phones.ByExtension(t.Context(), r.admin.Account.ID, extension)
			must(t, err)
			leg := p.call("*43")
			want(t, leg, sip.Answered)
			began := time.Now()
			must(t, end(u, p.as.DeviceID))
			want(t, leg, sip.Bye)
			mediatest.Until(t, func() bool { return r.board.State(u.AccountID, u.ID) == "" })
			if took := time.Since(began); took > time.Second {
				t.Errorf("%s: out after %v", name, took)
			}
			if res := p.register(300); res.Status != 401 {
				t.Errorf("%s: the next REGISTER got %d", name, res.Status)
			}
		}
	})
}

// What was acknowledged is callable after a crash.
func TestBindingsSurviveACrash(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		mary, tom := r.phone(r.mary), r.phone(r.tom)
		gone := r.phone(r.tom)
		if res := gone.register(0); res.Status != 200 {
			t.Fatal(res.Status)
		}
		r.crash()
		if got := r.board.State(r.mary.AccountID, r.mary.ID); got != "available" {
			t.Errorf("state %q after the crash", got)
		}
		leg := tom.call("101")
		z := mary.ringing()
		must(t, z.Answer(mary.offer()))
		want(t, leg, sip.Answered)
		leg.Hangup()
		want(t, z, sip.Bye)

		leg = mary.call("102")
		tom.ringing().Refuse(603, "")
		refusal(t, leg)
		select {
		case <-gone.rang:
			t.Error("a phone that signed off rings after the crash")
		default:
		}
	})
}

// crash makes another process out of what the first one has in the store.
func (r *rig) crash() {
	r.t.Helper()
	r.halt()
	r.start()
}

func TestADeviceOverTCPIsReachedOverItsConnection(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, tom := r.unregistered(r.mary, "tcp"), r.phone(r.tom)
		mary.contact = "<sip:mary@192.0.2.7>" // behind a NAT, say
		if res := mary.register(300); res.Status != 200 {
			t.Fatal(res.Status)
		}
		leg := tom.call("101")
		z := mary.ringing()
		if z.Flow().Transport() != "tcp" {
			t.Errorf("rung over %s", z.Flow().Transport())
		}
		z.Refuse(603, "")
		refusal(t, leg)
		mary.flow.Close()
		mediatest.Until(t, func() bool { return r.board.State(r.mary.AccountID, r.mary.ID) == "" })
	})
}
