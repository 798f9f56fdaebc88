package mail_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"hubline/base/mail"
)

var provider = mail.Provider{
	Name: "Your Provider Pty Ltd", Phone: "02 5550 0100", Address: "1 Example Street, Sydney NSW 2000",
	Support: "support@provider.example", From: "Your Provider <no-reply@provider.example>",
}

// letters are in the form of the real ones.
func letters() map[string]mail.Letter {
	return map[string]mail.Letter{
		"invitation": invitation("Priya Nair", "Harbour Dental Group", "Hi Jo, please set up the Manly reception phones this week.\n\nThank you"),
		"code": {
			To: "jo@harbour.example", Subject: "Your sign-in code is 482 913", Title: "Your sign-in code is 482 913",
			Preheader: "482 913 is your code. It works for 10 minutes.",
			Blocks: []mail.Block{
				mail.Code("482 913"),
				mail.Paragraph("Enter it on the page where you asked for it. It works for 10 minutes, once."),
				mail.Facts(mail.Fact{Label: "Asked for", Value: "Today, 9:14\u00a0am (Sydney)"}, mail.Fact{Label: "From", Value: "Chrome on Windows"}),
				mail.Small("We never ask for this code by phone, text or chat. Do not give it to anyone."),
			},
			Footer: []string{"Did not ask for it? Someone typed your email address. Without the code they cannot sign in."},
		},
		"new sign-in": {
			To: "jo@harbour.example", Subject: "New sign-in: Chrome on Windows", Title: "New sign-in: Chrome on Windows",
			Preheader: "If this was you, there is nothing to do.",
			Blocks: []mail.Block{
				mail.Paragraph("Your account was used on a device we have not seen before. ", mail.Strong("If this was you, there is nothing to do.")),
				mail.Facts(
					mail.Fact{Label: "When", Value: "18 November 2026, 9:14 am (Sydney)"},
					mail.Fact{Label: "Device", Value: "Chrome on Windows"},
					mail.Fact{Label: "Near", Value: "Sydney, Australia (from the network address)"},
					mail.Fact{Label: "Signed in with", Value: "Password and email code"}),
				mail.Paragraph("If it was not you, open ", mail.Strong("portal.example"), mail.Text(" yourself, choose "), mail.Strong("Profile › Security"),
					mail.Text(", then "), mail.Strong("Sign out everywhere"), mail.Text(" and change your password.")),
				mail.Small("This email has no sign-in link on purpose, so you can tell it from a fake one."),
			},
			Footer: []string{"Sent to jo@harbour.example for account safety. It cannot be turned off."},
		},
	}
}

const link = "https://portal.provider.example/invitations/h7v2kq0x9s8d7f6g5h4j3k2l1m?from=mail&x=1"

func invitation(inviter, account, message string) mail.Letter {
	title := inviter + " invited you to " + account
	return mail.Letter{
		To: "jo@harbour.example", Subject: title, Title: title, Preheader: "Set up your sign-in at " + account + ".",
		Blocks: []mail.Block{
			mail.Paragraph("You will be able to manage users and numbers for ", mail.Strong(account), mail.Text(".")),
			mail.Quote(message),
			mail.Facts(mail.Fact{Label: "From", Value: inviter}),
			mail.Button("Accept invitation", link),
			mail.Small("Works until 25 November 2026, 9:14 am (Sydney). It can be used once, by jo@harbour.example."),
		},
		Footer: []string{"You got this because " + inviter + " entered your address. Not expecting it? Ignore it and nothing happens."},
	}
}

