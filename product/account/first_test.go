package account_test

import (
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestTheFirstAdminIsInvitedAgain(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		sam := r.Staff("sam@provider.example")
		a, wrong, err := r.Room.Open(t.Context(), sam, account.NewAccount{Name: "Harbour", AdminEmail: "joo@harbour.example"})
		must(t, err)
		lost := r.Token(wrong.ID)
		_, err = r.InviteFirstAdmin(t.Context(), sam, a, account.Offer{Email: "jo@"})
		wantFault(t, err, "email-form")
		right, err := r.InviteFirstAdmin(t.Context(), sam, a, account.Offer{Email: "jo@harbour.example", Name: "Jo"})
		must(t, err)
		_, err = r.Welcome(t.Context(), lost)
		wantFault(t, err, "invitation-cancelled")

		before, err := r.FirstAdmin(t.Context(), sam, a.ID)
		must(t, err)
		if before.Settled || len(before.Sent) != 2 {
			t.Errorf("before anybody accepted: %+v", before)
		}
		token := r.Token(right.ID)
		w, err := r.Welcome(t.Context(), token)
		must(t, err)
		in, _, err := r.AcceptNew(t.Context(), token, w.Shown, "Jo", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		after, err := r.FirstAdmin(t.Context(), sam, a.ID)
		must(t, err)
		if !after.Settled {
			t.Error("the account has an admin")
		}
		_, err = r.InviteFirstAdmin(t.Context(), sam, a, account.Offer{Email: "kim@harbour.example"})
		wantFault(t, err, "account-settled")

		member, err := r.Enter(t.Context(), in.Session, a.Slug, "192.0.2.9")
		must(t, err)
		_, err = r.FirstAdmin(t.Context(), member, a.ID)
		wantFault(t, err, "not-found")
		_, err = r.InviteFirstAdmin(t.Context(), member, a, account.Offer{Email: "kim@harbour.example"})
		wantFault(t, err, "not-found")
	})
}
