package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// crawler opens every address that one person's pages show, and sends every form as it stands.
type crawler struct {
	*cast
	who    *player
	seen   map[string]bool // addresses
	routes map[string]bool // "GET /{account}/settings"
	queue  []string
	forms  int
	wrong  func(format string, args ...any)
	onForm func(here *url.URL, form *html.Node) // instead of sending them
}

const crawlMost = 1500 // addresses; a page that links to ever new ones would never end

func (c *cast) crawl(t *testing.T, who *player, starts ...string) *crawler {
	w := &crawler{cast: c, who: who, seen: map[string]bool{}, routes: map[string]bool{}, wrong: t.Errorf}
	w.run(t, starts...)
	return w
}

func (w *crawler) run(t *testing.T, starts ...string) {
	for _, start := range starts {
		w.add(start, &url.URL{Path: "/"})
	}
	for len(w.queue) > 0 {
		at := w.queue[0]
		w.queue = w.queue[1:]
		w.visit(at)
		if len(w.seen) > crawlMost {
			t.Fatalf("%s: the pages link to more than %d addresses", w.who, crawlMost)
		}
	}
}

// add takes an address that a page shows.
func (w *crawler) add(address string, from *url.URL) {
	u, err := from.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		w.wrong("%s: %s leads to %q, which is not a page here", w.who, from, address)
		return
	}
	u.Fragment = ""
	if query := u.Query(); query.Has("next") { // where to come back to makes no other page
		query.Del("next")
		u.RawQuery = query.Encode()
	}
	if path := u.String(); !w.seen[path] {
		w.seen[path] = true
		w.queue = append(w.queue, path)
	}
}

func (w *crawler) visit(at string) {
	got := w.ask(http.MethodGet, at, w.who.session, nil)
	w.note(http.MethodGet, got.url)
	switch {
	case got.status >= 300 && got.status < 400:
		if location := got.header.Get("Location"); strings.HasPrefix(location, "/sign-in") {
			w.wrong("%s: %s asks to sign in", w.who, at)
		} else {
			w.add(location, got.url)
		}
		return
	case got.status != http.StatusOK:
		w.wrong("%s: a link leads to %s, which answers %d: %s", w.who, at, got.status, got.text())
		return
	}
	switch kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";"); kind {
	case "application/json":
		w.palette(got)
	case "text/html":
		w.page(at, got)
	}
}

// note remembers the route that answers an address.
func (w *crawler) note(method string, u *url.URL) { w.routes[w.portal.pattern(method, u)] = true }

// pattern names the route that answers an address: "GET /{account}/settings".
func (p *Portal) pattern(method string, u *url.URL) string {
	mux := p.accounts
	first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if p.words[first] {
		mux = p.fixed
	}
	_, pattern := mux.Handler(&http.Request{Method: method, URL: u, Host: "x"})
	return pattern
}

func (w *crawler) palette(got *page) {
	var entries []paletteEntry
	if err := json.Unmarshal([]byte(got.body), &entries); err != nil {
		w.wrong("%s: %s: %v", w.who, got.url, err)
	}
	for _, e := range entries {
		w.add(strings.ReplaceAll(e.Path, "{q}", "target"), got.url)
	}
}

// page follows what a page shows.
func (w *crawler) page(at string, got *page) {
	doc, err := html.Parse(strings.NewReader(got.body))
	if err != nil {
		w.wrong("%s: %s: %v", w.who, at, err)
		return
	}
	ids := map[string]bool{}
	for n := range doc.Descendants() {
		if id := attr(n, "id"); id != "" {
			ids[id] = true
		}
	}
	for n := range doc.Descendants() {
		for _, name := range []string{"href", "src", "hx-get", "data-src", "data-events"} {
			value := attr(n, name)
			if fragment, ok := strings.CutPrefix(value, "#"); ok {
				if !ids[fragment] {
					w.wrong("%s: %s has a link to #%s, which is not on it", w.who, at, fragment)
				}
			} else if value != "" && attr(n, "rel") != "external" { // to a sign-in provider
				w.add(value, got.url)
			}
		}
		for _, name := range []string{"popovertarget", "data-open", "aria-controls", "for"} {
			if id := attr(n, name); id != "" && !ids[id] {
				w.wrong("%s: %s: %s=%q is not on the page", w.who, at, name, id)
			}
		}
		if n.Data == "form" && !(attr(n, "action") == "" && n.Parent.Data == "dialog") { // whoever opens such a dialog says what it is about
			if w.onForm != nil {
				w.onForm(got.url, n)
			} else {
				w.form(at, got.url, n)
			}
		}
	}
}

