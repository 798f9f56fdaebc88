package web

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/webhook"
)

var hostRequests = flag.Int("web.hosts", 10_000, "requests with odd Host and forwarding headers")

const hostBase = "https://hub.example.com"

// hostServer stands for a server in a world that is asked without a network.
func hostServer(origin string) *httptest.Server { return &httptest.Server{URL: origin} }

// hostWorld is a portal with an origin of its own, without a network and without a change feed.
func hostWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Server: hostServer(hostBase), log: &syncBuffer{}, t: t}
	w.Rig = accounttest.New(t, dbtest.SQLite(t), accounttest.Mailbox(nil), accounttest.With(func(c *account.Config) { c.BaseURL = hostBase }))
	var err error
	calls, reports := callRooms(w.Rig)
	w.portal, err = New(Config{BaseURL: hostBase, Hosts: []string{"localhost:8080"}, Provider: "Southern Cross Voice", Ring: w.Keys, Now: w.Clock.Now, Account: w.Room, Jobs: w.Jobs, Calls: calls, Reports: reports,
		Webhooks: webhook.New(webhook.Config{DB: w.DB, Jobs: w.Jobs, Keys: w.Keys, Account: w.Room, Now: w.Clock.Now})})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The names that the portal has, and some that it has not.
var (
	ourHosts   = []string{"hub.example.com", "HUB.Example.COM", "hub.example.com.", "hub.example.com:443", "localhost:8080", "LOCALHOST:8080"}
	otherHosts = []string{"", "evil.example", "evil.example:443", "hub.example.com.evil.example", "hub.example.com:8443", "hub.example.com:", "hub.example.com:0443",
		"hub.example.com:443:443", "hub.example.com@evil.example", "evil.example@hub.example.com", "evil.example#hub.example.com", "evil.example/hub.example.com",
		"evil.example?hub.example.com", "evil.example,hub.example.com", "hub.example.com, evil.example", "hub.example.com evil.example", " hub.example.com",
		"hub.example.com\tevil.example", ".hub.example.com", "hub.example.com..", "xhub.example.com", "hub-example.com", "hub.example.co", "hub.example.com%00",
		"hub。example。com", "hub.example.com\u200b", "hüb.example.com", "localhost", "localhost:80", "localhost:8081", "127.0.0.1", "[::1]", "[::1]:443", "0", "*", "null"}
	forwarding = []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Forwarded-Ssl",
		"Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "X-Host", "X-HTTP-Host-Override", "X-Real-IP", "X-Forwarded-For", "X-ProxyUser-Ip", "Via",
		"X-Wap-Profile", "Base-Url", "Proxy-Host", "Destination", "Front-End-Https", "True-Client-IP", "Referer", "HX-Current-URL", "Upgrade-Insecure-Requests"}
	forwarded = []string{"evil.example", "evil.example:443", "https://evil.example/", "//evil.example/x", "host=evil.example;proto=http", `for=1.2.3.4;host="evil.example"`,
		"http", "8443", "/evil", "hub.example.com, evil.example", "evil.example, hub.example.com", "javascript:evil()", "127.0.0.1", "/harbour/hub-users?evil", "evil.example\\@hub.example.com"}
)

// oddHeaders chooses some headers with which proxies and attackers say which host was meant.
func oddHeaders(random *rand.Rand) []string {
	var headers []string
	for range 1 + random.IntN(4) {
		headers = append(headers, forwarding[random.IntN(len(forwarding))]+": "+forwarded[random.IntN(len(forwarded))])
	}
	return headers
}

