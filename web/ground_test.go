package web

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
)

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, Route{"GET", "/{account}/crash", Member, func(*Request) error { panic("x") }})
	page := s.get("/dev/components").body
	for _, path := range []string{"/dev/components", "/no/such/page", assetIn(t, page, "css"), "/palette", "/harbour/crash"} {
		got := s.get(path, admin)
		for name, want := range map[string]string{
			"Content-Security-Policy":    policy,
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
			"X-Frame-Options":            "DENY",
			"X-Robots-Tag":               "noindex",
			"Strict-Transport-Security":  "",
		} {
			if value := got.Header.Get(name); value != want {
				t.Errorf("%s: %s is %q, want %q", path, name, value, want)
			}
		}
		if got.Header.Get("Permissions-Policy") == "" || len(got.Header.Get("X-Request-Id")) != 26 {
			t.Errorf("%s: Permissions-Policy %q, X-Request-Id %q", path, got.Header.Get("Permissions-Policy"), got.Header.Get("X-Request-Id"))
		}
		if cache := got.Header.Get("Cache-Control"); cache != "no-store" && !strings.HasPrefix(path, "/assets/") {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error("the policy allows something unsafe")
	}
}

func TestA53HTTPSIsAskedForWhereItIs(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.BaseURL = "https://hub.example" }, Route{"POST", "/{account}/done", Member, func(r *Request) error { return r.Go("/", Banner{Text: "Done"}) }})
	got := s.get("/dev/components", "Host: hub.example")
	if !strings.HasPrefix(got.Header.Get("Strict-Transport-Security"), "max-age=63072000") {
		t.Errorf("Strict-Transport-Security is %q", got.Header.Get("Strict-Transport-Security"))
	}
	cookie := strings.Join(s.post("/harbour/done", nil, admin, "Host: hub.example").Header.Values("Set-Cookie"), "\n")
	for _, want := range []string{"__Host-done=", "; Secure", "; HttpOnly", "; SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %q", cookie, want)
		}
	}
}

func TestA6UnknownHostsGetNoAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.BaseURL, c.Hosts = "https://hub.example", []string{"localhost:8080"} })
	for host, want := range map[string]int{
		"hub.example": 200, "HUB.example": 200, "hub.example.": 200, "hub.example:443": 200, "localhost:8080": 200,
		"evil.example": 421, "hub.example.evil.example": 421, "hub.example:8443": 421, "localhost": 421, "127.0.0.1": 421,
	} {
		got := s.get("/dev/components", "Host: "+host, "X-Forwarded-Host: hub.example", "Forwarded: host=hub.example")
		if got.StatusCode != want {
			t.Errorf("Host %q: %d, want %d", host, got.StatusCode, want)
		}
		if strings.Contains(got.body, "evil") {
			t.Errorf("Host %q comes back in the answer", host)
		}
	}
}

func TestA53FormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	done := 0
	s := newSite(t, nil, Route{"POST", "/{account}/invite", Member, func(r *Request) error { done++; return r.Redirect("/") }})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site"}, {"Sec-Fetch-Site: ", "Origin: https://evil.example"}, {"Sec-Fetch-Site: ", "Origin: null"},
	} {
		got := s.post("/harbour/invite", nil, append(headers, admin)...)
		if got.StatusCode != 403 || !strings.Contains(got.body, "another website") {
			t.Errorf("%v: %d", headers, got.StatusCode)
		}
	}
	if done != 0 {
		t.Fatalf("%d forms of other sites were handled", done)
	}
	if got := s.post("/harbour/invite", nil, admin); got.StatusCode != 303 || done != 1 {
		t.Errorf("our own form: %d", got.StatusCode)
	}
}

func TestBodiesHaveALimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, Route{"POST", "/{account}/note", Member, func(r *Request) error {
		var in struct {
			Note string `form:"note"`
		}
		return r.Again(r.Decode(&in), func(r *Request) error { return errors.New("not this") })
	}})
	huge := url.Values{"note": {strings.Repeat("x", maxBody)}}.Encode()
	if got := s.do("POST", "/harbour/note", huge, admin); got.StatusCode != 413 || !strings.Contains(got.body, "The most is 1 MB") {
		t.Errorf("with a length: %d %s", got.StatusCode, got.body)
	}
	req, err := http.NewRequest("POST", s.URL+"/harbour/note", io.MultiReader(strings.NewReader(huge))) // no length
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.AddCookie(&http.Cookie{Name: "as", Value: "admin"})
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("without a length: %d", resp.StatusCode)
	}
}

func TestFaultsBecomePages(t *testing.T) {
	t.Parallel()
	slow := fault.New(fault.TooMany, "too-many-tries", "Too many tries")
	slow.RetryAfter = 90 * time.Second
	faults := map[string]error{
		"missing": fault.New(fault.NotFound, "no-hub-user", "This person is not in the account"),
		"refused": fault.New(fault.Forbidden, "role-missing", "You need Account admin access"),
		"changed": fault.New(fault.Changed, "changed", "Tom Okafor changed this at 10:42 am"),
		"clash":   fault.New(fault.Conflict, "last-admin", "Priya Nair is the last admin"),
		"slow":    slow,
		"busy":    fault.New(fault.Busy, "busy", "The store does not answer"),
		"wrong":   fault.Field("name-empty", "name", "Enter a name"),
		"ours":    errors.New("disk on fire"),
	}
	s := newSite(t, nil, Route{"GET", "/{account}/{what}", Member, func(r *Request) error {
		if r.PathValue("what") == "crash" {
			panic("a bug")
		}
		return faults[r.PathValue("what")]
	}})
	for what, want := range map[string]struct {
		status int
		words  []string
	}{
		"missing": {404, []string{"Page not found", "This person is not in the account."}},
		"refused": {403, []string{"You need Account admin access."}},
		"changed": {409, []string{"Tom Okafor changed this at 10:42 am."}},
		"clash":   {409, []string{"Priya Nair is the last admin."}},
		"slow":    {429, []string{"Too many tries.", "Try again in 1 minute."}},
		"busy":    {503, []string{"The store does not answer.", "Try again"}},
		"wrong":   {422, []string{"Enter a name."}},
		"ours":    {500, []string{"Something went wrong on our side. Nothing was saved.", "Reference"}},
		"crash":   {500, []string{"Something went wrong on our side. Nothing was saved.", "Reference"}},
	} {
		got := s.get("/harbour/"+what, admin)
		if got.StatusCode != want.status {
			t.Errorf("%s: %d, want %d", what, got.StatusCode, want.status)
		}
		for _, words := range want.words {
			if !strings.Contains(got.body, words) {
				t.Errorf("%s: the page lacks %q", what, words)
			}
		}
		if strings.Contains(got.body, "disk on fire") || strings.Contains(got.body, "a bug") || strings.Contains(got.body, "goroutine") {
			t.Errorf("%s: the page tells what only the log should", what)
		}
		if want.status == 500 {
			ref := regexp.MustCompile(`Reference <b class="num">([A-Z2-7]{4}-[A-Z2-7]{2})</b>`).FindStringSubmatch(got.body)
			if ref == nil || !strings.HasPrefix(strings.ToUpper(got.Header.Get("X-Request-Id")), strings.ReplaceAll(ref[1], "-", "")) {
				t.Errorf("%s: the reference is not the request's: %v, %s", what, ref, got.Header.Get("X-Request-Id"))
			}
		}
	}
	if got := s.get("/harbour/slow", admin).Header.Get("Retry-After"); got != "90" {
		t.Errorf("Retry-After is %q", got)
	}
	if n := strings.Count(s.log.String(), `"msg":"request failed"`); n != 3 {
		t.Errorf("%d lines for three errors of ours:\n%s", n, s.log)
	}
	if got := s.do("PUT", "/harbour/missing", "", admin, "Sec-Fetch-Site: same-origin"); got.StatusCode != 405 || got.Header.Get("Allow") == "" {
		t.Errorf("PUT: %d, Allow %q", got.StatusCode, got.Header.Get("Allow"))
	}
}

