package web

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/html"

	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/mail"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/webhook"
)

// Names and messages that people type travel in mails under the provider's name. Whatever they are made of, the mail that arrives has
// the same tags, the same links and the same header as any other.

var hostileMails = flag.Int("web.names", 1000, "times to try hostile names and a message in mails")

// pieces are what hostile names and messages are made of.
var pieces = []string{
	"<zqx>", "</p>", `<a href="https://evil.example">zqx</a>`, "<script>zqx()</script>", "<!--", "]]>", "<img src=x onerror=zqx()>", "<style>*{zqx}</style>", `"><zqx x="`, "'", `"`, "`",
	"&lt;zqx&gt;", "&#60;zqx&#62;", "&amp;", "<svg/onload=zqx()>", "{{.Link}}", "${zqx}", "<%= zqx %>", "<base href=//evil.example>", "<form action=//evil.example>",
	"https://evil.example/zqx", "http://evil.example", "HTTP://EVIL.EXAMPLE", "//evil.example", "www.evil.com", "WWW.evil.com", "evil.com", "evil.example/zqx", "bit.ly/zqx", "mail@evil.com",
	"mailto:zqx@evil.com", "javascript:zqx()", "еvil.рф", "evil｡net", "data:text/html,zqx", "tel:+61299999999", "02 9999 9999", "1300 655 506", "[zqx](https://evil.com)", "ftp://evil.com", "evil。com", "evil．com",
	"еvil.com", "xn--vil-6cd.com", "evil.com.", "evil .com", "evil\u200b.com", "evil\u2060.com", "ev\u00adil.com", "evil.c\u200dom", "http:\u200b//evil.com", "h\u200dttp://evil.com",
	"\r\nBcc: all@evil.com", "\nX-Zqx: 1", "\r\n\r\n<zqx>", "\rSubject: zqx", "%0d%0aBcc:zqx@evil.com", "\u2028X-Zqx: 1", "\u0085X-Zqx: 1", "=?utf-8?q?zqx?=", "=?utf-8?b?PHpxeD4=?=",
	"=0D=0ABcc: zqx", "\r\n.\r\nQUIT", "\r\n--zqx\r\n", "Content-Type: text/html", ";", ",", ":", "<", ">", "(", ")", "[", "]", "\\", "@", "#", "..", "=", "+1", "-2", "|zqx",
	"\u202egnp.exe", "\u2066zqx\u2069", "\ufeff", "\x00", "\x07", "\x1b[31m", "\xff\xfe", "\xc3", "é", "中文", "👩‍👩‍👧", "Z\u0351\u0352\u0353", "  ", "\t", "Jo", "Baptiste", "O'Brien",
	"Dr. No", "Smith & Sons", "St. John", "A.B.C. Pty Ltd", "3.5", "Acme.Co", "e.g. this", "v1.2.3",
}

func hostile(random *rand.Rand, most int) string {
	var b strings.Builder
	for range 1 + random.IntN(most) {
		b.WriteString(pieces[random.IntN(len(pieces))])
		if random.IntN(3) > 0 {
			b.WriteString(" ")
		}
	}
	return b.String()
}

// catcher is a mail server that keeps every mail as it came.
type catcher struct {
	mu  sync.Mutex
	raw []caught
}

type caught struct {
	to   []string
	data []byte
}

func (c *catcher) NewSession(*smtp.Conn) (smtp.Session, error) { return &catch{c: c}, nil }

type catch struct {
	c  *catcher
	to []string
}

func (s *catch) Reset()                               { s.to = nil }
func (s *catch) Logout() error                        { return nil }
func (s *catch) Mail(string, *smtp.MailOptions) error { return nil }
func (s *catch) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}
func (s *catch) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.raw = append(s.c.raw, caught{slices.Clone(s.to), data})
	return err
}

// take returns what came since the last time.
func (c *catcher) take() []caught {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw := c.raw
	c.raw = nil
	return raw
}

// letter is a mail parsed back.
type letter struct {
	to         []string // of the envelope
	header     netmail.Header
	subject    string
	text, html string
}

func parseLetter(m caught) (l letter, err error) {
	parsed, err := netmail.ReadMessage(bytes.NewReader(m.data))
	if err != nil {
		return l, err
	}
	l.to, l.header = m.to, parsed.Header
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return l, err
	}
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return l, fmt.Errorf("the mail is %q: %w", kind, err)
	}
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) && n == 2 {
			return l, nil
		}
		if err != nil {
			return l, fmt.Errorf("part %d: %w", n, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return l, err
		}
		switch kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";"); kind {
		case "text/plain":
			l.text = string(body)
		case "text/html":
			l.html = string(body)
		default:
			return l, fmt.Errorf("a part is %q", kind)
		}
	}
}

