package call

import (
	"context"

	"hubline/base/fault"
	"hubline/product/account"
)

// Begun is how far an account's phone system is set up.
type Begun struct {
	Users   bool // there is a phone user
	Phones  bool // one of them has a phone
	Numbers bool // the account has a number
	Leads   bool // one leads somewhere
	Calls   bool // there was a call
}

// Begun looks how far the actor's phone system is, in one statement that counts nothing.
func (r *Room) Begun(ctx context.Context, actor account.Actor) (b Begun, err error) {
	defer fault.Wrap(&err, "call.Begun")
	for _, p := range []account.Permission{account.ViewPhoneUsers, account.ViewNumbers, account.ViewCalls} {
		if err := actor.Require(p); err != nil {
			return b, err
		}
	}
	var users, phones, numbers, leads, calls int
	err = r.DB.QueryRowContext(ctx, `
		SELECT CASE WHEN EXISTS (SELECT 1 FROM phone_users WHERE account_id = $1 AND deleted_at = 0) THEN 1 ELSE 0 END,
		       CASE WHEN EXISTS (SELECT 1 FROM devices WHERE account_id = $1 AND ended_at = 0) THEN 1 ELSE 0 END,
		       CASE WHEN EXISTS (SELECT 1 FROM numbers WHERE account_id = $1) THEN 1 ELSE 0 END,
		       CASE WHEN EXISTS (SELECT 1 FROM numbers WHERE account_id = $1 AND phone_user_id > '') THEN 1 ELSE 0 END,
		       CASE WHEN EXISTS (SELECT 1 FROM calls WHERE account_id = $1) THEN 1 ELSE 0 END`, actor.Account.ID).Scan(&users, &phones, &numbers, &leads, &calls)
	return Begun{users > 0, phones > 0, numbers > 0, leads > 0, calls > 0}, err
}
