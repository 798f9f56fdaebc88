package web

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

var mutatedRequests = flag.Int("web.mutated", 4000, "mutated requests over all routes; 1000000 is the long run")

// restoreEvery is after how many mutated requests everybody has again what they had.
const restoreEvery = 100

// mutant makes requests that are nearly right.
type mutant struct {
	*cast
	*rand.Rand
	people []*player
	values []string
	things []string // what paths and forms may name besides their own: IDs of another account, and of nobody
}

// Goals B2 and B4: requests over every route by people of every kind, mutated in method, path, query, header and body, with the names of
// another account's things among them. None is answered as a fault of ours, and nothing of the other account is shown.
func TestB2B4MutatedRequests(t *testing.T) {
	t.Parallel()
	c := newCast(t, dbtest.SQLite(t))
	m := &mutant{cast: c, people: append(slices.Clone(c.players), c.clerk, &player{}), things: []string{c.far.slug, c.far.target, c.far.paused, c.far.invitation, c.far.group, c.far.phoneUser, c.far.device,
		c.far.call, c.far.number, c.far.key, c.far.ticket, c.far.review, c.missing.target, c.own.target, c.own.paused, c.young, "..", "%2e%2e", "", "new", "0", "-1"}}
	for what, value := range badValues {
		if len(value) < 3000 {
			m.values = append(m.values, badValues[what])
		}
	}
	slices.Sort(m.values)
	began, answers := time.Now(), map[int]int{}
	for n := range *mutatedRequests {
		m.Rand = rand.New(rand.NewPCG(uint64(n), 24))
		what, who, got := m.once()
		answers[got.Code/100]++
		if got.Code >= 500 && got.Code != http.StatusServiceUnavailable {
			t.Errorf("request %d, %s: %d\n%s", n, what, got.Code, c.log)
		}
		if all := got.Body.String() + fmt.Sprint(got.Header()); who != c.clerk && (strings.Contains(all, c.farMarks[0]) || strings.Contains(all, c.farMarks[1])) {
			t.Errorf("request %d, %s: %d, it shows another account's", n, what, got.Code)
		}
		if n%restoreEvery == restoreEvery-1 {
			c.frozen.Restore()
			c.log.Reset()
		}
	}
	if answers[2] < *mutatedRequests/20 {
		t.Errorf("answers %v: too few requests got anywhere", answers)
	}
	t.Logf("%d mutated requests over %d routes, by hundreds %v, %.0f a second", *mutatedRequests, len(c.portal.Routes()), answers, float64(*mutatedRequests)/time.Since(began).Seconds())
}

func (m *mutant) pick(list []string) string { return list[m.IntN(len(list))] }
func (m *mutant) chance(percent int) bool   { return m.IntN(100) < percent }
func (m *mutant) value() string             { return m.pick(m.values) }

// once makes one request and sends it.
func (m *mutant) once() (what string, who *player, got *httptest.ResponseRecorder) {
	routes := m.portal.Routes()
	rt := routes[m.IntN(len(routes))]
	who = m.people[m.IntN(len(m.people))]
	if m.chance(50) { // somebody who gets far
		who = m.active(account.Admin, account.Billing)
	}
	if rt.Access == Staff && m.chance(80) {
		who = m.clerk
	}
	cl := &cell{m.cast, rt, who, "signed in", "own", m.own}
	path, err := cl.address()
	if err != nil {
		m.t.Fatal(err)
	}
	path, query, _ := strings.Cut(path, "?")
	form := url.Values{}
	if post := posts[rt.Pattern]; post != nil && rt.Method == http.MethodPost {
		form = post(cl)
	}
	method, body := rt.Method, m.form(form)
	if m.chance(5) {
		method = m.pick([]string{"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"})
	}
	path, query = m.path(path), m.query(query)
	what = fmt.Sprintf("%s %.300q?%.200q by %s, body %.300q", method, path, query, who, body)
	got = m.deliver(method, path, query, body, who)
	return what, who, got
}

// path changes parts of a path now and then.
func (m *mutant) path(path string) string {
	if m.chance(60) {
		return path
	}
	parts := strings.Split(path, "/")
	at := 1 + m.IntN(len(parts)-1)
	switch m.IntN(6) {
	case 0:
		parts[at] = url.PathEscape(m.value())
	case 1:
		parts[at] += m.pick([]string{"/", "//", "x", ".", "%00", "%ff", ";a=b", "%2f", ".csv", ".json"})
	case 2:
		parts = slices.Delete(parts, at, at+1)
	default:
		parts[at] = m.pick(m.things)
	}
	return "/" + strings.TrimPrefix(strings.Join(parts, "/"), "/")
}

func (m *mutant) query(query string) string {
	for range m.IntN(3) {
		name := m.pick([]string{"q", "status", "sort", "after", "from", "to", "area", "person", "about", "next", "again", "open", "page", "size", "days", "direction", "number", "group", "kept"})
		query += "&" + name + "=" + url.QueryEscape(m.pick([]string{m.value(), m.pick(m.things), "1", "name", "-name"}))
	}
	if m.chance(2) {
		query += m.pick([]string{"&%zz", ";", "&&&", "&q", "&=", "%"})
	}
	return query
}

// form writes a form with some values changed, or spoils the whole of it.
func (m *mutant) form(form url.Values) string {
	for name := range form {
		switch {
		case m.chance(75):
		case m.chance(20):
			delete(form, name)
		case m.chance(20):
			form.Add(name, m.value())
		case m.chance(30):
			form.Set(name, m.pick(m.things))
		default:
			form.Set(name, m.value())
		}
	}
	if m.chance(10) {
		form.Set(m.pick([]string{"roles", "version", "form_key", "next", "step", "email", "_method", m.value()}), m.value())
	}
	body := []byte(form.Encode())
	if len(body) > 0 && m.chance(5) {
		body = body[:m.IntN(len(body))]
	}
	for len(body) > 0 && m.chance(5) {
		body[m.IntN(len(body))] = byte(m.IntN(256))
	}
	return string(body)
}

// deliver sends the request straight into the portal.
func (m *mutant) deliver(method, path, query, body string, who *player) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	decoded, err := url.PathUnescape(path)
	if err != nil { // net/http refuses such a request before anybody sees it
		decoded = path
	}
	r.URL = &url.URL{Path: decoded, RawPath: path, RawQuery: query}
	r.RequestURI, r.RemoteAddr = path+"?"+query, accounttest.Address+":4711"
	_, r.Host, _ = strings.Cut(m.URL, "://")
	r.Header.Set("User-Agent", accounttest.UserAgent)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for m.chance(15) {
		name := m.pick([]string{"Content-Type", "Accept", "HX-Request", "HX-Target", "HX-Current-URL", "Cookie", "If-None-Match", "Range", "Accept-Encoding", "Sec-Fetch-Site", "Origin", "X-Forwarded-For", "Last-Event-ID"})
		if value := m.value(); !strings.ContainsAny(value, "\r\n\x00") {
			r.Header.Set(name, m.pick([]string{value, "true", "application/json", "rows", "multipart/form-data; boundary=x", "bytes=0-", "gzip", "*"}))
		}
	}
	if who.session != "" && !m.chance(3) {
		r.AddCookie(&http.Cookie{Name: m.portal.cookieName(sessionCookie), Value: who.session})
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	out := &ear{ResponseRecorder: httptest.NewRecorder(), hearsEnough: stop}
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				out.Code = http.StatusInternalServerError
			}
		}()
		m.portal.ServeHTTP(out, r.WithContext(ctx))
	}()
	return out.ResponseRecorder
}
