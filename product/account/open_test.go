package account_test

import (
	"testing"

	"hubline/product/account/accounttest"
)

func TestOpenMakesAnAccountAndInvitesItsFirstAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		got := admin.Actor()
		if got.Roles.String() != "Admin, Billing" || !got.Checked || got.Account.Number != "10001" || got.Name != "Admin" {
			t.Errorf("the first admin is %+v", got)
		}
		jo := r.Join(admin, "jo@harbour.example")
		if got := jo.Actor().Roles.String(); got != "Standard" {
			t.Errorf("no role gives %s", got)
		}
	})
}
