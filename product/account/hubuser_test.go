package account_test

import (
	"sync"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func roles(list ...account.Role) account.Change {
	set := account.Roles(list)
	return account.Change{Roles: &set}
}

func state(s account.HubUserState) account.Change { return account.Change{State: &s} }

// A change of access counts on the next request of a session that is open.
func TestChangeAccess(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		for _, c := range []struct {
			change account.Change
			want   string
		}{
			{roles(account.Admin), "Admin"},
			{roles(account.Billing, account.Admin), "Admin, Billing"}, // in any order
			{roles(account.Billing), "Billing"},
			{roles(), "Standard"},
		} {
			before := jo.Actor()
			u, err := r.ChangeHubUser(t.Context(), admin.Actor(), jo.ID(), c.change, 0)
			must(t, err)
			if got := jo.Actor(); got.Roles.String() != c.want || u.Roles.String() != c.want || got.Can(account.ViewHubUsers) != got.Roles.Has(account.Admin) {
				t.Errorf("after a change to %s: answered %s, acting as %s", c.want, u.Roles, got.Roles)
			}
			// What the person could do a moment ago is refused inside the verb too.
			if before.Roles.Has(account.Admin) && !u.Roles.Has(account.Admin) {
				if err := second(r.Room.Invite(t.Context(), before, invite("x@harbour.example"))); !fault.Is(err, fault.Forbidden) {
					t.Errorf("a right that was lost: %v", err)
				}
			}
		}
		var told []string
		for _, e := range actions(t, r, admin)[2:] {
			told = append(told, e.Sentence()+": "+e.Before+" > "+e.After)
		}
		want := []string{"Standard > Admin", "Admin > Admin, Billing", "Admin, Billing > Billing", "Billing > Standard"}
		for i := range want {
			if len(told) != 4 || told[i] != "Admin changed the access of Jo: "+want[i] {
				t.Fatalf("the audit log tells %q", told)
			}
		}
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); len(got) != 4 || got[0] != "Your access to Harbour Group changed" {
			t.Errorf("the person got %q", got)
		}
	})
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		r.Clock.Advance(31 * minute) // a name alone needs no fresh check
		u, err := r.ChangeHubUser(t.Context(), admin.Actor(), jo.ID(), account.Change{Name: ptr(" Joséphine  Baptiste ")}, 1)
		must(t, err)
		if u.Name != "Joséphine Baptiste" || u.Version != 2 || jo.Actor().Name != "Joséphine Baptiste" {
			t.Errorf("renamed to %+v", u)
		}
		for name, code := range map[string]string{"": "name-empty", " ": "name-empty", "a@b.example": "name-link", "0412 345 678": "name-digits", "x\u202ey": "name-characters"} {
			wantFault(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), jo.ID(), account.Change{Name: &name}, 0)), code)
		}
		if list, _, err := r.People(t.Context(), admin.Actor(), account.PeopleFilter{Search: "josephine"}); err != nil || len(list) != 1 {
			t.Errorf("the new name finds %d, %v", len(list), err)
		}
		log := actions(t, r, admin)
		if e := log[len(log)-1]; e.Sentence() != "Admin renamed Jo to Joséphine Baptiste" {
			t.Errorf("the audit log tells %q", e.Sentence())
		}
		// The account's name for the person is the account's own.
		other := r.OpenFor("northside", "jo@harbour.example")
		if got := other.Actor().Name; got != "Jo" {
			t.Errorf("another account calls them %q", got)
		}
	})
}

func TestDeactivateAndReactivate(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example", account.Billing)
		north := r.OpenFor("northside", "jo@harbour.example")
		id := jo.ID()
		u, err := r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Deactivated), 0)
		must(t, err)
		_, err = r.Enter(t.Context(), jo.Session(), "harbour", accounttest.Address)
		if !fault.Is(err, fault.NotFound) || u.State != account.Deactivated {
			t.Errorf("deactivated, and enters with %v", err)
		}
		north.Actor() // other accounts stay
		jo.SignIn()   // and the person stays
		if list, err := r.Belongings(t.Context(), north.Actor()); err != nil || len(list) != 1 {
			t.Errorf("the switcher shows %+v, %v", list, err)
		}
		kept, err := r.HubUserByID(t.Context(), admin.Actor(), id)
		must(t, err)
		if kept.Name != "Jo" || kept.Roles.String() != "Billing" {
			t.Errorf("kept as %+v", kept)
		}
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Active), 0)))
		if got := jo.Actor().Roles.String(); got != "Billing" {
			t.Errorf("came back as %s", got)
		}
		wantFault(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Removed), 0)), "state-unknown")
		log := actions(t, r, admin)
		if a, b := log[len(log)-2], log[len(log)-1]; a.Sentence() != "Admin deactivated Jo" || b.Sentence() != "Admin reactivated Jo" {
			t.Errorf("the audit log tells %q, %q", a.Sentence(), b.Sentence())
		}
	})
}

