package switchboard_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/media"
	"hubline/sip"
	"hubline/switchboard"
)

// withBothFamilies opens the ports for sound on every address, and tells IPv4 phones one of IPv4.
func withBothFamilies(t *testing.T) adjust {
	return func(c *switchboard.Config) {
		four := netip.MustParseAddr("127.0.0.1")
		c.Media = media.New(media.Config{Listen: netip.IPv6Unspecified(), IP: four})
		c.Address = four
		t.Cleanup(c.Media.Close)
	}
}

// talks checks that two phones hear each other where they were told to send sound.
func talks(t *testing.T, a, z *ua, toA, toZ netip.AddrPort) {
	t.Helper()
	heardA, heardZ := len(a.sound.Packets()), len(z.sound.Packets())
	var both sync.WaitGroup
	both.Go(func() { a.sound.Whistle(toA, 440, 500*time.Millisecond) })
	z.sound.Whistle(toZ, 1000, 500*time.Millisecond)
	both.Wait()
	a.sound.Wait(heardA + 15)
	z.sound.Wait(heardZ + 15)
}

// Phones of IPv6 and IPv4 talk to each other: each is told an address of its own family, also where one call rings phones of both.
func TestPhonesOfBothFamilies(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		r.media = r.config.Media
		four := r.sip
		var err error
		r.sip, err = r.board.Engine().Listen(t.Context(), "[::1]:0")
		must(t, err)
		six := r.phone(r.mary)
		r.sip = four
		desk, tom := r.phone(r.mary), r.phone(r.tom)

		a := tom.call("101")
		z, other := six.ringing(), desk.ringing()
		if at := audioOf(t, z.RemoteSDP()); !at.Addr().Is6() {
			t.Errorf("the phone of IPv6 is told %v", at)
		}
		if at := audioOf(t, other.RemoteSDP()); !at.Addr().Is4() {
			t.Errorf("the phone of IPv4 is told %v", at)
		}
		offered := z.RemoteSDP()
		must(t, z.Answer(six.offer()))
		answered := want(t, a, sip.Answered)
		want(t, other, sip.Cancelled)
		talks(t, tom, six, audioOf(t, answered.SDP), audioOf(t, offered))

		// Who repeats its description in a refresh gets what it was sent, to the letter.
		again, err := z.Reoffer(t.Context(), six.offer())
		must(t, err)
		if string(again) != string(offered) {
			t.Errorf("after a refresh the phone is told\n%s, before\n%s", again, offered)
		}
		go func() {
			if ev := next(t, a); ev.Kind == sip.Offered {
				a.AnswerOffer(ev, tom.offer("a=recvonly"))
			}
		}()
		held, err := z.Reoffer(t.Context(), six.offer("a=sendonly"))
		must(t, err)
		if at := audioOf(t, held); !at.Addr().Is6() || versionOf(held) <= versionOf(offered) {
			t.Errorf("a phone that holds is told\n%s after\n%s", held, offered)
		}
		a.Hangup()
		want(t, z, sip.Bye)

		b := six.call("102")
		y := tom.ringing()
		must(t, y.Answer(tom.offer()))
		talks(t, six, tom, audioOf(t, want(t, b, sip.Answered).SDP), audioOf(t, y.RemoteSDP()))
		b.Hangup()
		want(t, y, sip.Bye)
		r.records(r.admin, 2)
	}, withBothFamilies(t))
}

// versionOf is the version in the line o of a description; versions have the same number of digits here.
func versionOf(text []byte) string {
	_, rest, _ := strings.Cut(string(text), "o=- ")
	return strings.Fields(rest)[1]
}
