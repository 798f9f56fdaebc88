package account_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// group makes a group with people in it.
func group(t *testing.T, r *accounttest.Rig, admin *accounttest.User, name string, gives account.Roles, people ...*accounttest.User) account.Group {
	t.Helper()
	g, err := r.MakeGroup(t.Context(), admin.Actor(), account.NewGroup{Name: name, Roles: gives})
	must(t, err)
	if len(people) > 0 {
		g, _, err = r.AddToGroup(t.Context(), admin.Actor(), g.ID, account.Chosen{IDs: memberships(people)}, 0)
		must(t, err)
	}
	return g
}

func memberships(people []*accounttest.User) (ids []string) {
	for _, u := range people {
		ids = append(ids, u.ID())
	}
	return ids
}

// sound recomputes from own roles and groups what everybody may do, and compares it with what the store says; and every account that
// ever had an admin has one.
func sound(t *testing.T, r *accounttest.Rig) {
	t.Helper()
	rows, err := r.DB.QueryContext(t.Context(), `
		SELECT m.email, m.state, m.roles, m.own_roles, COALESCE(g.roles, '') FROM memberships m
		LEFT JOIN group_members gm ON gm.account_id = m.account_id AND gm.membership_id = m.id
		LEFT JOIN people_groups g ON g.account_id = gm.account_id AND g.id = gm.group_id WHERE m.state <> 'removed'`)
	must(t, err)
	defer rows.Close()
	stored, worked, admins := map[string]string{}, map[string][]string{}, 0
	for rows.Next() {
		var email, state, roles, own, given string
		must(t, rows.Scan(&email, &state, &roles, &own, &given))
		stored[email] = roles
		worked[email] = append(worked[email], strings.Split(own+","+given, ",")...)
		if state == "active" && strings.Contains(roles, "admin") {
			admins++
		}
	}
	must(t, rows.Err())
	for email, words := range worked {
		var want []string
		for _, word := range []string{"admin", "billing"} {
			if slices.Contains(words, word) {
				want = append(want, word)
			}
		}
		if stored[email] != strings.Join(want, ",") {
			t.Fatalf("%s may do %q, and own roles and groups make %q", email, stored[email], want)
		}
	}
	if admins == 0 {
		t.Fatal("the account has no active admin")
	}
	var orphans int
	must(t, r.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM group_members gm WHERE NOT EXISTS (SELECT 1 FROM memberships m WHERE m.account_id = gm.account_id AND m.id = gm.membership_id AND m.state <> 'removed')
		OR NOT EXISTS (SELECT 1 FROM people_groups g WHERE g.account_id = gm.account_id AND g.id = gm.group_id)`).Scan(&orphans))
	if orphans != 0 {
		t.Fatalf("%d people are in a group without being there, or the group is not", orphans)
	}
}

// What a group gives counts on the next request of a session that is open, for keys too, and is taken away as fast.
func TestGroupGivesAccess(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo, kim := r.Join(admin, "jo@harbour.example"), r.Join(admin, "kim@harbour.example", account.Billing)
		_, key, err := r.MakeKey(t.Context(), account.Operate().Inside(admin.Account), jo.ID(), "Key", []account.Permission{account.ViewHubUsers}, 0)
		must(t, err)
		is := func(want string) {
			t.Helper()
			sound(t, r)
			got := jo.Actor().Roles.String() + "; " + kim.Actor().Roles.String()
			u, err := r.HubUserByID(t.Context(), admin.Actor(), jo.ID())
			must(t, err)
			list, _, err := r.People(t.Context(), admin.Actor(), account.PeopleFilter{Search: "jo@"})
			must(t, err)
			if got += "; " + u.Access(); got != want || len(list) != 1 || list[0].Access() != u.Access() {
				t.Errorf("access is %q, want %q; the list says %+v", got, want, list)
			}
			used, err := r.UseKey(t.Context(), key, "harbour", accounttest.Address)
			must(t, err)
			if used.Can(account.ViewHubUsers) != strings.HasPrefix(got, "Admin") {
				t.Errorf("with %s the key of Jo sees hub users: %t", got, used.Can(account.ViewHubUsers))
			}
		}
		is("Standard; Billing; Standard")
		leads := group(t, r, admin, "Front desk leads", account.Roles{account.Admin}, jo, kim)
		is("Admin; Admin, Billing; Admin, from Front desk leads")
		if names, err := r.Admins(t.Context(), admin.Actor()); err != nil || len(names) != 3 {
			t.Errorf("admins are %q, %v", names, err)
		}
		money := group(t, r, admin, "Bookkeepers", account.Roles{account.Billing}, jo)
		is("Admin, Billing; Admin, Billing; Admin, Billing (Admin from Front desk leads, Billing from Bookkeepers)")
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), jo.ID(), roles(account.Admin), 0)))
		is("Admin, Billing; Admin, Billing; Admin, Billing (Admin given directly and from Front desk leads, Billing from Bookkeepers)")
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), jo.ID(), roles(), 0)))
		_, err = r.ChangeGroup(t.Context(), admin.Actor(), leads.ID, account.GroupChange{Roles: &account.Roles{}}, 0)
		must(t, err)
		is("Billing; Billing; Billing, from Bookkeepers")
		_, err = r.TakeFromGroup(t.Context(), admin.Actor(), money.ID, []string{jo.ID()}, 0)
		must(t, err)
		is("Standard; Billing; Standard")
		_, err = r.ChangeGroup(t.Context(), admin.Actor(), leads.ID, account.GroupChange{Roles: &account.Roles{account.Admin}, Name: ptr("Leads")}, 0)
		must(t, err)
		is("Admin; Admin, Billing; Admin, from Leads")
		must(t, second(r.DeleteGroup(t.Context(), admin.Actor(), leads.ID, 0)))
		is("Standard; Billing; Standard")

		var told []string
		for _, e := range actions(t, r, admin) {
			if strings.HasPrefix(string(e.Action), "group.") || e.Action == account.HubUserAccessChanged && e.SubjectName == "Jo" {
				told = append(told, e.Sentence())
			}
		}
		for _, want := range []string{"Admin made the group Front desk leads", "Admin added Jo to the group Front desk leads", "Admin changed the access of Jo", "Admin changed what the group Front desk leads gives",
			"Admin took Jo out of the group Bookkeepers", "Admin renamed the group Front desk leads to Leads", "Admin deleted the group Leads"} {
			if !slices.Contains(told, want) {
				t.Errorf("the audit log lacks %q: %q", want, told)
			}
		}
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); len(got) != 6 || got[0] != "Your access to Harbour Group changed" {
			t.Errorf("Jo got %d mails: %q", len(got), got)
		}
	})
}

func TestGroupRules(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, far := r.Open("harbour"), r.Open("far")
		jo, stranger := r.Join(admin, "jo@harbour.example", account.Admin), r.Join(far, "pat@far.example")
		ctx := t.Context()
		g := group(t, r, admin, "Leads", account.Roles{account.Admin}, jo)
		theirs := group(t, r, far, "Leads", account.Roles{account.Admin})
		make := func(name string) error {
			_, err := r.MakeGroup(ctx, admin.Actor(), account.NewGroup{Name: name})
			return err
		}
		wantFault(t, make(" léads "), "group-name-taken")
		wantFault(t, make(" "), "name-empty")
		wantFault(t, make("www.example.com"), "name-link")
		wantFault(t, second(r.MakeGroup(ctx, jo.Actor(), account.NewGroup{Name: "X", Roles: account.Roles{"owner"}})), "role-unknown")
		add := func(id string, who account.Chosen) error {
			_, _, err := r.AddToGroup(ctx, admin.Actor(), id, who, 0)
			return err
		}
		wantFault(t, add(g.ID, account.Chosen{}), "group-nobody")
		wantFault(t, add(g.ID, account.Chosen{IDs: []string{stranger.ID()}}), "not-found")
		wantFault(t, add(g.ID, account.Chosen{Addresses: []string{"jo@harbour.example", "pat@far.example", "nobody"}}), "group-stranger")
		wantFault(t, add(theirs.ID, account.Chosen{IDs: []string{jo.ID()}}), "not-found")
		wantFault(t, add(g.ID, account.Chosen{IDs: make1001()}), "group-too-many")
		wantFault(t, second(r.TakeFromGroup(ctx, admin.Actor(), g.ID, []string{admin.ID()}, 0)), "not-found")
		wantFault(t, second(r.ChangeGroup(ctx, admin.Actor(), g.ID, account.GroupChange{Name: ptr("Other")}, 1)), "changed-meanwhile")
		// Nobody gives themselves more, neither by joining a group nor by what it gives.
		books := group(t, r, admin, "Books", account.Roles{account.Billing})
		wantFault(t, third(r.AddToGroup(ctx, jo.Actor(), books.ID, account.Chosen{IDs: []string{jo.ID()}}, 0)), "check-needed")
		jo.Check()
		wantFault(t, third(r.AddToGroup(ctx, jo.Actor(), books.ID, account.Chosen{IDs: []string{jo.ID()}}, 0)), "own-roles")
		wantFault(t, second(r.ChangeGroup(ctx, jo.Actor(), g.ID, account.GroupChange{Roles: &account.Roles{account.Admin, account.Billing}}, 0)), "own-roles")
		if got := jo.Actor().Roles.String(); got != "Admin" {
			t.Errorf("what was refused left Jo with %s", got)
		}
		// Whoever is removed is in no group, and comes back without what it gave.
		must(t, second(r.RemoveHubUser(ctx, admin.Actor(), jo.ID(), 0)))
		sound(t, r)
		r.Join(admin, "jo@harbour.example")
		if got := jo.SignIn().Actor().Roles.String(); got != "Standard" {
			t.Errorf("came back as %s", got)
		}
		if g, err := r.GroupByID(ctx, admin.Actor(), g.ID); err != nil || g.People != 0 {
			t.Errorf("the group has %d people, %v", g.People, err)
		}
	})
}

// What a group gives, whom it loses and who fills it decide what people can do: without a fresh check an admin changes its name, and no more.
func TestGroupsAskForAFreshCheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		jo, kim := r.Join(admin, "jo@harbour.example"), r.Join(admin, "kim@harbour.example", account.Admin)
		g := group(t, r, admin, "Leads", account.Roles{account.Billing}, jo)
		wantFault(t, second(r.ChangeGroup(ctx, kim.Actor(), g.ID, account.GroupChange{Roles: &account.Roles{}}, 0)), "check-needed")
		wantFault(t, second(r.TakeFromGroup(ctx, kim.Actor(), g.ID, []string{jo.ID()}, 0)), "check-needed")
		wantFault(t, second(r.DeleteGroup(ctx, kim.Actor(), g.ID, 0)), "check-needed")
		wantFault(t, second(r.LetDirectory(ctx, kim.Actor(), g.ID, true, 0)), "check-needed")
		must(t, second(r.ChangeGroup(ctx, kim.Actor(), g.ID, account.GroupChange{Name: ptr("Front desk")}, 0)))
		if got := jo.Actor().Roles.String(); got != "Billing" {
			t.Errorf("what was refused left Jo with %s", got)
		}
		if g, err := r.GroupByID(ctx, admin.Actor(), g.ID); err != nil || g.Name != "Front desk" || g.Directory {
			t.Errorf("the group is %+v, %v", g, err)
		}
	})
}

func make1001() []string {
	list := []string{}
	for i := range 1001 {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// The account keeps an active admin whichever way a group would take the last one, and what they offered stops with their right.
func TestGroupLastAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo, ctx := r.Join(admin, "jo@harbour.example"), t.Context()
		g := group(t, r, admin, "Leads", account.Roles{account.Admin}, jo)
		jo.Check()
		invited, _ := r.Invite(jo, "new@harbour.example")
		must(t, second(r.ChangeHubUser(ctx, jo.Actor(), admin.ID(), roles(account.Billing), 0)))
		wantFault(t, second(r.TakeFromGroup(ctx, jo.Actor(), g.ID, []string{jo.ID()}, 0)), "last-admin")
		wantFault(t, second(r.ChangeGroup(ctx, jo.Actor(), g.ID, account.GroupChange{Roles: &account.Roles{}}, 0)), "last-admin")
		wantFault(t, second(r.DeleteGroup(ctx, jo.Actor(), g.ID, 0)), "last-admin")
		sound(t, r)
		must(t, second(r.ChangeHubUser(ctx, jo.Actor(), admin.ID(), roles(account.Admin), 0)))
		must(t, second(r.TakeFromGroup(ctx, jo.Actor(), g.ID, []string{jo.ID()}, 0)))
		if i, err := r.InvitationByID(ctx, admin.Actor(), invited.ID); err != nil || i.State != account.Voided {
			t.Errorf("what Jo offered is %s, %v", i.State, err)
		}
		sound(t, r)
	})
}

// Two admins take each other out of the group that makes them admins, at the same time, again and again: one of them stays.
func TestGroupAdminsRace(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		first := r.Open("harbour")
		a, b := r.Join(first, "a@harbour.example"), r.Join(first, "b@harbour.example")
		g := group(t, r, first, "Admins", account.Roles{account.Admin}, a, b)
		a.Check()
		b.Check()
		must(t, second(r.ChangeHubUser(t.Context(), a.Actor(), first.ID(), roles(), 0)))
		for range 25 {
			users := []*accounttest.User{a, b}
			actors, ids := []account.Actor{a.Actor(), b.Actor()}, memberships(users)
			var wait sync.WaitGroup
			faults := make([]error, 2)
			for i := range users {
				wait.Go(func() { _, faults[i] = r.TakeFromGroup(t.Context(), actors[i], g.ID, []string{ids[1-i]}, 0) })
			}
			wait.Wait()
			sound(t, r)
			if (faults[0] == nil) == (faults[1] == nil) {
				t.Fatalf("both got the same answer: %v, %v", faults[0], faults[1])
			}
			winner, loser := 0, 1
			if faults[1] == nil {
				winner, loser = 1, 0
			}
			must(t, third(r.AddToGroup(t.Context(), users[winner].Actor(), g.ID, account.Chosen{IDs: []string{ids[loser]}}, 0)))
		}
	})
}

// What a group of a thousand gives changes in one transaction that takes about as many statements as for one.
func TestGroupOfThousand(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		g := group(t, r, admin, "Everybody", nil)
		var ids []string
		for i := range account.GroupMost {
			id := fmt.Sprintf("m%025d", i)
			_, err := r.DB.ExecContext(t.Context(), `INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invited_at, accepted_at, last_signed_in_at, version)
				VALUES ($1, $2, $3, $4, $5, $6, '', 'active', 1, 1, 1, 1)`, admin.Account.ID, id, "p"+id, id+"@harbour.example", "Person", "person "+id)
			must(t, err)
			ids = append(ids, id)
		}
		took := func(what string, act func() error) {
			t.Helper()
			began := time.Now()
			must(t, act())
			t.Logf("%s %d people: %s", what, len(ids), time.Since(began).Round(time.Millisecond))
			sound(t, r)
		}
		took("adding", func() error {
			return third(r.AddToGroup(t.Context(), admin.Actor(), g.ID, account.Chosen{IDs: ids}, 0))
		})
		took("admins", func() error {
			return second(r.ChangeGroup(t.Context(), admin.Actor(), g.ID, account.GroupChange{Roles: &account.Roles{account.Admin}}, 0))
		})
		took("deleting for", func() error { return second(r.DeleteGroup(t.Context(), admin.Actor(), g.ID, 0)) })
		var jobs, entries int
		must(t, r.DB.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM jobs WHERE kind = 'account.letter'), (SELECT COUNT(*) FROM audit_entries WHERE action = 'hub-user.access-changed')`).Scan(&jobs, &entries))
		if jobs != 2*len(ids) || entries != 2*len(ids) {
			t.Errorf("%d mails and %d audit entries", jobs, entries)
		}
	})
}

