package sip

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// leaving are the only headers that may be in what is built here from what came in.
var leaving = []string{
	"Via", "Record-Route", "From", "To", "Call-ID", "CSeq", "Timestamp", "Content-Length", "Unsupported", "Accept", "Accept-Encoding",
	"Contact", "P-Asserted-Identity", "Diversion", "Subject", "Reason",
}

// S8: whatever white space, folding, line ends and repeats a message has, what is built from it has no header but those.
func TestS8NoTextAddsAHeader(t *testing.T) {
	t.Parallel()
	const messages = 50_000
	r := rand.New(rand.NewPCG(8, 8))
	built, admitted := 0, 0
	for range messages {
		text := oddMessage(r)
		m, status := receive(t, text)
		if m == nil || m.IsResponse() {
			continue
		}
		out := []*Message{m.Respond(200, m.Get("Subject")), m.Answer(420, ""), m.Answer(415, m.Get("X-Odd"))}
		if status == 0 {
			admitted++
			out = append(out, secondLeg(m))
		}
		for _, o := range out {
			built++
			checkLeaving(t, text, o.AppendTo(nil))
		}
	}
	if admitted < messages/100 || built < messages {
		t.Fatalf("only %d admitted, %d built of %d", admitted, built, messages)
	}
	t.Logf("%d odd messages, %d admitted, %d built, 0 with a foreign header", messages, admitted, built)
}

// secondLeg builds the request of the other leg from typed fields, as the switchboard does.
func secondLeg(m *Message) *Message {
	from, to := m.From(), m.To()
	leg := NewRequest("INVITE", m.Target)
	leg.Add("Via", "SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK9")
	leg.Set("From", Address{Name: from.Name + m.Get("Subject"), URI: from.URI, Params: Params{{"tag", m.FromTag()}}}.String())
	leg.Set("To", Address{Name: to.Name, URI: to.URI}.String())
	leg.Set("Call-ID", m.CallID())
	leg.Set("CSeq", "1 INVITE")
	leg.Set("P-Asserted-Identity", Address{Name: m.Get("X-Odd"), URI: URI{Scheme: "sip", User: m.Get("X-Odd"), Host: m.Get("X-Odd"), Params: Params{{m.Get("X-Odd"), m.Get("X-Odd")}}}}.String())
	leg.Set("Diversion", m.Get("X-Odd"))
	leg.Set("Subject", m.Get("Subject"))
	leg.Set(m.Get("X-Odd"), "a name from outside") // is a token, or nothing
	leg.Del(m.Get("X-Odd"))
	return leg
}

// checkLeaving reads what was written as the most gullible receiver would: every CR and every LF ends a line.
func checkLeaving(t *testing.T, in, out []byte) {
	t.Helper()
	head, _, ok := bytes.Cut(out, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no end of head in %q", out)
	}
	for _, line := range strings.FieldsFunc(string(head), func(c rune) bool { return c == '\r' || c == '\n' || c == 0 })[1:] {
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains(leaving, name) {
			t.Fatalf("header %q in\n%q\nmade from\n%q", name, out, in)
		}
	}
	if n := bytes.Count(out, []byte("\nContent-Length:")); n != 1 {
		t.Fatalf("%d lengths in %q", n, out)
	}
}

var (
	oddSpaces = []string{"", "", "", " ", "\t", "  ", " \t ", "\r\n ", "\r\n\t", "\u00a0", "\u2028", "\u0085", "\v", "\f", "\x00", "\r", "\n", "\n ", "\\"}
	oddEnds   = []string{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", " \r\n", "\x00\r\n", ""}
	oddWords  = []string{
		"x", "\"x\r\nX-Evil: 1\"", "a\nX-Evil: 1", "a\rX-Evil: 1", "%0d%0aX-Evil: 1", "\\\r\nX-Evil: 1", "<sip:a@b>\r\n X-Evil: 1", "1\r\n\r\nINVITE sip:evil SIP/2.0",
		"From : <sip:evil@x>", "\x1b[2J", "é\u2028X-Evil: 1", "\"", "\\", ">", ",", ";",
	}
)

// oddMessage writes a request whose separators are mostly right and sometimes not.
func oddMessage(r *rand.Rand) []byte {
	odd := 1 + r.IntN(30)
	pick := func(usual string, from []string) string {
		if r.IntN(odd) == 0 {
			return from[r.IntN(len(from))]
		}
		return usual
	}
	var b strings.Builder
	b.WriteString("INVITE" + pick(" ", oddSpaces) + "sip:b@example.com" + pick(" ", oddSpaces) + "SIP/2.0" + pick("\r\n", oddEnds))
	headers := [][2]string{
		{"Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"}, {"From", `"Ann" <sip:a@example.com>;tag=1`}, {"To", "<sip:b@example.com>"},
		{"Call-ID", "1@a"}, {"CSeq", "1 INVITE"}, {"Record-Route", "<sip:p;lr>"}, {"Subject", "lunch"}, {"X-Odd", "odd"}, {"Content-Length", "0"},
	}
	if r.IntN(4) == 0 {
		headers = append(headers, headers[r.IntN(len(headers))])
	}
	for _, h := range headers {
		value := h[1]
		switch {
		case h[0] == "X-Odd" || h[0] == "Subject":
			value = pick(value, oddWords) + pick("", oddSpaces) + pick("", oddWords)
		case r.IntN(odd*2) == 0:
			at := r.IntN(len(value))
			value = value[:at] + oddWords[r.IntN(len(oddWords))] + value[at:]
		}
		b.WriteString(pick("", oddSpaces) + h[0] + pick("", oddSpaces) + ":" + pick(" ", oddSpaces) + value + pick("\r\n", oddEnds))
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

func TestTextThatIsSetIsCleaned(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "  trimmed\t": "trimmed", "a\r\nX: b": "aX: b", "a\tb": "a b", "a\x00\x7f\x1bb": "ab", "\r\n": "", " é ": "é", "a\n": "a",
	} {
		m := NewRequest("OPTIONS", URI{Scheme: "sip", Host: "x"})
		m.Set("Subject", in)
		m.Add("X-Other", in)
		m.Prepend("X-First", in)
		equal(t, "Set", m.Get("Subject"), want)
		equal(t, "Add", m.Get("X-Other"), want)
		equal(t, "Prepend", m.Get("X-First"), want)
	}
	m := NewRequest("OPT\r\nIONS", URI{Scheme: "s p", User: "a\r\nb", Password: "\n", Host: "h\r\ni", Params: Params{{"p\n", "v\r"}}, Headers: "x\n"})
	for _, name := range []string{"", "X Y", "X:Y", "X\r\nY", "X\n", "é"} {
		m.Set(name, "1")
		m.Add(name, "1")
		m.Prepend(name, "1")
	}
	equal(t, "headers", len(m.headers), 0)
	equal(t, "start line", m.String(), "OPTIONS s%20p:a%0D%0Ab:%0A@h%0D%0Ai;p%0A=v%0D?x%0A SIP/2.0\r\nContent-Length: 0\r\n\r\n")
	r := newResponse(200, "O\r\nK")
	equal(t, "reason", r.String(), "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
}
