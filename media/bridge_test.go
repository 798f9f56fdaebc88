package media_test

import (
	"context"
	"errors"
	"testing"

	"hubline/media"
	"hubline/media/g711"
	"hubline/media/mediatest"
)

func TestBridgePassesPacketsBothWays(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		media.Bridge(a.Endpoint, b.Endpoint)
		a.say("one")
		b.say("three")
		a.say("two")
		if got := b.heard(2); got != "one two" {
			t.Errorf("b heard %q", got)
		}
		if got := a.heard(1); got != "three" {
			t.Errorf("a heard %q", got)
		}
		if from := b.phone.Packets()[0].From; from != b.Addr() {
			t.Errorf("b's packets come from %v, its SDP says %v", from, b.Addr())
		}
	})
}

// steady checks that a phone saw one source with rising numbers, whatever fed it.
func steady(t *testing.T, packets []mediatest.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		was, is := packets[i-1], packets[i]
		if is.SSRC != was.SSRC || is.Sequence != was.Sequence+1 || is.Timestamp-was.Timestamp == 0 || int32(is.Timestamp-was.Timestamp) < 0 {
			t.Errorf("packet %d: source %x number %d time %d after source %x number %d time %d", i, is.SSRC, is.Sequence, is.Timestamp, was.SSRC, was.Sequence, was.Timestamp)
		}
	}
}

func TestAnotherBridgeTakesOverWithoutAGlitch(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b, c := connect(t, s), connect(t, s), connect(t, s)
		b.phone.SSRC, c.phone.SSRC = 0x2000, 0x3000
		first := media.Bridge(a.Endpoint, b.Endpoint)
		b.say("b1")
		b.say("b2")
		a.phone.Wait(2)
		media.Bridge(a.Endpoint, c.Endpoint)
		b.say("not any more")
		c.say("c1")
		a.phone.Wait(3)
		first() // undoes nothing: its place was taken
		c.say("c2")
		if got := a.heard(4); got != "b1 b2 c1 c2" {
			t.Errorf("a heard %q", got)
		}
		packets := a.phone.Packets()
		steady(t, packets)
		if packets[1].Marker || !packets[2].Marker {
			t.Error("the change of source is not marked")
		}
		a.say("to c")
		if got := c.heard(1); got != "to c" || len(b.phone.Packets()) > 0 {
			t.Errorf("c heard %q, b %d packets", got, len(b.phone.Packets()))
		}
	})
}

func TestStopEndsABridgeAnyNumberOfTimes(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		stop := media.Bridge(a.Endpoint, b.Endpoint)
		stop()
		stop()
		a.say("lost")
		mediatest.Until(t, func() bool { return a.Stats().Packets == 1 })
		media.Bridge(a.Endpoint, b.Endpoint)
		a.say("heard")
		if got := b.heard(1); got != "heard" {
			t.Errorf("b heard %q", got)
		}
	})
}

func TestPayloadTypesOfTheTwoSidesAreTranslated(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		opus := func(number uint8) media.Codec { return media.Codec{Payload: number, Name: "opus", Clock: 48000} }
		events := func(number uint8) media.Codec { return media.Codec{Payload: number, Name: "telephone-event"} }
		a, b := connect(t, s, opus(96), events(101)), connect(t, s, opus(111), events(96))
		media.Bridge(a.Endpoint, b.Endpoint)
		a.phone.Say(a.Addr(), 96, []byte("opus"))
		a.phone.Say(a.Addr(), 101, []byte{5, 0, 0, 160})
		a.phone.Say(a.Addr(), 99, []byte("nobody agreed on this"))
		a.phone.Say(a.Addr(), 96, []byte("more"))
		packets := b.phone.Wait(3)
		if packets[0].Payload != 111 || packets[1].Payload != 96 || packets[2].Payload != 111 || string(packets[2].Body) != "more" {
			t.Errorf("b got %+v", packets)
		}
		if n := a.Stats().Invalid; n != 1 {
			t.Errorf("%d invalid, want 1", n)
		}
	})
}

func TestOneLawOfG711BecomesTheOther(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s, media.PCMA), connect(t, s, media.PCMU)
		media.Bridge(a.Endpoint, b.Endpoint)
		loud := g711.A.Encode(8000)
		a.phone.Say(a.Addr(), 8, []byte{loud, loud})
		p := b.phone.Wait(1)[0]
		if p.Payload != 0 || len(p.Body) != 2 || g711.Mu.Decode(p.Body[1]) < 7500 || g711.Mu.Decode(p.Body[1]) > 8500 {
			t.Errorf("b got payload type %d, %v", p.Payload, g711.Mu.Samples(p.Body))
		}
		b.phone.Say(b.Addr(), 0, []byte{g711.Mu.Encode(-8000)})
		if p := a.phone.Wait(1)[0]; p.Payload != 8 || g711.A.Decode(p.Body[0]) > -7500 {
			t.Errorf("a got payload type %d, %v", p.Payload, g711.A.Samples(p.Body))
		}
	})
}

func TestEchoSendsBackUntilItIsToldToStop(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a := connect(t, s, media.PCMA)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Echo(ctx) }()
		mediatest.Until(t, func() bool { a.say("hello"); return len(a.phone.Packets()) > 0 })
		p := a.phone.Packets()[0]
		if string(p.Body) != "hello" || p.SSRC == a.phone.SSRC {
			t.Errorf("got %q of source %x", p.Body, p.SSRC)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		go func() { ended <- a.Echo(t.Context()) }()
		a.Close()
		if err := <-ended; !errors.Is(err, media.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestMutedPeersHearNothing(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		media.Bridge(a.Endpoint, b.Endpoint)
		b.Mute(true)
		a.say("not sent")
		mediatest.Until(t, func() bool { return a.Stats().Packets == 1 })
		b.Mute(false)
		a.say("sent")
		if got := b.heard(1); got != "sent" {
			t.Errorf("b heard %q", got)
		}
	})
}
