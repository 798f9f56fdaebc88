package media_test

import (
	"fmt"
	"net"
	"testing"

	"hubline/media"
	"hubline/media/mediatest"
)

// S11 once a peer has settled: it gets a socket of its own, and still nobody else is heard or gets the port; a new description moves the
// sound to another phone and shuts the old one out.
func TestS11SettledPeersAreStillTheOnlyOnes(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		media.Bridge(a.Endpoint, b.Endpoint)
		const many = 120 // more than settling takes
		talk := func(from, to side, n, before int) {
			t.Helper()
			for i := range n {
				from.say(fmt.Sprint(i))
				to.phone.Wait(before + i + 1)
			}
		}
		talk(a, b, many, 0)
		talk(b, a, many, 0)

		attacker := mediatest.NewPhone(t, "127.0.0.2")
		attacker.SSRC = a.phone.SSRC
		neighbour := mediatest.NewPhone(t, "127.0.0.1") // the phone's address, another port
		neighbour.SSRC = a.phone.SSRC
		for range 20 {
			attacker.Say(a.Addr(), 8, []byte("attack"))
			neighbour.Say(a.Addr(), 8, []byte("attack"))
		}
		mediatest.Until(t, func() bool { return a.Stats().Strangers == 40 })
		if n := len(b.phone.Packets()); n != many {
			t.Errorf("%d packets of strangers were passed on", n-many)
		}
		if n := len(attacker.Packets()) + len(neighbour.Packets()); n != 0 {
			t.Errorf("%d packets leaked to strangers", n)
		}
		if other, err := net.ListenPacket("udp", a.Addr().String()); err == nil {
			other.Close()
			t.Error("another program got the port")
		}
		talk(a, b, 10, many)

		old := a.phone
		moved := mediatest.NewPhone(t, "127.0.0.3")
		a.SetPeer(moved.Addr(), moved.Addr().Addr())
		a.phone = moved
		talk(b, a, 10, 0) // before the new phone says anything
		talk(a, b, many, many+10)
		heard := len(b.phone.Packets())
		strangers := a.Stats().Strangers
		old.Say(a.Addr(), 8, []byte("old"))
		mediatest.Until(t, func() bool { return a.Stats().Strangers == strangers+1 })
		if n := len(b.phone.Packets()); n != heard {
			t.Error("the phone that was left is still heard")
		}
		talk(b, a, 10, 10)
		if n := len(old.Packets()); n != many {
			t.Errorf("%d packets went to the phone that was left", n-many)
		}
	})
}
