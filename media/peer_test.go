package media_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"hubline/media"
	"hubline/media/mediatest"
	"hubline/media/rtp"
)

// Test T6 of the security page, for plain RTP: somebody at another address sprays every port of the range with RTP, before, while and
// after the phones begin. Nothing reaches a phone, nothing is sent to the sprayer.
func TestSprayedPortsLeakNothing(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		const calls = 50
		var sides []side
		for range calls {
			a, b := connect(t, s), connect(t, s)
			media.Bridge(a.Endpoint, b.Endpoint)
			sides = append(sides, a, b)
		}
		attacker := mediatest.NewPhone(t, "127.0.0.2")
		spray := func() {
			for _, side := range sides {
				attacker.SSRC = side.phone.SSRC
				for range 6 {
					attacker.Say(side.Addr(), 8, []byte("attack"))
					attacker.Send(netip.AddrPortFrom(side.Addr().Addr(), side.Addr().Port()+1), rtp.Report{SSRC: 1}.Append(nil))
				}
			}
		}
		spray()
		for i, side := range sides {
			side.say("first")
			if i == calls {
				spray()
			}
		}
		spray()
		for _, side := range sides {
			side.say("last")
		}
		for _, side := range sides {
			if got := side.heard(2); got != "first last" {
				t.Errorf("a phone heard %q", got)
			}
			if n := side.Stats().Strangers; n < 6 {
				t.Errorf("%d strangers were counted", n)
			}
		}
		if n := len(attacker.Packets()); n > 0 {
			t.Errorf("%d packets leaked to the sprayer", n)
		}
	})
}

// A phone behind a router writes an address into its SDP that it does not send from.
func TestPeerIsLearnedOnceFromWhereItsSignallingComes(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		signalling := netip.MustParseAddr("127.0.0.3")
		a, b, real, late := connect(t, s), connect(t, s), mediatest.NewPhone(t, "127.0.0.3"), mediatest.NewPhone(t, "127.0.0.3")
		a.SetPeer(a.phone.Addr(), signalling)
		media.Bridge(a.Endpoint, b.Endpoint)

		b.say("to the SDP")
		if got := a.heard(1); got != "to the SDP" {
			t.Errorf("before learning: %q", got)
		}
		real.Say(a.Addr(), 8, []byte("here I am"))
		b.phone.Wait(1)
		b.say("to the real one")
		if p := real.Wait(1); string(p[0].Body) != "to the real one" {
			t.Errorf("after learning: %q", p[0].Body)
		}
		for range 8 {
			late.Say(a.Addr(), 8, []byte("me too"))
		}
		real.Say(a.Addr(), 8, []byte("still me"))
		if got := b.heard(2); got != "here I am still me" {
			t.Errorf("b heard %q", got)
		}
		if st := a.Stats(); st.Peer != real.Addr() || st.Strangers != 8 {
			t.Errorf("peer %v, %d strangers", st.Peer, st.Strangers)
		}

		a.SetPeer(late.Addr(), signalling) // a new SDP
		late.SSRC = 0x7777
		late.Say(a.Addr(), 8, []byte("moved"))
		if got := b.heard(3); got != "here I am still me moved" {
			t.Errorf("after a new SDP b heard %q", got)
		}
	})
}

// The address of the SDP itself fits better than another port of the same address, as long as the first packets last.
func TestBestOfTheFirstPacketsWins(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b, other := connect(t, s), connect(t, s), mediatest.NewPhone(t, "127.0.0.1")
		media.Bridge(a.Endpoint, b.Endpoint)
		for range 4 {
			other.Say(a.Addr(), 8, []byte("x"))
		}
		b.phone.Wait(4)
		a.phone.SSRC = 0x2222
		a.say("the phone")
		b.phone.Wait(5)
		for range 8 {
			other.Say(a.Addr(), 8, []byte("x"))
		}
		a.say("alone")
		if got := b.heard(6); got != "x x x x the phone alone" {
			t.Errorf("b heard %q", got)
		}
	})
}

func TestLearningEndsAfterFivePackets(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b, first := connect(t, s), connect(t, s), mediatest.NewPhone(t, "127.0.0.1")
		media.Bridge(a.Endpoint, b.Endpoint)
		for range 5 {
			first.Say(a.Addr(), 8, []byte("x"))
		}
		a.say("too late")
		first.Say(a.Addr(), 8, []byte("y"))
		if got := b.heard(6); got != "x x x x x y" {
			t.Errorf("b heard %q", got)
		}
	})
}

// Whoever can forge the phone's address still does not know its source number, and a phone that changes it was quiet before.
func TestAnotherSourceMustWaitForSilence(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := media.New(media.Config{Now: clock.now})
	t.Cleanup(s.Close)
	a, b := connect(t, s), connect(t, s)
	media.Bridge(a.Endpoint, b.Endpoint)
	a.say("one")
	b.phone.Wait(1)
	a.phone.SSRC = 0xbad
	for range 10 {
		a.say("forged")
	}
	a.phone.SSRC = 0x1000
	a.say("two")
	if got := b.heard(2); got != "one two" {
		t.Errorf("b heard %q", got)
	}
	clock.advance(time.Second)
	a.phone.SSRC = 0x2000
	a.say("three")
	if got := b.heard(3); got != "one two three" {
		t.Errorf("b heard %q", got)
	}
	steady(t, b.phone.Packets()[1:])
	if n := a.Stats().Strangers; n != 10 {
		t.Errorf("%d strangers, want 10", n)
	}
}

func TestBadPacketsAreDroppedAndEndNothing(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		media.Bridge(a.Endpoint, b.Endpoint)
		bad := [][]byte{{}, {0}, []byte("OPTIONS sip:x SIP/2.0\r\n\r\n"), make([]byte, 1500), make([]byte, 9000), {2 << 6, 200, 0, 0}, {2 << 6, 200, 255, 255, 1}}
		for i := range 1000 {
			a.phone.Send(a.Addr(), bad[i%len(bad)])
			if i%50 == 0 { // the receive buffer holds so many
				a.say("x")
				b.phone.Wait(i/50 + 1)
			}
		}
		a.say("still there")
		if got := b.heard(21); !strings.HasSuffix(got, "x still there") {
			t.Errorf("b heard %q", got)
		}
		if st := a.Stats(); st.Invalid == 0 || st.Packets != 21 {
			t.Errorf("%+v", st)
		}
	})
}

func TestNothingIsSentToAddressesThatAreNoPhone(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		media.Bridge(a.Endpoint, b.Endpoint)
		for i, addr := range []string{"0.0.0.0:4000", "[::]:4000", "224.0.0.1:4000", "127.0.0.1:0"} {
			b.SetPeer(netip.MustParseAddrPort(addr), b.phone.Addr().Addr())
			a.say("x")
			mediatest.Until(t, func() bool { return a.Stats().Packets == uint64(i+1) })
		}
		if st := b.Stats(); st.Sent != 0 || st.Unsent != 0 {
			t.Errorf("%+v", st)
		}
	})
}
