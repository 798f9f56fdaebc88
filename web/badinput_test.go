package web

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
)

// Bad input: every control of every form that a page shows gets every bad value, with the others as they should be; every form is sent
// broken as a whole; every address gets bad parameters. The answer is a clear sentence, never a fault of ours; nothing is half-saved,
// nothing comes through as markup, and the form keeps what was typed.

var randomRequests = flag.Int("web.requests", 400, "random bad forms, and random calls, to try besides every field")

// badForm is a form that some page shows, with values that it takes.
type badForm struct {
	who     *player
	here    string // the page that shows it
	action  string
	pattern string
	kinds   map[string]string // of its controls, by name: "text", "hidden", "select"…
	good    url.Values
}

func (f *badForm) String() string {
	return "POST " + f.pattern + " by " + cmp.Or(f.who.String(), "nobody")
}

// kindsOf lists the controls of a form.
func kindsOf(form *html.Node) map[string]string {
	kinds := map[string]string{}
	for n := range form.Descendants() {
		if name := attr(n, "name"); name != "" {
			kind := n.Data
			if kind == "input" {
				kind = cmp.Or(attr(n, "type"), "text")
			}
			if has(n, "readonly") {
				kind = "hidden" // nobody types there
			}
			kinds[name] = kind
		}
	}
	return kinds
}

var typed = regexp.MustCompile(`Type (\S+) to confirm`)

// badForms collects the forms of all pages. Those with the same controls that go to the same place are one.
func (c *cast) badForms(t *testing.T) []*badForm {
	t.Helper()
	var list []*badForm
	seen := map[string]bool{}
	take := func(who *player) func(here *url.URL, n *html.Node) {
		return func(here *url.URL, n *html.Node) {
			if !strings.EqualFold(attr(n, "method"), http.MethodPost) {
				return // searches and filters are addresses, which have a test of their own
			}
			f := &badForm{who: who, here: here.RequestURI(), kinds: kindsOf(n), good: controls(n)}
			f.action = cmp.Or(attr(n, "action"), f.here)
			f.pattern = c.patternOf(http.MethodPost, f.action)
			key := fmt.Sprint(f.pattern, slices.Sorted(maps.Keys(f.kinds)))
			if seen[key] {
				return
			}
			seen[key] = true
			if post := posts[f.pattern]; post != nil {
				for name, values := range post(&cell{cast: c, who: who, things: c.own}) {
					if f.kinds[name] != "" && f.kinds[name] != "hidden" {
						f.good[name] = values
					}
				}
			}
			if word := typed.FindStringSubmatch(text(n)); word != nil { // what confirms is another word on every page
				f.good.Set("typed", word[1])
			}
			list = append(list, f)
		}
	}
	nobody, invited := &player{state: "", email: c.boss.Email}, c.players[3]
	for _, from := range []struct {
		who    *player
		starts []string
	}{
		{nobody, []string{"/sign-in", "/sign-in/forgot", "/password/" + c.reset, "/invitations/" + c.invitation, "/invitations/" + invited.token}},
		{invited, []string{"/invitations/" + invited.token}},
		{c.active(account.Admin, account.Billing), []string{"/", "/check", "/" + c.own.slug + "/hub-users/" + c.own.paused, "/invitations/" + invited.token}},
		{c.clerk, []string{"/"}},
	} {
		w := &crawler{cast: c, who: from.who, seen: map[string]bool{}, routes: map[string]bool{}, wrong: t.Errorf, onForm: take(from.who)}
		w.run(t, from.starts...)
		if from.who == nobody { // the second step of signing in answers the first
			w.page("/sign-in", c.ask(http.MethodPost, "/sign-in", "", pairs("email", c.boss.Email)))
		}
	}
	c.frozen.Restore()
	return list
}

// patternOf names the route that takes an address, without its method.
func (c *cast) patternOf(method, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, pattern, _ := strings.Cut(c.portal.pattern(method, u), " ")
	return pattern
}

