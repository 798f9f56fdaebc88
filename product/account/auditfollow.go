package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
)

// AuditSize returns how many entries of the account's log have their place: where somebody who follows the log begins who wants none of before.
func (r *Room) AuditSize(ctx context.Context, q db.Q, accountID string) (size int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT size FROM audit_trees WHERE account_id = $1`, accountID).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return size, err
}

// AuditAfter returns up to limit entries of the account's log from the place leaf on, in the order of their places, and the place to go on
// from. No entry ever gets a place before one that has its place already, so whoever goes on from there misses none and meets none twice.
// Entries whose text was dropped are passed over.
func (r *Room) AuditAfter(ctx context.Context, q db.Q, accountID string, leaf int64, limit int) (list []AuditEntry, next int64, err error) {
	list, err = db.Collect(ctx, q, (*AuditEntry).fields, `
		SELECT `+entryColumns+` FROM audit_leaves l JOIN audit_entries e ON e.account_id = l.account_id AND e.id = l.entry_id
		WHERE l.account_id = $1 AND l.leaf >= $2 AND l.leaf < $3 ORDER BY l.leaf`, accountID, leaf, leaf+int64(limit))
	if err != nil {
		return nil, leaf, err
	}
	size, err := r.AuditSize(ctx, q, accountID)
	return list, min(size, leaf+int64(limit)), err
}
