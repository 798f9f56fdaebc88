package web

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// The matrix is worth something only if it fails when a guard is missing. Here each one is taken away in memory.

// weaker is the next less strict declaration; "" when everybody whom it would let in may come already.
func weaker(access Access) Access {
	permission, needs := access.Permission()
	switch {
	case needs:
		for _, roles := range roleSets() {
			if !holds(roles, account.Permission(permission)) {
				return Member
			}
		}
		return "" // every member holds it
	case access == Staff:
		return SignedIn
	case access == SignedIn || access == Member || access == Belongs:
		return Public
	}
	return ""
}

// missingGuards checks that the matrix sees every one that is missing.
func (c *cast) missingGuards(t *testing.T) {
	var killed, same int
	for i := range c.portal.routes {
		rt := &c.portal.routes[i]
		declared := *rt
		if rt.Access = weaker(declared.Access); rt.Access == "" {
			rt.Access = declared.Access
			same++
			continue
		}
		wrong := c.check(declared, &tally{by: map[verdict]int{}, first: true})
		if wrong == nil {
			t.Errorf("%s %s: nothing fails when %q becomes %q", rt.Method, rt.Pattern, declared.Access, rt.Access)
		}
		killed++
		rt.Access = declared.Access
	}
	t.Logf("%d guards taken away, all noticed; %d routes are open to everybody whom their guard lets in", killed, same)
}

// doorOnly are routes that only the door can refuse: pages that show nothing from the store, and the queue of jobs, which knows nobody.
var doorOnly = []string{"GET /{account}/hub-users/invite", "GET /{account}/invitations", "GET /console", "GET /console/palette", "GET /console/accounts/new", "GET /console/staff/new",
	"GET /console/pin", "GET /{account}/support/more", "GET /console/jobs", "POST /console/jobs/{id}/retry", "GET /console/jobs/{id}/discard", "POST /console/jobs/{id}/discard"}

// withoutTheDoor checks that the rooms refuse by themselves: with the door's guards taken away, whoever lacks a permission reads
// nothing and changes nothing.
func (c *cast) withoutTheDoor(t *testing.T) {
	count := 0
	for i := range c.portal.routes {
		rt := &c.portal.routes[i]
		declared := *rt
		_, needs := declared.Access.Permission()
		if !needs && declared.Access != Staff || slices.Contains(doorOnly, rt.Method+" "+rt.Pattern) {
			continue
		}
		if rt.Access = SignedIn; needs {
			rt.Access = Member
		}
		for _, cl := range c.cells(declared) {
			if want := cl.expected(); cl.level != "signed in" || want != forbidden && (want != hidden || declared.Access != Staff) {
				continue
			}
			answer, err := cl.request()
			if err != nil {
				t.Fatal(err)
			}
			refused := answer.status == http.StatusForbidden || answer.status == http.StatusNotFound && declared.Access == Staff
			if count++; !refused || strings.Contains(answer.body, "<table") {
				t.Errorf("%s: the room lets it through, %d: %s", cl, answer.status, answer.text())
			}
			if changed := c.frozen.Restore(); changed != nil {
				t.Errorf("%s: the room changes %q", cl, changed)
			}
			if rt.Pattern == "/{account}/hub-users/invite" { // looking at what would be sent tells who is here
				review := pairs("email", "fresh@letters.example", "step", "review")
				if answer = c.ask(http.MethodPost, answer.url.Path, cl.who.session, review); answer.status != http.StatusForbidden {
					t.Errorf("%s, to review: the room lets it through, %d: %s", cl, answer.status, answer.text())
				}
			}
		}
		rt.Access = declared.Access
	}
	t.Logf("%d requests refused by the rooms alone", count)
}

// checked are the forms that change who can get in, and need a fresh check. The others are carried out without one.
var checked = []string{"/{account}/hub-users/invite", "/{account}/hub-user-imports/{id}", "/{account}/hub-users/{id}", "/{account}/hub-users/{id}/removal", "/{account}/hub-users/{id}/sign-out", "/{account}/hub-users/{id}/deactivation",
	"/{account}/hub-users/{id}/reactivation", "/{account}/hub-users/{id}/recovery", "/{account}/access-review", "/{account}/groups/{id}", "/{account}/groups/{id}/people", "/{account}/groups/{id}/people/{member}/removal", "/{account}/groups/{id}/deletion", "/{account}/invitations/{id}", "/{account}/settings", "/{account}/audit-log/keeping", "/{account}/api-keys/new",
	"/{account}/settings/sign-in/new", "/{account}/settings/sign-in/{id}/switch", "/{account}/settings/sign-in/{id}/removal", "/{account}/settings/directory", "/{account}/settings/directory/token", "/{account}/groups/{id}/directory", "/{account}/support/visits/grant", "/{account}/support/visits/{id}"}

