package web

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// unsafeCells looks for formulas in a file for spreadsheets.
func unsafeCells(body string) (problems []string) {
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		return []string{err.Error()}
	}
	for _, row := range rows {
		for _, cell := range row {
			if unsafeCell(cell) {
				problems = append(problems, fmt.Sprintf("the formula %q", cell))
			}
		}
	}
	return problems
}

func unsafeCell(cell string) bool {
	return cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0]))
}

// badWholes sends forms that are broken as a whole.
func (c *cast) badWholes(t *testing.T, list []*badForm) {
	tries := 0
	for _, f := range list {
		good := f.good.Encode()
		strangers := maps.Clone(f.good)
		for name, value := range map[string]string{"staff": "1", "account_id": c.far.slug, "person_id": c.boss.Email, "state": "active", "id": c.far.target,
			"admin": "on", "roles[]": "admin", "Roles": "admin", "version ": "1", "": "x", "verified_at": "1", "slug": c.far.slug + "-x"} {
			if f.kinds[name] == "" {
				strangers.Set(name, value)
			}
		}
		plain := c.ask(http.MethodPost, f.action, f.who.session, f.good)
		expected, status := c.frozen.Restore(), plain.status
		x := &trial{f, "fields that the form does not have", "", strangers, c.ask(http.MethodPost, f.action, f.who.session, strangers)}
		if x.got.status != status || !slices.Equal(c.frozen.Changed(), expected) {
			t.Errorf("%s: %d and %q changed, without them %d and %q", x, x.got.status, c.frozen.Changed(), status, expected)
		}
		c.judgeTrial(t, x)
		for _, whole := range []struct{ what, kind, body string }{
			{"nothing", "application/x-www-form-urlencoded", ""},
			{"no content type", "", good},
			{"JSON", "application/json", `{"email":"jo@letters.example","roles":["admin"]}`},
			{"JSON called a form", "application/x-www-form-urlencoded", `{"email":"jo@letters.example","roles":["admin"]}`},
			{"text", "text/plain", good},
			{"parts without a border", "multipart/form-data", good},
			{"parts", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nzqx\r\n--b--\r\n"},
			{"an unknown kind", "zqx/\x01; a=", good},
			{"broken escapes", "application/x-www-form-urlencoded", good + "&name=%zz&%=%&x=%0"},
			{"semicolons", "application/x-www-form-urlencoded", strings.ReplaceAll(good, "&", ";") + ";a=b"},
			{"bytes", "application/x-www-form-urlencoded", "\x00\xff\xfe&\x01=\x02&&&==&="},
			{"twenty thousand fields", "application/x-www-form-urlencoded", good + strings.Repeat("&a=b", 20_000)},
			{"2 MB", "application/x-www-form-urlencoded", good + "&x=" + strings.Repeat("a", 2<<20)},
		} {
			got := c.send(http.MethodPost, f.action, f.who.session, whole.body, "Content-Type: "+whole.kind)
			x := &trial{f, whole.what, "", nil, got}
			for _, problem := range unsafe(got) {
				t.Errorf("%s: %s", x, problem)
			}
			if whole.what == "2 MB" && got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d: %s", x, got.status, got.text())
			}
			if changed := c.frozen.Restore(); got.status >= 400 && slices.ContainsFunc(changed, func(table string) bool { return !counts[table] }) {
				t.Errorf("%s: %d, and %q changed", x, got.status, changed)
			}
			if got.status >= 400 && !strings.Contains(got.body, "<h1>") {
				t.Errorf("%s: %d without a page: %s", x, got.status, got.body)
			}
			tries++
		}
		c.endless(t, f)
	}
	t.Logf("%d forms sent broken %d times", len(list), tries)
}

