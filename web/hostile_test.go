package web

import (
	"bytes"
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
	"net/url"
	"regexp"
	"runtime"
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

// A long run is quick with TMPDIR in memory: it waits for the disk otherwise.
var hostileNames = flag.Int("web.names", 1000, "hostile names and messages to try in mails and on pages; 100000 is the long run")

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

// How hostile names are tried: a post has accounts with people in them, and in each round all of them get other names.
const (
	postAccounts = 3
	postPeople   = 20 // of each account, besides its admin
	postInvited  = 2  // that are offered with a name; those whose name is refused get no message either
	postRounds   = 10
	postNames    = postRounds * postAccounts * (2 + 2*postPeople + postInvited) // names and messages that a post tries
)

// post is the stage for hostile names: a few accounts, and a mail server.
type post struct {
	*accounttest.Rig
	t        *testing.T
	catcher  catcher
	portal   *Portal
	branches []*branch
	invited  int // addresses so far
}

// branch is one account of a post, and what it was called last.
type branch struct {
	admin   *accounttest.User
	targets []string          // hub users, by membership
	emails  []string          // of the targets
	what    string            // what names are in its mails
	said    map[string]string // what was written to whom
}

// tried counts what was tried.
type tried struct{ names, namesTaken, messages, messagesTaken, mails, pages int }

func (a *tried) add(b tried) {
	a.names += b.names
	a.namesTaken += b.namesTaken
	a.messages += b.messages
	a.messagesTaken += b.messagesTaken
	a.mails += b.mails
	a.pages += b.pages
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{t: t}
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
	for n := range postAccounts {
		o := &branch{admin: p.Open(fmt.Sprintf("branch%d", n))}
		for i := range postPeople {
			email := fmt.Sprintf("target%d@branch%d.example", i, n)
			o.targets, o.emails = append(o.targets, p.Join(o.admin, email).ID()), append(o.emails, email)
		}
		p.branches = append(p.branches, o)
	}
	p.RunJobs()
	p.catcher.take()
	return p
}

// pattern lets every kind of mail be written with names that are not hostile, and returns how they look.
func (p *post) pattern() map[string]shape {
	p.t.Helper()
	plain := map[string]shape{}
	o := p.branches[0]
	for n, message := range []string{"Welcome", ""} {
		if err := p.write(o, n%2, 0, "Jo", message, &tried{}); err != nil {
			p.t.Fatal(err)
		}
	}
	p.judgeMails(plain, nil)
	if len(plain) != 3 {
		p.t.Fatalf("%d kinds of mail came", len(plain))
	}
	return plain
}

// name gives the admin, the account and everybody in it other names, as far as the room takes them.
func (p *post) name(o *branch, random *rand.Rand, count *tried) error {
	ctx, actor := p.t.Context(), o.admin.Actor()
	inviter, company := hostile(random, 3), hostile(random, 3)
	o.what, o.said = fmt.Sprintf("inviter %q, account %q", inviter, company), map[string]string{}
	_, errInviter := p.ChangeHubUser(ctx, actor, actor.MembershipID, account.Change{Name: &inviter}, 0)
	s := account.Settings{Name: company, TimeZone: "Australia/Sydney", InvitationHours: 168, CheckMinutes: 120}
	_, errCompany := p.ChangeSettings(ctx, actor, s, 0)
	errs := []error{errInviter, errCompany}
	for i, id := range o.targets {
		target := hostile(random, 3)
		o.said[o.emails[i]] = fmt.Sprintf("to %q", target)
		_, err := p.ChangeHubUser(ctx, actor, id, account.Change{Name: &target}, 0)
		errs = append(errs, err)
	}
	for _, err := range errs {
		count.names++
		if err == nil {
			count.namesTaken++
		} else if !fault.Is(err, fault.Invalid) {
			return err
		}
	}
	return nil
}

// write invites an address with a message, and changes the roles of a target, which is told by mail as well.
func (p *post) write(o *branch, round, target int, name, message string, count *tried) error {
	ctx, actor := p.t.Context(), o.admin.Actor()
	p.invited++
	email := fmt.Sprintf("new%d@letters.example", p.invited)
	_, errInvite := p.Room.Invite(ctx, actor, account.Invite{Offers: []account.Offer{{Email: email, Name: name}}, Message: message})
	roles := []account.Roles{{}, {account.Billing}}[(round+1)%2]
	_, errChange := p.ChangeHubUser(ctx, actor, o.targets[target], account.Change{Roles: &roles}, 0)
	count.messages++
	if errInvite == nil {
		count.messagesTaken++
	}
	if name != "" {
		count.names++
	}
	if o.said != nil {
		o.said[email] = fmt.Sprintf("to %q: %q", name, message)
	}
	for _, err := range []error{errInvite, errChange} {
		if err != nil && !fault.Is(err, fault.Invalid) {
			return err
		}
	}
	return nil
}

// round gives every branch other names, lets it write to everybody, and looks at the mails and at the pages.
func (p *post) round(n int, random *rand.Rand, plain map[string]shape) (count tried) {
	p.t.Helper()
	from := map[string]*branch{}
	for _, o := range p.branches {
		err := p.name(o, random, &count)
		for i := range o.targets {
			name := ""
			if i < postInvited {
				name = hostile(random, 2)
			}
			if err == nil {
				err = p.write(o, n, i, name, hostile(random, 8), &count)
			}
		}
		if err != nil {
			p.t.Fatalf("%s, %q: %v", o.what, o.said, err)
		}
		for email := range o.said {
			from[email] = o
		}
	}
	count.mails = p.judgeMails(plain, from)
	for _, o := range p.branches {
		count.pages += p.judgePages(o)
	}
	return count
}

// Whatever people call themselves, each other and their company, and whatever they write, it stays words: in mails as they arrive, and on
// every page that shows names. Sixty names stand in the store at a time, and every one of them is on a page.
func TestA4HostileNamesStayWords(t *testing.T) {
	t.Parallel()
	posts := max(1, (*hostileNames+postNames-1)/postNames)
	var lock sync.Mutex
	var all tried
	t.Run("posts", func(t *testing.T) {
		for lane := range min(posts, runtime.GOMAXPROCS(0)) {
			t.Run(fmt.Sprintf("from %d", lane), func(t *testing.T) {
				t.Parallel()
				for n := lane; n < posts; n += runtime.GOMAXPROCS(0) {
					t.Run(fmt.Sprintf("post %d", n), func(t *testing.T) {
						p, random := newPost(t), rand.New(rand.NewPCG(uint64(n), 3))
						plain := p.pattern()
						for round := range postRounds {
							count := p.round(round, random, plain)
							lock.Lock()
							all.add(count)
							lock.Unlock()
						}
					})
				}
			})
		}
	})
	if !t.Failed() && (all.namesTaken < all.names/4 || all.messagesTaken < all.messages/8 || all.mails < all.messagesTaken) {
		t.Errorf("the rooms took little, so little was tried: %+v", all)
	}
	t.Logf("of %d hostile names %d or more were taken, of %d messages %d; %d mails and %d pages parsed back", all.names, all.namesTaken, all.messages, all.messagesTaken, all.mails, all.pages)
}

// judgeMails sends what waits and looks at what arrives. The first mail of each kind is the pattern for the others.
func (p *post) judgeMails(plain map[string]shape, from map[string]*branch) int {
	p.t.Helper()
	p.RunJobs()
	mails := p.catcher.take()
	for _, raw := range mails {
		l, err := parseLetter(raw)
		if err != nil {
			p.t.Errorf("%v\n%s", err, raw.data)
			continue
		}
		what, admin := "no hostile names", p.branches[0].admin
		if o := from[l.to[0]]; o != nil {
			what, admin = o.what+", "+o.said[l.to[0]], o.admin
		}
		for _, problem := range l.problems(plain, admin.Email) {
			p.t.Errorf("%s: the mail %q: %s", what, l.subject, problem)
		}
	}
	return len(mails)
}

// problems tells what makes a mail different from the first of its kind.
func (l letter) problems(plain map[string]shape, admin string) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	kind, link := "changed", tokenLink.FindString(l.text)
	if link != "" {
		kind = "invitation"
		if strings.Contains(l.text, "\n> ") {
			kind = "invitation with a message"
		}
	}
	if len(l.to) != 1 || l.header.Get("To") != "<"+l.to[0]+">" {
		say("to %q in the envelope, %q in the header", l.to, l.header.Get("To"))
	}
	got := l.shape()
	want, known := plain[kind]
	if !known {
		plain[kind] = got
	}
	if known && (!slices.Equal(got.fields, want.fields) || !sameTags(got.tags, want.tags)) {
		say("the header %v and the tags %v, others have %v and %v", got.fields, got.tags, want.fields, want.tags)
	}
	for name, values := range l.header {
		if len(values) != 1 {
			say("%s %d times", name, len(values))
		}
	}
	if strings.ContainsAny(l.subject, "\r\n\x00") {
		say("a subject of several lines")
	}
	for _, found := range l.active(link, l.to[0], admin, "help@voice.example", accounttest.BaseURL) {
		say("the link %q", found)
	}
	return list
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
func (p *post) judgePages(o *branch) int {
	p.t.Helper()
	w := &world{Rig: p.Rig, portal: p.portal, t: p.t}
	w.Server = hostServer(accounttest.BaseURL)
	pages := []string{"/", "/hub-users", "/hub-users.csv", "/hub-users?status=invited", "/hub-users/" + o.targets[0],
		"/audit-log", "/audit-log.csv", "/settings", "/roles", "/palette", "/palette/people?q=zqx"}
	for _, page := range pages {
		address := "/" + o.admin.Account.Slug + page
		got := w.ask(http.MethodGet, address, o.admin.Session(), nil)
		if got.status != http.StatusOK {
			p.t.Errorf("%s: %d: %s", address, got.status, got.text())
		}
		problems := unsafe(got)
		if strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			problems = append(problems, foreign(got)...)
		}
		for _, problem := range problems {
			p.t.Errorf("%s: %s: %s", o.what, address, problem)
		}
	}
	return len(pages)
}

// foreign looks for what leads a page's readers elsewhere.
func foreign(got *page) (problems []string) {
	doc, err := html.Parse(strings.NewReader(got.body))
	if err != nil {
		return []string{err.Error()}
	}
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode || n.Type == html.ElementNode && n.Data == "base" {
			problems = append(problems, "a "+n.Data)
		}
		for _, a := range n.Attr {
			leads := slices.Contains([]string{"href", "src", "srcset", "action", "formaction", "hx-get", "hx-post", "data"}, a.Key)
			if u, err := url.Parse(a.Val); leads && (err != nil || u.Host != "" && "https://"+u.Host != accounttest.BaseURL || u.Scheme != "" && u.Scheme != "https" && u.Scheme != "mailto" && u.Scheme != "tel") {
				problems = append(problems, fmt.Sprintf("%s=%q", a.Key, a.Val))
			}
		}
	}
	return problems
}
