package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/base/scim"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// brought is somebody as a directory would bring them.
func brought(email string) account.DirectoryPerson {
	return account.DirectoryPerson{UserName: email, Email: email, ExternalID: "x-" + email, DisplayName: accounttest.Person(email), Active: true}
}

func bring(t *testing.T, r *accounttest.Rig, actor account.Actor, email string) account.DirectoryPerson {
	t.Helper()
	p, err := r.BringPerson(t.Context(), actor, brought(email))
	must(t, err)
	return p
}

// switched makes somebody active or not, as a patch of that one attribute does.
func switched(t *testing.T, r *accounttest.Rig, actor account.Actor, id string, active bool) account.DirectoryPerson {
	t.Helper()
	p, err := r.ChangeDirectoryPerson(t.Context(), actor, id, func(p *account.DirectoryPerson) error { p.Active = active; return nil })
	must(t, err)
	return p
}

func people(t *testing.T, r *accounttest.Rig, actor account.Actor, filter string) (names []string) {
	t.Helper()
	f, err := scim.ParseFilter(filter)
	must(t, err)
	list, total, err := r.DirectoryPeople(t.Context(), actor, &f, 0, 100)
	must(t, err)
	for _, p := range list {
		names = append(names, p.UserName)
	}
	if total != len(list) {
		t.Errorf("%s: %d, %d in all", filter, len(list), total)
	}
	return names
}

