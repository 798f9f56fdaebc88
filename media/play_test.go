package media_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"hubline/media"
	"hubline/media/g711"
	"hubline/media/mediatest"
)

func TestToneIsHeardInEitherLaw(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		for _, codec := range []media.Codec{media.PCMU, media.PCMA} {
			a := connect(t, s, codec)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- a.Play(ctx, media.Tone(1000), codec) }()
			packets := a.phone.Wait(15)
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			steady(t, packets)
			for i, p := range packets {
				if p.Payload != codec.Payload || len(p.Body) != 160 || p.Timestamp != packets[0].Timestamp+uint32(160*i) {
					t.Fatalf("packet %d: type %d, %d bytes, time %d", i, p.Payload, len(p.Body), p.Timestamp-packets[0].Timestamp)
				}
			}
			if share := mediatest.Share(a.phone.Heard(), 8000, 1000); share < .95 {
				t.Errorf("%s: share of the tone %.2f", codec.Name, share)
			}
		}
	})
}

func TestMessageIsPlayedWholeAndInTime(t *testing.T) {
	t.Parallel()
	s := media.New(media.Config{})
	t.Cleanup(s.Close)
	a := connect(t, s, media.PCMA)
	began := time.Now()
	if err := a.Play(t.Context(), media.NotPermitted, media.PCMA); err != nil {
		t.Fatal(err)
	}
	frames := int((media.NotPermitted.Length() + 19*time.Millisecond) / (20 * time.Millisecond))
	if took := time.Since(began); took < media.NotPermitted.Length()-40*time.Millisecond {
		t.Errorf("took %v, is %v long", took, media.NotPermitted.Length())
	}
	mediatest.Until(t, func() bool { return a.Stats().Sent == uint64(len(a.phone.Packets())) })
	if got := len(a.phone.Packets()); got > frames || got < frames*3/4 { // a stalled machine leaves some out
		t.Errorf("%d frames, want %d", got, frames)
	}
}

// The tones are checked as samples: what is on and off, and which frequencies.
func TestTonesOfTheExchange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		sound  media.Sound
		hz     []int
		times  []int // ms, on and off in turn
		length int
	}{
		{"ringback", media.Ringback, []int{400, 450}, []int{400, 200, 400, 2000}, 3000},
		{"busy", media.Busy, []int{425}, []int{375, 375}, 750},
		{"number unobtainable", media.Unobtainable, []int{425}, []int{2500, 500}, 3000},
	} {
		inA, inMu := c.sound.Payloads()
		samples := g711.A.Samples(inA)
		if len(samples) != c.length*8 || len(inMu) != len(inA) {
			t.Errorf("%s: %d samples, want %d ms", c.name, len(samples), c.length)
		}
		for i, ms := range c.times {
			part := samples[:ms*8]
			samples = samples[ms*8:]
			var share float64
			for _, hz := range c.hz {
				share += mediatest.Share(part, 8000, hz)
			}
			if on := i%2 == 0; on && share < .9 || !on && share != 0 {
				t.Errorf("%s, part %d: share %.2f", c.name, i, share)
			}
		}
	}
}

func TestMessagesAreEmbeddedAndSmall(t *testing.T) {
	t.Parallel()
	all := 0
	for name, sound := range map[string]media.Sound{
		"unavailable": media.Unavailable, "not in service": media.NotInService, "not permitted": media.NotPermitted, "echo test": media.EchoTest,
	} {
		a, _ := sound.Payloads()
		all += len(a)
		var energy float64
		for _, v := range g711.A.Samples(a) {
			energy += float64(v) * float64(v)
		}
		if sound.Length() < time.Second || energy/float64(len(a)) < 1000*1000 {
			t.Errorf("%s: %v long, mean energy %.0f", name, sound.Length(), energy/float64(len(a)))
		}
	}
	if all > 200_000 {
		t.Errorf("%d bytes together", all)
	}
}

func TestOnlyG711IsPlayed(t *testing.T) {
	t.Parallel()
	s := media.New(media.Config{})
	t.Cleanup(s.Close)
	e := open(t, s)
	for _, codec := range []media.Codec{{Payload: 9, Name: "G722"}, {Payload: 96, Name: "opus", Clock: 48000}, {Payload: 96, Name: "PCMU", Clock: 16000}} {
		if err := e.Play(t.Context(), media.Busy, codec); !errors.Is(err, media.ErrNotPlayable) {
			t.Errorf("%s: %v", codec.Name, err)
		}
	}
}

