package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hubline/api"
	"hubline/base/db/dbtest"
)

func TestUnknownAddressesAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	for _, path := range []string{"/api/", "/api/v1", "/api/v1/", "/api/v2/accounts/harbour", "/api/v1/accounts", "/api/v1/accounts/harbour/", "/api/v1/accounts//harbour",
		"/api/v1/accounts/harbour/hub-users/../invitations", "/api/v1/accounts/harbour/hub-users.xml", "/api/v1/Accounts/harbour", "/api/v1/problems/none", "/api/v1/docs/", "/api/%00"} {
		for _, method := range []string{"GET", "POST", "DELETE", "PROPFIND"} {
			w.send(method, path, nil).problem(404, "no-such-address", "")
		}
	}
	for path, allow := range map[string]string{
		"/accounts/harbour": "GET, HEAD, PATCH", "/accounts/harbour/hub-users": "GET, HEAD", "/accounts/harbour/invitations": "GET, HEAD, POST",
		"/accounts/harbour/invitations/x/resend": "POST", "/accounts/harbour/hub-users/x": "GET, HEAD, PATCH, DELETE", "/api/v1/openapi.json": "GET, HEAD",
	} {
		r := w.send("PUT", path, `{}`, "Authorization", "")
		if r.problem(405, "method", ""); r.header.Get("Allow") != allow {
			t.Errorf("%s allows %q, want %q", path, r.header.Get("Allow"), allow)
		}
		w.send("OPTIONS", path, nil).problem(405, "method", "")
	}
	if r := w.send("HEAD", "/accounts/harbour", nil).want(200, nil); r.body != "" || r.header.Get("ETag") == "" {
		t.Errorf("HEAD: %q %v", r.body, r.header)
	}
}

