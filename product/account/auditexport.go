package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/merkle"
)

// An export of an audit log is a file of lines, each a JSON object without space:
//
//	{"format":"hubline-audit-log/1","origin":…,"account":…,"key":…,"entries":N}    first
//	{"n":1,"leaf":…,"entry":{…}}     each entry in the order of the tree; entry has exactly the bytes that the tree hashes
//	{"n":1,"leaf":…}                 in its place, once the entry's text was dropped
//	{"checkpoint":…}                 a signed note, right after the entry that it covers last
//
// leaf is the hash in base64. The last line is a checkpoint that covers everything.
const auditFormat = "hubline-audit-log/1"

type exportHead struct {
	Format  string `json:"format"`
	Origin  string `json:"origin"`
	Account string `json:"account"`
	Key     string `json:"key"`
	Entries int64  `json:"entries"`
}

type exportCheckpoint struct {
	Checkpoint string `json:"checkpoint"`
	ID         string `json:"id,omitempty"` // in files apart from the store only: how far the store's were copied
}

// CheckpointLine is a checkpoint as a line of an export.
func CheckpointLine(note string) []byte { return exportCheckpoint{Checkpoint: note}.line() }

// Line is the checkpoint as a line of a file that keeps checkpoints apart from the store.
func (c Checkpoint) Line() []byte { return exportCheckpoint{c.Note, c.ID}.line() }

func (c exportCheckpoint) line() []byte {
	line, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings always have a form
	}
	return append(line, '\n')
}

// exportPage is how many entries one query of an export reads.
const exportPage = 1000

// ExportAudit calls write with each line of an export of the actor's log. It changes nothing: when the last checkpoint does not cover
// every entry, one more is signed for the export alone.
func (r *Room) ExportAudit(ctx context.Context, actor Actor, write func(line []byte) error) (err error) {
	defer fault.Wrap(&err, "account.ExportAudit")
	if err := mayReadAudit(actor); err != nil {
		return err
	}
	return r.exportLog(ctx, actor.Account.ID, true, write)
}

// SignAudit gives every entry of the actor's log its place and writes down a checkpoint now, unless the last one covers them all.
func (r *Room) SignAudit(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.SignAudit")
	if err := mayReadAudit(actor); err != nil {
		return err
	}
	if !actor.Provider() {
		err := r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error { return r.Still(ctx, q, &actor, ViewAuditLog) })
		if err != nil {
			return err
		}
	}
	if err := r.placeAll(ctx, actor.Account.ID); err != nil {
		return err
	}
	return r.sign(ctx, actor.Account.ID, false)
}

// exportLog writes what is stored, as far as the tree reaches when it begins. A whole one ends with a checkpoint of everything.
func (r *Room) exportLog(ctx context.Context, accountID string, whole bool, write func(line []byte) error) error {
	// Read before the tree, so that no checkpoint can be ahead of it, unless somebody took leaves away. Then the export shows that.
	var signed int64
	if err := r.DB.QueryRowContext(ctx, `SELECT COALESCE(MAX(size), 0) FROM audit_checkpoints WHERE account_id = $1`, accountID).Scan(&signed); err != nil {
		return err
	}
	t, err := r.tree(ctx, r.DB, accountID)
	if err != nil {
		return err
	}
	head, err := json.Marshal(exportHead{auditFormat, t.origin, accountID, r.auditKey(t.origin).String(), t.Size()})
	if err != nil {
		return err
	}
	if err := write(append(head, '\n')); err != nil {
		return err
	}
	for from := int64(0); from < t.Size(); from += exportPage {
		to := min(from+exportPage, t.Size())
		lines, err := r.exportEntries(ctx, accountID, from, to)
		if err != nil {
			return err
		}
		notes, err := r.notesUpTo(ctx, accountID, from, to)
		if err != nil {
			return err
		}
		for i, line := range lines {
			if err := write(line); err != nil {
				return err
			}
			for ; len(notes) > 0 && notes[0].Size == from+int64(i)+1; notes = notes[1:] {
				if err := write(CheckpointLine(notes[0].Note)); err != nil {
					return err
				}
			}
		}
	}
	above := t.Size()
	if above == 0 {
		above = -1 // the empty log has checkpoints too
	}
	notes, err := r.notesUpTo(ctx, accountID, above, signed)
	for _, c := range notes {
		if err == nil {
			err = write(CheckpointLine(c.Note))
		}
	}
	if err == nil && whole && (signed < t.Size() || t.Size() == 0 && len(notes) == 0) {
		now := merkle.Checkpoint{Origin: t.origin, Size: t.Size(), Root: t.Root(), At: r.Now()}
		err = write(CheckpointLine(now.Sign(r.Keys.Signer(auditPurpose))))
	}
	return err
}

