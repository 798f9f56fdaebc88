package switchboard_test

import (
	"strings"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/account"
	"hubline/sip"
	"hubline/switchboard"
)

// S3: whoever stole a device's password calls nobody with it: a call is let in only from where the device is signed in. Help is called from
// anywhere.
func TestS3AStolenPasswordCallsNobody(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, tom := r.phone(r.mary), r.phone(r.tom)
		thief := newUA(t, r.sip, "udp") // another source
		thief.as = mary.as
		for range 3 {
			if res := refusal(t, thief.call("102")); res.Status != 403 {
				t.Fatalf("the thief's call got %d", res.Status)
			}
		}
		select {
		case <-tom.rang:
			t.Fatal("the thief's call rang")
		default:
		}
		var notes []string
		mediatest.Until(t, func() bool { // it is noted behind the answer
			list, _, err := r.AuditLog(t.Context(), r.admin.Actor(), account.AuditFilter{SubjectID: r.mary.ID})
			must(t, err)
			notes = nil
			for _, e := range list {
				if e.Action == account.DeviceElsewhere {
					notes = append(notes, e.Sentence())
				}
			}
			return len(notes) > 0
		})
		if len(notes) != 1 || !strings.Contains(notes[0], "Mary Chen, extension 101") || !strings.Contains(notes[0], "127.0.0.1") {
			t.Errorf("noted %q", notes)
		}

		help := thief.call("000")
		z := r.network.ringing()
		must(t, z.Answer(r.network.offer()))
		want(t, help, sip.Answered)
		help.Hangup()
		want(t, z, sip.Bye)

		a := mary.call("102")
		must(t, tom.ringing().Answer(tom.offer()))
		want(t, a, sip.Answered)
		a.Hangup()
		if res := mary.register(0); res.Status != 200 {
			t.Fatalf("signing out: %d", res.Status)
		}
		if res := refusal(t, mary.call("102")); res.Status != 403 {
			t.Errorf("a phone that signed out calls: %d", res.Status)
		}
	})
}

// A phone whose connection went away and came back calls over the new one; one whose binding ran out has to sign in again.
func TestS3ConnectionsComeAndGo(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, tom := r.unregistered(r.mary, "tcp"), r.phone(r.tom)
		if res := mary.register(60); res.Status != 200 {
			t.Fatalf("register: %d", res.Status)
		}
		again := newUA(t, r.sip, "tcp")
		again.as = mary.as
		a := again.call("102")
		must(t, tom.ringing().Answer(tom.offer()))
		want(t, a, sip.Answered)
		a.Hangup()
		r.clock.Advance(2 * time.Minute)
		if res := refusal(t, again.call("102")); res.Status != 403 {
			t.Errorf("after its binding ran out: %d", res.Status)
		}
	})
}

// Where the operator says so, phones call without signing in.
func TestRoamingPhonesCall(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary, tom := r.unregistered(r.mary, "udp"), r.phone(r.tom)
		a := mary.call("102")
		must(t, tom.ringing().Answer(tom.offer()))
		want(t, a, sip.Answered)
		a.Hangup()
	}, func(c *switchboard.Config) { c.Roaming = true })
}