func TestBodies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const invite = "/accounts/harbour/invitations"
		for _, tt := range []struct {
			name, body  string
			status      int
			code, field string
		}{
			{"nothing", ``, 422, "body-missing", ""},
			{"blank", " \n", 422, "body-missing", ""},
			{"no JSON", `email=jo`, 400, "body-syntax", ""},
			{"cut off", `{"email":"jo@harbour.example"`, 400, "body-syntax", ""},
			{"more than one", `{"email":"jo@harbour.example"}{}`, 400, "body-syntax", ""},
			{"no UTF-8", "{\"email\":\"\xff\"}", 400, "body-syntax", ""},
			{"a raw control character", "{\"email\":\"\x00\"}", 400, "body-syntax", ""},
			{"a list", `[]`, 422, "body-form", ""},
			{"text", `"x"`, 422, "body-form", ""},
			{"null", `null`, 422, "body-form", ""},
			{"a number", `1e999`, 422, "body-form", ""},
			{"nested", strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40), 422, "body-form", ""},
			{"an unknown field", `{"email":"jo@harbour.example","admin":true}`, 422, "field-unknown", "admin"},
			{"the server's fields", `{"email":"jo@harbour.example","id":"x"}`, 422, "field-unknown", "id"},
			{"a field in capitals", `{"email":"jo@harbour.example","Roles":["admin"]}`, 422, "field-unknown", "Roles"},
			{"a missing field", `{"name":"Jo"}`, 422, "field-missing", "email"},
			{"a doubled field", `{"email":"jo@harbour.example","roles":[],"roles":["admin"]}`, 422, "field-twice", "roles"},
			{"a null field", `{"email":"jo@harbour.example","roles":null}`, 422, "field-null", "roles"},
			{"null in a list", `{"email":"jo@harbour.example","roles":[null]}`, 422, "field-null", "roles"},
			{"a list for one address", `{"email":["jo@harbour.example","sam@harbour.example"]}`, 422, "field-type", "email"},
			{"a number", `{"email":1}`, 422, "field-type", "email"},
			{"an object in a list", `{"email":"jo@harbour.example","roles":[{}]}`, 422, "field-type", "roles"},
			{"text for a list", `{"email":"jo@harbour.example","roles":"admin"}`, 422, "field-type", "roles"},
			{"an unknown role", `{"email":"jo@harbour.example","roles":["owner"]}`, 422, "field-choice", "roles"},
			{"too many roles", `{"email":"jo@harbour.example","roles":[` + strings.Repeat(`"admin",`, 10) + `"admin"]}`, 422, "field-long", "roles"},
			{"two addresses in one", `{"email":"jo@harbour.example,sam@harbour.example"}`, 422, "email-form", "email"},
			{"a header break", `{"email":"jo@harbour.example\r\nBcc: sam@harbour.example"}`, 422, "email-form", "email"},
			{"a NUL", `{"email":"jo@harbour.example","name":"J\u0000o"}`, 422, "field-characters", "name"},
			{"a NUL in a list", `{"email":"jo@harbour.example","groups":["\u0000"]}`, 422, "field-characters", "groups"},
			{"a control character", `{"email":"jo@harbour.example","name":"J\u0001o"}`, 422, "name-characters", "name"},
			{"text that turns around", `{"email":"jo@harbour.example","name":"J\u202eo"}`, 422, "name-characters", "name"},
			{"half a surrogate pair", `{"email":"jo@harbour.example","name":"J\ud800o"}`, 422, "name-characters", "name"},
			{"a link as a name", `{"email":"jo@harbour.example","name":"www.example.com"}`, 422, "name-link", "name"},
			{"a long name", `{"email":"jo@harbour.example","name":"` + strings.Repeat("a", 81) + `"}`, 422, "name-long", "name"},
			{"a long message", `{"email":"jo@harbour.example","message":"` + strings.Repeat("a", 501) + `"}`, 422, "message-long", "message"},
			{"a huge name", `{"email":"jo@harbour.example","name":"` + strings.Repeat("a", 900_000) + `"}`, 422, "name-long", "name"},
		} {
			r := w.send("POST", invite, tt.body)
			if p := r.problem(tt.status, tt.code, tt.field); strings.Contains(p.Detail, "json:") || strings.Contains(p.Detail, "Go ") || len(p.Detail) > 400 {
				t.Errorf("%s: %s", tt.name, p.Detail)
			}
		}
		patch := "/accounts/harbour"
		for body, field := range map[string]string{`{"invitation_hours":1e2}`: "invitation_hours", `{"invitation_hours":1.5}`: "invitation_hours", `{"invitation_hours":"1"}`: "invitation_hours",
			`{"check_minutes":1e999}`: "check_minutes", `{"check_minutes":99999999999999999999}`: "check_minutes", `{"check_minutes":-1e400}`: "check_minutes"} {
			w.send("PATCH", patch, body).problem(422, "field-type", field)
		}
		w.send("PATCH", patch, `{"slug":"taken","version":7}`).problem(422, "field-unknown", "slug")
		w.send("PATCH", patch, `{}`, "Content-Type", "application/merge-patch+json").want(200, nil)
		w.send("PATCH", patch, `{}`, "Content-Type", "").want(200, nil)
		w.send("PATCH", patch, `{}`, "Content-Type", "application/json; charset=UTF-8").want(200, nil)
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/xml", "json", ";", "multipart/form-data; boundary=x"} {
			w.send("PATCH", patch, `{}`, "Content-Type", kind).problem(415, "body-kind", "")
		}
		w.send("POST", invite, `{}`, "Content-Type", "application/merge-patch+json").problem(415, "body-kind", "")
		w.send("DELETE", "/accounts/harbour/hub-users/"+w.admin.ID(), `{"reason":"x"}`).problem(422, "body-unwanted", "")
		var invitations api.Invitations
		w.send("GET", invite, nil).want(200, &invitations)
		if len(invitations.Items) != 0 {
			t.Errorf("somebody was invited: %+v", invitations)
		}
	})
}

func TestHugeBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	const invite = "/accounts/harbour/invitations"
	w.send("POST", invite, `{"email":"`+strings.Repeat("a", 1<<20)+`"}`).problem(413, "body-large", "")
	w.send("POST", invite, io.MultiReader(strings.NewReader(`{"email":"`), strings.NewReader(strings.Repeat("a", 1<<20)))).problem(413, "body-large", "") // length not told
	w.send("POST", invite, strings.Repeat("[", 1<<19)).problem(422, "body-form", "")
	w.send("DELETE", "/accounts/harbour/hub-users/"+w.admin.ID(), strings.Repeat(" ", 1<<20+1)).problem(413, "body-large", "")
	w.send("POST", invite, strings.Repeat("x", 1<<20), "Authorization", "Bearer wrong").problem(401, "key-unknown", "")
}

