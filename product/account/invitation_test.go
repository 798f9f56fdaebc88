package account_test

import (
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestA15A17ResendReplacesTheLink(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		first, old := r.Invite(admin, "jo@harbour.example")
		f := wantFault(t, second(r.Resend(t.Context(), admin.Actor(), first.ID, 0)), "resend-soon", "60 seconds")
		if f.Kind != fault.TooMany || f.RetryAfter != time.Minute {
			t.Errorf("resending at once answers %+v", f)
		}
		r.Clock.Advance(minute - 1)
		wantFault(t, second(r.Resend(t.Context(), admin.Actor(), first.ID, 0)), "resend-soon")
		r.Clock.Advance(time.Millisecond)
		again, err := r.Resend(t.Context(), admin.Actor(), first.ID, first.Version)
		must(t, err)
		if again.SentAt != r.Clock.Now().UnixMilli() || again.ExpiresAt != again.SentAt+(7*day).Milliseconds() || again.Resends != 1 || again.Version != first.Version+1 {
			t.Errorf("resent: %+v", again)
		}
		stored, err := r.InvitationByID(t.Context(), admin.Actor(), first.ID)
		must(t, err)
		if stored.SentAt != again.SentAt || stored.ExpiresAt != again.ExpiresAt || stored.Version != again.Version || stored.Resends != 1 {
			t.Errorf("stored: %+v", stored)
		}
		if now := scan[int](t, r, `SELECT generation FROM invitations WHERE id = $1`, first.ID); now != 2 || r.Token(first.ID) == old {
			t.Errorf("generation %d, the same token: %t", now, r.Token(first.ID) == old)
		}
		_, err = r.Welcome(t.Context(), old)
		wantFault(t, err, "invitation-superseded", "newest email")
		if w, err := r.Welcome(t.Context(), r.Token(first.ID)); err != nil || w.Invitation.ID != first.ID {
			t.Errorf("the new link opens %+v, %v", w, err)
		}
		if !fault.Is(second(r.Resend(t.Context(), admin.Actor(), first.ID, first.Version)), fault.Changed) {
			t.Error("an old version was resent")
		}
		// The first mail, still on its way, is not sent any more: its link is dead.
		r.RunJobs()
		if n := len(r.Mails.To("jo@harbour.example")); n != 1 {
			t.Errorf("%d mails were sent, want the one with the live link", n)
		}
		log := actions(t, r, admin)
		if got := log[len(log)-1].Sentence(); got != "Admin sent the invitation to jo@harbour.example again" {
			t.Errorf("the audit log tells %q", got)
		}
	})
}

func TestResendHasAnEnd(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		must(t, second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "Harbour", TimeZone: "UTC", InvitationHours: 720, CheckMinutes: 30}, 0)))
		jo, _ := r.Invite(admin, "jo@harbour.example")
		lee, _ := r.Invite(admin, "lee@harbour.example")
		for range 5 {
			r.Clock.Advance(minute)
			must(t, second(r.Resend(t.Context(), admin.Actor(), jo.ID, 0)))
		}
		r.Clock.Advance(minute)
		wantFault(t, second(r.Resend(t.Context(), admin.Actor(), jo.ID, 0)), "resend-limit", "Cancel it", "jo@harbour.example")

		// An expired one can be sent again, but never beyond 30 days from its beginning.
		r.Clock.Set(time.UnixMilli(lee.CreatedAt).Add(29 * day))
		admin.SignIn()
		again, err := r.Resend(t.Context(), admin.Actor(), lee.ID, 0)
		must(t, err)
		if want := lee.CreatedAt + (30 * day).Milliseconds(); again.ExpiresAt != want {
			t.Errorf("resent on day 29 it ends %v after its beginning", time.Duration(again.ExpiresAt-lee.CreatedAt)*time.Millisecond)
		}
		r.Clock.Set(time.UnixMilli(lee.CreatedAt).Add(30 * day))
		admin.SignIn()
		wantFault(t, second(r.Resend(t.Context(), admin.Actor(), lee.ID, 0)), "resend-limit")
		_, err = r.Welcome(t.Context(), r.Token(lee.ID))
		wantFault(t, err, "invitation-expired", "21 December", "Admin")
	})
}

func TestExpiredInvitationIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, old := r.Invite(admin, "jo@harbour.example")
		r.Clock.Advance(8 * day)
		admin.SignIn()
		must(t, second(r.Resend(t.Context(), admin.Actor(), i.ID, 0)))
		_, err := r.Welcome(t.Context(), old)
		wantFault(t, err, "invitation-superseded")
		must(t, second(r.Welcome(t.Context(), r.Token(i.ID))))
	})
}

// Inviting an address anew whose invitation ran out replaces it; its old link says so.
func TestInvitingAgainAfterExpiry(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, old := r.Invite(admin, "jo@harbour.example")
		r.Clock.Advance(8 * day)
		admin.SignIn().Check()
		next, token := r.Invite(admin, "jo@harbour.example", account.Admin)
		_, err := r.Welcome(t.Context(), old)
		wantFault(t, err, "invitation-superseded", "newest email")
		must(t, second(r.Welcome(t.Context(), token)))
		was, err := r.InvitationByID(t.Context(), admin.Actor(), i.ID)
		must(t, err)
		if was.State != account.Replaced || next.ID == i.ID {
			t.Errorf("the first is %s", was.State)
		}
		wantFault(t, second(r.Resend(t.Context(), admin.Actor(), i.ID, 0)), "invitation-replaced", "newer one")
	})
}

func TestChangeInvitedRoles(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, token := r.Invite(admin, "jo@harbour.example")
		before, err := r.Welcome(t.Context(), token)
		must(t, err)
		changed, err := r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{account.Admin}}, i.Version)
		must(t, err)
		if changed.Roles.String() != "Admin" || changed.Version != i.Version+1 {
			t.Errorf("changed: %+v", changed)
		}
		if !fault.Is(second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{}}, i.Version)), fault.Changed) {
			t.Error("an old version was changed")
		}
		// What the invited person has on the screen is not what they would get.
		_, _, err = r.AcceptNew(t.Context(), token, before.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		if f := wantFault(t, err, "invitation-changed", "Look at it again"); f.Kind != fault.Changed {
			t.Errorf("%+v", f)
		}
		after, err := r.Welcome(t.Context(), token)
		must(t, err)
		_, _, err = r.AcceptNew(t.Context(), token, after.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		log := actions(t, r, admin)
		if e := log[1]; e.Sentence() != "Admin changed the access in the invitation to jo@harbour.example" || e.Before != "Standard" || e.After != "Admin" {
			t.Errorf("the audit log tells %+v", log)
		}
		wantFault(t, second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{}}, 0)), "invitation-accepted", "list of hub users")
	})
}

// Roles and groups of an offer change in one step; whoever accepts then is in the groups that it names at last.
func TestChangeInvitedGroups(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		desk, leads := group(t, r, admin, "Desk", account.Roles{account.Billing}), group(t, r, admin, "Leads", account.Roles{account.Admin})
		i, token := offered(t, r, admin, "jo@harbour.example", leads)
		changed, err := r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{account.Billing}, Groups: &[]string{desk.ID}}, i.Version)
		must(t, err)
		if changed.Access() != "Billing, given directly and from Desk" && changed.Offered().String() != "Billing" || changed.Version != i.Version+1 || len(changed.Groups) != 1 {
			t.Errorf("changed: %+v, %s", changed, changed.Access())
		}
		same, err := r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Groups: &[]string{desk.ID, desk.ID}}, 0)
		if must(t, err); same.Version != changed.Version || !same.Roles.Equal(changed.Roles) {
			t.Errorf("what changes nothing made %+v", same)
		}
		wantFault(t, second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Groups: &[]string{"nobodys"}}, 0)), "group-unknown")
		far := r.Open("northside")
		wantFault(t, second(r.ChangeInvited(t.Context(), far.Actor(), i.ID, account.InvitedChange{Groups: &[]string{}}, 0)), "not-found")
		roles, err := r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{}}, 0)
		if must(t, err); len(roles.Groups) != 1 {
			t.Errorf("a change of roles alone left the groups %+v", roles.Groups)
		}
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		in, _, err := r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		actor, err := r.Enter(t.Context(), in.Session, "harbour", "192.0.2.9")
		if must(t, err); actor.Roles.String() != "Billing" {
			t.Errorf("who accepted may do %s", actor.Roles)
		}
		if e := actions(t, r, admin)[3]; e.Before != "Admin, from Leads" {
			t.Errorf("the audit log tells %q to %q", e.Before, e.After)
		}
		wantFault(t, second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Groups: &[]string{}}, 0)), "invitation-accepted")
	})
}

func TestChangeInvitedNeedsAFreshCheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, _ := r.Invite(admin, "jo@harbour.example")
		r.Clock.Advance(31 * minute)
		wantFault(t, second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{account.Admin}}, 0)), "check-needed")
		if same, err := r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{}}, 0); err != nil || same.Version != i.Version {
			t.Errorf("changing nothing: %+v, %v", same, err)
		}
		if stored, _ := r.InvitationByID(t.Context(), admin.Actor(), i.ID); stored.Roles.String() != "Standard" {
			t.Errorf("stored roles are %s", stored.Roles)
		}
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, token := r.Invite(admin, "jo@harbour.example")
		if !fault.Is(second(r.Cancel(t.Context(), admin.Actor(), i.ID, i.Version+1)), fault.Changed) {
			t.Error("another version was cancelled")
		}
		gone, err := r.Cancel(t.Context(), admin.Actor(), i.ID, i.Version)
		must(t, err)
		if gone.State != account.Cancelled || gone.EndedAt == 0 {
			t.Errorf("cancelled: %+v", gone)
		}
		for _, err := range []error{
			second(r.Welcome(t.Context(), token)),
			second(r.Decline(t.Context(), token, "jo@harbour.example")),
			third(r.AcceptNew(t.Context(), token, "", "Jo", accounttest.Password, browser("192.0.2.9"))),
			third(r.AcceptSigningIn(t.Context(), token, "", accounttest.Password, browser("192.0.2.9"))),
			second(r.AcceptAs(t.Context(), admin.Actor(), token, "")),
			second(r.Resend(t.Context(), admin.Actor(), i.ID, 0)),
			second(r.ChangeInvited(t.Context(), admin.Actor(), i.ID, account.InvitedChange{Roles: &account.Roles{}}, 0)),
			second(r.Cancel(t.Context(), admin.Actor(), i.ID, 0)),
		} {
			wantFault(t, err, "invitation-cancelled", "cancelled")
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM people`); n != 1 {
			t.Errorf("%d people exist after accepting a cancelled invitation", n)
		}
		r.RunJobs()
		if n := len(r.Mails.To("jo@harbour.example")); n != 0 {
			t.Errorf("%d mails went out for an invitation cancelled before them", n)
		}
		log := actions(t, r, admin)
		if got := log[1].Sentence(); got != "Admin cancelled the invitation to jo@harbour.example" || len(log) != 2 {
			t.Errorf("the audit log tells %+v", log)
		}
	})
}

func third[A, B any](_ A, _ B, err error) error { return err }

func TestDecline(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, token := r.Invite(admin, "jo@harbour.example")
		for _, typed := range []string{"", "lee@harbour.example", "jo@harbour.example.org"} {
			wantFault(t, second(r.Decline(t.Context(), token, typed)), "decline-address", "address that was invited")
		}
		must(t, second(r.Welcome(t.Context(), token)))
		must(t, second(r.Decline(t.Context(), token, " Jo@Harbour.Example ")))
		wantFault(t, second(r.Welcome(t.Context(), token)), "invitation-declined", "Ask Admin")
		wantFault(t, second(r.Resend(t.Context(), admin.Actor(), i.ID, 0)), "invitation-declined", "Invite them again")
		log := actions(t, r, admin)
		if e := log[len(log)-1]; e.Sentence() != "jo@harbour.example declined the invitation" {
			t.Errorf("the audit log tells %+v", e)
		}
		// The admin takes it off the list, or invites again.
		must(t, second(r.Cancel(t.Context(), admin.Actor(), i.ID, 0)))
		r.Invite(admin, "jo@harbour.example")
	})
}

// Whoever loses the right to invite takes their open offers with them; others' stay.
func TestA28DemotionVoidsTheInvitersOffers(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *accounttest.Rig, account.Actor, string) error{
		"demoted": func(t *testing.T, r *accounttest.Rig, admin account.Actor, id string) error {
			return second(r.ChangeHubUser(t.Context(), admin, id, account.Change{Roles: &account.Roles{account.Billing}}, 0))
		},
		"deactivated": func(t *testing.T, r *accounttest.Rig, admin account.Actor, id string) error {
			return second(r.ChangeHubUser(t.Context(), admin, id, account.Change{State: ptr(account.Deactivated)}, 0))
		},
		"removed": func(t *testing.T, r *accounttest.Rig, admin account.Actor, id string) error {
			return second(r.RemoveHubUser(t.Context(), admin, id, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *accounttest.Rig) {
				admin := r.Open("harbour")
				kim := r.Join(admin, "kim@harbour.example", account.Admin).Check()
				theirs, token := r.Invite(kim, "jo@harbour.example")
				_, mine := r.Invite(admin, "lee@harbour.example")
				_, secret := r.Key(kim)
				byKey, err := r.Room.Invite(t.Context(), secret, invite("mo@harbour.example"))
				must(t, err)
				must(t, lose(t, r, admin.Actor(), kim.ID()))
				wantFault(t, second(r.Welcome(t.Context(), token)), "invitation-voided", "Kim is not an admin any more")
				wantFault(t, third(r.AcceptNew(t.Context(), r.Token(byKey[0].ID), "", "Mo", accounttest.Password, browser("192.0.2.9"))), "invitation-voided")
				must(t, second(r.Welcome(t.Context(), mine)))
				wantFault(t, second(r.Resend(t.Context(), admin.Actor(), theirs.ID, 0)), "invitation-voided", "Invite them again")
				voided := 0
				for _, e := range actions(t, r, admin) {
					if e.Action == account.InvitationVoided {
						voided++
					}
				}
				if voided != 2 {
					t.Errorf("%d entries tell of two voided invitations", voided)
				}
				r.Invite(admin, "jo@harbour.example") // makes way
			})
		})
	}
}

// An offer whose inviter is no admin at the moment of accepting is void, whatever let it live until then.
func TestA2A28AcceptChecksTheInviterAgain(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin).Check()
		i, token := r.Invite(kim, "jo@harbour.example", account.Admin)
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		_, err = r.DB.ExecContext(t.Context(), `UPDATE memberships SET roles = '', own_roles = '' WHERE id = $1`, kim.ID())
		must(t, err)
		_, _, err = r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		wantFault(t, err, "invitation-voided", "Kim is not an admin any more")
		if n := scan[int](t, r, `SELECT COUNT(*) FROM people WHERE email = 'jo@harbour.example'`); n != 0 {
			t.Error("a person was made all the same")
		}
		wantFault(t, second(r.Welcome(t.Context(), token)), "invitation-voided")
		if got, _ := r.InvitationByID(t.Context(), admin.Actor(), i.ID); got.State != account.Voided {
			t.Errorf("the invitation is %s", got.State)
		}
		log := actions(t, r, admin)
		if e := log[len(log)-1]; e.Action != account.InvitationVoided || e.ActorName != "Hubline" {
			t.Errorf("the audit log tells %+v", e)
		}
	})
}

func TestRefusedMailShowsInTheList(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i, _ := r.Invite(admin, "nobody@harbour.example")
		r.RunJobs()
		got, err := r.InvitationByID(t.Context(), admin.Actor(), i.ID)
		must(t, err)
		if got.State != account.Pending || got.Delivery != account.Refused || got.DeliveryNote == "" {
			t.Errorf("after a refusal: %+v", got)
		}
		r.Clock.Advance(minute)
		again, err := r.Resend(t.Context(), admin.Actor(), i.ID, 0)
		must(t, err)
		if again.Delivery != account.Queued || again.DeliveryNote != "" {
			t.Errorf("resent: %+v", again)
		}
	}, accounttest.Mailbox(func(address string) bool { return address == "nobody@harbour.example" }))
}