// exportEntries writes the leaves from one number up to another, not included. Each has to be there.
func (r *Room) exportEntries(ctx context.Context, accountID string, from, to int64) (lines [][]byte, err error) {
	rows, err := r.DB.QueryContext(ctx, `
		SELECT l.leaf, l.hash, COALESCE(e.id, ''), COALESCE(e.at, 0), COALESCE(e.actor_kind, ''), COALESCE(e.actor_id, ''), COALESCE(e.actor_name, ''),
			COALESCE(e.address, ''), COALESCE(e.action, ''), COALESCE(e.subject_id, ''), COALESCE(e.subject_name, ''), COALESCE(e.before, ''), COALESCE(e.after, '')
		FROM audit_leaves l LEFT JOIN audit_entries e ON e.account_id = l.account_id AND e.id = l.entry_id
		WHERE l.account_id = $1 AND l.leaf >= $2 AND l.leaf < $3 ORDER BY l.leaf`, accountID, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var leaf int64
		var hash string
		var e AuditEntry
		if err := rows.Scan(append([]any{&leaf, &hash}, e.fields()...)...); err != nil {
			return nil, err
		}
		line := append(strconv.AppendInt([]byte(`{"n":`), leaf+1, 10), `,"leaf":"`+hash+`"`...)
		if e.ID != "" {
			line = append(append(line, `,"entry":`...), e.leaf(accountID)...)
		}
		lines = append(lines, append(line, '}', '\n'))
	}
	return lines, rows.Err()
}

// notesUpTo lists checkpoints of sizes above one and up to another.
func (r *Room) notesUpTo(ctx context.Context, accountID string, above, size int64) (list []Checkpoint, err error) {
	rows, err := r.DB.QueryContext(ctx, `
		SELECT id, at, size, note FROM audit_checkpoints WHERE account_id = $1 AND size > $2 AND size <= $3 ORDER BY size, id`, accountID, above, size)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		c := Checkpoint{AccountID: accountID}
		if err := rows.Scan(&c.ID, &c.At, &c.Size, &c.Note); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// AuditProof is what an account's people see of the tree behind their log.
type AuditProof struct {
	Origin  string
	Key     string // verifier key of the log's checkpoints
	Size    int64  // entries in the tree
	Waiting int64  // entries that get their place within seconds
	Trimmed int64  // entries whose text was dropped by the account's rule
	Years   int    // how long the text of entries is kept; 0 for ever
	Last    *Checkpoint
}

// AuditProof tells how the tree of the actor's log stands.
func (r *Room) AuditProof(ctx context.Context, actor Actor) (p AuditProof, err error) {
	defer fault.Wrap(&err, "account.AuditProof")
	if err := mayReadAudit(actor); err != nil {
		return p, err
	}
	accountID := actor.Account.ID
	t, err := r.tree(ctx, r.DB, accountID)
	if err != nil {
		return p, err
	}
	p = AuditProof{Origin: t.origin, Key: r.auditKey(t.origin).String(), Size: t.Size(), Trimmed: t.trimmed}
	if err := r.DB.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM audit_loose WHERE account_id = $1), COALESCE((SELECT audit_years FROM accounts WHERE id = $1), 0)`, accountID).Scan(
		&p.Waiting, &p.Years); err != nil {
		return p, err
	}
	var c Checkpoint
	err = r.DB.QueryRowContext(ctx, `SELECT id, at, size, note FROM audit_checkpoints WHERE account_id = $1 ORDER BY size DESC, id DESC LIMIT 1`, accountID).Scan(
		&c.ID, &c.At, &c.Size, &c.Note)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	c.AccountID, p.Last = accountID, &c
	return p, err
}

// auditYearsMost is the longest rule that is not "for ever".
const auditYearsMost = 50

// KeepAudit sets how many years the text of the account's entries is kept, at least one; 0 keeps it for ever. Of older entries the
// hashes stay, so that the rest of the log can still be verified. It needs a fresh step-up check.
func (r *Room) KeepAudit(ctx context.Context, actor Actor, years int) (err error) {
	defer fault.Wrap(&err, "account.KeepAudit")
	if err := actor.Require(ChangeSettings); err != nil {
		return err
	}
	if years < 0 || years > auditYearsMost {
		return fault.Field("audit-years", "years", fmt.Sprintf("Entries are kept for 1 to %d years, or for ever", auditYearsMost))
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeSettings); err != nil {
			return err
		}
		var before int
		if err := q.QueryRowContext(ctx, `SELECT audit_years FROM accounts WHERE id = $1`, actor.Account.ID).Scan(&before); err != nil || before == years {
			return err
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE accounts SET audit_years = $2 WHERE id = $1`, actor.Account.ID, years); err != nil {
			return err
		}
		return r.Record(ctx, q, actor, Entry{Action: AuditKeepChanged, SubjectID: actor.Account.ID, SubjectName: actor.Account.Name,
			Before: KeptWords(before), After: KeptWords(years)})
	})
}

// KeptWords says how long entries are kept: "for ever", "2 years".
func KeptWords(years int) string {
	switch years {
	case 0:
		return "for ever"
	case 1:
		return "1 year"
	}
	return strconv.Itoa(years) + " years"
}