// Whom the directory brings is invited and has to agree; their ID stays from the offer to the end of the membership.
func TestDirectoryBringsPeopleByInvitation(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin, account.Billing)
		p := bring(t, r, directory, "Jo@Harbour.Example")
		if !p.Active || p.Email != "jo@harbour.example" || p.UserName != "Jo@Harbour.Example" {
			t.Fatalf("brought: %+v", p)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM people WHERE email = 'jo@harbour.example'`); n != 0 {
			t.Fatal("there is a person before anybody agreed")
		}
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); !slices.Equal(got, []string{"Directory sync invited you to Harbour Group"}) {
			t.Errorf("mails: %q", got)
		}
		jo := r.AcceptOffer(admin.Account, "jo@harbour.example")
		if roles := jo.Actor().Roles; !roles.Equal(account.Roles{account.Billing}) {
			t.Errorf("jo may do %s", roles)
		}
		again, err := r.DirectoryPersonByID(t.Context(), directory, p.ID)
		must(t, err)
		if !again.Active || again.ID != p.ID {
			t.Errorf("after agreeing: %+v", again)
		}
		_, err = r.BringPerson(t.Context(), directory, brought("jo@harbour.example"))
		wantFault(t, err, "directory-user-taken")
		for _, e := range actions(t, r, admin) {
			if strings.HasPrefix(string(e.Action), "invitation.sent") && (e.ActorName != "Directory sync" || e.ActorKind != account.Directory) {
				t.Errorf("the log says that %s (%s) invited", e.ActorName, e.ActorKind)
			}
		}
		p = switched(t, r, directory, p.ID, false)
		if _, err := r.Enter(t.Context(), jo.Session(), "harbour", accounttest.Address); err == nil || p.Active {
			t.Errorf("deactivated: %+v, and jo gets in: %v", p, err)
		}
		if p = switched(t, r, directory, p.ID, true); !p.Active {
			t.Errorf("activated: %+v", p)
		}
		jo.Actor()
		must(t, r.DropDirectoryPerson(t.Context(), directory, p.ID))
		if _, err := r.Enter(t.Context(), jo.Session(), "harbour", accounttest.Address); err == nil {
			t.Error("jo gets in after being dropped")
		}
		_, err = r.DirectoryPersonByID(t.Context(), directory, p.ID)
		wantFault(t, err, "not-found")
		if state := scan[string](t, r, `SELECT state FROM memberships WHERE email = 'jo@harbour.example'`); state != "removed" {
			t.Errorf("the membership is %s", state)
		}
		bring(t, r, directory, "jo@harbour.example") // who comes back is invited anew
		r.AcceptOffer(admin.Account, "jo@harbour.example")
	})
}

// A directory never takes over a person who is elsewhere (the class of A22 and A29): the same is seen whether or not the address is somebody's,
// nothing of theirs is shown or changed, and they have to agree.
func TestA54DirectoryTakesNobodyOver(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, north := r.Open("harbour"), r.Open("northside")
		_, directory := r.Directory(admin)
		secret := r.Join(north, "secret@harbour.example", account.Admin) // elsewhere, under a name that harbour does not know
		name := account.Change{Name: ptr("Sabrina Secretname")}
		_, err := r.ChangeHubUser(t.Context(), north.Actor(), secret.ID(), name, 0)
		must(t, err)
		before := scan[string](t, r, `SELECT name || email || COALESCE(password, '') || epoch FROM people WHERE email = 'secret@harbour.example'`)
		known, unknown := bring(t, r, directory, "secret@harbour.example"), bring(t, r, directory, "nobody@harbour.example")
		known.ID, known.UserName, known.Email, known.ExternalID, known.DisplayName = unknown.ID, unknown.UserName, unknown.Email, unknown.ExternalID, unknown.DisplayName
		if a, b := fmt.Sprintf("%t %d %d", known.Active, known.CreatedAt, known.ChangedAt), fmt.Sprintf("%t %d %d", unknown.Active, unknown.CreatedAt, unknown.ChangedAt); a != b {
			t.Errorf("somebody's address answers %s, nobody's %s", a, b)
		}
		if _, err := r.Enter(t.Context(), secret.Session(), "harbour", accounttest.Address); err == nil {
			t.Error("they are in without having agreed")
		}
		list, _, err := r.DirectoryPeople(t.Context(), directory, nil, 0, 100)
		must(t, err)
		for _, p := range list {
			p = switched(t, r, directory, p.ID, false)
			p, err = r.ChangeDirectoryPerson(t.Context(), directory, p.ID, func(p *account.DirectoryPerson) error { p.DisplayName, p.Active = "Renamed", true; return nil })
			must(t, err)
			must(t, r.DropDirectoryPerson(t.Context(), directory, p.ID))
		}
		if after := scan[string](t, r, `SELECT name || email || COALESCE(password, '') || epoch FROM people WHERE email = 'secret@harbour.example'`); after != before {
			t.Error("a directory changed the person")
		}
		if got := secret.Actor(); !got.Roles.Has(account.Admin) || strings.Contains(fmt.Sprint(list), "Sabrina") {
			t.Errorf("elsewhere they are %v; the directory saw %v", got.Roles, list)
		}
	})
}

// Addresses outside of the domains are refused, and so is moving somebody's sign-in: a member's address changes when they change it.
func TestDirectoryReachesItsDomainsOnly(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		_, err := r.BringPerson(t.Context(), directory, brought("jo@other.example"))
		wantFault(t, err, "directory-domain", "harbour.example")
		_, err = r.BringPerson(t.Context(), directory, brought("no address"))
		wantFault(t, err, "directory-email")
		jo := bring(t, r, directory, "jo@harbour.example")
		to := func(id, email string) error {
			_, err := r.ChangeDirectoryPerson(t.Context(), directory, id, func(p *account.DirectoryPerson) error { p.UserName, p.Email = email, email; return nil })
			return err
		}
		old := r.Token(scan[string](t, r, `SELECT id FROM invitations WHERE email = 'jo@harbour.example'`))
		must(t, to(jo.ID, "joanna@harbour.example")) // an open invitation goes to the new address
		_, err = r.Welcome(t.Context(), old)
		wantFault(t, err, "invitation-cancelled")
		r.AcceptOffer(admin.Account, "joanna@harbour.example")
		wantFault(t, to(jo.ID, "j@harbour.example"), "scim-mutability", "only they can change")
		wantFault(t, to(jo.ID, "j@other.example"), "directory-domain")
		if email := scan[string](t, r, `SELECT email FROM memberships WHERE name = 'Joanna'`); email != "joanna@harbour.example" {
			t.Errorf("the member's address is %s", email)
		}
		bring(t, r, directory, "lee@harbour.example")
		wantFault(t, to(jo.ID, "lee@harbour.example"), "directory-user-taken")
	})
}

// What admins and people decide wins over the directory: a deactivated, removed or declined person does not come back by its next run.
func TestDirectoryTakesBackOnlyWhatItDid(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		ctx := t.Context()
		byHand := r.Join(admin, "hand@harbour.example")
		p := bring(t, r, directory, "hand@harbour.example") // found by their address, not invited again
		if !p.Active || scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email = 'hand@harbour.example'`) != 1 {
			t.Fatalf("a hub user: %+v", p)
		}
		_, err := r.ChangeHubUser(ctx, admin.Actor(), byHand.ID(), account.Change{State: ptr(account.Deactivated)}, 0)
		must(t, err)
		if p = switched(t, r, directory, p.ID, true); p.Active {
			t.Error("the directory brought back whom an admin deactivated")
		}
		switched(t, r, directory, p.ID, false)
		if p = switched(t, r, directory, p.ID, true); p.Active {
			t.Error("the directory brought them back by switching twice")
		}

		lee := bring(t, r, directory, "lee@harbour.example")
		_, err = r.Decline(ctx, r.Token(scan[string](t, r, `SELECT id FROM invitations WHERE email = 'lee@harbour.example'`)), "lee@harbour.example")
		must(t, err)
		if lee = switched(t, r, directory, lee.ID, true); lee.Active || scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email = 'lee@harbour.example'`) != 1 {
			t.Error("who declined is invited again by the directory's next run")
		}
		switched(t, r, directory, lee.ID, false)
		if lee = switched(t, r, directory, lee.ID, true); !lee.Active { // a new offer, after the directory itself took them out
			t.Error("who was taken out and back in is not invited")
		}

		mo := bring(t, r, directory, "mo@harbour.example")
		r.AcceptOffer(admin.Account, "mo@harbour.example")
		_, err = r.RemoveHubUser(ctx, admin.Actor(), scan[string](t, r, `SELECT id FROM memberships WHERE email = 'mo@harbour.example'`), 0)
		must(t, err)
		if mo = switched(t, r, directory, mo.ID, true); mo.Active {
			t.Error("the directory brought back whom an admin removed")
		}
		r.Join(admin, "mo@harbour.example") // an admin invites them by hand
		if mo, err = r.DirectoryPersonByID(ctx, directory, mo.ID); err != nil || !mo.Active {
			t.Errorf("after the admin's own invitation: %+v, %v", mo, err)
		}
		off := brought("off@harbour.example")
		off.Active = false
		if off, err = r.BringPerson(ctx, directory, off); err != nil || off.Active || scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email = 'off@harbour.example'`) != 0 {
			t.Errorf("brought inactive: %+v, %v", off, err)
		}
		if off = switched(t, r, directory, off.ID, true); !off.Active {
			t.Errorf("activated: %+v", off)
		}
	})
}

