package web

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net"

	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/mail/mailbox"
	"hubline/base/openid"
	"hubline/base/openid/providertest"
	"hubline/base/outward"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/report"
	"hubline/product/support"
	"hubline/product/webhook"
)

// world is the whole portal over a real room, store, job queue, change feed and mailbox. Only its clock stands still.
type world struct {
	*accounttest.Rig
	*httptest.Server
	portal  *Portal
	phones  *phoneuser.Room
	numbers *number.Room
	calls   *call.Room
	reports *report.Room
	ended   []string // calls that were to be ended
	support *support.Room
	hooks   *webhook.Room

	elsewhere *providertest.Process // "Example ID", which people can sign in with

	log *syncBuffer
	t   testing.TB
}

// worlds runs a test on both engines.
func worlds(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d)) })
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	w := &world{Server: httptest.NewUnstartedServer(nil), log: &syncBuffer{}, t: t}
	base := "http://" + w.Listener.Addr().String()
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	refuse := func(address string) bool { return strings.HasPrefix(address, "bounce") }
	w.elsewhere = providertest.Serve(t)
	w.elsewhere.Client("hub", "s3cret", base+"/sign-in/with/example/answer")
	guard, err := outward.New(w.elsewhere.Host())
	if err != nil {
		t.Fatal(err)
	}
	w.Rig = accounttest.New(t, d, accounttest.Mailbox(refuse), accounttest.With(func(c *account.Config) {
		c.BaseURL, c.Log, c.OpenID = base, log, openid.New(guard, nil)
		c.Providers = []account.SignInProvider{{ID: "example", Name: "Example ID", Issuer: w.elsewhere.Issuer, ClientID: "hub", Secret: "s3cret", Enabled: true}}
	}))
	feed := change.NewFeed(d, log)
	feed.Now, feed.Poll = w.Clock.Now, 20*time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() { feed.Run(ctx); close(followed) }()
	room := w.Room.Config
	w.support = support.New(support.Config{DB: d, Jobs: w.Jobs, Keys: w.Keys, Account: w.Room, Mail: room.Mail, Log: log, Now: w.Clock.Now, BaseURL: base, Provider: room.Provider})
	w.hooks = webhook.New(webhook.Config{DB: d, Jobs: w.Jobs, Keys: w.Keys, Account: w.Room, Guard: guard, Log: log, Now: w.Clock.Now})
	plan := tel.For("AU")
	w.phones = phoneuser.New(phoneuser.Config{DB: d, Jobs: w.Jobs, Keys: w.Keys, Account: w.Room, Plan: plan, Log: log, Now: w.Clock.Now, BaseURL: base, Domain: "sip.hubline.test"})
	w.numbers = number.New(number.Config{DB: d, Keys: w.Keys, Account: w.Room, Phones: w.phones, Plan: plan, Log: log, Now: w.Clock.Now})
	w.calls, w.reports = callRooms(w.Rig)
	w.calls.Operator = w
	w.phones.Owns, w.phones.LeadsTo, w.phones.OnDelete = w.numbers.Owns, w.numbers.LeadsTo, w.numbers.Forget
	w.portal, err = New(Config{BaseURL: base, Provider: "Southern Cross Voice", Ring: w.Keys, Log: log, Now: w.Clock.Now, Account: w.Room, Jobs: w.Jobs,
		Support: w.support, Webhooks: w.hooks, Phones: w.phones, Numbers: w.numbers, Plan: plan, Changes: feed,
		Calls: w.calls, Reports: w.reports})
	if err != nil {
		t.Fatal(err)
	}
	w.Config.Handler = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("X-Test-From"); from != "" { // as the program does behind a proxy
			r.RemoteAddr = net.JoinHostPort(from, "0")
		}
		w.portal.ServeHTTP(out, r)
	})
	w.Start()
	t.Cleanup(func() { w.portal.Close(); w.Server.Close(); stop(); <-followed })
	return w
}

// callRooms are the rooms of calls and reports on a rig. Nothing is written by them but through record.
func callRooms(rig *accounttest.Rig) (*call.Room, *report.Room) {
	calls := call.New(call.Config{DB: rig.DB, Keys: rig.Keys, Account: rig.Room, Plan: tel.For("AU"), Now: rig.Clock.Now})
	return calls, report.New(report.Config{Calls: calls, Plan: calls.Plan, Now: rig.Clock.Now})
}

// Hangup implements call.Operator: every call runs here.
func (w *world) Hangup(_, callID string) bool {
	w.ended = append(w.ended, callID)
	return true
}

