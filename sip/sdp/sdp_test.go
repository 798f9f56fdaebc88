package sdp

import (
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
)

const desk = "v=0\r\no=ann 1 2 IN IP4 192.0.2.7\r\ns=-\r\ni=odd\r\nc=IN IP4 192.0.2.7\r\nb=AS:84\r\nt=0 0\r\na=X-nat:0\r\n" +
	"m=audio 40000 RTP/AVP 8 0 9 101 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" +
	"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=ptime:20\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=rtcp-mux\r\n" +
	"a=rtcp:40001\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\nz=keep me\r\n"

func TestWhatWasReadIsWrittenAsItWas(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		desk,
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4/2 RTP/AVP 0\r\ni=title\r\nc=IN IP6 2001:db8::1\r\nk=clear:x\r\na=empty:\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns= \r\nc=IN IP4 224.2.1.1/127\r\nc=IN IP4 224.2.1.2/127\r\nt=0 0\r\nr=1 2 3\r\nX=unknown\r\n",
	} {
		s, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.String(); got != text {
			t.Errorf("read\n%s\nwrote\n%s", text, got)
		}
	}
}

func TestCodecsOfASection(t *testing.T) {
	t.Parallel()
	want := []Codec{
		{8, "PCMA", 8000, 1, ""}, {0, "PCMU", 8000, 1, ""}, {9, "G722", 8000, 1, ""}, {101, "telephone-event", 8000, 1, "0-16"},
		{96, "opus", 48000, 2, "useinbandfec=1"},
	}
	m := parse(t, desk).Audio()
	if got := m.Codecs(); !reflect.DeepEqual(got, want) {
		t.Errorf("codecs are %v, want %v", got, want)
	}
	both := Common(m.Codecs(), []Codec{{111, "OPUS", 48000, 2, ""}, {0, "pcmu", 8000, 1, ""}})
	if !reflect.DeepEqual(both, []Codec{want[1], want[4]}) {
		t.Errorf("in common %v", both)
	}
	m.SetCodecs(both)
	if !reflect.DeepEqual(m.Formats, []string{"0", "96"}) || !reflect.DeepEqual(m.Codecs(), both) {
		t.Errorf("after SetCodecs: %v, %v", m.Formats, m.Codecs())
	}
	if v, ok := m.Get("crypto"); !ok || !strings.HasPrefix(v, "1 AES") {
		t.Error("crypto is gone")
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	const head, audio = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n", "t=0 0\nm=audio 4000 RTP/AVP 0\n"
	tests := []struct {
		name, text, direction string
		held                  bool
	}{
		{"plain", head + "c=IN IP4 192.0.2.1\n" + audio, SendRecv, false},
		{"sendonly", head + "c=IN IP4 192.0.2.1\n" + audio + "a=sendonly\n", SendOnly, true},
		{"inactive for the session", head + "c=IN IP4 192.0.2.1\nt=0 0\na=inactive\nm=audio 4000 RTP/AVP 0\n", Inactive, true},
		{"section over session", head + "c=IN IP4 192.0.2.1\nt=0 0\na=inactive\nm=audio 4000 RTP/AVP 0\na=sendrecv\n", SendRecv, false},
		{"recvonly hears", head + "c=IN IP4 192.0.2.1\n" + audio + "a=recvonly\n", RecvOnly, false},
		{"address of RFC 2543", head + "c=IN IP4 0.0.0.0\n" + audio, SendRecv, true},
		{"in the section", head + "c=IN IP4 192.0.2.1\n" + audio + "c=IN IP4 0.0.0.0\n", SendRecv, true},
		{"IPv6", head + "c=IN IP6 ::\n" + audio, SendRecv, true},
	}
	for _, tt := range tests {
		m := parse(t, tt.text).Audio()
		if m.Direction() != tt.direction || m.Held() != tt.held {
			t.Errorf("%s: %s, held %v", tt.name, m.Direction(), m.Held())
		}
	}
}

func TestOurAddressTakesThePlaceOfTheirs(t *testing.T) {
	t.Parallel()
	s := parse(t, desk)
	ours := netip.MustParseAddrPort("198.51.100.9:20000")
	s.SetOrigin(ours.Addr(), 7, 8)
	s.Connection = Connection(ours.Addr())
	s.Audio().SetAddr(ours)
	text := s.String()
	if strings.Contains(text, "192.0.2.7") || strings.Contains(text, "40001") || !strings.Contains(text, "m=audio 20000 RTP/AVP 8") {
		t.Errorf("theirs is left, or ours is missing:\n%s", text)
	}
	if got, ok := parse(t, text).Audio().Addr(); !ok || got != ours {
		t.Errorf("address is %v", got)
	}
	s.Connection = ""
	s.Audio().SetAddr(netip.MustParseAddrPort("[2001:db8::9]:30000"))
	if got, _ := parse(t, s.String()).Audio().Addr(); got.String() != "[2001:db8::9]:30000" {
		t.Errorf("address is %v in\n%s", got, s)
	}
}

func TestOurOwnDescriptionIsRead(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("198.51.100.9")
	s := New(addr, 1, 1)
	m := s.Add("audio", 20000, "RTP/AVP")
	m.SetCodecs([]Codec{{8, "PCMA", 8000, 1, ""}, {101, "telephone-event", 8000, 1, "0-16"}})
	m.Set("ptime", "20")
	m.SetDirection(SendOnly)
	back := parse(t, s.String())
	if !reflect.DeepEqual(back.Audio().Codecs(), m.Codecs()) || back.Audio().PTime() != 20 || !back.Audio().Held() {
		t.Errorf("read back differently:\n%s", s)
	}
	if Reverse(back.Audio().Direction()) != RecvOnly {
		t.Error("sendonly is not answered by recvonly")
	}
}

func TestHostileDescriptionsAreRefused(t *testing.T) {
	t.Parallel()
	const ok = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
	for name, text := range map[string]string{
		"empty":              "",
		"no origin":          "v=0\r\ns=-\r\n",
		"an empty line":      "\no=- 1 1 IN IP4 192.0.2.1\r\n",
		"another version":    "v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
		"no equals sign":     ok + "hello\r\n",
		"control characters": ok + "a=x\x00y\r\n",
		"a lone CR":          ok + "a=x\ra=y\r\n",
		"port too large":     ok + "m=audio 65536 RTP/AVP 0\r\n",
		"negative port":      ok + "m=audio -1 RTP/AVP 0\r\n",
		"no formats":         ok + "m=audio 1 RTP/AVP\r\n",
		"many sections":      ok + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", maxMedia+1),
		"many formats":       ok + "m=audio 1 RTP/AVP" + strings.Repeat(" 0", maxFormats+1) + "\r\n",
		"many lines":         ok + strings.Repeat("a=x\r\n", maxLines),
		"too long":           ok + "a=" + strings.Repeat("x", maxBytes),
	} {
		if s, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %q", name, s)
		}
	}
}