func TestQueries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const users, log = "/accounts/harbour/hub-users", "/accounts/harbour/audit-log"
		for _, tt := range []struct{ path, code, field string }{
			{users + "?limit=0", "field-range", "limit"},
			{users + "?limit=201", "field-range", "limit"},
			{users + "?limit=-1", "field-range", "limit"},
			{users + "?limit=ten", "field-type", "limit"},
			{users + "?limit=1.5", "field-type", "limit"},
			{users + "?limit=99999999999999999999", "field-type", "limit"},
			{users + "?limit=5&limit=6", "parameter-twice", "limit"},
			{users + "?lmit=5", "parameter-unknown", "lmit"},
			{users + "?Limit=5", "parameter-unknown", "Limit"},
			{users + "?q=%00", "parameter-characters", "q"},
			{users + "?q=%ff", "parameter-characters", "q"},
			{users + "?q=a%0ab", "parameter-characters", "q"},
			{users + "?q=%zz", "query-form", ""},
			{users + "?a;b", "query-form", ""},
			{users + "?q=" + strings.Repeat("a", 201), "field-long", "q"},
			{users + "?status=invited", "field-choice", "status"},
			{users + "?sort=email", "field-choice", "sort"},
			{users + "?sort=name;drop%20table", "query-form", ""},
			{users + "?sort=name,%20(select%201)", "field-choice", "sort"},
			{users + ".csv?limit=5", "parameter-unknown", "limit"},
			{log + "?since=yesterday", "field-type", "since"},
			{log + "?until=2026-11-25", "field-type", "until"},
			{log + "?area=everything", "field-choice", "area"},
			{log + "?actor=mary", "field-form", "actor"},
			{"/accounts/harbour?x=1", "parameter-unknown", "x"},
		} {
			w.send("GET", tt.path, nil).problem(422, tt.code, tt.field)
		}
		p := w.send("GET", users+"?limit=0&sort=x", nil).problem(422, "field-range", "limit")
		if len(p.Errors) != 2 || p.Errors[1].Field != "sort" {
			t.Errorf("several parameters: %+v", p.Errors)
		}
		for _, path := range []string{users + "?q=", users + "?limit=", users + "?status=", users + "?limit=200", log + "?since=2026-11-01T00:00:00%2B11:00", log + "?since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z",
			log + "?actor=" + strings.Repeat("a", 26), users + "?q=%25", users + "?q=%27%3B--", users + "?sort=-seen"} {
			w.send("GET", path, nil).want(200, nil)
		}
	})
}

// huma's reader of Accept panics over some of these; the header never gets that far.
func TestAcceptIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	for _, accept := range []string{"", "*/*", "text/html", "application/xml", "a;,b", ";,", ",", ";q", "a;q=,b", "application/json;q=x", strings.Repeat(",;", 500)} {
		r := w.send("GET", "/accounts/harbour", nil, "Accept", accept).want(200, nil)
		if r.header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept %q: %q", accept, r.header.Get("Content-Type"))
		}
	}
}

// A client that stops in the middle of its body gets an answer or nothing, and costs no more than its connection.
func TestBrokenOffBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/accounts/harbour/invitations HTTP/1.1\r\nHost: hubline.example\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", w.key)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != 400 || !strings.Contains(string(text), "body-broken") {
		t.Errorf("%d %s", response.StatusCode, text)
	}
}

func TestUnknownHostsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), func(c *api.Config) { c.Hosts = []string{"localhost:8080"} })
	for _, host := range []string{"evil.example", "hubline.example.evil.example", "hubline.example:8080", "localhost", "127.0.0.1"} {
		r := w.send("GET", "/accounts/harbour", nil, "Host", host)
		if r.problem(421, "unknown-host", ""); strings.Contains(r.body, "evil") {
			t.Errorf("%s: %s", host, r.body)
		}
		w.send("GET", "/api/v1/docs", nil, "Host", host).want(421, nil)
	}
	for _, host := range []string{"HUBLINE.example", "hubline.example.", "hubline.example:443", "localhost:8080"} {
		w.send("GET", "/accounts/harbour", nil, "Host", host, "X-Forwarded-Host", "evil.example").want(200, nil)
	}
}

func TestEveryAnswerCarriesItsHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	seen := map[string]bool{}
	for _, r := range []reply{w.send("GET", "/accounts/harbour", nil), w.send("GET", "/api/none", nil), w.send("GET", "/api/v1/docs", nil),
		w.send("GET", "/accounts/harbour", nil, "Authorization", ""), w.send("GET", "/accounts/harbour/hub-users.csv", nil)} {
		h := r.header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") ||
			h.Get("Cache-Control") == "" || h.Get("Strict-Transport-Security") == "" || seen[h.Get("X-Request-Id")] || len(h.Get("X-Request-Id")) != 26 {
			t.Errorf("%s: %v", r.what, h)
		}
		seen[h.Get("X-Request-Id")] = true
	}
}
