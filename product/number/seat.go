package number

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/tel"
	"hubline/product/account"
)

// What follows are the answers that room phoneuser asks for, in its transactions. Phone users were first: they can't ask the room.

// Owns tells whether a number in E.164 belongs to the account, and its kind.
func (r *Room) Owns(ctx context.Context, q db.Q, accountID, e164 string) (kind tel.Kind, ok bool, err error) {
	defer fault.Wrap(&err, "number.Owns")
	err = q.QueryRowContext(ctx, `SELECT kind FROM numbers WHERE account_id = $1 AND number = $2`, accountID, e164).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		return tel.Unknown, false, nil
	}
	return kind, err == nil, err
}

// LeadsTo lists the numbers in E.164 that ring a phone user.
func (r *Room) LeadsTo(ctx context.Context, q db.Q, accountID, phoneUserID string) (list []string, err error) {
	defer fault.Wrap(&err, "number.LeadsTo")
	numbers, err := r.leading(ctx, q, accountID, phoneUserID)
	for _, n := range numbers {
		list = append(list, n.Number)
	}
	return list, err
}

// Forget makes every number that rings a phone user lead nowhere, in the transaction that deletes the phone user.
func (r *Room) Forget(ctx context.Context, q db.Q, actor account.Actor, phoneUserID string) (err error) {
	defer fault.Wrap(&err, "number.Forget")
	numbers, err := r.leading(ctx, q, actor.Account.ID, phoneUserID)
	if err != nil {
		return err
	}
	for _, now := range numbers {
		before := now.Leads()
		now.PhoneUserID = ""
		if err := r.point(ctx, q, actor, before, &now); err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) leading(ctx context.Context, q db.Q, accountID, phoneUserID string) (list []Number, err error) {
	// The phone user's name counts in the record even when the row is marked as deleted by now.
	return db.Collect(ctx, q, (*Number).fields, `
		SELECT n.account_id, n.number, n.kind, n.service_name, n.phone_user_id, p.display_name, p.extension, n.assigned_at, n.version
		FROM numbers n JOIN phone_users p ON p.account_id = n.account_id AND p.id = n.phone_user_id
		WHERE n.account_id = $1 AND n.phone_user_id = $2 ORDER BY n.number`, accountID, phoneUserID)
}
