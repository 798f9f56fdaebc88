package media_test

import (
	"strings"
	"testing"

	"hubline/media"
	"hubline/media/mediatest"
)

// each runs a test on the system's engine and on the portable one.
func each(t *testing.T, test func(t *testing.T, s *media.Server)) {
	t.Parallel()
	for name, make := range map[string]func(media.Config) *media.Server{"own engine": media.New, "portable engine": media.NewPortable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := make(media.Config{})
			t.Cleanup(s.Close)
			test(t, s)
		})
	}
}

// side is an endpoint with a phone at its other end.
type side struct {
	*media.Endpoint
	phone *mediatest.Phone
}

func connect(t *testing.T, s *media.Server, codecs ...media.Codec) side {
	t.Helper()
	phone := mediatest.NewPhone(t, "127.0.0.1")
	e := open(t, s)
	e.SetCodecs(codecs...)
	e.SetPeer(phone.Addr(), phone.Addr().Addr())
	return side{e, phone}
}

func open(t *testing.T, s *media.Server) *media.Endpoint {
	t.Helper()
	e, err := s.Endpoint()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (s side) say(text string) { s.phone.Say(s.Addr(), 8, []byte(text)) }

// heard waits for n packets and joins what they say.
func (s side) heard(n int) string {
	s.phone.Wait(n)
	var all []string
	for _, p := range s.phone.Packets() {
		all = append(all, string(p.Body))
	}
	return strings.Join(all, " ")
}