// record writes calls as whoever runs them would, and returns their IDs; one without a status goes on.
func (w *world) record(in account.Account, calls ...call.Record) (ids []string) {
	w.t.Helper()
	c := w.calls.Config
	c.Gather = time.Millisecond
	room := call.New(c)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { room.Run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	for _, c := range calls {
		c.AccountID = in.ID
		id, err := room.Begin(ctx, c)
		if c.ID = id; err == nil && c.Status != "" {
			err = room.Finish(ctx, c.AccountID, c)
		}
		if err == nil {
			err = room.Flush(ctx)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// mails runs what waits and returns the mails to an address.
func (w *world) mails(to string) []mailbox.Mail {
	w.t.Helper()
	w.RunJobs()
	var list []mailbox.Mail
	for _, m := range w.Box.Mails() {
		if m.To == to {
			list = append(list, m)
		}
	}
	return list
}

// mailed returns the newest mail to an address whose subject holds the words.
func (w *world) mailed(to, subject string) mailbox.Mail {
	w.t.Helper()
	list := w.mails(to)
	for i := len(list) - 1; i >= 0; i-- {
		if strings.Contains(list[i].Subject, subject) {
			return list[i]
		}
	}
	w.t.Fatalf("no mail %q to %s among %d", subject, to, len(list))
	return mailbox.Mail{}
}

// link returns the path of the newest mail's link below a path: "/invitations/".
func (w *world) link(to, subject, below string) string {
	w.t.Helper()
	for _, link := range w.mailed(to, subject).Links {
		if path, ok := strings.CutPrefix(link, w.URL); ok && strings.HasPrefix(path, below) {
			return path
		}
	}
	w.t.Fatalf("the mail to %s holds no link below %s", to, below)
	return ""
}

var codeInSubject = regexp.MustCompile(`\d{3} \d{3}`)

// code returns the newest step-up code mailed to an address, as its subject shows it.
func (w *world) code(to string) string {
	w.t.Helper()
	return codeInSubject.FindString(w.mailed(to, "confirmation code").Subject)
}

// visitor is a browser: it keeps cookies, follows redirects and submits the forms that a page shows.
type visitor struct {
	*page
	world   *world
	client  *http.Client
	from    string // network address
	agent   string
	presses int
}

// page is what a browser shows.
type page struct {
	status int
	url    *url.URL
	header http.Header
	body   string
}

// browser opens a browser nobody has used, at a network address of its own.
func (w *world) browser(from string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{world: w, client: &http.Client{Jar: jar}, from: from, agent: accounttest.UserAgent}
}

// as opens a browser in which a person of the rig is signed in, without the cost of a password.
func (w *world) as(u *accounttest.User) *visitor {
	v := w.browser(accounttest.Address)
	v.plant(sessionCookie, u.Session())
	v.plant(deviceCookie, u.Device())
	return v
}

func (v *visitor) plant(name, value string) {
	u, _ := url.Parse(v.world.URL)
	v.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// cookie returns the value of a cookie that the browser holds.
func (v *visitor) cookie(name string) string {
	u, _ := url.Parse(v.world.URL)
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) send(method, path, body string) *visitor {
	t := v.world.t
	t.Helper()
	req, err := http.NewRequest(method, v.world.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", v.agent)
	req.Header.Set("X-Test-From", v.from)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	v.page = &page{resp.StatusCode, resp.Request.URL, resp.Header, string(text)}
	if v.status >= 500 && v.status != 503 {
		t.Fatalf("%s %s: %d\n%s\n%s", method, path, v.status, v.text(), v.world.log)
	}
	return v
}

// open goes to a path.
func (v *visitor) open(path string) *visitor {
	v.world.t.Helper()
	return v.send(http.MethodGet, path, "")
}

// post sends a form that no page shows.
func (v *visitor) post(path string, pairs ...string) *visitor {
	v.world.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return v.send(http.MethodPost, path, values.Encode())
}

var (
	formTag   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`<input([^>]*)>`)
	areaTag   = regexp.MustCompile(`(?s)<textarea([^>]*)>\n?(.*?)</textarea>`)
	selectTag = regexp.MustCompile(`(?s)<select([^>]*)>(.*?)</select>`)
	optionTag = regexp.MustCompile(`<option([^>]*)>`)
	buttonTag = regexp.MustCompile(`(?s)<button[^>]*>(.*?)</button>`)
	attribute = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
	inline    = regexp.MustCompile(`</?(wbr|b|small)>`)
	anyTag    = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces    = regexp.MustCompile(`\s+`)
)

func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		all[m[1]] = html.UnescapeString(m[2])
	}
	return all
}

// words is the text of a piece of HTML.
func wordsOf(piece string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(anyTag.ReplaceAllString(inline.ReplaceAllString(piece, ""), " ")), " "))
}

func (p *page) text() string { return wordsOf(p.body) }

// values reads what a form of ours would send as it stands.
func formValues(inner string) url.Values {
	values := url.Values{}
	for _, m := range inputTag.FindAllStringSubmatch(inner, -1) {
		a := attributes(m[1])
		_, checked := a["checked"]
		switch {
		case a["name"] == "":
		case a["type"] == "checkbox" || a["type"] == "radio":
			if checked {
				values.Add(a["name"], a["value"])
			}
		default:
			values.Add(a["name"], a["value"])
		}
	}
	for _, m := range areaTag.FindAllStringSubmatch(inner, -1) {
		values.Add(attributes(m[1])["name"], html.UnescapeString(m[2]))
	}
	for _, m := range selectTag.FindAllStringSubmatch(inner, -1) {
		for _, o := range optionTag.FindAllStringSubmatch(m[2], -1) {
			if a := attributes(o[1]); strings.Contains(o[1], " selected") || !values.Has(attributes(m[1])["name"]) {
				values.Set(attributes(m[1])["name"], a["value"])
			}
		}
	}
	return values
}

// find returns the form with a button of those words, and what it holds.
func (p *page) form(button string) (action string, values url.Values) {
	for _, m := range formTag.FindAllStringSubmatch(p.body, -1) {
		for _, b := range buttonTag.FindAllStringSubmatch(m[2], -1) {
			if wordsOf(b[1]) == button {
				action = attributes(m[1])["action"]
				if action == "" {
					action = p.url.RequestURI()
				}
				return action, formValues(m[2])
			}
		}
	}
	return "", nil
}

// press types into the form that has the button, then presses it. Controls that the form lacks fail the test.
func (v *visitor) press(button string, pairs ...string) *visitor {
	t := v.world.t
	t.Helper()
	action, values := v.form(button)
	if values == nil {
		t.Fatalf("%s has no button %q: %s", v.url.Path, button, v.text())
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if !values.Has(pairs[i]) && !strings.Contains(v.body, `name="`+pairs[i]+`"`) {
			t.Fatalf("the form of %q has no control %q", button, pairs[i])
		}
		values.Set(pairs[i], pairs[i+1])
	}
	v.presses++
	return v.send(http.MethodPost, action, values.Encode())
}

// shows fails unless the browser is at a path (with "*" as its end, below it) and the page holds all the words.
func (v *visitor) shows(status int, path string, wanted ...string) *visitor {
	t := v.world.t
	t.Helper()
	at := v.url.Path
	if begin, below := strings.CutSuffix(path, "*"); v.status != status || below && !strings.HasPrefix(at, begin) || !below && at != path {
		t.Fatalf("the browser shows %d %s, want %d %s: %s", v.status, at, status, path, v.text())
	}
	for _, word := range wanted {
		if !strings.Contains(v.text(), word) {
			t.Fatalf("%s lacks %q: %s", at, word, v.text())
		}
	}
	return v
}

// lacks fails when the page holds one of the words.
func (v *visitor) lacks(words ...string) *visitor {
	v.world.t.Helper()
	for _, word := range words {
		if strings.Contains(v.text(), word) {
			v.world.t.Fatalf("%s holds %q: %s", v.url.Path, word, v.text())
		}
	}
	return v
}

// signIn goes through both steps of the sign-in page.
func (v *visitor) signIn(email, password string) *visitor {
	v.world.t.Helper()
	return v.open("/sign-in").press("Continue", "email", email).press("Sign in", "password", password)
}

// mask takes out what differs between any two answers: addresses typed by the person, file versions, request ids.
func mask(p *page, typed ...string) string {
	var b bytes.Buffer
	b.WriteString(p.url.RequestURI() + "\n")
	for _, name := range []string{"Content-Type", "Cache-Control", "Retry-After", "Set-Cookie", "Location"} {
		b.WriteString(name + ": " + strings.Join(p.header.Values(name), ";") + "\n")
	}
	body := p.body
	for _, t := range typed {
		body = strings.ReplaceAll(body, html.EscapeString(t), "TYPED")
	}
	b.WriteString(body)
	return b.String()
}