// withoutCheck sends every form of an account from a session that has passed no step-up check.
func (c *cast) withoutCheck(t *testing.T) {
	who := *c.active(account.Admin)
	in, err := c.SignIn(t.Context(), who.email, accounttest.Password, who.browser())
	if err != nil {
		t.Fatal(err)
	}
	who.session = in.Session
	before := dbtest.Freeze(t, c.DB, "sessions.seen_at")
	count := 0
	for _, rt := range c.portal.Routes() {
		if permission, needs := rt.Access.Permission(); !needs || rt.Method != http.MethodPost || !holds(who.roles, account.Permission(permission)) {
			continue
		}
		cl := &cell{c, rt, &who, "signed in", "own", c.own}
		address, err := cl.address()
		if err != nil {
			t.Fatal(err)
		}
		form := posts[rt.Pattern](cl)
		if form.Has("check_minutes") {
			form.Set("check_minutes", "120") // asking more rarely is what needs the check
		}
		got := c.ask(http.MethodPost, address, who.session, form)
		changed := before.Restore()
		asks := got.status == http.StatusUnauthorized && strings.Contains(got.body, "Confirm it is you")
		if count++; asks != slices.Contains(checked, rt.Pattern) || asks != (changed == nil) {
			t.Errorf("POST %s: %d, %q changed: %s", rt.Pattern, got.status, changed, got.text())
		}
	}
	c.frozen.Restore()
	t.Logf("%d forms sent without a fresh check", count)
}

// frozenGuard remembers who came with which rights, as a guard with a cache would.
type frozenGuard struct {
	Guard
	mu      sync.Mutex
	viewers map[string]*Viewer
}

func (g *frozenGuard) Viewer(r *http.Request, slug string) (*Viewer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.viewers[slug]; v != nil {
		copied := *v
		return &copied, nil
	}
	v, err := g.Guard.Viewer(r, slug)
	if err == nil {
		g.viewers[slug] = v
	}
	return v, err
}

// lostMeanwhile checks what happens when rights go between the door's look at them and the change that was asked for. The room looks
// again in the transaction of the change: with a door that knows only what was, everything is still refused.
func (c *cast) lostMeanwhile(t *testing.T) {
	none, deactivated := account.Roles{}, account.Deactivated
	change := func(ch account.Change) func(string) error {
		return func(id string) error {
			_, err := c.ChangeHubUser(t.Context(), c.boss.Actor(), id, ch, 0)
			return err
		}
	}
	losses := map[string]func(id string) error{
		"demoted":     change(account.Change{Roles: &none}),
		"deactivated": change(account.Change{State: &deactivated}),
		"removed": func(id string) error {
			_, err := c.RemoveHubUser(t.Context(), c.boss.Actor(), id, 0)
			return err
		},
	}
	who := c.active(account.Admin)
	guard, count := c.portal.Guard, 0
	for _, rt := range c.portal.Routes() {
		permission, needs := rt.Access.Permission()
		if !needs || rt.Method != http.MethodPost || holds(none, account.Permission(permission)) {
			continue
		}
		for name, lose := range losses {
			old := &frozenGuard{Guard: guard, viewers: map[string]*Viewer{}}
			c.portal.Guard = old
			c.ask(http.MethodGet, "/"+c.own.slug+"/", who.session, nil)
			if err := lose(old.viewers[c.own.slug].Actor.MembershipID); err != nil {
				t.Fatal(err)
			}
			after := dbtest.Freeze(t, c.DB, "sessions.seen_at")
			cl := &cell{c, rt, who, "signed in", "own", c.own}
			answer, err := cl.request()
			if err != nil {
				t.Fatal(err)
			}
			if count++; answer.status != http.StatusForbidden && answer.status != http.StatusNotFound {
				t.Errorf("%s, %s meanwhile: %d: %s", cl, name, answer.status, answer.text())
			}
			if changed := after.Changed(); changed != nil {
				t.Errorf("%s, %s meanwhile: it changed %q", cl, name, changed)
			}
			c.portal.Guard = guard
			c.frozen.Restore()
		}
	}
	t.Logf("%d forms refused to people who had just lost the right", count)
}
