package sip

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// lines joins lines with CR LF and ends the head.
func lines(l ...string) []byte { return []byte(strings.Join(l, "\r\n") + "\r\n\r\n") }

const someSDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

// registerText is what a desk phone sends the second time.
var registerText = lines(
	"REGISTER sip:pbx.example.com SIP/2.0",
	"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-524287-1---0f3eb40b11f97a9c;rport",
	"Max-Forwards: 70",
	`Contact: <sip:d7f3k2m9@192.0.2.7:5060;line=8d2f>;reg-id=1;+sip.instance="<urn:uuid:1b9c2a52-3e1f-4ff6-9f55-6b5c3f6f2a01>"`,
	`To: "Ann Lee" <sip:d7f3k2m9@pbx.example.com>`,
	`From: "Ann Lee" <sip:d7f3k2m9@pbx.example.com>;tag=5e00e125`,
	"Call-ID: wSSsR1c-lUjKuRhxr0iEKA@192.0.2.7",
	"CSeq: 2 REGISTER",
	"Expires: 300",
	"Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE",
	"Supported: replaces, timer, path, outbound",
	"User-Agent: Deskphone T46S 66.86.0.15",
	`Authorization: Digest username="d7f3k2m9", realm="pbx.example.com", nonce="AZq2sT5TxLw3M1T2gS9uV0sYc8m3n4p5q6r7s8t9u0v", uri="sip:pbx.example.com", `+
		`response="6629fae49393a05397450978507c4ef1", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001`,
	"Content-Length: 0",
)

// inviteText is a call with an offer.
var inviteText = append(lines(
	"INVITE sip:0255500142@pbx.example.com SIP/2.0",
	"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-524287-1---9a9c0f3eb40b11f7;rport",
	"Max-Forwards: 70",
	"Contact: <sip:d7f3k2m9@192.0.2.7:5060>",
	"To: <sip:0255500142@pbx.example.com>",
	`From: "Ann Lee" <sip:d7f3k2m9@pbx.example.com>;tag=a73kszlfl`,
	"Call-ID: 9ab8c7d6e5@192.0.2.7",
	"CSeq: 1 INVITE",
	"Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE",
	"Supported: replaces, timer",
	"Session-Expires: 1800",
	"User-Agent: Deskphone T46S 66.86.0.15",
	"Content-Type: application/sdp",
	"Content-Length: "+strconv.Itoa(len(someSDP)),
), someSDP...)

// parsed parses what must parse.
func parsed(t testing.TB, text []byte) *Message {
	t.Helper()
	m, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// checkOutgoing proves that whatever is written from m, or in answer to it, is one message with as many headers as m has: nothing in a
// value made another line, and no control character is left.
func checkOutgoing(t testing.TB, m *Message) {
	t.Helper()
	out := []*Message{m}
	if !m.IsResponse() {
		out = append(out, m.Respond(200, ""), m.Respond(100, ""), m.Answer(420, "Odd\r\nReason: x"))
	}
	for _, o := range out {
		text := o.AppendTo(nil)
		head, _, _ := bytes.Cut(text, []byte("\r\n\r\n"))
		want := 1 // Content-Length
		for i := range o.headers {
			if o.headers[i].id != hContentLength {
				want++
			}
		}
		got := bytes.Split(head, []byte("\r\n"))[1:]
		if len(got) != want {
			t.Fatalf("%d lines written for %d headers:\n%q", len(got), want, text)
		}
		for _, line := range got {
			name, _, ok := bytes.Cut(line, []byte(":"))
			if !ok || !isToken(string(name)) {
				t.Fatalf("line %q is no header in\n%q", line, text)
			}
			for _, c := range line {
				if c < ' ' && c != '\t' {
					t.Fatalf("control character %#x in %q", c, line)
				}
			}
		}
	}
}