func TestRemove(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example", account.Admin)
		north := r.OpenFor("northside", "jo@harbour.example")
		id, was := jo.ID(), jo.Actor()
		must(t, second(r.RemoveHubUser(t.Context(), admin.Actor(), id, 0)))
		_, err := r.Enter(t.Context(), jo.Session(), "harbour", accounttest.Address)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("removed, and enters with %v", err)
		}
		north.Actor()
		for what, err := range map[string]error{
			"invites":        second(r.Room.Invite(t.Context(), was, invite("x@harbour.example"))),
			"changes others": second(r.ChangeHubUser(t.Context(), was, admin.ID(), roles(), 0)),
			"is changed":     second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(), 0)),
			"is removed":     second(r.RemoveHubUser(t.Context(), admin.Actor(), id, 0)),
			"is looked at":   second(r.HubUserByID(t.Context(), admin.Actor(), id)),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("removed, and %s: %v", what, err)
			}
		}
		if list, _, _ := r.People(t.Context(), admin.Actor(), account.PeopleFilter{}); len(list) != 1 {
			t.Errorf("the list shows %+v", list)
		}
		log := actions(t, r, admin)
		if e := log[len(log)-1]; e.Sentence() != "Admin removed Jo from hub users" || e.Before != "Admin" {
			t.Errorf("the audit log tells %+v", e)
		}
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); len(got) == 0 || got[0] != "You no longer have access to Harbour Group" {
			t.Errorf("the person got %q", got)
		}
	})
}