// shape is what no name may change: the names of the header's fields, the tags of the HTML part, and its links.
type shape struct {
	fields []string
	tags   map[string]int
}

func (l letter) shape() shape {
	s := shape{fields: slices.Sorted(maps.Keys(l.header)), tags: map[string]int{}}
	doc, err := html.Parse(strings.NewReader(l.html))
	if err != nil {
		return s
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			s.tags[n.Data]++
			for _, a := range n.Attr {
				s.tags[n.Data+" "+a.Key]++
			}
		}
		if n.Type == html.CommentNode {
			s.tags["comment"]++
		}
	}
	return s
}

// linked is what mail programs make links of by themselves.
var linked = regexp.MustCompile(`(?i)\b(?:https?|ftp):/|\b(?:mailto|tel|sms|sip):\S|\bwww\.|[^\s@<>()]@[\pL\pN]|[\pL\pN-][.．。｡](?:com|net|org|example|ly|io|au|co|exe|рф|xn--\w+)\b`)

// active looks for links that a mail has besides its own.
func (l letter) active(own ...string) (found []string) {
	doc, err := html.Parse(strings.NewReader(l.html))
	if err != nil {
		return []string{err.Error()}
	}
	words := l.text
	for n := range doc.Descendants() {
		if href := attr(n, "href"); href != "" && !strings.HasPrefix(href, accounttest.BaseURL+"/") {
			found = append(found, href)
		}
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			words += "\n" + n.Data
		}
	}
	slices.SortFunc(own, func(a, b string) int { return len(b) - len(a) })
	for _, known := range own {
		words = strings.ReplaceAll(words, known, "")
	}
	return append(found, linked.FindAllString(words, -1)...)
}

var tokenLink = regexp.MustCompile(regexp.QuoteMeta(accounttest.BaseURL) + `/invitations/[\w-]+`)

// post is the stage for hostile names: an account, a mail server, and somebody to change.
type post struct {
	*accounttest.Rig
	catcher catcher
	portal  *Portal
	admin   *accounttest.User
	target  string // a hub user
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(&p.catcher)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	p.Rig = accounttest.New(t, dbtest.SQLite(t), accounttest.With(func(c *account.Config) {
		c.Mail = &mail.SMTP{Addr: listener.Addr().String(), From: "Southern Cross Voice <portal@hubline.example>", TLS: "none"}
	}))
	calls, reports := callRooms(p.Rig)
	p.portal, err = New(Config{BaseURL: accounttest.BaseURL, Provider: "Southern Cross Voice", Ring: p.Keys, Now: p.Clock.Now, Account: p.Room, Jobs: p.Jobs, Calls: calls, Reports: reports,
		Webhooks: webhook.New(webhook.Config{DB: p.DB, Jobs: p.Jobs, Keys: p.Keys, Account: p.Room, Now: p.Clock.Now})})
	if err != nil {
		t.Fatal(err)
	}
	p.admin = p.Open("harbour")
	p.target = p.Join(p.admin, "target@letters.example").ID()
	p.RunJobs()
	p.catcher.take()
	return p
}

// names gives the admin, the account and the target the names, as far as the room takes them, and tells how many it took.
func (p *post) names(ctx context.Context, inviter, company, target string) (taken int, err error) {
	actor := p.admin.Actor()
	_, errInviter := p.ChangeHubUser(ctx, actor, actor.MembershipID, account.Change{Name: &inviter}, 0)
	s := account.Settings{Name: company, TimeZone: "Australia/Sydney", InvitationHours: 168, CheckMinutes: 120}
	_, errCompany := p.ChangeSettings(ctx, actor, s, 0)
	_, errTarget := p.ChangeHubUser(ctx, actor, p.target, account.Change{Name: &target}, 0)
	for _, err := range []error{errInviter, errCompany, errTarget} {
		if err == nil {
			taken++
		} else if !fault.Is(err, fault.Invalid) {
			return taken, err
		}
	}
	return taken, nil
}

// write invites an address with a message, and changes the target's roles, which is told by mail as well.
func (p *post) write(ctx context.Context, n int, name, message string) (taken int, err error) {
	actor := p.admin.Actor()
	_, errInvite := p.Room.Invite(ctx, actor, account.Invite{Offers: []account.Offer{{Email: fmt.Sprintf("new%d@letters.example", n), Name: name}}, Message: message})
	roles := []account.Roles{{}, {account.Billing}}[n%2]
	_, errChange := p.ChangeHubUser(ctx, actor, p.target, account.Change{Roles: &roles}, 0)
	if errInvite == nil {
		taken = 1
	}
	for _, err := range []error{errInvite, errChange} {
		if err != nil && !fault.Is(err, fault.Invalid) {
			return taken, err
		}
	}
	return taken, nil
}