// endless sends 2 MB without saying so first.
func (c *cast) endless(t *testing.T, f *badForm) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, f.action, io.LimitReader(letters{}, 2<<20))
	r.Host, r.RemoteAddr, r.ContentLength = strings.TrimPrefix(c.URL, "http://"), accounttest.Address+":4711", -1
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if f.who.session != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: f.who.session})
	}
	w := httptest.NewRecorder()
	c.portal.ServeHTTP(w, r)
	u, _ := url.Parse(f.action)
	x := &trial{f, "2 MB of unknown length", "", nil, &page{w.Code, u, w.Header(), w.Body.String()}}
	reads := len(f.kinds) > 0 // a form without controls has no reason to read what comes with it
	if reads && x.got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%s: %d: %s", x, x.got.status, x.got.text())
	}
	if changed := c.frozen.Restore(); x.got.status >= 400 && changed != nil {
		t.Errorf("%s: %d, and %q changed", x, x.got.status, changed)
	}
}

type letters struct{}

func (letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

// acts are forms that do what they can, whatever their address names.
var acts = []string{"/invitations/{token}/sign-out", "/profile/security/sessions/{id}/end"}

// badAddresses puts bad values into every part of every path and into every query that some page reads.
func (c *cast) badAddresses(t *testing.T, _ []*badForm) {
	admin := c.active(account.Admin, account.Billing)
	tries := 0
	look := func(who *player, method, address string) {
		got := c.ask(method, address, who.session, nil)
		for _, problem := range unsafe(got) {
			t.Errorf("%s %.300s by %s: %s", method, address, who, problem)
		}
		tries++
	}
	for r, rt := range c.portal.Routes() {
		who := admin
		if rt.Access == Staff {
			who = c.clerk
		}
		cl := &cell{c, rt, who, "signed in", "own", c.own}
		path, err := cl.address()
		if err != nil {
			t.Fatal(err)
		}
		pattern := strings.Split(rt.Pattern, "/")
		for i, part := range pattern {
			if !strings.HasPrefix(part, "{") || part == "{$}" {
				continue
			}
			for _, value := range badValues {
				parts := strings.Split(path, "/")
				if parts[i] = url.PathEscape(value); value != "" && len(value) < 20_000 {
					look(who, rt.Method, strings.Join(parts, "/"))
				}
			}
		}
		if changed := c.frozen.Restore(); changed != nil && !slices.Contains(acts, rt.Pattern) {
			t.Errorf("one of the bad addresses of %s %s changes %q", rt.Method, rt.Pattern, changed)
		}
		if rt.Method != http.MethodGet {
			continue
		}
		for n, name := range []string{"q", "status", "sort", "after", "from", "to", "area", "person", "about", "next", "again", "open"} {
			for k := range 3 { // others at the next route, so that every name meets every value
				look(who, http.MethodGet, path+"?"+url.Values{name: {badValues[fewBadValues[(3*(n+r)+k)%len(fewBadValues)]]}}.Encode())
			}
			id := []string{c.far.target, c.far.invitation, c.far.paused}[(n+r)%3] // what is another account's shows nothing
			if leak := cl.leak(c.ask(http.MethodGet, path+"?"+name+"="+id, who.session, nil)); leak != "" {
				t.Errorf("GET %s?%s=… of another account shows %s", rt.Pattern, name, leak)
			}
		}
		look(who, http.MethodGet, path+"?%zz&;&a=%00&q=%ff")
		if changed := c.frozen.Restore(); changed != nil && rt.Pattern != fetchedOnce {
			t.Errorf("one of the bad addresses of GET %s changes %q", rt.Pattern, changed)
		}
	}
	t.Logf("%d bad addresses", tries)
}

// badHeaders sends what browsers do not.
func (c *cast) badHeaders(t *testing.T, list []*badForm) {
	admin := c.active(account.Admin, account.Billing)
	tries := 0
	for _, name := range []string{"User-Agent", "Cookie", "Accept", "Accept-Language", "HX-Target", "HX-Current-URL", "HX-Trigger", "X-Request-Id", "Referer", "If-None-Match", "Range",
		"X-HTTP-Method-Override", "Accept-Encoding"} {
		for what, value := range badValues {
			if strings.ContainsAny(value, "\r\n\x00") {
				continue // net/http lets none of these in
			}
			headers := []string{name + ": " + value}
			if strings.HasPrefix(name, "HX") {
				headers = append(headers, "HX-Request: true")
			}
			method, address, session, form := http.MethodGet, "/"+c.own.slug+"/audit-log", admin.session, url.Values(nil)
			if tries++; tries%3 == 0 {
				method, address, session, form = http.MethodPost, "/sign-in/forgot", "", pairs("email", admin.email)
			}
			got := c.ask(method, address, session, form, headers...)
			if name == "Accept-Encoding" {
				got.body = "" // compressed
			}
			for _, problem := range unsafe(got) {
				t.Errorf("%s %s with %s %s: %s", method, address, what, name, problem)
			}
		}
		c.frozen.Restore()
	}
	for _, what := range fewBadValues { // the session remembers the browser
		if value := badValues[what]; !strings.ContainsAny(value, "\r\n\x00") {
			got := c.ask(http.MethodPost, "/sign-in", "", pairs("email", admin.email, "password", accounttest.Password), "User-Agent: "+value)
			if got.status >= 400 {
				t.Errorf("signing in with a browser called %s: %d: %s", what, got.status, got.text())
			}
			x := &trial{list[0], "a browser called " + what, "", nil, got}
			c.judgeTrial(t, x)
		}
	}
	t.Logf("%d bad headers", tries)
}

// badCalls mixes everything: any route, by anybody, with addresses, queries and forms of one's own, of others and of no use. The flag
// web.requests says how many. Nothing of another account is shown or changed.
func (c *cast) badCalls(t *testing.T, _ []*badForm) {
	routes := c.portal.Routes()
	values := slices.Sorted(maps.Keys(badValues))
	people := append(slices.Clone(c.players), c.clerk, &player{})
	for n := range manyRandom() {
		random := rand.New(rand.NewPCG(uint64(n), 4))
		pick := func(list ...string) string { return list[random.IntN(len(list))] }
		bad := func() string { return badValues[pick(values...)] }
		rt, who := routes[random.IntN(len(routes))], people[random.IntN(len(people))]
		cl := &cell{c, rt, who, "signed in", "own", c.own}
		path, err := cl.address()
		if err != nil {
			t.Fatal(err)
		}
		path, _, _ = strings.Cut(path, "?")
		parts := strings.Split(path, "/")
		for i, part := range strings.Split(rt.Pattern, "/") {
			if strings.HasPrefix(part, "{") && part != "{$}" && random.IntN(3) == 0 {
				parts[i] = url.PathEscape(pick(c.far.slug, c.far.target, c.far.paused, c.far.invitation, c.own.slug, c.own.paused, c.missing.target, c.young, "x"+bad()))
			}
		}
		form := posts[rt.Pattern]
		query, body := url.Values{}, url.Values{}
		for range random.IntN(3) {
			query.Add(pick("q", "status", "sort", "after", "from", "to", "area", "person", "about", "next", "again", "open", bad()), pick(c.far.target, c.far.invitation, "1", bad(), bad()))
		}
		if form != nil {
			body = form(cl)
			for name := range body {
				if !secretName(name) && random.IntN(3) == 0 {
					body[name] = []string{pick(c.far.target, c.farMarks[1], "1", bad())}
				}
			}
		}
		got := c.ask(rt.Method, strings.Join(parts, "/")+"?"+query.Encode(), who.session, body)
		what := fmt.Sprintf("call %d, %s %.200s by %s", n, rt.Method, strings.Join(parts, "/"), who)
		for _, problem := range unsafe(got) {
			t.Errorf("%s: %s", what, problem)
		}
		changes := c.frozen.Changes()
		typed := body.Encode() // may be shown, and be somebody's new name
		foreign := func(text string) bool {
			return (strings.Contains(text, c.farMarks[0]) || text == c.far.target || text == c.far.invitation) && !strings.Contains(typed, text)
		}
		if rt.Access != Public && who != c.clerk && (cl.leak(got) != "" && !strings.Contains(typed, c.farMarks[1]) || slices.ContainsFunc(changes.Texts, foreign)) {
			t.Errorf("%s: %d, it shows or changes what is another account's: %s\n%q", what, got.status, got.text(), changes.Texts)
		}
		c.frozen.Undo(changes)
	}
	t.Logf("%d random calls", manyRandom())
}
