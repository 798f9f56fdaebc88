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

// looser are the declarations that may let in others than this one: those of the other kinds, and a permission for each set of people
// who hold one.
func looser(rt Route) (list []Access) {
	if !strings.HasPrefix(rt.Pattern, "/{account}/") {
		return []Access{Public, SignedIn, Staff}
	}
	list = []Access{Public, Belongs, Member}
	sets := map[account.Right]bool{}
	for _, r := range account.Rights {
		who := account.Right{Standard: r.Standard, Admin: r.Admin, Billing: r.Billing, Staff: r.Staff, StaffChange: r.StaffChange}
		if !sets[who] {
			sets[who] = true
			list = append(list, Needs(r.Permission))
		}
	}
	return list
}

// missingGuards puts every looser declaration in the place of each, and the matrix must see it. The handlers behind do nothing here, as
// the rooms would refuse by themselves.
func (c *cast) missingGuards(t *testing.T) {
	c.visited = true
	tried := 0
	for i := range c.portal.routes {
		rt := &c.portal.routes[i]
		declared := *rt
		rt.Handle = idle
		cells := c.cells(declared)
		for _, rt.Access = range looser(declared) {
			told := c.told(cells, rt.Access)
			if len(told) == 0 {
				continue // whoever it lets in may come already
			}
			tried++
			if !slices.ContainsFunc(told, (*cell).fails) {
				t.Errorf("%s %s: nothing fails when %q becomes %q", rt.Method, rt.Pattern, declared.Access, rt.Access)
			}
		}
		*rt = declared
	}
	t.Logf("%d looser declarations in the places of %d, all noticed", tried, len(c.portal.routes))
	c.restrictedIn(t)
}

func idle(r *Request) error {
	r.W.WriteHeader(http.StatusNoContent)
	return nil
}

// told are the cells that are refused and would be let in by the other declaration.
func (c *cast) told(cells []*cell, access Access) (told []*cell) {
	for _, cl := range cells {
		other := *cl
		if other.route.Access = access; cl.expected() != open && other.expected() == open {
			told = append(told, cl)
		}
	}
	return told
}

// fails reports whether the matrix finds the answer to a cell wrong.
func (c *cell) fails() bool {
	answer, err := c.request()
	if err != nil {
		c.t.Fatal(err)
	}
	return c.judge(answer, map[string]string{}) != ""
}

// restrictedIn lets in those who lack what the account asks of their session, one route after the other.
func (c *cast) restrictedIn(t *testing.T) {
	c.exec(states["restricted"].change, c.own.slug)
	defer c.frozen.Restore()
	tried := 0
	for i := range c.portal.routes {
		rt := &c.portal.routes[i]
		declared := *rt
		if _, needs := declared.Access.Permission(); !needs && declared.Access != Member {
			continue
		}
		rt.Access, rt.Handle = Belongs, idle
		cl := &cell{c, declared, c.active(account.Admin, account.Billing), "signed in", "own", c.own}
		answer, err := cl.request()
		if err != nil {
			t.Fatal(err)
		}
		if tried++; cl.judgeState(answer, "restricted") == "" {
			t.Errorf("%s %s: nothing fails when those who lack a second factor come in", rt.Method, rt.Pattern)
		}
		*rt = declared
	}
	t.Logf("%d routes that let in those who lack a second factor, all noticed", tried)
}

// doorOnly are routes that only the door can refuse: pages that show nothing from the store, and the queue of jobs, which knows nobody.
var doorOnly = []string{"GET /{account}/hub-users/invite", "GET /{account}/invitations", "GET /console", "GET /console/palette", "GET /console/accounts/new", "GET /console/staff/new",
	"GET /console/pin", "GET /{account}/support/more", "GET /console/jobs", "POST /console/jobs/{id}/retry", "GET /console/jobs/{id}/discard", "POST /console/jobs/{id}/discard"}

// withoutTheDoor checks that the rooms refuse by themselves: with the door's guards taken away, whoever lacks a permission reads
// nothing and changes nothing.
func (c *cast) withoutTheDoor(t *testing.T) {
	c.visited = true
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
			if cl.who.visits() && rt.Method == http.MethodGet {
				continue // a form shows nothing that a visit may not read, and is not sent below
			}
			answer, err := cl.request()
			if err != nil {
				t.Fatal(err)
			}
			refused := answer.status == http.StatusForbidden || answer.status == http.StatusNotFound && (declared.Access == Staff || cl.who.visits() && cl.where != "own")
			if count++; !refused || strings.Contains(answer.body, "<table") {
				t.Errorf("%s: the room lets it through, %d: %s", cl, answer.status, answer.text())
			}
			if changed := c.frozen.Restore(); changed != nil {
				t.Errorf("%s: the room changes %q", cl, changed)
			}
			if rt.Pattern == "/{account}/hub-users/invite" && !cl.who.visits() { // looking at what would be sent tells who is here
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
