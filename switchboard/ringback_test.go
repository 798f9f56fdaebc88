package switchboard_test

import (
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/call"
	"hubline/sip"
	"hubline/switchboard"
)

// A carrier that leaves its callers in silence until somebody answers gets the tone from us, in the codec that the answer keeps to.
func TestCallersHearRinging(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		a := r.network.dial(r, mainLine)
		z := mary.ringing()
		must(t, z.Ring(180, nil))
		early := next(t, a)
		if early.Message.Status != 183 || early.SDP == nil {
			t.Fatalf("the caller gets %d", early.Message.Status)
		}
		r.network.sound.Wait(30)
		if share := mediatest.Share(r.network.sound.Heard(), 8000, 400) + mediatest.Share(r.network.sound.Heard(), 8000, 450); share < 0.8 {
			t.Errorf("%.2f of what the caller hears is ringing", share)
		}
		must(t, z.Answer(mary.offer()))
		ev := want(t, a, sip.Answered)
		if string(ev.SDP) != string(early.SDP) {
			t.Errorf("the answer differs from the one before:\n%s\n%s", early.SDP, ev.SDP)
		}
		before := len(r.network.sound.Heard())
		mary.sound.Whistle(audioOf(t, z.RemoteSDP()), 1000, 400*time.Millisecond)
		mediatest.Until(t, func() bool { return len(r.network.sound.Heard()) >= before+15*160 })
		if share := mediatest.Share(r.network.sound.Heard()[before:], 8000, 1000); share < 0.8 {
			t.Errorf("%.2f of what the caller hears after the answer is the phone", share)
		}
		a.Hangup()
		want(t, z, sip.Bye)
		if c := r.record(); c.Status != call.Answered {
			t.Errorf("recorded %s", sentence(c))
		}
	}, func(c *switchboard.Config) {
		silentNetwork(c)
		c.Times.Ring = time.Minute // the tone is listened to for longer than phones ring elsewhere
	})
}

// Nobody answers: the ringing ends, and the message follows in the same description.
func TestRingingEndsInTheMessage(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		a := r.network.dial(r, mainLine)
		z := mary.ringing()
		must(t, z.Ring(180, nil))
		early := next(t, a)
		z.Refuse(480, "")
		if spoken := next(t, a); spoken.Message.Status != 183 || string(spoken.SDP) != string(early.SDP) {
			t.Errorf("%d with another description:\n%s\n%s", spoken.Message.Status, early.SDP, spoken.SDP)
		}
		if res := refusal(t, a); res.Status != 480 {
			t.Errorf("%d", res.Status)
		}
	}, silentNetwork)
}

func silentNetwork(c *switchboard.Config) { c.Carriers[0].Ringback = true }
