package switchboard_test

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/call"
	"hubline/sip"
	"hubline/sip/sdp"
)

// audioOf is where a description wants sound.
func audioOf(t testing.TB, text []byte) netip.AddrPort {
	t.Helper()
	s, err := sdp.Parse(text)
	must(t, err)
	at, ok := s.Audio().Addr()
	if !ok {
		t.Fatalf("no address for sound in\n%s", text)
	}
	return at
}

func TestAnExtensionIsCalledAndBothHearEachOther(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		tom, mary := r.phone(r.tom), r.phone(r.mary)
		a := tom.call("101")
		z := mary.ringing()
		from := z.Request().From()
		if from.Name != "Tom Baker" || from.URI.User != "102" {
			t.Errorf("the phone shows %v", from)
		}
		must(t, z.Ring(180, nil))
		if ev := next(t, a); ev.Kind != sip.Ringing || ev.Message.Status != 180 {
			t.Fatalf("%v, want 180", ev.Kind)
		}
		must(t, z.Answer(mary.offer()))
		answered := want(t, a, sip.Answered)
		want(t, z, sip.Confirmed)

		toTom, toMary := audioOf(t, answered.SDP), audioOf(t, z.RemoteSDP())
		go tom.sound.Whistle(toTom, 440, 700*time.Millisecond)
		mary.sound.Whistle(toMary, 1000, 700*time.Millisecond)
		mary.sound.Wait(25)
		tom.sound.Wait(25)
		if share := mediatest.Share(mary.sound.Heard(), 8000, 440); share < 0.8 {
			t.Errorf("Mary hears %.2f of 440 Hz", share)
		}
		if share := mediatest.Share(tom.sound.Heard(), 8000, 1000); share < 0.8 {
			t.Errorf("Tom hears %.2f of 1000 Hz", share)
		}
		if r.board.State(r.mary.AccountID, r.mary.ID) != "on-a-call" {
			t.Error("Mary is not shown to be on a call")
		}
		a.Hangup()
		want(t, z, sip.Bye)
		c := r.record()
		if got, wish := sentence(c), `internal answered: 102 (Tom Baker) to 101 (Mary Chen), answered by "Mary Chen", service  "", hung-up by caller, 200`; got != wish {
			t.Errorf("recorded\n%s, want\n%s", got, wish)
		}
		if c.AnsweredByID != r.mary.ID || c.TalkMS < 600 || c.RingMS < 0 || c.AnsweredAt < c.StartedAt || c.EndedAt < c.AnsweredAt {
			t.Errorf("recorded %+v", c)
		}
		if r.media.Open() != 0 {
			t.Errorf("%d endpoints are left open", r.media.Open())
		}
		if r.board.State(r.mary.AccountID, r.mary.ID) != "available" {
			t.Error("Mary is not available after the call")
		}
	})
}

func TestOutcomesOfACallBetweenExtensions(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, mary := r.phone(r.tom), r.phone(r.mary)
		second := r.phone(r.mary)
		count := 0
		check := func(name string, status call.Status, cause, by string, code int) {
			t.Helper()
			count++
			c := r.records(r.admin, count)[count-1]
			if c.Status != status || c.Cause != cause || c.EndedBy != by || c.SIPStatus != code {
				t.Errorf("%s: recorded %s", name, sentence(c))
			}
		}
		a := tom.call("101")
		mary.ringing().Refuse(486, "")
		second.ringing().Refuse(486, "")
		if res := refusal(t, a); res.Status != 486 {
			t.Errorf("all busy: %d", res.Status)
		}
		check("all busy", call.Busy, "busy", "system", 486)

		for _, refused := range []struct {
			by, to int // what the phones answer, and what the caller hears
			cause  string
		}{{480, 480, "not-available"}, {302, 480, "redirected"}, {404, 404, "refused"}} {
			a = tom.call("101")
			mary.ringing().Refuse(refused.by, "", "Contact", "<sip:0491570006@127.0.0.1>")
			second.ringing().Refuse(refused.by, "")
			if res := refusal(t, a); res.Status != refused.to {
				t.Errorf("phones answer %d: %d", refused.by, res.Status)
			}
			check(strconv.Itoa(refused.by), call.Unavailable, refused.cause, "system", refused.to)
		}

		a = tom.call("101")
		mary.ringing().Refuse(486, "")
		z := second.ringing()
		must(t, z.Answer(second.offer()))
		want(t, a, sip.Answered)
		want(t, z, sip.Confirmed)
		z.Hangup()
		want(t, a, sip.Bye)
		check("one busy, one answers", call.Answered, "hung-up", "callee", 200)

		a = tom.call("101")
		other := second.ringing()
		mary.ringing().Refuse(603, "")
		if res := refusal(t, a); res.Status != 603 {
			t.Errorf("declined: %d", res.Status)
		}
		want(t, other, sip.Cancelled)
		check("declined", call.Busy, "declined", "system", 603)

		a = tom.call("101")
		other = second.ringing()
		must(t, mary.ringing().Ring(180, nil))
		if res := refusal(t, a); res.Status != 480 {
			t.Errorf("no answer: %d", res.Status)
		}
		want(t, other, sip.Cancelled)
		check("no answer", call.Unanswered, "no-answer", "system", 480)

		a = tom.call("101")
		z, other = mary.ringing(), second.ringing()
		must(t, z.Ring(180, nil))
		next(t, a)
		a.Hangup()
		if ev := want(t, z, sip.Cancelled); ev.Message.Get("Reason") != "" {
			t.Errorf("a missed call says %q", ev.Message.Get("Reason"))
		}
		want(t, other, sip.Cancelled)
		check("cancelled", call.Cancelled, "cancelled", "caller", 487)

		a = tom.call("101")
		z, other = mary.ringing(), second.ringing()
		must(t, z.Answer(mary.offer()))
		want(t, a, sip.Answered)
		if ev := want(t, other, sip.Cancelled); ev.Message.Get("Reason") != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("the other phone is told %q", ev.Message.Get("Reason"))
		}
		want(t, z, sip.Confirmed)
		z.Hangup()
		want(t, a, sip.Bye)
		check("answered elsewhere", call.Answered, "hung-up", "callee", 200)

		mary.register(0)
		second.register(0)
		a = tom.call("101")
		if res := refusal(t, a); res.Status != 480 {
			t.Errorf("nobody signed in: %d", res.Status)
		}
		check("nobody signed in", call.Unavailable, "no-device", "system", 480)

		a = tom.call("199")
		if res := refusal(t, a); res.Status != 404 {
			t.Errorf("no such extension: %d", res.Status)
		}
		check("no such extension", call.Unavailable, "no-such-number", "system", 404)
	})
}
