package switchboard_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/call"
	"hubline/sip"
	"hubline/sip/sdp"
	"hubline/switchboard"
)

// together is a call between Tom and Mary that was answered.
func (r *rig) together() (tom, mary *ua, a, z *sip.Leg) {
	r.t.Helper()
	tom, mary = r.phone(r.tom), r.phone(r.mary)
	a = tom.call("101")
	z = mary.ringing()
	must(r.t, z.Answer(mary.offer()))
	want(r.t, a, sip.Answered)
	want(r.t, z, sip.Confirmed)
	return tom, mary, a, z
}

func direction(t testing.TB, text []byte) string {
	t.Helper()
	s, err := sdp.Parse(text)
	must(t, err)
	return s.Audio().Direction()
}

func TestHoldAndResume(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, mary, a, z := r.together()
		reoffer := func(from, to *sip.Leg, own, other *ua, offered, seen, answered, heard string) {
			t.Helper()
			type reply struct {
				text []byte
				err  error
			}
			replies := make(chan reply, 1)
			go func() {
				text, err := from.Reoffer(t.Context(), own.offer("a="+offered))
				replies <- reply{text, err}
			}()
			ev := want(t, to, sip.Offered)
			if got := direction(t, ev.SDP); got != seen {
				t.Errorf("%s is offered on as %s, want %s", offered, got, seen)
			}
			must(t, to.AnswerOffer(ev, other.offer("a="+answered)))
			got := <-replies
			must(t, got.err)
			if d := direction(t, got.text); d != heard {
				t.Errorf("%s is answered with %s, want %s", offered, d, heard)
			}
		}
		reoffer(a, z, tom, mary, "sendonly", "sendonly", "recvonly", "recvonly")
		reoffer(a, z, tom, mary, "sendrecv", "sendrecv", "sendrecv", "sendrecv")
		reoffer(z, a, mary, tom, "inactive", "inactive", "inactive", "inactive")
		reoffer(z, a, mary, tom, "sendrecv", "sendrecv", "sendrecv", "sendrecv")

		go tom.sound.Whistle(audioOf(t, a.RemoteSDP()), 440, 400*time.Millisecond)
		mary.sound.Wait(15)
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func TestARefreshStaysOnItsSide(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, _, a, z := r.together()
		before := a.RemoteSDP()
		answer, err := a.Reoffer(t.Context(), tom.offer())
		must(t, err)
		if string(answer) != string(before) {
			t.Errorf("a refresh is answered with\n%s, before\n%s", answer, before)
		}
		tom.sound = mediatest.NewPhone(t, "127.0.0.1") // the phone has moved to another port
		_, err = a.Reoffer(t.Context(), tom.offer())
		must(t, err)
		select {
		case ev := <-z.Events():
			t.Errorf("the other side was bothered: %v", ev.Kind)
		default:
		}
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func TestARefusedChangeLeavesTheCallAsItWas(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, _, a, z := r.together()
		errs := make(chan error, 1)
		go func() {
			_, err := a.Reoffer(t.Context(), tom.offer("a=sendonly"))
			errs <- err
		}()
		must(t, z.RefuseOffer(want(t, z, sip.Offered), 488))
		if err := <-errs; err == nil {
			t.Error("a change that the other side refused was accepted")
		}
		if _, err := a.Reoffer(t.Context(), describeSecure(tom)); err == nil {
			t.Error("encrypted audio was accepted")
		}
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func describeSecure(u *ua) []byte {
	return []byte(strings.Replace(string(u.offer()), "RTP/AVP", "UDP/TLS/RTP/SAVPF", 1))
}

func TestDigitsByINFO(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		_, _, a, z := r.together()
		for _, digit := range []string{"1", "2", "3"} {
			must(t, a.Info(t.Context(), "application/dtmf-relay", []byte("Signal="+digit+"\r\nDuration=160\r\n")))
		}
		must(t, a.Info(t.Context(), "text/plain", []byte("not for the other side")))
		for _, digit := range []string{"1", "2", "3"} {
			ev := want(t, z, sip.Info)
			if got := string(ev.Message.Body); !strings.HasPrefix(got, "Signal="+digit) || ev.Message.Get("Content-Type") != "application/dtmf-relay" {
				t.Errorf("%q comes instead of %s", got, digit)
			}
		}
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func TestACallWithoutAnOffer(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, mary := r.phone(r.tom), r.phone(r.mary)
		m := tom.invite("101")
		m.Body = nil
		a := tom.place(m)
		z := mary.ringing()
		if z.RemoteSDP() == nil {
			t.Fatal("the phone that rings was not offered anything")
		}
		must(t, z.Answer(mary.offer()))
		offer := want(t, a, sip.Answered)
		must(t, a.Ack(tom.offer()))
		want(t, z, sip.Confirmed)
		go tom.sound.Whistle(audioOf(t, offer.SDP), 440, 500*time.Millisecond)
		mary.sound.Whistle(audioOf(t, z.RemoteSDP()), 1000, 500*time.Millisecond)
		mary.sound.Wait(15)
		tom.sound.Wait(15)
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func TestBothLawsMeet(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, mary := r.phone(r.tom), r.phone(r.mary)
		m := tom.invite("101")
		m.Body = []byte(strings.Replace(string(tom.offer()), "RTP/AVP 8 0 101", "RTP/AVP 8 101", 1))
		a := tom.place(m)
		z := mary.ringing()
		must(t, z.Answer([]byte(strings.Replace(string(mary.offer()), "RTP/AVP 8 0 101", "RTP/AVP 0 101", 1))))
		answered := want(t, a, sip.Answered)
		tom.sound.Whistle(audioOf(t, answered.SDP), 440, 400*time.Millisecond) // in PCMA
		packets := mary.sound.Wait(15)
		if packets[len(packets)-1].Payload != 0 {
			t.Errorf("Mary is sent payload type %d", packets[len(packets)-1].Payload)
		}
		if share := mediatest.Share(mary.sound.Heard(), 8000, 440); share < 0.8 {
			t.Errorf("Mary hears %.2f of the tone", share)
		}
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func TestOffersThatCannotBeTaken(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom := r.phone(r.tom)
		r.phone(r.mary)
		for name, body := range map[string][]byte{
			"encrypted": describeSecure(tom),
			"no codec":  []byte(strings.Replace(string(tom.offer()), "RTP/AVP 8 0 101", "RTP/AVP 18", 1)),
			"no audio":  []byte(strings.Replace(string(tom.offer()), "m=audio", "m=video", 1)),
			"nonsense":  []byte("hello"),
		} {
			m := tom.invite("101")
			m.Body = body
			if res := refusal(t, tom.place(m)); res.Status != 488 {
				t.Errorf("%s: %d", name, res.Status)
			}
		}
	})
}

func TestACallWithoutSoundEnds(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		_, _, a, z := r.together()
		want(t, a, sip.Bye)
		want(t, z, sip.Bye)
		if c := r.record(); c.Status != call.Answered || c.Cause != "no-media" || c.EndedBy != "system" {
			t.Errorf("recorded %s", sentence(c))
		}
	}, func(c *switchboard.Config) { c.Times.Silence = 200 * time.Millisecond })
}

func TestEchoTest(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom := r.phone(r.tom)
		a := tom.call("*43")
		answered := want(t, a, sip.Answered)
		tom.sound.Wait(5) // the announcement
		before := len(tom.sound.Packets())
		mediatest.Until(t, func() bool {
			tom.sound.Whistle(audioOf(t, answered.SDP), 440, 200*time.Millisecond)
			heard := tom.sound.Heard()
			return mediatest.Share(heard[max(0, len(heard)-1600):], 8000, 440) > 0.8
		})
		if len(tom.sound.Packets()) <= before {
			t.Error("nothing comes back")
		}
		a.Hangup()
		if c := r.record(); c.Status != call.Answered || c.ToNumber != "*43" || c.AnsweringPoint != "Echo test" {
			t.Errorf("recorded %s", sentence(c))
		}
	})
}

