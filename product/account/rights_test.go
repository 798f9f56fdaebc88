package account_test

import (
	"slices"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
)

// The cells of the specification's table of roles whose screens exist, written down a second time: who holds a permission, by the
// first letters of Standard, Admin and Billing. Whoever changes the table of rights changes this one too, and thinks twice.
var specified = map[account.Permission]string{
	account.ViewHome: "SAB", account.ViewRoles: "SAB",
	account.ViewHubUsers: "A", account.InviteHubUsers: "A", account.ChangeHubUsers: "A",
	account.ViewSettings: "A", account.ChangeSettings: "A", account.ViewAuditLog: "A",
	account.OwnKeys: "SAB", account.AllKeys: "A", account.ViewWebhooks: "A", account.ChangeWebhooks: "A",
	account.ViewPhoneUsers: "A", account.ChangePhoneUsers: "A", account.SendPhoneDetails: "A",
	account.ViewNumbers: "SA", account.RenameNumbers: "SA", account.ChangeNumbers: "A",
	account.ViewCalls: "SA", account.EndCalls: "A",
	account.ViewTickets: "AB", account.OpenTickets: "AB", account.AskForChanges: "A", account.AskInvoiceDetails: "B",
	account.ShowPIN: "SAB", account.LetStaffIn: "A",
}

func TestRightsAreAsSpecified(t *testing.T) {
	t.Parallel()
	sets := map[string]account.Roles{"S": {}, "A": {account.Admin}, "B": {account.Billing}, "AB": {account.Admin, account.Billing}}
	for _, right := range account.Rights {
		holders, known := specified[right.Permission]
		if !known {
			t.Errorf("nobody has specified who holds %s", right.Permission)
		}
		for letters, roles := range sets {
			want := slices.ContainsFunc([]byte(letters), func(letter byte) bool { return slices.Contains([]byte(holders), letter) })
			if got := roles.Allows(right.Permission); got != want {
				t.Errorf("%s and %s: %t, want %t", roles, right.Permission, got, want)
			}
		}
	}
	if len(account.Rights) != len(specified) {
		t.Errorf("%d rights, %d specified", len(account.Rights), len(specified))
	}
	for _, p := range []account.Permission{"", "hub-users", "hub-users.*", "HUB-USERS.VIEW", "owner"} {
		if sets["AB"].Allows(p) {
			t.Errorf("%q is allowed, and no right is called that", p)
		}
	}
}

func TestThereIsNoFifthSetOfRoles(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"owner"}, {"Admin"}, {"admin", "owner"}, {"standard"}, {""}, {"admin,billing"}, {" admin"}} {
		if set, err := account.ParseRoles(words); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, %v", words, set, err)
		}
	}
	set, err := account.ParseRoles([]string{"billing", "admin", "billing"})
	if want := (account.Roles{account.Admin, account.Billing}); err != nil || !set.Equal(want) {
		t.Errorf("%v, %v", set, err)
	}
}
