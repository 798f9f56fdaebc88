package account

import (
	"context"
	"errors"
	"io"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/merkle"
)

// AuditFinding is what a check of the store's own logs found in one of them.
type AuditFinding struct {
	AuditReport
	Slug    string // "": the provider's own log
	Waiting int64  // entries that have no place yet
	Broken  error  // an *AuditBreak, nil when the log is what it says
}

// CheckAuditLogs verifies every log in the store as CheckAudit verifies an export, and that every entry is in its tree or waits for its
// place. It changes nothing. Only the operator may. fn gets one finding for each log.
func (r *Room) CheckAuditLogs(ctx context.Context, actor Actor, notes []string, fn func(AuditFinding) error) (err error) {
	defer fault.Wrap(&err, "account.CheckAuditLogs")
	if actor.Kind != Operator {
		return notFound()
	}
	logs, err := db.Collect(ctx, r.DB, func(f *AuditFinding) []any { return []any{&f.Account, &f.Slug} },
		`SELECT id, slug FROM accounts ORDER BY slug`)
	if err != nil {
		return err
	}
	provider := AuditFinding{} // its own log belongs to no account
	for _, f := range append([]AuditFinding{provider}, logs...) {
		if err := r.checkLog(ctx, &f, notes); err != nil {
			return err
		}
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

// checkLog fills the finding; its error is one of the store, not of the log.
func (r *Room) checkLog(ctx context.Context, f *AuditFinding, notes []string) error {
	accountID := f.Account
	t, err := r.tree(ctx, r.DB, accountID)
	if err != nil {
		return err
	}
	var ours []string // a log that none was kept of is fine here
	for _, note := range notes {
		if merkle.OriginOf(note) == t.origin {
			ours = append(ours, note)
		}
	}
	in, out := io.Pipe()
	go func() {
		out.CloseWithError(r.exportLog(ctx, accountID, false, func(line []byte) error {
			_, err := out.Write(line)
			return err
		}))
	}()
	f.AuditReport, err = CheckAudit(in, AuditCheck{Notes: ours, Open: true})
	_ = in.Close() // which ends an export that is still being written
	f.Account = accountID
	if wrong, ok := errors.AsType[*AuditBreak](err); ok {
		f.Broken = wrong
	} else if err != nil {
		return err
	}
	return r.checkRows(ctx, f)
}

// checkRows looks for entries that no tree can tell of: some that were put into the table by another way than Record.
func (r *Room) checkRows(ctx context.Context, f *AuditFinding) error {
	var stray, lost int64
	err := r.DB.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM audit_loose WHERE account_id = $1),
			(SELECT COUNT(*) FROM audit_entries e WHERE e.account_id = $1
				AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.account_id = e.account_id AND l.entry_id = e.id AND l.entry_id <> '')
				AND NOT EXISTS (SELECT 1 FROM audit_loose w WHERE w.account_id = e.account_id AND w.entry_id = e.id)),
			(SELECT COUNT(*) FROM audit_loose w WHERE w.account_id = $1
				AND NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.account_id = w.account_id AND e.id = w.entry_id))`, f.Account).Scan(
		&f.Waiting, &stray, &lost)
	switch {
	case err != nil || f.Broken != nil:
	case stray > 0:
		f.Broken = broken(0, "%d entries are in the store that were never written by Hubline: they are in no tree and wait for no place", stray)
	case lost > 0:
		f.Broken = broken(0, "%d entries were deleted before they got their place in the tree", lost)
	}
	return err
}