// trial is one bad request to a form, and what came of it.
type trial struct {
	*badForm
	what string
	bad  string // the control with the bad value, "" when the whole form is bad
	sent url.Values
	got  *page
}

func (x *trial) String() string { return fmt.Sprintf("%s, %s", x.badForm, x.what) }

// try sends a form with values and judges the answer. The store is put back.
func (c *cast) try(t *testing.T, f *badForm, what, bad string, sent url.Values) {
	t.Helper()
	x := &trial{f, what, bad, sent, c.ask(http.MethodPost, f.action, f.who.session, sent)}
	c.judgeTrial(t, x)
}

// judgeTrial looks at the store, too, and puts it back. Of what an account refuses it looks once a field, which is much faster; where
// people prove who they are, tries count, so that each begins anew.
func (c *cast) judgeTrial(t *testing.T, x *trial) {
	t.Helper()
	var changes dbtest.Changes
	if x.got.status < 400 || x.bad == "" || !strings.HasPrefix(x.pattern, "/{account}/") && !strings.HasPrefix(x.pattern, "/console/") {
		changes = c.frozen.Changes()
	}
	if x.got.status < 400 {
		for _, text := range changes.Texts {
			if strings.ContainsFunc(text, unstorable) || !utf8.ValidString(text) {
				t.Errorf("%s: %d, and %q is stored", x, x.got.status, text)
			}
		}
		if slices.ContainsFunc(changes.Texts, func(text string) bool { return strings.Contains(text, mark) || unsafeCell(text) }) {
			c.judgeShowings(t, x)
		}
	}
	for _, problem := range unsafe(x.got) {
		t.Errorf("%s: %s", x, problem)
	}
	c.frozen.Undo(changes)
	if x.got.status < 400 {
		return
	}
	for _, table := range changes.Tables {
		if !counts[table] {
			t.Errorf("%s: %d, and %s changed", x, x.got.status, table)
		}
	}
	if slices.Contains([]int{http.StatusUnprocessableEntity, http.StatusConflict, http.StatusTooManyRequests}, x.got.status) {
		for _, problem := range x.judgeForm() {
			t.Errorf("%s: %d, %s", x, x.got.status, problem)
		}
	}
}

// counts are the tables where refused tries count.
var counts = map[string]bool{"throttles": true, "step_up_codes": true}

// unstorable are characters that no row may hold: they hide or turn text wherever it is shown.
func unstorable(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
}

// showings are the pages that show what forms store.
func (c *cast) showings(who *player) []string {
	if who.state == "staff" {
		return []string{"/console/accounts", "/console/accounts/" + c.young, "/console/staff", "/console/audit-log", "/console/requests?status=answered"}
	}
	in := "/" + c.own.slug
	return []string{in + "/", in + "/hub-users", in + "/hub-users.csv", in + "/audit-log", in + "/audit-log.csv", in + "/settings", in + "/support", "/accounts", "/profile"}
}

// judgeShowings looks at the pages that show what a form stored.
func (c *cast) judgeShowings(t *testing.T, x *trial) {
	t.Helper()
	pages := c.showings(x.who)
	session := x.who.session
	if x.who.state == "" {
		session = c.active(account.Admin).session
		pages = c.showings(c.active(account.Admin))
	}
	if to := x.got.header.Get("Location"); strings.HasPrefix(to, "/") {
		pages = append(pages, to)
	}
	for _, address := range pages {
		for _, problem := range unsafe(c.ask(http.MethodGet, address, session, nil)) {
			t.Errorf("%s, then %s: %s", x, address, problem)
		}
	}
}