// An invitation that ran out lets nobody in, so its person is not active, for one and for filters. They are again when an admin sends it
// again, or when the directory switches them off and on.
func TestDirectoryAfterAnInvitationRanOut(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		p := bring(t, r, directory, "jo@harbour.example")
		r.Clock.Advance(8 * 24 * time.Hour)
		late, err := r.DirectoryPersonByID(t.Context(), directory, p.ID)
		if must(t, err); late.Active || len(people(t, r, directory, "active eq true")) != 0 || len(people(t, r, directory, "active eq false")) != 1 {
			t.Errorf("after the invitation ran out: %+v", late)
		}
		id := scan[string](t, r, `SELECT id FROM invitations WHERE email = 'jo@harbour.example'`)
		must(t, second(r.Resend(t.Context(), admin.SignIn().Check().Actor(), id, 0)))
		if again, err := r.DirectoryPersonByID(t.Context(), directory, p.ID); err != nil || !again.Active {
			t.Errorf("sent again: %+v, %v", again, err)
		}
		r.Clock.Advance(8 * 24 * time.Hour)
		if off := switched(t, r, directory, p.ID, false); off.Active {
			t.Errorf("switched off: %+v", off)
		}
		if on := switched(t, r, directory, p.ID, true); !on.Active || scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email = 'jo@harbour.example' AND state = 'pending'`) != 1 {
			t.Errorf("switched on: %+v", on)
		}
	})
}

// Whom the directory switched off it may switch on again, also when an admin gave them another name meanwhile; whom an admin switched off
// stays off.
func TestDirectoryTakesBackItsOwnWordOnly(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		p := bring(t, r, directory, "jo@harbour.example")
		jo := r.AcceptOffer(admin.Account, "jo@harbour.example")
		id := jo.ID()
		switched(t, r, directory, p.ID, false)
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, account.Change{Name: ptr("Jo Baptiste")}, 0)))
		if p = switched(t, r, directory, p.ID, true); !p.Active {
			t.Errorf("after another name: %+v", p)
		}
		deactivated := account.Deactivated
		must(t, second(r.ChangeHubUser(t.Context(), admin.Check().Actor(), id, account.Change{State: &deactivated}, 0)))
		if p = switched(t, r, directory, p.ID, true); p.Active {
			t.Errorf("after an admin's word: %+v", p)
		}
		if _, err := r.Enter(t.Context(), jo.Session(), "harbour", accounttest.Address); err == nil {
			t.Error("jo gets in")
		}
	})
}

// The account keeps an active admin, whatever its directory says.
func TestDirectoryLeavesTheLastAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		p := bring(t, r, directory, admin.Email)
		_, err := r.ChangeDirectoryPerson(t.Context(), directory, p.ID, func(p *account.DirectoryPerson) error { p.Active = false; return nil })
		wantFault(t, err, "last-admin")
		wantFault(t, r.DropDirectoryPerson(t.Context(), directory, p.ID), "last-admin")
		off := brought("admin@harbour.example")
		must(t, r.TurnOffDirectory(t.Context(), admin.Actor()))
		_, err = r.DB.ExecContext(t.Context(), `DELETE FROM directory_people`)
		must(t, err)
		_, directory = r.Directory(admin)
		off.Active = false
		_, err = r.BringPerson(t.Context(), directory, off)
		wantFault(t, err, "last-admin")
		sound(t, r)
	})
}

// Groups of the directory give nothing until an admin gives them a role; only groups that an admin handed over are the directory's to fill.
func TestDirectoryGroupsGiveWhatAdminsDecided(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		ctx := t.Context()
		_, directory := r.Directory(admin)
		jo, lee := bring(t, r, directory, "jo@harbour.example"), bring(t, r, directory, "lee@harbour.example")
		member := r.AcceptOffer(admin.Account, "jo@harbour.example")
		change := func(id string, c scim.MemberChange) error {
			_, err := r.ChangeDirectoryGroup(ctx, directory, id, func(*account.DirectoryGroup) (scim.MemberChange, error) { return c, nil })
			return err
		}

		sales, err := r.BringGroup(ctx, directory, account.DirectoryGroup{Name: "Sales", ExternalID: "s"}, []string{jo.ID, lee.ID})
		must(t, err)
		if len(sales.People) != 2 || len(member.Actor().Roles) != 0 {
			t.Fatalf("sales: %+v; jo may do %s", sales, member.Actor().Roles)
		}
		_, err = r.ChangeGroup(ctx, admin.Actor(), sales.ID, account.GroupChange{Roles: &account.Roles{account.Admin}}, 0)
		must(t, err)
		if !member.Actor().Roles.Has(account.Admin) {
			t.Error("the role that the admin gave the group does not reach jo")
		}
		if later := r.AcceptOffer(admin.Account, "lee@harbour.example"); !later.Actor().Roles.Has(account.Admin) {
			t.Error("who accepts later does not get what the group gives")
		}
		must(t, change(sales.ID, scim.MemberChange{Remove: []string{jo.ID}}))
		if member.Actor().Roles.Has(account.Admin) {
			t.Error("jo is an admin after leaving the group")
		}
		sound(t, r)

		own := group(t, r, admin, "Leads", account.Roles{account.Admin}, admin)
		_, err = r.DirectoryGroupByID(ctx, directory, own.ID, true)
		wantFault(t, err, "not-found")
		wantFault(t, change(own.ID, scim.MemberChange{Add: []string{jo.ID}}), "not-found")
		wantFault(t, r.DropDirectoryGroup(ctx, directory, own.ID), "not-found")
		_, err = r.BringGroup(ctx, directory, account.DirectoryGroup{Name: "LEADS"}, nil)
		wantFault(t, err, "directory-group-taken")
		_, err = r.LetDirectory(ctx, admin.Actor(), own.ID, true, 0)
		must(t, err)
		must(t, change(own.ID, scim.MemberChange{Add: []string{jo.ID}}))
		if g, err := r.DirectoryGroupByID(ctx, directory, own.ID, true); err != nil || len(g.People) != 1 { // the admin was put there by hand
			t.Errorf("leads: %+v, %v", g, err)
		}
		if !member.Actor().Roles.Has(account.Admin) {
			t.Error("a group that was handed over gives jo nothing")
		}
		must(t, change(own.ID, scim.MemberChange{Replace: true}))
		if member.Actor().Roles.Has(account.Admin) || !admin.Actor().Roles.Has(account.Admin) {
			t.Error("emptying the directory's part takes too little or too much")
		}
		wantFault(t, change(own.ID, scim.MemberChange{Add: []string{jo.ID, "nobody"}}), "directory-member")
		must(t, r.DropDirectoryGroup(ctx, directory, own.ID))
		if g, err := r.GroupByID(ctx, admin.Actor(), own.ID); err != nil || g.Directory || g.People != 1 {
			t.Errorf("a group made by hand, dropped by the directory: %+v, %v", g, err)
		}
		must(t, r.DropDirectoryGroup(ctx, directory, sales.ID))
		_, err = r.GroupByID(ctx, admin.Actor(), sales.ID)
		wantFault(t, err, "not-found")
		sound(t, r)
	})
}

// A group that makes the only admin can't be emptied or dropped by the directory.
func TestDirectoryGroupsKeepAnAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		ctx := t.Context()
		_, directory := r.Directory(admin)
		p := bring(t, r, directory, admin.Email)
		g, err := r.BringGroup(ctx, directory, account.DirectoryGroup{Name: "Admins"}, []string{p.ID})
		must(t, err)
		_, err = r.ChangeGroup(ctx, admin.Actor(), g.ID, account.GroupChange{Roles: &account.Roles{account.Admin}}, 0)
		must(t, err)
		_, err = r.ChangeHubUser(ctx, admin.Actor(), admin.ID(), account.Change{Roles: &account.Roles{}}, 0) // now by the group alone
		must(t, err)
		wantFault(t, r.DropDirectoryGroup(ctx, directory, g.ID), "last-admin")
		_, err = r.ChangeDirectoryGroup(ctx, directory, g.ID, func(*account.DirectoryGroup) (scim.MemberChange, error) {
			return scim.MemberChange{Remove: []string{p.ID}}, nil
		})
		wantFault(t, err, "last-admin")
		sound(t, r)
	})
}

// The token is dead at once when it is replaced, expired or turned off, for requests on their way too; what was offered dies with it.
func TestDirectoryTokenEndsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		ctx := t.Context()
		_, _, err := r.NewDirectoryToken(ctx, admin.Actor(), 0)
		wantFault(t, err, "directory-off")
		first, running := r.Directory(admin)
		if hash := scan[string](t, r, `SELECT token_hash FROM directory_syncs`); strings.Contains(first, hash) || strings.Contains(hash, first) {
			t.Error("the token is in the store")
		}
		bring(t, r, running, "jo@harbour.example")
		link := r.Token(scan[string](t, r, `SELECT id FROM invitations WHERE email = 'jo@harbour.example'`))
		dead := func(token string, actor account.Actor) {
			t.Helper()
			_, err := r.UseDirectory(ctx, token, accounttest.Address)
			wantFault(t, err, "directory-unknown")
			_, err = r.BringPerson(ctx, actor, brought("late@harbour.example"))
			if !fault.Is(err, fault.SignedOut) {
				t.Errorf("a request that was on its way: %v", err)
			}
		}
		_, second, err := r.NewDirectoryToken(ctx, admin.Actor(), day)
		must(t, err)
		dead(first, running)
		next, err := r.UseDirectory(ctx, second, accounttest.Address)
		must(t, err)
		_, err = r.Welcome(ctx, link) // a new token is the same sync
		must(t, err)
		r.Clock.Advance(day)
		dead(second, next)
		admin.SignIn().Check()
		must(t, r.TurnOffDirectory(ctx, admin.Actor()))
		dead(second, next)
		_, err = r.Welcome(ctx, link)
		wantFault(t, err, "invitation-voided", "turned off")
		_, again := r.Directory(admin)
		list, _, err := r.DirectoryPeople(ctx, again, nil, 0, 10)
		must(t, err)
		if len(list) != 1 || list[0].Active {
			t.Fatalf("after turning it on again: %+v", list)
		}
		if p := switched(t, r, again, list[0].ID, true); !p.Active {
			t.Error("the directory can't invite again after it was turned on again")
		}
		_, err = r.Suspend(ctx, account.Operate(), admin.Account.ID, "unpaid")
		must(t, err)
		_, err = r.BringPerson(ctx, again, brought("late@harbour.example"))
		wantFault(t, err, "account-suspended")
	})
}

// Only an admin with a fresh check turns it on, and it can't offer Admin.
func TestDirectoryIsTurnedOnByAnAdminWithACheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		ctx := t.Context()
		on := account.DirectorySettings{Domains: "harbour.example"}
		standard := r.Join(admin, "sta@harbour.example")
		_, _, err := r.TurnOnDirectory(ctx, standard.Actor(), on, 0)
		wantFault(t, err, "role-missing")
		_, key := r.Key(admin)
		_, _, err = r.TurnOnDirectory(ctx, key, on, 0)
		wantFault(t, err, "person-needed")
		second := r.Join(admin, "second@harbour.example", account.Admin)
		_, _, err = r.TurnOnDirectory(ctx, second.Actor(), on, 0)
		wantFault(t, err, "check-needed")
		_, _, err = r.TurnOnDirectory(ctx, admin.Actor(), account.DirectorySettings{Domains: "harbour.example", Roles: account.Roles{account.Admin}}, 0)
		wantFault(t, err, "directory-admin")
		_, _, err = r.TurnOnDirectory(ctx, admin.Actor(), account.DirectorySettings{}, 0)
		wantFault(t, err, "domains-empty")
		_, _, err = r.TurnOnDirectory(ctx, admin.Actor(), on, 400*day)
		wantFault(t, err, "key-life")
		_, directory := r.Directory(admin)
		_, _, err = r.TurnOnDirectory(ctx, admin.Actor(), on, 0)
		wantFault(t, err, "directory-on")
		for _, right := range account.Rights {
			if directory.Can(right.Permission) {
				t.Errorf("a directory holds %s", right.Permission)
			}
		}
		s, err := r.ChangeDirectory(ctx, admin.Actor(), account.DirectorySettings{Domains: "harbour.example other.example", Roles: account.Roles{account.Billing}}, 1)
		if err != nil || len(s.Domains) != 2 || s.Version != 2 {
			t.Errorf("%+v, %v", s, err)
		}
		_, err = r.ChangeDirectory(ctx, admin.Actor(), on, 1)
		wantFault(t, err, "changed-meanwhile")
	})
}

func TestDirectoryFiltersBecomeSQL(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		_, north := r.Directory(r.Open("northside"))
		_, err := r.BringPerson(t.Context(), north, brought("far@northside.example"))
		must(t, err)
		jo := bring(t, r, directory, "jo@harbour.example")
		r.Clock.Advance(minute) // lists are in the order of making
		lee := bring(t, r, directory, "lee_%@harbour.example")
		switched(t, r, directory, lee.ID, false)
		both := []string{jo.UserName, lee.UserName}
		for filter, want := range map[string][]string{
			`userName eq "JO@harbour.example"`: both[:1], `userName ne "jo@harbour.example"`: both[1:], `userName sw "jo"`: both[:1], `userName ew ".example"`: both, `userName co "_%"`: both[1:],
			`userName co "%"`: both[1:], `externalId eq "x-jo@harbour.example"`: both[:1], `externalId eq "X-jo@harbour.example"`: nil, `id eq "` + jo.ID + `"`: both[:1], `displayName eq "jo"`: both[:1],
			`active eq true`: both[:1], `active eq "False"`: both[1:], `active ne true`: both[1:], `not (active eq true)`: both[1:],
			`emails.value eq "Jo@Harbour.example"`: both[:1], `emails eq "jo@harbour.example"`: both[:1], `emails[type eq "work" and value sw "lee"]`: both[1:], `emails[type eq "home"]`: nil, `emails[primary eq true]`: both,
			`userName eq "x" or (displayName pr and active eq true)`: both[:1], `userName eq "a' OR 1=1 --"`: nil, `userName eq "far@northside.example"`: nil, `externalId pr`: both, `externalId eq null`: nil,
			`meta.lastModified ge "2020-01-01T00:00:00Z"`: both, `meta.created lt "2020-01-01T00:00:00Z"`: nil, `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "jo@harbour.example"`: both[:1],
		} {
			if got := people(t, r, directory, filter); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", filter, got, want)
			}
		}
		for _, filter := range []string{`title eq "x"`, `password sw "a"`, `userName gt "a"`, `active gt true`, `active eq "maybe"`, `userName eq 1`, `meta.created eq "yesterday"`, `name[x pr]`, `emails[emails[value pr]]`, `urn:x:userName eq "a"`, `members eq "a"`} {
			f, err := scim.ParseFilter(filter)
			must(t, err)
			_, _, err = r.DirectoryPeople(t.Context(), directory, &f, 0, 10)
			if got, _ := fault.Of(err); got == nil || scim.Types[got.Code] != "invalidFilter" {
				t.Errorf("%s: %v", filter, err)
			}
		}
		_, err = r.BringGroup(t.Context(), directory, account.DirectoryGroup{Name: "Sales", ExternalID: "s"}, []string{jo.ID})
		must(t, err)
		for filter, want := range map[string]int{`displayName eq "SALES"`: 1, `externalId eq "s"`: 1, `members.value eq "` + jo.ID + `"`: 1, `members[value eq "` + lee.ID + `"]`: 0, `displayName co "x"`: 0} {
			f, err := scim.ParseFilter(filter)
			must(t, err)
			if list, total, err := r.DirectoryGroups(t.Context(), directory, &f, 0, 10, true); err != nil || total != want || len(list) != want {
				t.Errorf("%s: %v, %d, %v", filter, list, total, err)
			}
		}
		list, total, err := r.DirectoryPeople(t.Context(), directory, nil, 1, 1)
		if err != nil || total != 2 || len(list) != 1 || list[0].ID != lee.ID {
			t.Errorf("the second page: %v of %d, %v", list, total, err)
		}
	})
}

// Mails that the day's limit stops are an error that the directory repeats later; nothing half is left.
func TestDirectoryKeepsToTheDailyLimit(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		var err error
		for i := 0; err == nil && i < 10; i++ {
			_, err = r.BringPerson(t.Context(), directory, brought(fmt.Sprintf("p%d@harbour.example", i)))
		}
		if !fault.Is(err, fault.TooMany) {
			t.Fatal(err)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM directory_people`); n != scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE inviter_kind = 'directory'`) {
			t.Error("somebody was brought without an invitation")
		}
	}, accounttest.With(func(c *account.Config) { c.DailyInvitations = 4 }))
}

// Of two requests that bring the same person at the same moment one wins and one is told, and one invitation goes out.
func TestDirectoryBringsEachPersonOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, directory := r.Directory(admin)
		for round := range 5 {
			email := fmt.Sprintf("p%d@harbour.example", round)
			results := make(chan error)
			for range 4 {
				go func() {
					_, err := r.BringPerson(background, directory, brought(email))
					results <- err
				}()
			}
			won := 0
			for range 4 {
				err := <-results
				if err == nil {
					won++
				} else if f, ok := fault.Of(err); !ok || f.Code != "directory-user-taken" {
					t.Errorf("a request that lost: %v", err)
				}
			}
			if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email = $1`, email); won != 1 || n != 1 {
				t.Errorf("%d requests won, %d invitations", won, n)
			}
		}
	})
}