func TestNothingSetCanAddALine(t *testing.T) {
	t.Parallel()
	s := parse(t, desk)
	want := strings.Count(desk, "\n")
	evil := "x\r\na=evil\n\x00"
	s.Origin, s.Connection = evil, evil
	m := s.Audio()
	m.Kind, m.Proto, m.Formats[0] = evil, evil, evil
	m.Attributes[0] = Attribute{Name: evil, Value: evil}
	if got := strings.Count(s.String(), "\n"); got != want {
		t.Errorf("%d lines, want %d:\n%s", got, want, s)
	}
}

func FuzzSDP(f *testing.F) {
	f.Add([]byte(desk))
	f.Add([]byte("v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nm=audio 0/2 RTP/AVP 0 *\na=rtpmap:0 /\na=fmtp:0 \n"))
	if text, err := os.ReadFile("../testdata/torture/wsinv.dat"); err == nil {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		out := s.String()
		back, err := Parse([]byte(out))
		if err != nil {
			t.Fatalf("what was written is refused: %q", out)
		}
		if again := back.String(); again != out {
			t.Fatalf("written differently the second time:\n%q\n%q", out, again)
		}
		if len(back.Media) != len(s.Media) {
			t.Fatalf("%d sections became %d", len(s.Media), len(back.Media))
		}
		for _, m := range s.Media {
			codecs := m.Codecs()
			m.Held()
			m.Addr()
			m.PTime()
			m.SetCodecs(codecs)
		}
		s.Audio()
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]byte(desk)); err != nil {
			b.Fatal(err)
		}
	}
}

func parse(t testing.TB, text string) *Session {
	t.Helper()
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return s
}
