package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubline/api"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/idempotent"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// world is an installation with the account "harbour", its admin, a key of the admin with every scope, and the API in front.
type world struct {
	*accounttest.Rig
	t     testing.TB
	admin *accounttest.User
	key   string
	url   string
	store *idempotent.Store

	*api.TestRooms
}

// each runs a test on both engines.
func each(t *testing.T, fn func(t *testing.T, w *world), options ...accounttest.Option) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d, nil, options...)) })
}

func newWorld(t testing.TB, d *db.DB, change func(*api.Config), options ...accounttest.Option) *world {
	t.Helper()
	w := &world{Rig: accounttest.New(t, d, options...), t: t}
	w.admin = w.Open("harbour")
	w.key, _ = w.Key(w.admin)
	handler := w.handler(change)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// handler makes an API over the world's room, with its clock.
func (w *world) handler(change func(*api.Config)) http.Handler {
	w.t.Helper()
	if w.TestRooms == nil {
		w.TestRooms = api.Furnish(w.t, w.Rig)
	}
	c := w.TestRooms.Config(w.Rig)
	w.store = c.Idempotency
	if change != nil {
		change(&c)
	}
	handler, err := api.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return handler
}

// reply is an answer, read to its end.
type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

// send makes a request with the world's key. A body that is no string is written as JSON; headers are name, value, name, value.
func (w *world) send(method, path string, body any, headers ...string) reply {
	w.t.Helper()
	return send(w.t, w.url, method, path, body, append([]string{"Authorization", "Bearer " + w.key}, headers...)...)
}

func send(t testing.TB, url, method, path string, body any, headers ...string) reply {
	t.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	case io.Reader:
		reader = body
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = strings.NewReader(string(raw))
	}
	if strings.HasPrefix(path, "/accounts") {
		path = "/api/v1" + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "hubline.example"
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	response, err := http.DefaultTransport.RoundTrip(r) // no redirects
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{t, method + " " + path, response.StatusCode, response.Header, string(text)}
}

// want checks the status and reads the body into v, unless it is nil.
func (r reply) want(status int, v any) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: %d %s, want %d", r.what, r.status, r.body, status)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(r.body), v); err != nil {
			r.t.Fatalf("%s: %v in %s", r.what, err, r.body)
		}
	}
	return r
}

// problem checks that the answer is the problem with that code, about that field, and returns it.
func (r reply) problem(status int, code, field string) api.Problem {
	r.t.Helper()
	var p api.Problem
	r.want(status, &p)
	if kind := r.header.Get("Content-Type"); kind != "application/problem+json" {
		r.t.Errorf("%s: a problem of type %q", r.what, kind)
	}
	if p.Type != "/api/v1/problems/"+code || p.Status != status || p.Field != field {
		r.t.Errorf("%s: %s, want %s about %q", r.what, r.body, code, field)
	}
	if p.Title == "" || !strings.HasSuffix(p.Detail, ".") || p.Instance != "urn:hubline:request:"+r.header.Get("X-Request-Id") {
		r.t.Errorf("%s: an incomplete problem %s", r.what, r.body)
	}
	return p
}

// user is what tests read of a hub user.
func (w *world) user(id string) (api.HubUser, string) {
	w.t.Helper()
	var u api.HubUser
	r := w.send("GET", "/accounts/harbour/hub-users/"+id, nil).want(200, &u)
	return u, r.header.Get("ETag")
}

// keyWith makes another key of the admin.
func (w *world) keyWith(scopes ...account.Permission) string {
	w.t.Helper()
	secret, _ := w.Key(w.admin, scopes...)
	return "Bearer " + secret
}