// unsafe looks for what input must never become: a fault of ours, a header, markup, a formula.
func unsafe(got *page) (problems []string) {
	if got.status >= 500 {
		problems = append(problems, fmt.Sprintf("%d: %s", got.status, got.text()))
	}
	for name, values := range got.header {
		if line := name + ": " + strings.Join(values, ", "); strings.ContainsAny(line, "\r\n\x00") || strings.EqualFold(name, "X-Zqx") {
			problems = append(problems, fmt.Sprintf("the header %q", line))
		}
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	switch kind {
	case "text/html":
		return append(problems, unsafeMarkup(got.body)...)
	case "text/csv":
		return append(problems, unsafeCells(got.body)...)
	case "application/jsonl":
		for line := range strings.Lines(got.body) {
			if !json.Valid([]byte(line)) {
				problems = append(problems, fmt.Sprintf("the line %.80q is not JSON", line))
			}
		}
	}
	return problems
}

func unsafeMarkup(body string) (problems []string) {
	if !utf8.ValidString(body) {
		problems = append(problems, "the page is not UTF-8")
	}
	if !strings.Contains(body, mark) {
		return problems
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return append(problems, err.Error())
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == mark || n.Data == "script" && attr(n, "src") == "" {
			problems = append(problems, "the element "+n.Data)
		}
		for _, a := range n.Attr {
			leads := slices.Contains([]string{"href", "src", "action", "hx-get", "formaction"}, a.Key)
			if strings.HasPrefix(a.Key, "on") || strings.Contains(a.Key, mark) || leads && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				problems = append(problems, fmt.Sprintf("the attribute %s=%q", a.Key, a.Val))
			}
		}
	}
	return problems
}

// judgeForm wants the form again: titled as wrong, with a summary, words at the field, and everything that was typed.
func (x *trial) judgeForm() (problems []string) {
	doc, err := html.Parse(strings.NewReader(x.got.body))
	if err != nil {
		return []string{err.Error()}
	}
	ids := map[string]bool{}
	var summary, title, form *html.Node
	for n := range doc.Descendants() {
		if id := attr(n, "id"); id != "" {
			ids[id] = true
		}
		switch {
		case attr(n, "id") == "errors":
			summary = n
		case n.Data == "title" && title == nil:
			title = n
		case n.Data == "form" && sameControls(kindsOf(n), x.kinds):
			form = n
		}
	}
	if title == nil || !strings.HasPrefix(text(title), "Error: ") {
		problems = append(problems, "the title does not begin with Error: "+x.got.text())
	}
	if summary == nil {
		return append(problems, "there is no summary: "+x.got.text())
	}
	named := false
	for n := range summary.Descendants() {
		if field, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			named = named || field == x.bad
			if !ids[field] || !ids[field+"-error"] {
				problems = append(problems, "the summary leads to "+field+", where no words stand")
			}
		}
	}
	kind := x.kinds[x.bad]
	if x.pattern == "/console/accounts/new" && x.bad == "name" {
		named = true // a name without letters gives no web address, and that is what is asked for
	}
	if visible := kind != "" && kind != "hidden" && kind != "password"; visible && !named && x.got.status == http.StatusUnprocessableEntity {
		problems = append(problems, "the summary does not name "+x.bad+": "+strings.Join(strings.Fields(text(summary)), " "))
	}
	if form == nil {
		if len(x.kinds) > 0 && slices.ContainsFunc(slices.Collect(maps.Values(x.kinds)), func(kind string) bool { return kind != "hidden" }) {
			problems = append(problems, "the form is gone: "+x.got.text())
		}
		return problems
	}
	return append(problems, x.judgeKept(form)...)
}

// judgeKept compares what the form holds with what was typed.
func (x *trial) judgeKept(form *html.Node) (problems []string) {
	now := controls(form)
	for name, kind := range x.kinds {
		switch kind {
		case "text", "email", "search", "textarea":
			if want := asShown(x.sent.Get(name)); now.Get(name) != want {
				problems = append(problems, fmt.Sprintf("%s held %.200q and holds %.200q", name, want, now.Get(name)))
			}
		case "password":
			if now.Get(name) != "" {
				problems = append(problems, name+" comes back")
			}
		case "checkbox", "radio", "select":
			for _, value := range x.sent[name] {
				if kind != "checkbox" && len(x.sent[name]) > 1 {
					continue // there can be only one
				}
				if offers(form, name, value) && !slices.Contains(now[name], value) {
					problems = append(problems, fmt.Sprintf("%s lost %q", name, value))
				}
			}
		}
	}
	return problems
}