func TestNoPermissionNamesWhoCanHelp(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, Route{"GET", "/{account}/settings", Needs("settings.view"), plain("settings")})
	got := s.get("/harbour/settings", standard)
	if got.StatusCode != 403 || !strings.Contains(got.body, "You need Account admin access. Tom Okafor or Ann Reid can give it to you.") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if !strings.Contains(got.body, "Harbour Dental Group") || strings.Contains(got.body, ">Settings<") {
		t.Error("the page should keep the menu, without what the person cannot use")
	}
}

func TestS22TheLogHoldsNoTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, Route{"GET", "/invitations/{token}", Public, func(r *Request) error {
		if r.PathValue("token") == "broken-secret" {
			return errors.New("a bug")
		}
		return r.Render("fault/fault.html", Page{Title: "Invitation", Data: FaultPage{}})
	}})
	s.get("/invitations/very-secret?also=secret-query", "Referer: http://x.example/?secret-referrer")
	s.get("/invitations/broken-secret")
	s.get("/invitations/no/such-secret")
	log := s.log.String()
	if strings.Contains(log, "secret") {
		t.Errorf("the log tells a token:\n%s", log)
	}
	if strings.Count(log, `"msg":"request"`) != 3 || !strings.Contains(log, `"route":"/invitations/{token}"`) {
		t.Errorf("the log lacks the requests:\n%s", log)
	}
	var line struct {
		Request, Method, Route, Fault string
		Status                        int
	}
	if err := json.Unmarshal([]byte(strings.SplitN(log, "\n", 2)[0]), &line); err != nil || line.Status != 200 || line.Method != "GET" || len(line.Request) != 26 {
		t.Errorf("%+v %v", line, err)
	}
}

// nameForm is a page with one form, as rooms have them.
func nameForm() []Route {
	show := func(r *Request) error {
		r.Fill(struct {
			Name string `form:"name"`
		}{"Mary Chen"})
		return r.Render("dev/components.html", Page{Title: "Edit", Data: sample{Good: r.Form, Bad: r.Form}})
	}
	save := func(r *Request) error {
		var in struct {
			Name  string   `form:"name"`
			Roles []string `form:"roles"`
		}
		if err := r.Decode(&in); err != nil {
			return r.Again(err, show)
		}
		if in.Name != "Jo" {
			return r.Again(fault.All(fault.Field("name-empty", "name", "Enter a name"), fault.Field("zone-unknown", "zone", "Choose a time zone")), show)
		}
		return r.Go("/harbour/edit", Banner{Text: "Jo is saved with " + strings.Join(in.Roles, "+")})
	}
	return []Route{{"GET", "/{account}/edit", Needs("edit"), show}, {"POST", "/{account}/edit", Needs("edit"), save}}
}

func TestRefusedFormsKeepWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nameForm()...)
	if first := s.get("/harbour/edit", admin); !strings.Contains(first.body, `value="Mary Chen"`) || strings.Contains(first.body, "There is a problem") {
		t.Error("the first visit should show the stored name and no problem")
	}
	got := s.post("/harbour/edit", url.Values{"name": {`<b>"Mal`}, "roles": {"admin"}}, admin)
	if got.StatusCode != 422 {
		t.Fatalf("%d", got.StatusCode)
	}
	for _, want := range []string{
		"<title>Error: Edit – Harbour Dental Group</title>", `id="errors" role="alert" tabindex="-1"`, `<a href="#name">Enter a name</a>`, `<a href="#zone">Choose a time zone</a>`,
		`<span class="sr">Error: </span>Enter a name`, `value="&lt;b&gt;&#34;Mal"`, `aria-describedby="name-hint name-error" aria-invalid="true"`, `name="roles" value="admin" id="roles" checked`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if bad := s.post("/harbour/edit", url.Values{"name": {"a\x00b"}}, admin); bad.StatusCode != 422 || !strings.Contains(bad.body, "Name has characters that cannot be used") {
		t.Errorf("a NUL byte: %d", bad.StatusCode)
	}
	if bad := s.do("POST", "/harbour/edit", "name=%zz", admin); bad.StatusCode != 422 {
		t.Errorf("a broken form: %d", bad.StatusCode)
	}
}

func TestResultsAreShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nameForm()...)
	sent := s.post("/harbour/edit", url.Values{"name": {" Jo "}, "roles": {"admin", "billing"}}, admin)
	if sent.StatusCode != 303 || sent.Header.Get("Location") != "/harbour/edit" {
		t.Fatalf("%d to %q", sent.StatusCode, sent.Header.Get("Location"))
	}
	cookies := func(a answer) string { return strings.Join(a.Header.Values("Set-Cookie"), "\n") }
	cookie := regexp.MustCompile(`done=[^;]+`).FindString(cookies(sent))
	shown := s.get("/harbour/edit", admin+"; "+cookie)
	if !strings.Contains(shown.body, "Jo is saved with admin&#43;billing") || !strings.Contains(cookies(shown), "done=; Path=/; Max-Age=0") {
		t.Errorf("the banner is not shown and forgotten: %q", cookies(shown))
	}
	forged := s.get("/harbour/edit", admin+"; done=eyJ0IjoiU2VuZCB1cyB5b3VyIHBhc3N3b3JkIn0")
	if forged.StatusCode != 200 || strings.Contains(forged.body, "Send us your password") {
		t.Error("a forged banner is shown")
	}
}

func TestSignedOutFormsComeBack(t *testing.T) {
	t.Parallel()
	resume := Route{"POST", "/sign-in", Public, func(r *Request) error { return r.Resume(r.Next()) }}
	s := newSite(t, nil, append(nameForm(), resume)...)
	asked := s.post("/harbour/edit?from=list", url.Values{"name": {"Jo & <co>"}, "roles": {"admin", "billing"}, "password": {"hunter2 hunter2"}, "new_password": {"x-secret"}, "code": {"482913"}, "postcode": {"2000"}})
	_, kept, ok := strings.Cut(asked.body, "kept=")
	if asked.StatusCode != 401 || !ok || kept == "" {
		t.Fatalf("%d %s", asked.StatusCode, asked.body)
	}
	inside, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil {
		t.Fatalf("%q: %v", kept, err)
	}
	for _, word := range []string{"hunter2", "postcode"} { // shorter ones stand in what is sealed by chance
		if strings.Contains(kept, word) || bytes.Contains(inside, []byte(word)) {
			t.Error("the kept form can be read")
		}
	}
	back := s.post("/sign-in", url.Values{"kept": {kept}, "next": {"/harbour/"}}).body
	for _, want := range []string{"Continue where you were", `action="/harbour/edit?from=list"`, `name="name" value="Jo &amp; &lt;co&gt;"`, `name="roles" value="admin"`, `name="roles" value="billing"`, `name="postcode" value="2000"`} {
		if !strings.Contains(back, want) {
			t.Errorf("the page lacks %s\n%s", want, back)
		}
	}
	for _, gone := range []string{"hunter2", "x-secret", "482913"} {
		if strings.Contains(back, gone) {
			t.Errorf("the secret %q is carried around", gone)
		}
	}
	for name, bad := range map[string]string{"none": "", "cut": kept[:len(kept)-2], "changed": kept[:20] + string(kept[20]^1) + kept[21:], "of a banner": "x"} {
		if got := s.post("/sign-in", url.Values{"kept": {bad}, "next": {"/harbour/"}}); got.StatusCode != 303 || got.Header.Get("Location") != "/harbour/" {
			t.Errorf("a kept form that is %s: %d to %q", name, got.StatusCode, got.Header.Get("Location"))
		}
	}
	late := newSite(t, func(c *Config) { c.Now = func() time.Time { return now.Add(keptFor + time.Second) } }, resume)
	if got := late.post("/sign-in", url.Values{"kept": {kept}}); got.StatusCode != 303 {
		t.Errorf("an old kept form: %d", got.StatusCode)
	}
}

func TestNextLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"/harbour/hub-users?q=jo": "/harbour/hub-users?q=jo", "": "/", "harbour": "/", "//evil.example/x": "/x", "https://evil.example/x": "/x",
		"/\\evil.example": "/", "/%2f/evil.example": "/", "javascript:alert(1)": "/", "/\tevil": "/", "http:evil": "/", "/a b": "/a%20b", "https://u@evil.example/": "/",
	} {
		if got := localPath(given); got != want {
			t.Errorf("%q leads to %q, want %q", given, got, want)
		}
	}
}

func TestHtmxGetsOnlyThePart(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, Route{"GET", "/{account}/settings", Needs("x"), plain("")})
	part := s.get("/dev/components", "HX-Request: true", "HX-Target: rows")
	if !strings.HasPrefix(strings.TrimSpace(part.body), `<tbody id="rows"`) || strings.Contains(part.body, "<html") {
		t.Errorf("the part is %.200s", part.body)
	}
	for _, headers := range [][]string{{"HX-Target: rows"}, {"HX-Request: true", "HX-Target: portal"}, {"HX-Request: true", "HX-Target: rows", "HX-History-Restore-Request: true"}} {
		if whole := s.get("/dev/components", headers...); !strings.Contains(whole.body, "<html") {
			t.Errorf("%v should get the whole page", headers)
		}
	}
	out := s.get("/harbour/settings", "HX-Request: true", "HX-Current-URL: "+s.URL+"/harbour/settings?q=jo")
	if out.StatusCode != 401 || out.Header.Get("HX-Redirect") != "/sign-in?next=%2Fharbour%2Fsettings%3Fq%3Djo" {
		t.Errorf("signed out: %d, HX-Redirect %q", out.StatusCode, out.Header.Get("HX-Redirect"))
	}
	for _, accept := range []string{"application/json", "text/event-stream"} {
		if got := s.get("/harbour/palette", "Accept: "+accept); got.StatusCode != 401 || got.Header.Get("Location") != "" {
			t.Errorf("a script that is signed out: %d", got.StatusCode)
		}
	}
}

func TestTheMenuFollowsTheRights(t *testing.T) {
	t.Parallel()
	home := func(r *Request) error {
		return r.Render("fault/fault.html", Page{Title: "Home", Data: FaultPage{}})
	}
	s := newSite(t, nil,
		Route{"GET", "/{account}/{$}", Member, home}, Route{"GET", "/{account}/hub-users", Needs("a"), home}, Route{"GET", "/{account}/hub-users/{id}/edit", Needs("a"), home},
		Route{"GET", "/{account}/settings", Needs("b"), home}, Route{"GET", "/{account}/roles", Member, home},
		Route{"GET", "/profile", SignedIn, home}, Route{"GET", "/profile/security", SignedIn, home}, Route{"GET", "/console/accounts", Staff, home},
	)
	lines := func(path, as string) string {
		var all []string
		nav := regexp.MustCompile(`(?s)aria-label="Main">.*?</nav>`).FindString(s.get(path, as).body)
		for _, m := range regexp.MustCompile(`<a href="([^"]*)"( aria-current="page"| class="open")?>`).FindAllStringSubmatch(nav, -1) {
			all = append(all, m[1]+map[string]string{"": "", ` aria-current="page"`: "*", ` class="open"`: "+"}[m[2]])
		}
		return strings.Join(all, " ")
	}
	for _, tt := range []struct{ path, as, want string }{
		{"/harbour/", admin, "/northside/ /harbour/* /harbour/hub-users"},
		{"/harbour/hub-users/7/edit", admin, "/northside/hub-users /harbour/ /harbour/hub-users+ /harbour/hub-users* /harbour/roles /harbour/settings"},
		{"/harbour/roles", standard, "/northside/roles /harbour/ /harbour/roles+ /harbour/roles*"},
		{"/profile/security", standard, "/harbour/ /northside/ /profile /profile/security*"},
		{"/console/accounts", staff, "/console/accounts*"},
	} {
		got := strings.Join(strings.Fields(regexp.MustCompile(`/harbour/\S* aria-current="true"`).ReplaceAllString(lines(tt.path, tt.as), "")), " ")
		if got != tt.want {
			t.Errorf("%s as %s:\n got %s\nwant %s", tt.path, tt.as, got, tt.want)
		}
	}
	var entries []paletteEntry
	if err := json.Unmarshal([]byte(s.get("/harbour/palette", standard).body), &entries); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Path, "settings") || strings.Contains(e.Path, "hub-users") {
			t.Errorf("the palette offers %s to somebody who may not", e.Path)
		}
	}
	if len(entries) != 5 { // home, roles, two of the profile, the other account
		t.Errorf("%d entries: %+v", len(entries), entries)
	}
}