func TestGroupLists(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		jo, kim := r.Join(admin, "jo@harbour.example"), r.Join(admin, "kim@harbour.example")
		for _, name := range []string{"Cleaners", "Änderungen", "Books"} {
			group(t, r, admin, name, nil, jo, kim)
		}
		var names []string
		for after := ""; ; {
			list, next, err := r.Groups(ctx, admin.Actor(), account.GroupFilter{Limit: 2, After: after})
			must(t, err)
			for _, g := range list {
				names = append(names, fmt.Sprint(g.Name, " ", g.People))
			}
			if after = next; next == "" {
				break
			}
		}
		if got := strings.Join(names, ", "); got != "Änderungen 2, Books 2, Cleaners 2" {
			t.Errorf("listed %s", got)
		}
		found, _, err := r.Groups(ctx, admin.Actor(), account.GroupFilter{Search: "ander"})
		must(t, err)
		in, next, err := r.GroupPeople(ctx, admin.Actor(), found[0].ID, account.MemberFilter{Limit: 1})
		must(t, err)
		rest, end, err := r.GroupPeople(ctx, admin.Actor(), found[0].ID, account.MemberFilter{Limit: 1, After: next})
		must(t, err)
		out, _, err := r.GroupPeople(ctx, admin.Actor(), found[0].ID, account.MemberFilter{Outside: true})
		must(t, err)
		if len(found) != 1 || in[0].Name != "Jo" || rest[0].Name != "Kim" || end != "" || len(out) != 1 || out[0].Name != "Admin" {
			t.Errorf("in the group %v %v, outside %v", in, rest, out)
		}
		_, _, err = r.GroupPeople(ctx, admin.Actor(), found[0].ID, account.MemberFilter{After: next, Outside: true})
		wantFault(t, err, "cursor-unknown")
		if _, _, err := r.Groups(ctx, jo.Actor(), account.GroupFilter{}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a Standard user lists groups: %v", err)
		}
	})
}
