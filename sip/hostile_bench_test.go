package sip

import (
	"strings"
	"testing"

	"hubline/sip/sdp"
)

// BenchmarkHostile reads, judges and answers the largest messages that are read, made to be expensive. What to look for: no figure far above
// the others (something grows with the square), and the bounds of B1, 50 ms and 1 MiB.
func BenchmarkHostile(b *testing.B) {
	head := request("INVITE")
	fill := func(name, piece, end string) []byte {
		return lines(append(head, name+": "+strings.Repeat(piece, (maxHead-1000)/len(piece))+end)...)
	}
	body := func(piece string) []byte {
		text := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 1 RTP/AVP" + strings.Repeat(" 96", 120) + "\r\n" + strings.Repeat(piece, 1000)
		return append(lines(append(without(head, "Content-Length"), "Content-Type: application/sdp")...), text...)
	}
	for name, text := range map[string][]byte{
		"parameters":         fill("Contact", "<sip:a>;a", ""),
		"quoted parameters":  fill("Contact", `;a="b"`, ""),
		"escaped quotations": fill("Contact", `\"`, ""),
		"open quotations":    fill("Contact", `"`, `<`),
		"commas":             fill("Contact", "<sip:a>,", ""),
		"Vias":               fill("Via", "SIP/2.0/UDP a;b=c,", "SIP/2.0/UDP a"),
		"Via parameters":     fill("Via", `SIP/2.0/UDP a;b="c,"`, ""),
		"slashes":            fill("Via", "/", ""),
		"required options":   fill("Require", "a,", "a"),
		"accepted types":     fill("Accept", "a/b,", "a"),
		"digest parameters":  fill("Authorization", `Digest a="b",`, "c=d"),
		"white space":        fill("Subject", " \r\n", ""),
		"control characters": fill("Subject", "\x01", ""),
		"start line":         append([]byte("INVITE"+strings.Repeat(" ", maxHead-1000)), lines(head...)...),
		"header names":       lines(append(head, strings.Split(strings.Repeat("X-"+strings.Repeat("a", 200)+": b\n", 110)+"Y: z", "\n")...)...),
		"formats":            body("a=rtpmap:96 opus/48000\r\n"),
		"parts":              append(lines(append(without(head, "Content-Length"), "Content-Type: multipart/mixed;boundary=-")...), strings.Repeat("-", 60000)...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hostile(text)
			}
		})
	}
}

func hostile(text []byte) {
	m, err := Parse(text)
	if err != nil {
		return
	}
	status, reason := Admit(m)
	m.Answer(status, reason).AppendTo(nil)
	_, _, _, _ = m.Contacts(), m.From(), m.FromTag(), m.Via()
	_, _ = ParseCredentials(m.Get("Authorization"))
	if s, err := sdp.Parse(m.SDP()); err == nil {
		s.Audio().Codecs()
		s.Bytes()
	}
}
