package account_test

import (
	"strings"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
)

// The access table, written down a second time by hand from the product's matrix: who may do what.
func TestRights(t *testing.T) {
	t.Parallel()
	sets := []account.Roles{{}, {account.Admin}, {account.Billing}, {account.Admin, account.Billing}}
	want := map[account.Permission]string{ // Standard, Admin, Billing, both
		account.ViewHome: "yyyy", account.ViewRoles: "yyyy",
		account.ViewHubUsers: "-y-y", account.InviteHubUsers: "-y-y", account.ChangeHubUsers: "-y-y",
		account.ViewSettings: "-y-y", account.ChangeSettings: "-y-y", account.ViewAuditLog: "-y-y",
		"": "----", "hub-users": "----", "everything": "----",
	}
	for _, right := range account.Rights {
		if want[right.Permission] == "" {
			t.Errorf("%s is not in this test", right.Permission)
		}
		if right.Words == "" || right.Area == "" {
			t.Errorf("%s is not explained", right.Permission)
		}
	}
	for permission, row := range want {
		for i, roles := range sets {
			member := account.Actor{Kind: account.Member, Roles: roles}
			key := account.Actor{Kind: account.Key, Roles: roles, Scopes: []account.Permission{permission}}
			bare := account.Actor{Kind: account.Key, Roles: roles}
			staff := account.Actor{Kind: account.Staff, Roles: roles}
			may := row[i] == 'y'
			if roles.Allows(permission) != may || member.Can(permission) != may || key.Can(permission) != may {
				t.Errorf("%s: %q for %s is %t, want %t", permission, permission, roles, roles.Allows(permission), may)
			}
			if bare.Can(permission) || staff.Can(permission) || (account.Actor{Roles: roles}).Can(permission) {
				t.Errorf("%s without a scope, as staff or as nobody", permission)
			}
			if err := member.Require(permission); (err == nil) != may || err != nil && !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s requires %s: %v", roles, permission, err)
			}
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words []string
		want  string
	}{
		{nil, "Standard"}, {[]string{"admin"}, "Admin"}, {[]string{"billing", "admin", "billing"}, "Admin, Billing"}, {[]string{"billing"}, "Billing"},
	} {
		roles, err := account.ParseRoles(c.words)
		if err != nil || roles.String() != c.want || roles.Words() == nil {
			t.Errorf("%v is %s, %v", c.words, roles, err)
		}
		for _, several := range []bool{false, true} {
			if s := roles.Sentence("Jo", several); !strings.HasPrefix(s, "Jo ") || !strings.HasSuffix(s, ".") {
				t.Errorf("%s: %q", roles, s)
			}
		}
	}
	for _, words := range [][]string{{"Admin"}, {"root"}, {""}, {"admin", "staff"}, {"admin,billing"}} {
		_, err := account.ParseRoles(words)
		if f, ok := fault.Of(err); !ok || f.Code != "role-unknown" || f.Field != "roles" {
			t.Errorf("%q: %v", words, err)
		}
	}
	both, admin := account.Roles{account.Admin, account.Billing}, account.Roles{account.Admin}
	if !admin.Within(both) || both.Within(admin) || !(account.Roles{}).Within(admin) || admin.Equal(both) || !(account.Roles{}).Equal(nil) {
		t.Error("sets of roles are compared wrongly")
	}
}