func TestA6NoHeaderBendsALink(t *testing.T) {
	t.Parallel()
	w := hostWorld(t)
	admin := w.Open("harbour")
	invitation, token := w.Invite(admin, "waiting@harbour.example")
	session := admin.SignIn().Session() // without a check, so that no page holds a random key
	addresses := []string{"/sign-in", "/sign-in/forgot", "/sign-in?next=/harbour/settings", "/sign-in?next=//evil.example", "/invitations/" + token, "/password/x", "/nowhere",
		"/robots.txt", "/harbour/hub-users", "/harbour", "/harbour/settings", "/harbour/hub-users/invite", "/harbour/invitations/" + invitation.ID, "/profile", "/console"}
	plain := map[string]string{}
	everything := func(p *page) string {
		header := maps.Clone(p.header)
		delete(header, "X-Request-Id")
		return fmt.Sprintf("%d %v\n%s", p.status, header, p.body)
	}
	known, unknown := 0, 0
	for n := range *hostRequests {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		address, as := addresses[n%len(addresses)], []string{"", session}[n/len(addresses)%2]
		if n%2 == 0 {
			host := otherHosts[random.IntN(len(otherHosts))]
			got := w.ask(http.MethodGet, address, as, nil, append(oddHeaders(random), "Host: "+host)...)
			if unknown++; got.status != http.StatusMisdirectedRequest || strings.Contains(everything(got), "evil") || got.header.Get("Set-Cookie") != "" || got.header.Get("Location") != "" {
				t.Errorf("Host %q: %s", host, everything(got))
			}
			continue
		}
		if plain[address+as] == "" {
			plain[address+as] = everything(w.ask(http.MethodGet, address, as, nil))
		}
		host, headers := ourHosts[random.IntN(len(ourHosts))], oddHeaders(random)
		known++
		if got := everything(w.ask(http.MethodGet, address, as, nil, append(headers, "Host: "+host)...)); got != plain[address+as] {
			t.Errorf("%s with %q at %q: %s", address, headers, host, apart(got, plain[address+as]))
		}
	}
	t.Logf("%d requests at hosts of ours, %d at others", known, unknown)
}

// apart shows where two texts begin to differ.
func apart(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%.200q instead of %.200q", got[i:], want[i:])
}

func TestA6MailsKeepTheOrigin(t *testing.T) {
	t.Parallel()
	w := hostWorld(t)
	admin := w.Open("harbour")
	sent := 0
	for n := range 60 {
		random := rand.New(rand.NewPCG(uint64(n), 2))
		headers := append(oddHeaders(random), oddHeaders(random)...)
		headers = append(headers, "Host: "+ourHosts[n%len(ourHosts)])
		address, session, form := "/harbour/hub-users/invite", admin.Session(), pairs("step", "send", "email", fmt.Sprintf("new%d@letters.example", n))
		switch n % 3 {
		case 1:
			address, session, form = "/sign-in/forgot", "", pairs("email", admin.Email)
		case 2:
			address, form = "/check/code", pairs("again", "1", "next", "//evil.example/")
		}
		if got := w.ask(http.MethodPost, address, session, form, headers...); got.status >= 400 {
			t.Fatalf("%s with %q: %d: %s", address, headers, got.status, got.text())
		}
		sent++
		w.Clock.Advance(35 * time.Second)
		if n%20 == 19 { // the links for a new password replace each other
			admin.SignIn().Check()
		}
		w.RunJobs()
	}
	links := 0
	for _, m := range w.Box.Mails() {
		if strings.Contains(m.Subject+m.Text+m.HTML, "evil") {
			t.Errorf("%q to %s holds what a header said:\n%s", m.Subject, m.To, m.Text)
		}
		for _, link := range m.Links {
			if links++; !strings.HasPrefix(link, hostBase+"/") {
				t.Errorf("%q to %s links to %s", m.Subject, m.To, link)
			}
		}
	}
	if links < sent/2 {
		t.Errorf("%d links in the mails of %d requests", links, sent)
	}
	t.Logf("%d requests, %d links in %d mails", sent, links, len(w.Box.Mails()))
}

