package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/base/seal"
)

// now is the moment at which every test happens: Wednesday 18 November 2026, 9:30 am in Sydney.
var now = time.Date(2026, 11, 17, 22, 30, 0, 0, time.UTC)

func sydney(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Australia/Sydney")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// house is a Guard over one person in two accounts; the cookie "as" says who asks.
type house struct{ zone *time.Location }

func (h house) Viewer(r *http.Request, account string) (*Viewer, error) {
	as, err := r.Cookie("as")
	if err != nil {
		return nil, fault.New(fault.SignedOut, "signed-out", "Sign in")
	}
	v := &Viewer{PersonID: "p1", Name: "Priya Nair", Email: "priya.nair@harbourdental.example", Zone: h.zone, Staff: as.Value == "staff",
		Accounts: []Account{{"harbour", "10482", "Harbour Dental Group", "Admin, Billing"}, {"northside", "10511", "Northside Physio", "Standard"}}}
	if account == "" {
		return v, nil
	}
	for i, a := range v.Accounts {
		if a.Slug == account && as.Value != "staff" {
			v.Account = &v.Accounts[i]
			v.Can = func(permission string) bool { return as.Value == "admin" && a.Slug == "harbour" }
			return v, nil
		}
	}
	return nil, fault.New(fault.NotFound, "no-account", "We could not find that page")
}

func (h house) Help(context.Context, *Viewer, string) (Help, error) {
	return Help{"Account admin", []string{"Tom Okafor", "Ann Reid"}}, nil
}

// site is a portal on a loopback port, with the routes of a test beside those of the ground.
type site struct {
	*httptest.Server
	t   *testing.T
	log *syncBuffer
}

func newSite(t *testing.T, change func(*Config), routes ...Route) *site {
	t.Helper()
	s := &site{httptest.NewUnstartedServer(nil), t, &syncBuffer{}}
	c := Config{BaseURL: "http://" + s.Listener.Addr().String(), Provider: "Coastal Telecom", Dev: true, Guard: house{sydney(t)}, Zone: sydney(t),
		Ring: seal.New(bytes.Repeat([]byte{7}, 32)), Log: slog.New(slog.NewJSONHandler(s.log, nil)), Now: func() time.Time { return now }}
	if change != nil {
		change(&c)
	}
	p, err := build(c, func(*Portal) []Route { return routes })
	if err != nil {
		t.Fatal(err)
	}
	p.SignInPage = func(r *Request, kept string) error {
		r.W.WriteHeader(r.status)
		_, err := io.WriteString(r.W, "sign in, kept="+kept)
		return err
	}
	s.Config.Handler = p
	s.Start()
	t.Cleanup(s.Close)
	return s
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

// Reset forgets what was written.
func (s *syncBuffer) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// do sends a request without following redirects. with sets headers: "Name: value".
func (s *site) do(method, path, body string, with ...string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, header := range with {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			req.Host = value
		} else {
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, string(text)}
}

func (s *site) get(path string, with ...string) answer {
	s.t.Helper()
	return s.do("GET", path, "", with...)
}

func (s *site) post(path string, form url.Values, with ...string) answer {
	s.t.Helper()
	return s.do("POST", path, form.Encode(), with...)
}

const admin, standard, staff = "Cookie: as=admin", "Cookie: as=standard", "Cookie: as=staff"

// plain is a handler that writes a word.
func plain(word string) func(*Request) error {
	return func(r *Request) error {
		_, err := io.WriteString(r.W, word)
		return err
	}
}

func TestRoutesDeclareWhoMayUseThem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		route Route
		want  string
	}{
		{"no access", Route{"GET", "/profile", "", plain("")}, "does not declare who may use it"},
		{"unknown access", Route{"GET", "/profile", "everybody", plain("")}, "does not declare who may use it"},
		{"empty permission", Route{"GET", "/{account}/settings", Needs(""), plain("")}, "does not declare who may use it"},
		{"an account's page open to all", Route{"GET", "/{account}/settings", Public, plain("")}, "begins with an account"},
		{"a permission without an account", Route{"GET", "/profile", Needs("x"), plain("")}, "names no account"},
		{"a method that forms cannot send", Route{"PUT", "/profile", SignedIn, plain("")}, "the method GET or POST"},
		{"the same twice", Route{"GET", "/palette", SignedIn, plain("")}, "conflicts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := build(Config{BaseURL: "http://hub.example", Guard: house{}}, func(*Portal) []Route { return []Route{tt.route} })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestAccessIsReadOnEveryRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil,
		Route{"GET", "/{$}", Public, plain("front")},
		Route{"GET", "/profile", SignedIn, plain("profile")},
		Route{"GET", "/console/accounts", Staff, plain("console")},
		Route{"GET", "/{account}/{$}", Member, plain("home")},
		Route{"GET", "/{account}/settings", Needs("settings.view"), plain("settings")},
	)
	for _, tt := range []struct {
		path, as string
		want     int
	}{
		{"/", "", 200}, {"/", admin, 200},
		{"/profile", "", 303}, {"/profile", standard, 200},
		{"/console/accounts", "", 303}, {"/console/accounts", admin, 404}, {"/console/accounts", staff, 200},
		{"/harbour/", "", 303}, {"/harbour/", standard, 200}, {"/elsewhere/", standard, 404}, {"/harbour/", staff, 404},
		{"/harbour/settings", "", 303}, {"/harbour/settings", admin, 200}, {"/harbour/settings", standard, 403}, {"/northside/settings", admin, 403},
		{"/elsewhere/settings", admin, 404}, {"/harbour/nothing", admin, 404}, {"/nothing/at/all", "", 404},
	} {
		headers := []string{}
		if tt.as != "" {
			headers = append(headers, tt.as)
		}
		if got := s.get(tt.path, headers...); got.StatusCode != tt.want {
			t.Errorf("%s as %q: %d, want %d", tt.path, tt.as, got.StatusCode, tt.want)
		}
	}
	if got := s.get("/harbour/settings").Header.Get("Location"); got != "/sign-in?next=%2Fharbour%2Fsettings" {
		t.Errorf("signed out leads to %q", got)
	}
	if got := s.get("/harbour", admin); got.StatusCode != 301 && got.StatusCode != 307 {
		t.Errorf("/harbour: %d", got.StatusCode)
	}
}