// form sends a form as the page shows it. What it does is undone.
func (w *crawler) form(at string, here *url.URL, n *html.Node) {
	action := attr(n, "action")
	if action == "" {
		action = here.RequestURI()
	}
	if !strings.EqualFold(attr(n, "method"), http.MethodPost) {
		w.add(action, here)
		return
	}
	values := controls(n)
	path, _, _ := strings.Cut(action, "?")
	key := path
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name != "form_key" { // new each time
			key += fmt.Sprintf(" %s=%q", name, values[name])
		}
	}
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	w.forms++
	got := w.ask(http.MethodPost, action, w.who.session, values)
	w.note(http.MethodPost, got.url)
	if slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed}, got.status) || got.status >= 500 {
		w.wrong("%s: a form on %s goes to %s, which answers %d: %s", w.who, at, action, got.status, got.text())
	}
	if got.status == http.StatusOK { // one page shown in answer to a form is a page too
		w.page("the answer of "+action, got)
	}
	w.frozen.Restore()
}

// controls reads what a form would send as it stands.
func controls(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name := attr(n, "name")
		if name == "" {
			continue
		}
		switch kind := attr(n, "type"); {
		case n.Data == "select":
			values.Set(name, chosen(n))
		case n.Data == "textarea":
			values.Set(name, strings.TrimPrefix(text(n), "\n"))
		case n.Data == "button", n.Data == "input" && (kind == "checkbox" || kind == "radio"):
			if n.Data == "input" && has(n, "checked") {
				values.Add(name, attr(n, "value"))
			}
		case n.Data == "input":
			values.Add(name, attr(n, "value"))
		}
	}
	return values
}

// chosen is the value of a select: the selected option, or else the first.
func chosen(n *html.Node) string {
	value, found := "", false
	for option := range n.Descendants() {
		if option.Data == "option" && (!found || has(option, "selected")) {
			value, found = attr(option, "value"), true
		}
	}
	return value
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// unlinked are pages that no page of somebody signed in leads to: what is asked for, what mails lead to, and what others own.
var unlinked = []string{
	"GET /sign-in", "GET /sign-in/forgot", "GET /sign-in/forgot/sent", "GET /password/{token}", "GET /invitations/{token}", "GET /check", "GET /email/{token}", "GET /profile/email/{token}",
	"GET /sign-in/with/{provider}/answer", "GET /sign-in/at/{slug}/answer", "GET /favicon.ico", "GET /robots.txt", "GET /console", "GET /{account}/invitations", "GET /accounts", "GET /{account}/palette/people",
	"GET /{account}/restricted", "GET /sign-in/second", "GET /sign-in/recovery", "GET /sign-in/recovery/stop/{token}", "GET /console/people/{id}/recovery", "GET /profile/security/authenticator", "GET /profile/security/authenticator/removal", "GET /profile/security/passkeys/new", "GET /console/restricted", "GET /console/people/{id}", "GET /phone/set-up/{token}", "GET /phone/provision/{token}", "GET /{account}/imports/{id}", "GET /{account}/imports/{id}/skipped.csv", "GET /{account}/hub-user-imports/{id}", "GET /{account}/hub-user-imports/{id}/report.csv",
}

// links checks that everybody can open whatever their pages show, and that what they can open is shown to them.
func (c *cast) links(t *testing.T) {
	people := []*player{c.clerk}
	for _, who := range c.players {
		if who.state == "active" || len(who.roles) == 0 {
			people = append(people, who)
		}
	}
	total, forms := 0, 0
	for _, who := range people {
		w := c.crawl(t, who, "/", "/palette", "/accounts")
		total, forms = total+len(w.seen), forms+w.forms
		for _, rt := range c.portal.Routes() {
			cl := &cell{c, rt, who, "signed in", "own", c.own}
			name := rt.Method + " " + rt.Pattern
			if rt.Method == http.MethodGet && cl.expected() == open && !w.routes[name] && !slices.Contains(unlinked, name) {
				t.Errorf("%s may open %s, and no page leads there", who, rt.Pattern)
			}
			if elsewhere := who.state == "invited" && strings.HasPrefix(rt.Pattern, "/{account}"); cl.expected() != open && w.routes[name] && !elsewhere {
				t.Errorf("%s may not use %s, and a page leads there", who, name)
			}
		}
	}
	t.Logf("%d people followed %d addresses and sent %d forms", len(people), total, forms)
}
