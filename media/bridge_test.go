package media_test

import (
	"net/netip"
	"slices"
	"testing"

	"hubline/media"
	"hubline/media/mediatest"
)

// side is an endpoint with a phone at its other end.
type side struct {
	*media.Endpoint
	phone *mediatest.Phone
}

func server(t *testing.T) *media.Server {
	s := media.New(media.Config{})
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, s *media.Server, codecs ...media.Codec) side {
	t.Helper()
	e, err := s.Endpoint()
	if err != nil {
		t.Fatal(err)
	}
	phone := mediatest.NewPhone(t, "127.0.0.1")
	e.SetCodecs(codecs...)
	e.SetPeer(phone.Addr(), phone.Addr().Addr())
	return side{e, phone}
}

func (s side) say(payload uint8, text string) { s.phone.Say(s.Addr(), payload, []byte(text)) }

func bodies(packets []mediatest.Packet) (list []string) {
	for _, p := range packets {
		list = append(list, string(p.Body))
	}
	return list
}

func TestBridgePassesPacketsBothWays(t *testing.T) {
	t.Parallel()
	s := server(t)
	a, b := connect(t, s), connect(t, s)
	media.Bridge(a.Endpoint, b.Endpoint)
	for range 3 {
		a.say(8, "from a")
		b.say(8, "from b")
	}
	atB, atA := b.phone.Wait(3), a.phone.Wait(3)
	if want := slices.Repeat([]string{"from a"}, 3); !slices.Equal(bodies(atB), want) {
		t.Errorf("b heard %q", bodies(atB))
	}
	if want := slices.Repeat([]string{"from b"}, 3); !slices.Equal(bodies(atA), want) {
		t.Errorf("a heard %q", bodies(atA))
	}
	if from := netip.AddrPortFrom(b.Addr().Addr(), uint16(b.Port())); atB[0].From != from {
		t.Errorf("b got packets from %v, its own port is %v", atB[0].From, from)
	}
}