func TestA4HostileNamesStayWords(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	if _, err := p.names(t.Context(), "Priya Nair", "Harbour Group", "Target Person"); err != nil {
		t.Fatal(err)
	}
	plain := map[string]shape{} // by kind of mail
	for n, message := range []string{"Welcome", ""} {
		if _, err := p.write(t.Context(), n+1, "Jo", message); err != nil {
			t.Fatal(err)
		}
	}
	p.judgeMails(t, plain, "")
	if len(plain) != 3 {
		t.Fatalf("%d kinds of mail came", len(plain))
	}
	names, messages, mails := 0, 0, 0
	for n := range *hostileMails {
		random := rand.New(rand.NewPCG(uint64(n), 3))
		inviter, company, target := hostile(random, 3), hostile(random, 3), hostile(random, 3)
		name, message := hostile(random, 2), hostile(random, 8)
		if n%4 > 0 {
			name = "" // a name that is refused takes the message with it
		}
		what := fmt.Sprintf("names %q, %q, %q, %q, message %q", inviter, company, target, name, message)
		taken, err := p.names(t.Context(), inviter, company, target)
		names += taken
		if err == nil {
			taken, err = p.write(t.Context(), n+3, name, message)
			messages += taken
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		mails += p.judgeMails(t, plain, what)
		if n%50 == 49 {
			p.judgePages(t)
			p.admin.SignIn().Check()
			p.RunJobs()
			p.catcher.take()
		}
	}
	if names < *hostileMails/4 || messages < *hostileMails/20 {
		t.Errorf("the room took only %d names and %d messages, so little was tried", names, messages)
	}
	t.Logf("of %d hostile names %d were taken, of %d messages %d; %d mails parsed back", 3**hostileMails, names, *hostileMails, messages, mails)
}

// judgeMails sends what waits and looks at what arrives. The first mail of each kind is the pattern for the others.
func (p *post) judgeMails(t *testing.T, plain map[string]shape, what string) int {
	t.Helper()
	p.RunJobs()
	mails := p.catcher.take()
	for _, raw := range mails {
		l, err := parseLetter(raw)
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, raw.data)
			continue
		}
		kind := "changed"
		if link := tokenLink.FindString(l.text); link != "" {
			kind = "invitation"
			if strings.Contains(l.text, "\n> ") {
				kind = "invitation with a message"
			}
		}
		if len(l.to) != 1 || l.header.Get("To") != "<"+l.to[0]+">" {
			t.Errorf("%s: to %q in the envelope, %q in the header", what, l.to, l.header.Get("To"))
		}
		got := l.shape()
		want, known := plain[kind]
		if !known {
			plain[kind] = got
		}
		if known && (!slices.Equal(got.fields, want.fields) || !sameTags(got.tags, want.tags)) {
			t.Errorf("%s: the mail %q has the header %v and the tags %v, others have %v and %v", what, l.subject, got.fields, got.tags, want.fields, want.tags)
		}
		for name, values := range l.header {
			if len(values) != 1 {
				t.Errorf("%s: the mail %q has %s %d times", what, l.subject, name, len(values))
			}
		}
		if strings.ContainsAny(l.subject, "\r\n\x00") {
			t.Errorf("%s: the subject is %q", what, l.subject)
		}
		own := []string{tokenLink.FindString(l.text), l.to[0], p.admin.Email, "help@voice.example", accounttest.BaseURL}
		for _, link := range l.active(own...) {
			t.Errorf("%s: the mail %q has the link %q", what, l.subject, link)
		}
	}
	return len(mails)
}

// sameTags allows for the lines of a quotation, which are as many as the message has.
func sameTags(a, b map[string]int) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	for _, tags := range []map[string]int{a, b} {
		delete(tags, "br")
	}
	return maps.Equal(a, b)
}

// judgePages looks at every page that shows names.
func (p *post) judgePages(t *testing.T) {
	t.Helper()
	w := &world{Rig: p.Rig, portal: p.portal, t: t}
	w.Server = hostServer(accounttest.BaseURL)
	for _, address := range []string{"/harbour/", "/harbour/hub-users", "/harbour/hub-users.csv", "/harbour/hub-users?status=invited", "/harbour/hub-users/" + p.target,
		"/harbour/audit-log", "/harbour/audit-log.csv", "/harbour/settings", "/harbour/roles", "/harbour/palette", "/harbour/palette/people?q=zqx", "/accounts"} {
		got := w.ask(http.MethodGet, address, p.admin.Session(), nil)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d: %s", address, got.status, got.text())
		}
		for _, problem := range unsafe(got) {
			t.Errorf("%s: %s", address, problem)
		}
	}
}