// TestOddRequestsOnTheWire sends what no client of net/http can: the target or a second header may name another host.
func TestOddRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	w := hostWorld(t)
	server := httptest.NewServer(w.portal)
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		lines string
		want  []int
	}{
		{"GET /sign-in HTTP/1.1\nHost: hub.example.com", []int{200}},
		{"GET https://hub.example.com/sign-in HTTP/1.1\nHost: hub.example.com", []int{200}},
		{"GET https://evil.example/sign-in HTTP/1.1\nHost: hub.example.com", []int{421}},
		{"GET https://hub.example.com/sign-in HTTP/1.1\nHost: evil.example", []int{200}}, // RFC 9112 section 3.2.2: the target counts
		{"GET http://hub.example.com@evil.example/sign-in HTTP/1.1\nHost: hub.example.com", []int{400, 421}},
		{"GET //evil.example/sign-in HTTP/1.1\nHost: hub.example.com", []int{301, 307, 404}},
		{"GET /sign-in HTTP/1.1\nHost: hub.example.com\nHost: evil.example", []int{400}},
		{"GET /sign-in HTTP/1.1\nHost: evil.example\nhost: hub.example.com", []int{400}},
		{"GET /sign-in HTTP/1.1", []int{400}},
		{"GET /sign-in HTTP/1.0", []int{421}},
		{"GET /sign-in HTTP/1.1\nHost : hub.example.com", []int{400}},
		{"GET /sign-in HTTP/1.1\nHost: hub.example.com\n X-Forwarded-Host: evil.example", []int{400, 421}},
		{"GET evil.example HTTP/1.1\nHost: hub.example.com", []int{400}},
		{"CONNECT evil.example:443 HTTP/1.1\nHost: hub.example.com", []int{404, 405, 421}},
		{"OPTIONS * HTTP/1.1\nHost: hub.example.com", []int{200, 404, 405}},
		{"TRACE /sign-in HTTP/1.1\nHost: hub.example.com", []int{405}},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, strings.ReplaceAll(tt.lines, "\n", "\r\n")+"\r\nConnection: close\r\n\r\n")
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%q: %v", tt.lines, err)
		} else if !contains(tt.want, got.StatusCode) {
			t.Errorf("%q: %d, want %v", tt.lines, got.StatusCode, tt.want)
		} else if location, _ := url.Parse(got.Header.Get("Location")); location.Host != "" {
			t.Errorf("%q leads to %s", tt.lines, location)
		}
		conn.Close()
	}
}

func contains(list []int, n int) bool {
	for _, one := range list {
		if one == n {
			return true
		}
	}
	return false
}

// otherSites sends every form as another site would make a browser send it.
func (c *cast) otherSites(t *testing.T) {
	_, host, _ := strings.Cut(c.URL, "://")
	count := 0
	for _, rt := range c.portal.Routes() {
		if rt.Method != http.MethodPost {
			continue
		}
		who := c.active(account.Admin, account.Billing)
		if rt.Access == Staff {
			who = c.clerk
		}
		cl := &cell{c, rt, who, "signed in", "own", c.own}
		address, err := cl.address()
		if err != nil {
			t.Fatal(err)
		}
		form := posts[rt.Pattern](cl)
		for _, headers := range [][]string{
			{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
			{"Sec-Fetch-Site: ", "Origin: https://evil.example"}, {"Sec-Fetch-Site: ", "Origin: null"}, {"Sec-Fetch-Site: ", "Origin: https://" + host + ".evil.example"},
			{"Sec-Fetch-Site: ", "Origin: https://evil.example", "X-Forwarded-Host: evil.example"}, {"Sec-Fetch-Site: ", "Origin: https://127.0.0.1:1", "Referer: " + c.URL + "/"},
		} {
			got := c.ask(http.MethodPost, address, who.session, form, headers...)
			if count++; got.status != http.StatusForbidden || !strings.Contains(got.text(), "another website") {
				t.Errorf("POST %s with %q: %d: %s", rt.Pattern, headers, got.status, got.text())
			}
		}
		if changed := c.frozen.Restore(); changed != nil {
			t.Errorf("POST %s from another site changed %q", rt.Pattern, changed)
		}
	}
	t.Logf("%d forms of other sites", count)
}
