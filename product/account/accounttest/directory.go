package accounttest

import "hubline/product/account"

// Directory turns the account's directory sync on for the domain <slug>.example and returns its token and the actor behind it. The admin
// must be checked.
func (r *Rig) Directory(admin *User, roles ...account.Role) (secret string, actor account.Actor) {
	r.t.Helper()
	ctx := r.t.Context()
	_, secret, err := r.TurnOnDirectory(ctx, admin.Actor(), account.DirectorySettings{Domains: admin.Account.Slug + ".example", Roles: roles}, 0)
	if err == nil {
		actor, err = r.UseDirectory(ctx, secret, Address)
	}
	if err != nil {
		r.t.Fatalf("turn on directory sync: %v", err)
	}
	return secret, actor
}

// AcceptOffer accepts the open invitation of the account to an address, as Join does with its own.
func (r *Rig) AcceptOffer(a account.Account, email string) *User {
	r.t.Helper()
	i := account.Invitation{Email: email}
	err := r.DB.QueryRowContext(r.t.Context(), `SELECT id FROM invitations WHERE account_id = $1 AND email = $2 AND state = 'pending'`, a.ID, email).Scan(&i.ID)
	if err != nil {
		r.t.Fatalf("%s has no open invitation: %v", email, err)
	}
	return r.accept(a, i)
}
