package mail_test

import (
	"flag"
	"math/rand/v2"
	netmail "net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"hubline/base/fault"
	"hubline/base/mail"
)

func TestA5ParseAddress(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	good := map[string]string{
		"jo@example.com":                                       "jo@example.com",
		" \tJo.Baptiste@Harbour.Example ":                      "jo.baptiste@harbour.example",
		"jo+tag@example.com":                                   "jo+tag@example.com",
		"o'brien@example.com":                                  "o'brien@example.com",
		"!#$%&'*+-/=?^_`{|}~@example.com":                      "!#$%&'*+-/=?^_`{|}~@example.com",
		"jo@münchen.example":                                   "jo@xn--mnchen-3ya.example",
		"jo@xn--mnchen-3ya.example":                            "jo@xn--mnchen-3ya.example",
		"jo@XN--MNCHEN-3YA.example":                            "jo@xn--mnchen-3ya.example",
		"jo@straße.example":                                    "jo@xn--strae-oqa.example",
		"jo@sub.domain.example.com":                            "jo@sub.domain.example.com",
		"jo@1and1.com":                                         "jo@1and1.com",
		long + "a@" + long + "." + long + ".com":               long + "a@" + long + "." + long + ".com",
		"a@" + long + "." + long + "." + long + ".example.com": "a@" + long + "." + long + "." + long + ".example.com",
	}
	for in, want := range good {
		if got, err := mail.ParseAddress(in); err != nil || got != want {
			t.Errorf("ParseAddress(%q) is %q, %v; want %q", in, got, err, want)
		}
	}
	bad := []string{
		"jo", "jo@", "@example.com", "jo@harbour", "jo@@example.com", "a@b@example.com", "jo@example.com.", "jo@.example.com",
		"jo@example..com", ".jo@example.com", "jo.@example.com", "j..o@example.com", "j o@example.com", "jo @example.com",
		`"jo"@example.com`, `"a b"@example.com`, `jo\@x@example.com`, "Jo <jo@example.com>", "<jo@example.com>",
		"jo@example.com, mary@example.com", "jo@example.com;mary@example.com", "team:jo@example.com;", "jo@example.com (office)",
		"jo@example.com\r\nBcc: x@example.com", "jo@example.com\n", "\rjo@example.com", "jo\x00@example.com", "jo@exam\tple.com",
		"jo@[127.0.0.1]", "jo@127.0.0.1", "jo@[IPv6:::1]", "jo@example.123", "jo@-example.com", "jo@example-.com", "jo@exa_mple.com",
		"jö@example.com", "jо@example.com", "jo@example.com\u200b", "jo@exam\u00adple.com", "jo\u00a0@example.com", "jo＠example.com",
		"jo@ｅxample.com", "jo@eﬁ.com", "jo@\u212aelvin.com", "jo@MÜNCHEN.example", "jo@example。com", "jo@xn--a.com", "jo@xn--.com",
		"jo@xn--example-.com", "jo@\xffexample.com", "jo@mu\u0308nchen.example",
		long + "aa@example.com", "jo@" + long + "a.com", "a@" + strings.Repeat(long+".", 4) + "com",
		"ab@" + long + "." + long + "." + long + "." + long[:57] + ".com",
	}
	for _, in := range bad {
		got, err := mail.ParseAddress(in)
		f, ok := fault.Of(err)
		if !ok || f.Kind != fault.Invalid || f.Field != "" || f.Message != "Enter an email address in the form name@example.com" {
			t.Errorf("ParseAddress(%q) is %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", " ", " \t "} {
		if _, err := mail.ParseAddress(in); err == nil || err.Error() != "Enter an email address" {
			t.Errorf("ParseAddress(%q): %v", in, err)
		}
	}
}

var cases = flag.Int("mail.pairs", 20_000, "addresses and pairs of them to draw for each property")

// draw is where random cases come from; what failed comes again with the same seed.
type draw struct{ *rand.Rand }

func newDraw(t *testing.T) draw {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return draw{rand.New(rand.NewPCG(seed, 0))}
}

func (d draw) one(of ...string) string { return of[d.IntN(len(of))] }

func (d draw) some(least, most int, of ...string) string {
	var text strings.Builder
	for range least + d.IntN(most-least+1) {
		text.WriteString(d.one(of...))
	}
	return text.String()
}

// confusing draws text that people or careless programs take for something else.
func (d draw) confusing() string {
	return d.some(0, 8,
		"a", "A", "b", "B", "k", "K", "\u212a", "s", "ſ", "ß", "ss", "i", "I", "ı", "İ", "i̇", "а", "е", "о", "ｅ", "ﬁ", "fi",
		"é", "e\u0301", "σ", "ς", "1", "l", "0", ".", "..", "-", "_", "+", "@", "example", "com", "xn--", "xn--mnchen-3ya", "münchen",
		"\"", "\\", ",", ";", ":", "<", ">", "(", ")", "[", "]", " ", "\t", "\r", "\n", "\r\n", "\x00", "\u200b", "\u202e", "\u00ad", "。", "＠",
	)
}

func (d draw) anything() string {
	var text strings.Builder
	for range d.IntN(12) {
		switch d.IntN(4) {
		case 0:
			text.WriteRune(rune(d.IntN(0x250)))
		case 1:
			text.WriteRune(rune(d.IntN(utf8.MaxRune)))
		case 2:
			text.WriteByte(byte(d.IntN(256)))
		default:
			text.WriteByte(byte(' ' + d.IntN('~'-' ')))
		}
	}
	return text.String()
}

func (d draw) address() string {
	switch d.IntN(7) {
	case 0:
		return d.confusing()
	case 1:
		return d.anything()
	case 2:
		return d.confusing() + "@" + d.confusing() + ".com"
	}
	// A small alphabet, so that two draws are often nearly the same.
	local := d.some(1, 2, "a", "A", "k", "K", "i", "s", "ss", "fi", "e", "1", "l", "+", "-")
	domain := d.one("a", "A", "а", "k", "K", "i", "ı", "ss", "ß", "fi", "é", "σ", "ς", "o", "о", "münchen", "xn--mnchen-3ya", "XN--MNCHEN-3YA")
	return local + "@" + domain + d.one(".com", ".COM", ".example")
}

func TestCanonicalAddressesAreOneAddrSpecAndParseBack(t *testing.T) {
	t.Parallel()
	d := newDraw(t)
	for range *cases {
		in := d.address()
		out, err := mail.ParseAddress(in)
		if err != nil {
			continue
		}
		if again, err := mail.ParseAddress(out); err != nil || again != out {
			t.Fatalf("%q gave %q, which parses to %q, %v", in, out, again, err)
		}
		if len(out) > 254 || strings.ContainsAny(out, " \t\r\n\x00\",;:<>()[]\\") || strings.Count(out, "@") != 1 || out != strings.ToLower(out) {
			t.Fatalf("%q gave %q", in, out)
		}
		for i := range len(out) {
			if out[i] >= utf8.RuneSelf {
				t.Fatalf("%q gave %q", in, out)
			}
		}
		// An independent parser sees the same single address.
		list, err := netmail.ParseAddressList(out)
		if err != nil || len(list) != 1 || list[0].Address != out || list[0].Name != "" {
			t.Fatalf("%q gave %q, which net/mail reads as %v, %v", in, out, list, err)
		}
	}
}

// B6: two texts get one canonical form only if they name one mailbox: the same bytes but for A to Z and for the two
// spellings of an international domain.
func TestA8DifferentMailboxesAreNeverEqual(t *testing.T) {
	t.Parallel()
	fold := func(s string) string {
		b := []byte(strings.Trim(s, " \t"))
		for i, c := range b {
			if 'A' <= c && c <= 'Z' {
				b[i] = c + 32
			}
		}
		return string(b)
	}
	spelled := func(s string) string {
		local, domain, _ := strings.Cut(fold(s), "@")
		unicode, err := idna.Punycode.ToUnicode(domain)
		if err != nil {
			return fold(s)
		}
		return local + "@" + unicode
	}
	equal, accepted := 0, 0
	d := newDraw(t)
	for range *cases {
		a, b := d.address(), d.address()
		if d.IntN(2) == 0 {
			b = d.twin(a)
		}
		x, errX := mail.ParseAddress(a)
		y, errY := mail.ParseAddress(b)
		if errX != nil || errY != nil {
			continue
		}
		accepted++
		if (x == y) != (spelled(a) == spelled(b)) {
			t.Fatalf("%q and %q became %q and %q", a, b, x, y)
		}
		if x == y {
			equal++
		}
	}
	if equal == 0 {
		t.Error("no two addresses were equal: nothing was compared")
	}
	t.Logf("%d pairs were accepted, %d of them equal", accepted, equal)
}

// twin changes s in a way that folding rules of other programs undo.
func (d draw) twin(s string) string {
	pairs := [][2]string{
		{"k", "\u212a"}, {"s", "ſ"}, {"ss", "ß"}, {"i", "ı"}, {"i", "İ"}, {"a", "а"}, {"e", "ｅ"}, {"fi", "ﬁ"}, {"a", "A"}, {"e", "E"},
		{"ü", "u\u0308"}, {"ü", "Ü"}, {".", "。"}, {"@", "＠"}, {".", ".."}, {"+", ""}, {"-", ""}, {"münchen", "xn--mnchen-3ya"}, {"com", "com."},
	}
	pair := pairs[d.IntN(len(pairs))]
	if d.IntN(2) == 0 {
		pair[0], pair[1] = pair[1], pair[0]
	}
	if pair[0] == "" {
		return s
	}
	return strings.Replace(s, pair[0], pair[1], d.IntN(4)-1)
}