// asShown is a typed text as a page can show it.
func asShown(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\x00", "\ufffd")
	return strings.ToValidUTF8(text, "\ufffd")
}

// offers reports whether a form has a choice of that value.
func offers(form *html.Node, name, value string) bool {
	for n := range form.Descendants() {
		inSelect := n.Data == "option"
		for p := n.Parent; inSelect && p != nil; p = p.Parent {
			if p.Data == "select" {
				inSelect = attr(p, "name") == name
				break
			}
		}
		if (inSelect || attr(n, "name") == name && n.Data == "input") && attr(n, "value") == value {
			return true
		}
	}
	return false
}

func sameControls(a, b map[string]string) bool {
	visible := func(kinds map[string]string) []string {
		var names []string
		for name, kind := range kinds {
			if kind != "hidden" && kind != "button" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	return len(visible(b)) > 0 && slices.Equal(visible(a), visible(b))
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCast(t, d)
		list := c.badForms(t)
		for _, part := range []struct {
			name string
			run  func(c *cast, t *testing.T, list []*badForm)
		}{{"fields", (*cast).badFields}, {"whole forms", (*cast).badWholes}, {"addresses", (*cast).badAddresses}, {"headers", (*cast).badHeaders}, {"forms at random", (*cast).badAtRandom}, {"calls at random", (*cast).badCalls}} {
			t.Run(part.name, func(t *testing.T) { part.run(c.in(t), t, list) })
		}
	})
}

func (c *cast) badFields(t *testing.T, list []*badForm) {
	fields, tries := 0, 0
	values := slices.Sorted(maps.Keys(badValues))
	if c.DB.Engine() == db.Postgres || testing.Short() {
		values = fewBadValues // what a store could trip over is among them
	}
	for _, f := range list {
		for _, name := range slices.Sorted(maps.Keys(f.kinds)) {
			fields++
			some := values
			if f.kinds[name] == "password" || f.kinds[name] == "hidden" {
				some = fewBadValues
			}
			for _, value := range some {
				sent := maps.Clone(f.good)
				sent[name] = []string{badValues[value]}
				c.try(t, f, name+" is "+value, name, sent)
				tries++
			}
			sent := maps.Clone(f.good)
			delete(sent, name)
			c.try(t, f, "without "+name, name, sent)
			for _, twice := range [][]string{{f.good.Get(name), "zqx"}, {"zqx", f.good.Get(name)}} {
				sent = maps.Clone(f.good)
				sent[name] = twice
				c.try(t, f, fmt.Sprintf("%s twice, as %q", name, twice), "", sent)
			}
			tries += 3
			if changed := c.frozen.Restore(); changed != nil {
				t.Errorf("%s: one of the refused values of %s changed %q", f, name, changed)
			}
		}
	}
	t.Logf("%d forms, %d fields, %d tries", len(list), fields, tries)
}

// manyRandom is a quarter of what the flag says in short runs.
func manyRandom() int {
	if testing.Short() {
		return *randomRequests / 4
	}
	return *randomRequests
}

// badAtRandom mixes bad values in all forms. The flag web.requests says how many.
func (c *cast) badAtRandom(t *testing.T, list []*badForm) {
	values := slices.Sorted(maps.Keys(badValues))
	for n := range manyRandom() {
		random := rand.New(rand.NewPCG(uint64(n), 0))
		f := list[random.IntN(len(list))]
		sent := maps.Clone(f.good)
		for name, kind := range f.kinds {
			if kind != "password" && random.IntN(2) == 0 {
				sent[name] = nil
				for range 1 + random.IntN(2) {
					sent[name] = append(sent[name], badValues[values[random.IntN(len(values))]])
				}
			}
		}
		c.try(t, f, fmt.Sprintf("random request %d", n), "", sent)
	}
	t.Logf("%d random requests", manyRandom())
}
