package web

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
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
	case access == SignedIn || access == Member:
		return Public
	}
	return ""
}

func TestMatrixSeesEveryMissingGuard(t *testing.T) {
	t.Parallel()
	c := newCast(t, dbtest.SQLite(t))
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

// formOnly are pages that show nothing from the store, so that only the door can refuse them.
var formOnly = []string{"/{account}/hub-users/invite", "/{account}/invitations"}

// The rooms refuse by themselves: with the doors' guards taken away, whoever lacks a permission reads nothing and changes nothing.
func TestRoomsRefuseWithoutTheDoor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCast(t, d)
		count := 0
		for i := range c.portal.routes {
			rt := &c.portal.routes[i]
			declared := *rt
			if _, needs := declared.Access.Permission(); !needs || rt.Method == http.MethodGet && slices.Contains(formOnly, rt.Pattern) {
				continue
			}
			rt.Access = Member
			for _, cl := range c.cells(declared) {
				if cl.expected() != forbidden {
					continue
				}
				answer, err := cl.request()
				if err != nil {
					t.Fatal(err)
				}
				if count++; answer.status != http.StatusForbidden || !strings.Contains(answer.text(), "access") {
					t.Errorf("%s: the room lets it through, %d: %s", cl, answer.status, answer.text())
				}
				if changed := c.frozen.Restore(); changed != nil {
					t.Errorf("%s: the room changes %q", cl, changed)
				}
			}
			rt.Access = declared.Access
		}
		t.Logf("%d requests refused by the rooms alone", count)
	})
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

// Between the door's look at somebody's rights and the change they ask for, the rights can go. The room looks again in the
// transaction of the change: with a door that knows only what was, everything is still refused.
func TestRoomsReadRightsAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCast(t, d)
		none, deactivated := account.Roles{}, account.Deactivated
		losses := []struct {
			name string
			lose func(id string) error
		}{
			{"demoted", func(id string) error {
				_, err := c.ChangeHubUser(t.Context(), c.boss.Actor(), id, account.Change{Roles: &none}, 0)
				return err
			}},
			{"deactivated", func(id string) error {
				_, err := c.ChangeHubUser(t.Context(), c.boss.Actor(), id, account.Change{State: &deactivated}, 0)
				return err
			}},
			{"removed", func(id string) error {
				_, err := c.RemoveHubUser(t.Context(), c.boss.Actor(), id, 0)
				return err
			}},
		}
		who := c.active(account.Admin)
		guard, count := c.portal.Guard, 0
		for _, rt := range c.portal.Routes() {
			permission, needs := rt.Access.Permission()
			if !needs || rt.Method != http.MethodPost || holds(none, account.Permission(permission)) {
				continue
			}
			for _, loss := range losses {
				old := &frozenGuard{Guard: guard, viewers: map[string]*Viewer{}}
				c.portal.Guard = old
				c.ask(http.MethodGet, "/"+c.own.slug+"/", who.session, nil)
				if err := loss.lose(old.viewers[c.own.slug].Actor.MembershipID); err != nil {
					t.Fatal(err)
				}
				after := dbtest.Freeze(t, d, "sessions.seen_at")
				cl := &cell{c, rt, who, "signed in", "own", c.own}
				answer, err := cl.request()
				if err != nil {
					t.Fatal(err)
				}
				if count++; answer.status != http.StatusForbidden && answer.status != http.StatusNotFound {
					t.Errorf("%s, %s meanwhile: %d: %s", cl, loss.name, answer.status, answer.text())
				}
				if changed := after.Changed(); changed != nil {
					t.Errorf("%s, %s meanwhile: it changed %q", cl, loss.name, changed)
				}
				c.portal.Guard = guard
				c.frozen.Restore()
			}
		}
		t.Logf("%d forms refused to people who had just lost the right", count)
	})
}