func TestACallIsEndedFromThePortal(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		_, _, a, z := r.together()
		var live []call.Record
		mediatest.Until(t, func() bool {
			var err error
			live, err = r.calls.Live(t.Context(), r.admin.Actor())
			must(t, err)
			return len(live) == 1
		})
		if r.board.Hangup(r.north.Account.ID, live[0].ID) {
			t.Error("another account ended the call")
		}
		if !r.board.Hangup(r.admin.Account.ID, live[0].ID) {
			t.Error("the call was not found")
		}
		want(t, a, sip.Bye)
		want(t, z, sip.Bye)
		if c := r.record(); c.Status != call.Answered || c.Cause != "ended-in-portal" || c.EndedBy != "system" {
			t.Errorf("recorded %s", sentence(c))
		}
	})
}

func TestS14Limits(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, mary := r.phone(r.tom), r.phone(r.mary)
		for range 2 {
			a := tom.call("*43")
			want(t, a, sip.Answered)
		}
		if res := refusal(t, tom.call("101")); res.Status != 486 {
			t.Errorf("a third call of Tom's: %d", res.Status)
		}
		a := mary.call("*43")
		want(t, a, sip.Answered)
		if res := refusal(t, mary.call("*43")); res.Status != 503 || res.Get("Retry-After") == "" {
			t.Errorf("a fourth call of the account: %d", res.Status)
		}
	}, func(c *switchboard.Config) { c.Limits = switchboard.Limits{PerUser: 2, PerAccount: 3} })
}

func TestASecondCallRingsToo(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		_, mary, a, z := r.together()
		third := r.phone(r.Add(r.admin, "103", "Ann Lee"))
		b := third.call("101")
		waiting := mary.ringing()
		waiting.Refuse(486, "")
		refusal(t, b)
		a.Hangup()
		want(t, z, sip.Bye)
	})
}

func TestDrain(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, _, a, z := r.together()
		ctx, cancel := context.WithCancel(t.Context())
		drained := make(chan error, 1)
		go func() { drained <- r.board.Drain(ctx) }()
		mediatest.Until(t, func() bool { return tom.once(tom.request("INVITE", "*43")).Status == 503 })
		if _, err := a.Reoffer(t.Context(), tom.offer()); err != nil {
			t.Errorf("a call that goes on: %v", err)
		}
		cancel()
		want(t, a, sip.Bye)
		want(t, z, sip.Bye)
		<-drained
		if c := r.record(); c.Status != call.Answered || c.Cause != "system-stopped" {
			t.Errorf("recorded %s", sentence(c))
		}
	})
}

func TestRecordsSurviveACrash(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		tom, _, _, _ := r.together()
		r.network.dial(r, mainLine)
		mediatest.Until(t, func() bool {
			live, err := r.calls.Live(t.Context(), r.admin.Actor())
			must(t, err)
			return len(live) == 2
		})
		r.crash()
		for i, c := range r.records(r.admin, 2) {
			if wish := []call.Status{call.Answered, call.Unavailable}[i]; c.Status != wish || c.Cause != call.Interrupted || c.EndedAt < c.StartedAt {
				t.Errorf("recorded %s", sentence(c))
			}
		}
		if a := tom.call("*43"); want(t, a, sip.Answered).Kind == 0 {
			t.Error("no call after the crash")
		}
	})
}
