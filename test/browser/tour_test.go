package browser

import (
	"fmt"
	"strings"
	"testing"
)

// place is a page that somebody looks at. Dialogs are places of their own: open leads to them.
type place struct {
	name string
	path string
	open func(*person) // after the page has loaded
}

// tour is the dialogs and states of pages that an admin of the account sees; TestEveryLinkedPage looks at the pages themselves.
func tour(slug string) []place {
	at := func(path string) string { return "/" + slug + path }
	return []place{
		{"hub-users-invited", at("/hub-users?status=invited"), nil},
		{"hub-users-attention", at("/hub-users?status=attention"), nil},
		{"hub-users-no-match", at("/hub-users?q=nobody-has-this-name"), nil},
		{"hub-users-menu", at("/hub-users"), func(p *person) { p.press("More actions for Mary Chen") }},
		{"hub-users-palette", at("/hub-users"), func(p *person) { p.press("Search or jump to") }},
		{"request-new-wrong", at("/support/new"), func(p *person) { p.choose("Send request") }},
		{"request-more", at("/support/more"), nil},
		{"not-found", at("/nothing-here"), nil},
	}
}

// TestEveryPage looks at dialogs and at pages that no link leads to, light and dark, narrow and wide: nothing for axe to find, no sideways
// scroll, nothing refused by the content security policy, nothing fetched from elsewhere.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	p := sit(t, d)
	p.signIn(admin)
	p.visit(tour("harbour"))
	p.open("/harbour/support/more")
	p.types("Reason", "A new branch opens")
	p.choose("Ask for more")
	p.sees("Waiting for an answer")
	p.visit([]place{{"request", p.at(), nil}, {"request-waiting", "/harbour/support/more", nil}})

	staff := sit(t, d)
	staff.signIn(d.Staff)
	staff.visit([]place{{"console-account-find", "/console/accounts?q=5550", nil}, {"console-request", "/console/requests/1001", nil}})

	stranger := sit(t, d)
	stranger.visit([]place{{"sign-in-password", "/sign-in", func(p *person) { p.types("Email", admin.Email); p.choose("Continue") }},
		{"sign-in-wrong", "/sign-in", func(p *person) {
			p.types("Email", admin.Email)
			p.choose("Continue")
			p.types("Password", "this is not the one")
			p.choose("Sign in")
		}},
		{"invitation-unknown", "/invitations/hi_nothing", nil}})

	standard := sit(t, d)
	standard.signIn(d.who(t, "harbour", ""))
	standard.visit([]place{{"home-standard", "/harbour/", nil}, {"no-permission", "/harbour/hub-users", nil}})
}

func (p *person) visit(places []place) {
	p.t.Helper()
	for _, at := range places {
		for _, width := range []int64{1280, 360} {
			p.width(width)
			for _, theme := range []string{"light", "dark"} {
				p.theme(theme)
				p.open(at.path)
				if at.open != nil {
					at.open(p)
				}
				name := fmt.Sprintf("%s-%s-%d", at.name, theme, width)
				p.examine(name)
			}
		}
	}
	p.width(1280)
	p.theme("light")
}

// examine looks at the page as it stands.
func (p *person) examine(name string) {
	p.t.Helper()
	p.shoot(name)
	for _, v := range p.violations() {
		p.t.Errorf("%s: %s", name, v)
	}
	if wide := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		p.t.Errorf("%s scrolls sideways by %d px", name, wide)
	}
	for _, c := range p.complaints() {
		if !strings.Contains(c, "favicon") {
			p.t.Errorf("%s: %s", name, c)
		}
	}
}
