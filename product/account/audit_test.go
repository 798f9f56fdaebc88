package account_test

import (
	"slices"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// everything does each kind of change once.
func everything(t *testing.T, r *accounttest.Rig) (admin *accounttest.User) {
	t.Helper()
	admin = r.Open("harbour")
	jo := r.Join(admin, "jo@harbour.example")
	id := jo.ID()
	step := func(err error) {
		t.Helper()
		must(t, err)
		r.Clock.Advance(2 * time.Second)
	}
	step(second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "Harbour", TimeZone: "UTC", InvitationHours: 48, CheckMinutes: 30}, 0)))
	step(second(r.ChangeHubUser(t.Context(), admin.Actor(), id, account.Change{Name: ptr("Joe"), Roles: &account.Roles{account.Admin}}, 0)))
	step(second(r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Deactivated), 0)))
	step(second(r.ChangeHubUser(t.Context(), admin.Actor(), id, state(account.Active), 0)))
	i, _ := r.Invite(admin, "lee@harbour.example")
	r.Clock.Advance(minute)
	step(second(r.Resend(t.Context(), admin.Actor(), i.ID, 0)))
	step(second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{account.Billing}}, 0)))
	step(second(r.Cancel(t.Context(), admin.Actor(), i.ID, 0)))
	_, token := r.Invite(admin, "mo@harbour.example")
	step(second(r.Decline(t.Context(), token, "mo@harbour.example")))
	r.Invite(jo.Check(), "nat@harbour.example")
	step(second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(), 0))) // voids it
	_, key := r.Key(admin)
	step(r.RevokeKey(t.Context(), account.Operate().Inside(admin.Account), key.KeyID))
	step(second(r.RemoveHubUser(t.Context(), admin.Actor(), id, 0)))
	return admin
}

// Who did what, to whom, when, from where, what it was and what it is: for every change.
func TestAuditLogTellsEverything(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := everything(t, r)
		log, next, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{Limit: 500})
		must(t, err)
		slices.Reverse(log)
		var told []string
		for _, e := range log {
			told = append(told, e.Sentence()+" | "+e.Before+" | "+e.After)
			if e.ID == "" || e.At == 0 || e.ActorName == "" || e.SubjectID == "" || e.SubjectName == "" {
				t.Errorf("incomplete: %+v", e)
			}
			if e.ActorKind == account.Member && e.Action != account.InvitationDeclined && (e.ActorID == "" || e.Address != accounttest.Address) {
				t.Errorf("does not tell who or from where: %+v", e)
			}
		}
		want := []string{
			"Operator opened the account Harbour Group |  | account number 10001",
			"Operator invited Admin (admin@harbour.example) |  | Admin, Billing",
			"Admin accepted the invitation |  | Admin, Billing",
			"Admin invited jo@harbour.example |  | Standard",
			"Jo accepted the invitation |  | Standard",
			"Admin changed the account's settings | Harbour Group, Australia/Sydney, invitations 168 h, check 30 min | Harbour, UTC, invitations 48 h, check 30 min",
			"Admin renamed Jo to Joe | Jo | Joe",
			"Admin changed the access of Joe | Standard | Admin",
			"Admin deactivated Joe | active | deactivated",
			"Admin reactivated Joe | deactivated | active",
			"Admin invited lee@harbour.example |  | Standard",
			"Admin sent the invitation to lee@harbour.example again |  | ",
			"Admin changed the access in the invitation to lee@harbour.example | Standard | Billing",
			"Admin cancelled the invitation to lee@harbour.example |  | ",
			"Admin invited mo@harbour.example |  | Standard",
			"mo@harbour.example declined the invitation |  | ",
			"Joe invited nat@harbour.example |  | Standard",
			"Admin changed the access of Joe | Admin | Standard",
			"The invitation to nat@harbour.example stopped, as its inviter is no longer an admin |  | ",
			"Operator made the API key Test key |  | for Admin",
			"Operator revoked the API key Test key |  | ",
			"Admin removed Joe from hub users | Standard | ",
		}
		if !slices.Equal(told, want) || next != "" {
			t.Errorf("the log tells\n%q\nwant\n%q", told, want)
		}
	})
}

func TestAuditFilters(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := everything(t, r)
		north := r.Open("northside")
		all, _, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{Limit: 500})
		must(t, err)
		lee := all[len(all)-1-10]
		for name, c := range map[string]struct {
			filter account.AuditFilter
			fits   func(account.AuditEntry) bool
		}{
			"area":    {account.AuditFilter{Area: "hub-user"}, func(e account.AuditEntry) bool { return e.Action[:9] == "hub-user." }},
			"actor":   {account.AuditFilter{ActorID: admin.Actor().PersonID}, func(e account.AuditEntry) bool { return e.ActorID == admin.Actor().PersonID }},
			"subject": {account.AuditFilter{SubjectID: lee.SubjectID}, func(e account.AuditEntry) bool { return e.SubjectID == lee.SubjectID }},
			"search":  {account.AuditFilter{Search: "LEE@"}, func(e account.AuditEntry) bool { return e.SubjectID == lee.SubjectID }},
			"since":   {account.AuditFilter{Since: time.UnixMilli(lee.At)}, func(e account.AuditEntry) bool { return e.At >= lee.At }},
			"until":   {account.AuditFilter{Until: time.UnixMilli(lee.At)}, func(e account.AuditEntry) bool { return e.At < lee.At }},
			"both": {account.AuditFilter{Area: "invitation", ActorID: admin.Actor().PersonID, Since: accounttest.Start}, func(e account.AuditEntry) bool {
				return e.Action[:11] == "invitation." && e.ActorID == admin.Actor().PersonID
			}},
		} {
			var want, got []string
			for _, e := range all {
				if c.fits(e) {
					want = append(want, e.ID)
				}
			}
			must(t, r.EachAuditEntry(t.Context(), admin.Actor(), c.filter, func(e account.AuditEntry) error { got = append(got, e.ID); return nil }))
			var paged []string
			c.filter.Limit = 2
			for {
				list, next, err := r.AuditLog(t.Context(), admin.Actor(), c.filter)
				must(t, err)
				for _, e := range list {
					paged = append(paged, e.ID)
				}
				if c.filter.After = next; next == "" {
					break
				}
			}
			if len(want) == 0 || len(want) == len(all) || !slices.Equal(got, want) || !slices.Equal(paged, want) {
				t.Errorf("%s: %d entries at once, %d in pages, want %d", name, len(got), len(paged), len(want))
			}
		}
		people, err := r.AuditActors(t.Context(), admin.Actor())
		must(t, err)
		if len(people) != 2 || people[0].Name != "Admin" || people[1].Name != "Joe" { // who was an admin once
			t.Errorf("the log can be filtered by %+v", people)
		}
		if list, _, err := r.AuditLog(t.Context(), north.Actor(), account.AuditFilter{SubjectID: lee.SubjectID}); err != nil || len(list) != 0 {
			t.Errorf("another account sees %+v, %v", list, err)
		}
		jo := r.Join(admin, "kim@harbour.example", account.Billing)
		if err := third(r.AuditLog(t.Context(), jo.Actor(), account.AuditFilter{})); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a billing user reads the log: %v", err)
		}
	})
}

// Every action has a sentence of its own.
func TestEveryActionHasASentence(t *testing.T) {
	t.Parallel()
	for _, a := range actionsInSource(t) {
		e := account.AuditEntry{Action: a, ActorName: "A", SubjectName: "B"}
		if s := e.Sentence(); s == "A: "+string(a)+" B" {
			t.Errorf("%s is told as %q", a, s)
		}
	}
}