// The last admin stays admin, active and there, whoever acts.
func TestA36LastAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin).Check()
		paused := r.Join(admin, "paused@harbour.example", account.Admin)
		pausedID := paused.ID()
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), pausedID, state(account.Deactivated), 0)))

		// Two admins: one may step down, and then the other may not. A deactivated admin does not count.
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), admin.ID(), roles(account.Billing), 0)))
		wantFault(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), kim.ID(), roles(), 0)), "last-admin", "Kim is the only admin of Harbour Group", "Make somebody else an admin first")
		_, byKey := r.Key(kim)
		wantFault(t, second(r.ChangeHubUser(t.Context(), byKey, kim.ID(), roles(), 0)), "last-admin")
		if kim.Actor().Roles.String() != "Admin" {
			t.Error("the last admin lost the role")
		}
		must(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), admin.ID(), roles(account.Admin), 0)))
		must(t, second(r.RemoveHubUser(t.Context(), kim.Actor(), admin.ID(), 0)))
		for what, err := range map[string]error{
			"deactivates": second(r.ChangeHubUser(t.Context(), byKey, kim.ID(), state(account.Deactivated), 0)),
			"removes":     second(r.RemoveHubUser(t.Context(), byKey, kim.ID(), 0)),
		} {
			f, ok := fault.Of(err)
			if !ok || f.Kind != fault.Conflict {
				t.Errorf("a key %s its maker, the last admin: %v", what, err)
			}
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM memberships WHERE state = 'active' AND roles LIKE 'admin%'`); n != 1 {
			t.Errorf("%d active admins", n)
		}
	})
}

func TestA2OwnAccess(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin).Check()
		id := kim.ID()
		wantFault(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), id, roles(account.Admin, account.Billing), 0)), "own-roles", "Ask another admin")
		wantFault(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), id, roles(account.Billing), 0)), "own-roles")
		wantFault(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), id, state(account.Deactivated), 0)), "own-state")
		wantFault(t, second(r.RemoveHubUser(t.Context(), kim.Actor(), id, 0)), "own-removal")
		must(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), id, account.Change{Name: ptr("Kimberley")}, 0)))
		must(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), id, roles(), 0)))
		if got := kim.Actor().Roles.String(); got != "Standard" {
			t.Errorf("stepped down to %s", got)
		}
		wantFault(t, second(r.ChangeHubUser(t.Context(), kim.Actor(), id, roles(account.Admin), 0)), "role-missing", "Account admin")
	})
}

func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		id := r.Join(admin, "jo@harbour.example").ID()
		u, err := r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(account.Admin), 1)
		must(t, err)
		for _, old := range []int64{1, 3, -1} {
			err := second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(), old))
			if f := wantFault(t, err, "changed-meanwhile", "Look at it again"); f.Kind != fault.Changed {
				t.Errorf("%+v", f)
			}
			wantFault(t, second(r.RemoveHubUser(t.Context(), admin.Actor(), id, old)), "changed-meanwhile")
		}
		same, err := r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(account.Admin), u.Version)
		must(t, err)
		if same.Version != u.Version || len(actions(t, r, admin)) != 3 {
			t.Errorf("changing nothing made version %d", same.Version)
		}
		must(t, second(r.RemoveHubUser(t.Context(), admin.Actor(), id, u.Version)))
	})
}

// Of several admins that change the same person on what they see, one wins and the others look again.
func TestVersionsAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		id := r.Join(admin, "jo@harbour.example").ID()
		actor := admin.Actor()
		errs := make([]error, 6)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				errs[i] = second(r.ChangeHubUser(t.Context(), actor, id, account.Change{Name: ptr("Name " + string(rune('A'+i)))}, 1))
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				wantFault(t, err, "changed-meanwhile")
			}
		}
		if u, _ := r.HubUserByID(t.Context(), actor, id); won != 1 || u.Version != 2 {
			t.Errorf("%d of six changes of version 1 won; it is now version %d", won, u.Version)
		}
	})
}

func TestAdminsAreNamedToThoseWhoLackAccess(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		r.Join(admin, "zoe@harbour.example", account.Admin)
		amy := r.Join(admin, "amy@harbour.example", account.Admin)
		jo := r.Join(admin, "jo@harbour.example")
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), amy.ID(), state(account.Deactivated), 0)))
		names, err := r.Admins(t.Context(), jo.Actor())
		must(t, err)
		if len(names) != 2 || names[0] != "Admin" || names[1] != "Zoe" {
			t.Errorf("admins are %v", names)
		}
	})
}

func TestSetOwn(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		must(t, r.SetOwn(t.Context(), jo.Actor(), account.Own{Name: "Josephine", Theme: "dark", TimeZone: "Europe/Vienna", Numbers: "international"}))
		if got, err := r.SignedIn(t.Context(), jo.Session(), accounttest.Address); err != nil || got.Name != "Josephine" || got.Theme != "dark" || got.TimeZone != "Europe/Vienna" || got.Numbers != "international" {
			t.Errorf("%+v %v", got, err)
		}
		wantFault(t, r.SetOwn(t.Context(), jo.Actor(), account.Own{Theme: "dark"}), "name-empty")
		wantFault(t, r.SetOwn(t.Context(), jo.Actor(), account.Own{Name: "Jo", Theme: "pink"}), "theme-unknown")
		wantFault(t, r.SetOwn(t.Context(), jo.Actor(), account.Own{Name: "Jo", TimeZone: "Local"}), "time-zone")
		wantFault(t, r.SetOwn(t.Context(), jo.Actor(), account.Own{Name: "Jo", Numbers: "roman"}), "number-form-unknown")
		wantFault(t, r.SetOwn(t.Context(), jo.Actor(), account.Own{Name: "Jo <jo@x.example>"}), "name-link")
	})
}

// Taking people out changes who can get in: it asks for a fresh check, as changing their access does.
func TestRemovalAsksForAFreshCheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo, kim := r.Join(admin, "jo@harbour.example"), r.Join(admin, "kim@harbour.example", account.Admin)
		wantFault(t, second(r.RemoveHubUser(t.Context(), kim.Actor(), jo.ID(), 0)), "check-needed")
		jo.Actor()
		kim.Check()
		must(t, second(r.RemoveHubUser(t.Context(), kim.Actor(), jo.ID(), 0)))
	})
}