func render(t *testing.T, l mail.Letter) mail.Message {
	t.Helper()
	m, err := mail.Render(provider, l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLettersAreSmallAndLoadNothing(t *testing.T) {
	t.Parallel()
	for name, l := range letters() {
		m := render(t, l)
		t.Logf("%s: %d bytes of HTML", name, len(m.HTML))
		if len(m.HTML) > 6<<10 {
			t.Errorf("%s: %d bytes of HTML", name, len(m.HTML))
		}
		for _, no := range []string{"<img", "<script", "@import", "url(", "ZgotmplZ", "http-equiv", "<form"} {
			if strings.Contains(m.HTML, no) {
				t.Errorf("%s has %s", name, no)
			}
		}
		if m.From != provider.From || m.ReplyTo != provider.Support || m.To != l.To || m.Subject != l.Subject {
			t.Errorf("%s: %+v", name, m)
		}
		if !strings.Contains(m.HTML, "prefers-color-scheme:dark") || !strings.Contains(m.HTML, l.Preheader) {
			t.Errorf("%s: no dark colours or no preheader", name)
		}
	}
}

func TestBothPartsHaveTheSameWords(t *testing.T) {
	t.Parallel()
	for name, l := range letters() {
		m := render(t, l)
		// The text part marks with signs what the HTML part shows by its look, and has no heading of the provider.
		inText := strings.Fields(strings.NewReplacer(">", " ", ":", " ").Replace(strings.ReplaceAll(m.Text, link, "")))
		visible := strings.ReplaceAll(words(t, m.HTML), "Button not working? Copy this address: "+link, "")
		inHTML := strings.Fields(strings.NewReplacer(">", " ", ":", " ").Replace(visible))
		inHTML = inHTML[len(strings.Fields(provider.Name)):]
		if !slices.Equal(inText, inHTML) {
			t.Errorf("%s:\ntext %q\nHTML %q", name, inText, inHTML)
		}
		if wantLinks := min(strings.Count(m.Text, link), 1); strings.Count(m.HTML, "<a ") != wantLinks || strings.Count(m.Text, "http") != wantLinks {
			t.Errorf("%s: links of text and HTML differ", name)
		}
	}
}

// words is the visible text of a page's body.
func words(t *testing.T, markup string) string {
	root, err := html.Parse(strings.NewReader(strings.NewReplacer("<b>", "", "</b>", "").Replace(markup)))
	if err != nil {
		t.Fatal(err)
	}
	var visible []string
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "title" && !strings.Contains(fmt.Sprint(n.Parent.Attr), "display:none") {
			visible = append(visible, n.Data)
		}
	}
	return strings.Join(visible, " ")
}

func TestALetterThatCannotBeRightIsAnError(t *testing.T) {
	t.Parallel()
	for name, blocks := range map[string][]mail.Block{
		"javascript":     {mail.Button("Go", "javascript:alert(1)")},
		"relative":       {mail.Button("Go", "/invitations/x")},
		"with a break":   {mail.Button("Go", "https://portal.example/\r\nx")},
		"with markup":    {mail.Button("Go", `https://portal.example/"><b>`)},
		"with a space":   {mail.Button("Go", "https://portal.example/a b")},
		"with a user":    {mail.Button("Go", "https://portal.example@evil.example/")},
		"two buttons":    {mail.Button("Go", link), mail.Button("Go", link)},
		"an empty block": {{}},
	} {
		if _, err := mail.Render(provider, mail.Letter{Blocks: blocks}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

var hostilePieces = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href=\"https://evil.example\">here</a>", "</td></table>", "<!--", "-->", "]]>",
	"<style>*{display:none}</style>", "</title>", "</blockquote>", "<b", "\">", "'>", "&lt;script&gt;", "&#60;b&#62;", "{{.}}", "${x}", "%0d%0aBcc:x",
	"\r\nBcc: eve@evil.example", "\nX-Evil: 1", "\r\n\r\n<p>", "\n.\n", "\x00", "\x1b[31m", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff", "\u0085", "\x0b",
	"=?utf-8?q?=0d=0aBcc:_x?=", "=0D=0A", "javascript:alert(1)", "Priya", " ", "O'Brien & Söhne", "牙科", "👩‍⚕️", "\xff\xfe", "> quoted", "--", "--boundary",
}

// hostile draws a name or a message that wants to be more than words.
func hostile(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(6) {
		if r.IntN(8) == 0 {
			b.WriteRune(rune(r.IntN(0x2100)))
		} else {
			b.WriteString(hostilePieces[r.IntN(len(hostilePieces))])
		}
	}
	return b.String()
}

// skeleton is every tag of a page with its attributes, and every comment.
func skeleton(markup string) []string {
	var tags []string
	for z := html.NewTokenizer(strings.NewReader(markup)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return tags
		case html.TextToken:
		default:
			tags = append(tags, z.Token().String())
		}
	}
}

func TestHostileWordsStayWords(t *testing.T) {
	t.Parallel()
	const cases = 3000
	for n := range cases {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		inviter, account, message := hostile(r), hostile(r), hostile(r)
		got := render(t, invitation(inviter, account, message))
		lines := strings.Count(strings.ReplaceAll(message, "\r\n", "\n"), "\n")
		want := render(t, invitation("Priya", "Harbour", "Hi"+strings.Repeat("\nHi", lines)))
		if a, b := skeleton(got.HTML), skeleton(want.HTML); !slices.Equal(a, b) {
			t.Fatalf("%q, %q, %q: tags\n%q\nwant\n%q", inviter, account, message, a, b)
		}
		for _, line := range []string{got.Subject, got.To, got.ReplyTo, got.From} {
			if strings.ContainsAny(line, "\r\n\x00\u0085\u2028\u2029\u202e\u2066") {
				t.Fatalf("a header would be %q", line)
			}
		}
		// Words cannot leave their line of the text part either.
		if a, b := strings.Count(got.Text, "\n"), strings.Count(want.Text, "\n"); a != b {
			t.Fatalf("%d lines, want %d:\n%s", a, b, got.Text)
		}
	}
	t.Logf("%d letters with hostile words: 0 tags, 0 links, 0 lines too many", cases)
}

// The same through a real server: what a program reads that parses the mail.
func TestHostileWordsStayWordsOnTheWire(t *testing.T) {
	t.Parallel()
	const cases = 500
	s := new(server).serve(t, nil, false)
	c := client(s.Addr)
	for n := range cases {
		r := rand.New(rand.NewPCG(2, uint64(n)))
		l := invitation(hostile(r), hostile(r), hostile(r))
		if err := c.Send(t.Context(), render(t, l)); err != nil {
			t.Fatalf("%q: %v", l.Subject, err)
		}
	}
	if err := c.Send(t.Context(), render(t, invitation("Priya", "Harbour", "Hi"))); err != nil {
		t.Fatal(err)
	}
	fields := func(data []byte) []string {
		m, err := netmail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name, values := range m.Header {
			names = append(names, fmt.Sprint(name, len(values)))
		}
		slices.Sort(names)
		return names
	}
	want := fields(s.mails[cases])
	for _, data := range s.mails[:cases] {
		if got := fields(data); !slices.Equal(got, want) {
			t.Fatalf("header fields %v, want %v:\n%s", got, want, data)
		}
		if boundaries := bytes.Count(data, []byte("\r\nContent-Type: text/")); boundaries != 2 {
			t.Fatalf("%d parts:\n%s", boundaries, data)
		}
	}
	t.Logf("%d mails with hostile words: 0 header breaks, 0 further parts", cases)
}