func TestPlayableIsTheFirstThatIsSpoken(t *testing.T) {
	t.Parallel()
	opus, g722 := media.Codec{Payload: 96, Name: "opus", Clock: 48000}, media.Codec{Payload: 9, Name: "G722"}
	if c, err := media.Playable([]media.Codec{opus, media.PCMA, media.PCMU}); err != nil || c != media.PCMA {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := media.Playable([]media.Codec{opus, g722}); !errors.Is(err, media.ErrNotPlayable) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestNewerSoundReplacesOlderAndBridgeGoesOnAfterIt(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s, media.PCMA), connect(t, s, media.PCMA)
		media.Bridge(a.Endpoint, b.Endpoint)
		ended := make(chan error, 1)
		go func() { ended <- a.Play(t.Context(), media.Ringback, media.PCMA) }()
		a.phone.Wait(3)
		b.say("not heard over the tone")
		mediatest.Until(t, func() bool { return b.Stats().Packets == 1 })
		ctx, cancel := context.WithCancel(t.Context())
		newer := make(chan error, 1)
		go func() { newer <- a.Play(ctx, media.Busy, media.PCMA) }()
		if err := <-ended; !errors.Is(err, media.ErrReplaced) {
			t.Error(err)
		}
		cancel()
		<-newer
		sent := int(a.Stats().Sent)
		b.say("heard")
		packets := a.phone.Wait(sent + 1)
		if last := packets[sent]; string(last.Body) != "heard" || !last.Marker {
			t.Errorf("the last packet is %q", last.Body)
		}
		steady(t, packets)
	})
}

func TestClosingEndsASound(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a := connect(t, s, media.PCMA)
		ended := make(chan error, 1)
		go func() { ended <- a.Play(t.Context(), media.Ringback, media.PCMA) }()
		a.phone.Wait(2)
		a.Close()
		if err := <-ended; !errors.Is(err, media.ErrClosed) {
			t.Error(err)
		}
		if err := a.Play(t.Context(), media.Busy, media.PCMA); !errors.Is(err, media.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestKeysArePressedAndUnderstood(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		events := media.Codec{Payload: 101, Name: "telephone-event", Clock: 8000}
		a, b := connect(t, s, media.PCMA, events), connect(t, s, media.PCMA, events)
		a.SetPeer(b.Addr(), b.Addr().Addr())
		b.SetPeer(a.Addr(), a.Addr().Addr())
		go a.Dial(t.Context(), "1#1D", events)
		var got []byte
		for range 4 {
			select {
			case d := <-b.Digits():
				got = append(got, d.Key)
			case <-time.After(10 * time.Second):
				t.Fatalf("only %q was understood", got)
			}
		}
		if string(got) != "1#1D" {
			t.Errorf("understood %q", got)
		}
		if err := a.Dial(t.Context(), "1x", events); err == nil {
			t.Error("x is no key")
		}
		if err := a.Dial(t.Context(), "1", media.PCMA); err == nil {
			t.Error("keys were sent as sound")
		}
	})
}

// Every packet of a press says the same key; RFC 4733 section 2.5.1.4 repeats the last three times.
func TestPressIsToldOnceAndWrittenByTheBook(t *testing.T) {
	t.Parallel()
	s := media.New(media.Config{})
	t.Cleanup(s.Close)
	events := media.Codec{Payload: 96, Name: "telephone-event", Clock: 8000}
	a := connect(t, s, media.PCMA, events)
	if err := a.Dial(t.Context(), "7", events); err != nil {
		t.Fatal(err)
	}
	mediatest.Until(t, func() bool { return a.Stats().Sent == uint64(len(a.phone.Packets())) })
	packets, ends := a.phone.Packets(), 0
	for i, p := range packets {
		if p.Payload != 96 || p.Timestamp != packets[0].Timestamp || p.Body[0] != 7 || p.Marker != (i == 0) {
			t.Errorf("packet %d: %+v", i, p)
		}
		if p.Body[1]&0x80 != 0 {
			ends++
		}
		a.phone.Say(a.Addr(), 96, p.Body) // the phone presses back, with a timestamp for each packet: separate presses
	}
	if ends != 3 {
		t.Errorf("the end was said %d times", ends)
	}
	mediatest.Until(t, func() bool { return len(a.Digits()) == len(packets) })
}
