package account

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
)

// MostPhoneUsers is the largest plan that staff can set for one account.
const MostPhoneUsers = 100_000

// SetPhoneUserLimit sets how many phone users the plan of the account holds. It is the provider's verb. Phone users over a lower
// limit stay and keep working; only no more can be added.
func (r *Room) SetPhoneUserLimit(ctx context.Context, actor Actor, accountID string, limit int) (a Account, err error) {
	defer fault.Wrap(&err, "account.SetPhoneUserLimit")
	if !actor.Provider() {
		return a, notFound()
	}
	if limit < 0 || limit > MostPhoneUsers {
		return a, fault.Field("phone-user-limit", "phone_user_limit", "The plan holds 0 to "+strconv.Itoa(MostPhoneUsers)+" phone users")
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		a, err = r.SetPhoneUserLimitIn(ctx, q, actor, accountID, limit)
		return err
	})
	return a, err
}

// SetPhoneUserLimitIn is SetPhoneUserLimit inside the caller's transaction: raising a plan answers a ticket in the same commit. The caller has
// checked the limit and that the actor is the provider's.
func (r *Room) SetPhoneUserLimitIn(ctx context.Context, q db.Q, actor Actor, accountID string, limit int) (a Account, err error) {
	if a, err = r.accountByID(ctx, q, accountID); err != nil {
		return a, err
	}
	before := a.PhoneUserLimit
	if before == limit {
		return a, nil
	}
	a.PhoneUserLimit = limit
	if _, err := q.ExecContext(ctx, `UPDATE accounts SET phone_user_limit = $2 WHERE id = $1`, accountID, limit); err != nil {
		return a, err
	}
	if err := r.Record(ctx, q, actor.Inside(a), Entry{Action: PhoneUserLimitSet, SubjectID: a.ID, SubjectName: a.Name,
		Before: strconv.Itoa(before), After: strconv.Itoa(limit)}); err != nil {
		return a, err
	}
	return a, change.Post(ctx, q, r.Now(), AccountTopic(a.ID), PhoneTopic(a.ID))
}

func (r *Room) accountByID(ctx context.Context, q db.Q, id string) (a Account, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, id).Scan(a.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return a, notFound()
	}
	return a, err
}
