package account_test

import (
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// offered invites an address into groups and returns the invitation and its link.
func offered(t *testing.T, r *accounttest.Rig, admin *accounttest.User, email string, groups ...account.Group) (account.Invitation, string) {
	t.Helper()
	in := account.Invite{Offers: []account.Offer{{Email: email}}}
	for _, g := range groups {
		in.Groups = append(in.Groups, g.ID)
	}
	sent, err := r.Room.Invite(t.Context(), admin.Actor(), in)
	must(t, err)
	return sent[0], r.Token(sent[0].ID)
}

// Whoever accepts is in the groups that were offered and are still there, with what they give at that moment; nothing before.
func TestAcceptingJoinsTheGroupsOffered(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		desk, gone := group(t, r, admin, "Desk", account.Roles{account.Billing}), group(t, r, admin, "Gone", account.Roles{account.Admin})
		i, token := offered(t, r, admin, "jo@harbour.example", desk, gone)
		if i.Offered().String() != "Admin, Billing" || len(i.Groups) != 2 || desk.People != 0 {
			t.Errorf("the offer is %+v", i)
		}
		wantFault(t, second(r.Room.Invite(t.Context(), admin.Actor(), account.Invite{Offers: []account.Offer{{Email: "lee@harbour.example"}}, Groups: []string{"nobodys"}})), "group-unknown")
		far := r.Open("northside")
		wantFault(t, second(r.Room.Invite(t.Context(), far.Actor(), account.Invite{Offers: []account.Offer{{Email: "lee@harbour.example"}}, Groups: []string{desk.ID}})), "group-unknown")

		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		_, err = r.DeleteGroup(t.Context(), admin.Check().Actor(), gone.ID, 0)
		must(t, err)
		_, _, err = r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		wantFault(t, err, "invitation-changed") // what they read gave more
		w, err = r.Welcome(t.Context(), token)
		must(t, err)
		if w.Invitation.Offered().String() != "Billing" {
			t.Errorf("after a group went it offers %s", w.Invitation.Offered())
		}
		in, _, err := r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		actor, err := r.Enter(t.Context(), in.Session, "harbour", "192.0.2.9")
		must(t, err)
		if actor.Roles.String() != "Billing" {
			t.Errorf("who accepted may do %s", actor.Roles)
		}
		u, err := r.HubUserByID(t.Context(), admin.Actor(), actor.MembershipID)
		must(t, err)
		if u.Access() != "Billing, from Desk" || len(u.Own) != 0 {
			t.Errorf("the hub user has %s", u.Access())
		}
		g, err := r.GroupByID(t.Context(), admin.Actor(), desk.ID)
		must(t, err)
		if g.People != 1 || g.Version == desk.Version {
			t.Errorf("the group is %+v", g)
		}
		sound(t, r)
	})
}

// An inviter who is no admin any more gives no groups either: the offer stops.
func TestAnOfferOfGroupsStopsWithItsInviter(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		desk := group(t, r, admin, "Desk", account.Roles{account.Admin})
		other := r.Join(admin, "other@harbour.example", account.Admin).Check()
		i, token := offered(t, r, other, "jo@harbour.example", desk)
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		_, err = r.ChangeHubUser(t.Context(), admin.Check().Actor(), other.ID(), account.Change{Roles: &account.Roles{}}, 0)
		must(t, err)
		if _, _, err := r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9")); !fault.Is(err, fault.Conflict) {
			t.Errorf("accepted: %v", err)
		}
		if i, err = r.InvitationByID(t.Context(), admin.Actor(), i.ID); err != nil || i.State != account.Voided {
			t.Errorf("the invitation is %s, %v", i.State, err)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM group_members`); n != 0 {
			t.Errorf("%d people are in groups", n)
		}
	})
}