func TestPagesAreCompressedAndStreamsAreNot(t *testing.T) {
	t.Parallel()
	more := make(chan bool)
	s := newSite(t, nil, Route{"GET", "/{account}/events", Member, func(r *Request) error {
		stream, err := r.Stream()
		if err != nil {
			return err
		}
		<-more
		return stream.Send("changed", "hub-users")
	}})
	if got := s.get("/dev/components", "Accept-Encoding: gzip"); got.Header.Get("Content-Encoding") != "gzip" {
		t.Error("the page is not compressed")
	}
	req, err := http.NewRequest("GET", s.URL+"/harbour/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "as", Value: "admin"})
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream is %q, encoded %q", resp.Header.Get("Content-Type"), resp.Header.Get("Content-Encoding"))
	}
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != ": open" { // arrives before the handler ends
		t.Errorf("the first line is %q", lines.Text())
	}
	close(more)
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	if got := strings.Join(rest, "|"); got != "|event: changed|data: hub-users|" {
		t.Errorf("then %q", got)
	}
}

func TestTimesReadAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	zone := sydney(t)
	v := &View{now: now, zone: zone}
	for at, want := range map[time.Time]string{
		time.Date(2026, 11, 18, 9, 14, 0, 0, zone):  "Today, 9:14 am",
		time.Date(2026, 11, 18, 0, 0, 0, 0, zone):   "Today, 12:00 am",
		time.Date(2026, 11, 17, 23, 59, 0, 0, zone): "Yesterday",
		time.Date(2026, 11, 12, 12, 0, 0, 0, zone):  "12 Nov",
		time.Date(2025, 11, 12, 12, 0, 0, 0, zone):  "12 Nov 2025",
	} {
		got := string(v.When(at.UnixMilli()))
		if !strings.Contains(got, ">"+want+"</time>") || !strings.Contains(got, `datetime="`+at.UTC().Format(time.RFC3339)+`"`) {
			t.Errorf("%s is %s, want %q", at, got, want)
		}
	}
	if got := string(v.When(int64(0))); !strings.Contains(got, "Not yet") {
		t.Errorf("never is %s", got)
	}
	if got := v.Zone(); got != "Sydney time (AEDT)" {
		t.Errorf("the zone is %q", got)
	}
	for d, want := range map[time.Duration]string{119 * time.Hour: "4 days left", 25 * time.Hour: "1 day left", 90 * time.Minute: "1 hour left", -time.Second: "ended"} {
		if got := v.Left(now.Add(d)); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 people", 1: "1 person", 10042: "10,042 people"} {
		if got := count(n, "person", "people"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestSortsKeepTheView(t *testing.T) {
	t.Parallel()
	s := Sort{Key: "name", Query: url.Values{"q": {"jo"}, "page": {"2"}}, Default: "name"}
	if s.State() != "ascending" || s.Path() != "?q=jo&sort=-name" {
		t.Errorf("%s %s", s.State(), s.Path())
	}
}
