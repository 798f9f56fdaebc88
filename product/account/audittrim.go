package account

import (
	"context"
	"strconv"

	"hubline/base/db"
)

// trimAudit drops the text of entries that are older than their account's rule. First the log itself says up to which entry, in an entry
// of its own; then the text goes, a page at a time. A verifier takes a missing text only where the log says so.
func (r *Room) trimAudit(ctx context.Context) error {
	ids, err := r.strings(ctx, `SELECT id FROM accounts WHERE audit_years > 0`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.trimLog(ctx, id); err != nil {
			return err
		}
	}
	// What was announced is carried out, whatever the rule says by now.
	if ids, err = r.strings(ctx, `SELECT account_id FROM audit_trees WHERE dropped < trimmed`); err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.dropTexts(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// trimLog announces what has become too old. Only what a checkpoint covers may go.
func (r *Room) trimLog(ctx context.Context, accountID string) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		actor := Actor{Kind: Operator, Name: "Hubline"}
		if err := q.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, accountID).Scan(actor.Account.fields()...); err != nil {
			return err
		}
		t, err := r.tree(ctx, q, accountID)
		if err != nil {
			return err
		}
		var years int
		if err := q.QueryRowContext(ctx, `SELECT audit_years FROM accounts WHERE id = $1`, accountID).Scan(&years); err != nil || years == 0 {
			return err
		}
		young, err := firstYoung(ctx, q, accountID, t.trimmed, r.Now().AddDate(-years, 0, 0).UnixMilli())
		if err != nil {
			return err
		}
		var signed int64
		if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(size), 0) FROM audit_checkpoints WHERE account_id = $1`, accountID).Scan(&signed); err != nil {
			return err
		}
		if young = min(young, signed); young <= t.trimmed {
			return nil
		}
		if _, err := q.ExecContext(ctx, `UPDATE audit_trees SET trimmed = $2 WHERE account_id = $1`, accountID, young); err != nil {
			return err
		}
		last := strconv.FormatInt(young, 10)
		return r.Record(ctx, q, actor, Entry{Action: AuditTrimmed, SubjectID: last, SubjectName: "entries " + strconv.FormatInt(t.trimmed+1, 10) + " to " + last,
			After: "older than " + KeptWords(years)})
	})
}

// firstYoung finds the first leaf, from one on, whose entry is not older than a moment: the end of the log if there is none. Entries that
// committed late may stand behind younger ones, and wait for those.
func firstYoung(ctx context.Context, q db.Q, accountID string, from, moment int64) (int64, error) {
	for {
		var seen, young int64
		err := q.QueryRowContext(ctx, `
			SELECT COUNT(*), COALESCE(MIN(CASE WHEN p.at >= $3 THEN p.leaf END), -1) FROM (
				SELECT l.leaf, e.at FROM audit_leaves l JOIN audit_entries e ON e.account_id = l.account_id AND e.id = l.entry_id
				WHERE l.account_id = $1 AND l.leaf >= $2 ORDER BY l.leaf LIMIT 100) AS p`, accountID, from, moment).Scan(&seen, &young)
		switch {
		case err != nil || young >= 0:
			return young, err
		case seen == 0:
			return from, nil
		}
		from += seen
	}
}

// dropTexts deletes what was announced. It can be cut off anywhere and goes on there.
func (r *Room) dropTexts(ctx context.Context, accountID string) error {
	for {
		var done bool
		err := r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
			t, err := r.tree(ctx, q, accountID)
			if err != nil {
				return err
			}
			to := min(t.dropped+exportPage, t.trimmed)
			done = to == t.trimmed
			for _, query := range []string{
				`DELETE FROM audit_entries WHERE account_id = $1 AND id IN (SELECT entry_id FROM audit_leaves WHERE account_id = $1 AND leaf >= $2 AND leaf < $3)`,
				`UPDATE audit_leaves SET entry_id = '' WHERE account_id = $1 AND leaf >= $2 AND leaf < $3`, // with it nobody can guess what was hashed
			} {
				if _, err := q.ExecContext(ctx, query, accountID, t.dropped, to); err != nil {
					return err
				}
			}
			_, err = q.ExecContext(ctx, `UPDATE audit_trees SET dropped = $2 WHERE account_id = $1`, accountID, to)
			return err
		})
		if err != nil || done {
			return err
		}
	}
}
