package account

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/merkle"
)

// The audit log of each account, and the provider's own, is a Merkle tree whose head is signed every hour. An entry gets its place in the
// tree in a transaction of its own, shortly after the one that wrote it: the place is one number per account, and taking it inside of
// every change would make all changes of an account wait for each other. What waits is listed by the entry's own transaction, so an
// entry that commits late is placed late and never missed, and only what is committed is ever read here.
const (
	placeEvery    = time.Second
	placeAtOnce   = 500
	signEvery     = time.Hour
	auditPurpose  = "audit" // of the key that signs checkpoints
	providerLogID = "provider"
)

// auditTree is the stored state of one account's tree.
type auditTree struct {
	*merkle.Tree
	origin           string
	trimmed, dropped int64
}

// key is what checks the checkpoints of the log with that origin.
func (r *Room) auditKey(origin string) merkle.Key {
	return merkle.Key{Origin: origin, Public: r.Keys.Signer(auditPurpose).Public().(ed25519.PublicKey)}
}

// originOf names an account's log in its first moment; it stays when the installation moves to another address.
func (r *Room) originOf(accountID string) string {
	host := r.BaseURL
	if u, err := url.Parse(r.BaseURL); err == nil && u.Host != "" {
		host = u.Host
	}
	return host + "/audit/" + cmpOr(accountID, providerLogID)
}

// tree reads the state of an account's tree, an empty one before the first entry has its place.
func (r *Room) tree(ctx context.Context, q db.Q, accountID string) (t auditTree, err error) {
	var size int64
	var peaks string
	err = q.QueryRowContext(ctx, `SELECT origin, size, peaks, trimmed, dropped FROM audit_trees WHERE account_id = $1`, accountID).Scan(
		&t.origin, &size, &peaks, &t.trimmed, &t.dropped)
	if errors.Is(err, sql.ErrNoRows) {
		return auditTree{Tree: &merkle.Tree{}, origin: r.originOf(accountID)}, nil
	}
	if err != nil {
		return t, err
	}
	t.Tree, err = merkle.Grown(size, peaks)
	return t, err
}

// placeLoop gives entries their places until ctx ends. Every node does so; whoever is second finds nothing left.
func (r *Room) placeLoop(ctx context.Context) {
	tick := time.NewTicker(placeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.PlaceAudit(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("entries of the audit log wait for their place", "error", err)
		}
	}
}

// PlaceAudit gives every entry of every log that waits its place in the tree.
func (r *Room) PlaceAudit(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.PlaceAudit")
	logs, err := r.strings(ctx, `SELECT DISTINCT account_id FROM audit_loose`)
	if err != nil {
		return err
	}
	for _, accountID := range logs { // one log that somebody has meddled with does not hold up the others
		err = errors.Join(err, r.placeAll(ctx, accountID))
	}
	return err
}

// strings reads a query's one column.
func (r *Room) strings(ctx context.Context, query string, args ...any) (list []string, err error) {
	return db.Collect(ctx, r.DB, db.Value[string], query, args...)
}

func (r *Room) placeAll(ctx context.Context, accountID string) error {
	for {
		loose, err := r.looseEntries(ctx, accountID)
		if err != nil || len(loose) == 0 {
			return err
		}
		err = r.place(ctx, accountID, loose)
		if errors.Is(err, errLeaving) {
			return nil
		}
		if err != nil && !errors.Is(err, errPlaced) {
			return err
		}
	}
}

const entryColumns = `e.id, e.at, e.actor_kind, e.actor_id, e.actor_name, e.address, e.action, e.subject_id, e.subject_name, e.before, e.after`

func (e *AuditEntry) fields() []any {
	return []any{&e.ID, &e.At, &e.ActorKind, &e.ActorID, &e.ActorName, &e.Address, &e.Action, &e.SubjectID, &e.SubjectName, &e.Before, &e.After}
}

// looseEntries reads outside of a transaction: inside of a serializable one, every change of the account would seem to touch what was read.
func (r *Room) looseEntries(ctx context.Context, accountID string) (list []AuditEntry, err error) {
	return db.Collect(ctx, r.DB, (*AuditEntry).fields, `
		SELECT `+entryColumns+` FROM audit_loose l JOIN audit_entries e ON e.account_id = l.account_id AND e.id = l.entry_id
		WHERE l.account_id = $1 ORDER BY l.entry_id LIMIT $2`, accountID, placeAtOnce)
}

// errPlaced says that another node was quicker.
var errPlaced = errors.New("some of these entries have their place already")

// place puts entries at the end of the tree. Leaves, tree and list of what waits change in one transaction, so each entry that is listed
// as waiting is in no tree, and each other one is in it once.
func (r *Room) place(ctx context.Context, accountID string, list []AuditEntry) error {
	ids := make([]any, 0, len(list)+1)
	ids = append(ids, accountID)
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if over, err := r.isOver(ctx, q, accountID); err != nil {
			return err
		} else if over {
			return errLeaving
		}
		taken, err := affected(q.ExecContext(ctx, `DELETE FROM audit_loose WHERE account_id = $1 AND entry_id IN (`+db.In(2, len(list))+`)`, ids...))
		if err != nil {
			return err
		}
		if taken != int64(len(list)) {
			return errPlaced
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO audit_trees (account_id, origin, size, peaks, trimmed, dropped) VALUES ($1, $2, 0, '', 0, 0) ON CONFLICT (account_id) DO NOTHING`,
			accountID, r.originOf(accountID)); err != nil {
			return err
		}
		t, err := r.tree(ctx, q, accountID)
		if err != nil {
			return err
		}
		before, values, args := t.Size(), make([]string, len(list)), []any{accountID}
		for i, e := range list {
			h := merkle.Leaf(e.leaf(accountID))
			values[i] = "($1, " + db.In(len(args)+1, 3) + ")"
			args = append(args, t.Size(), e.ID, h.String())
			t.Append(h)
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO audit_leaves (account_id, leaf, entry_id, hash) VALUES `+strings.Join(values, ", "), args...); err != nil {
			return err
		}
		moved, err := affected(q.ExecContext(ctx, `UPDATE audit_trees SET size = $2, peaks = $3 WHERE account_id = $1 AND size = $4`,
			accountID, t.Size(), t.Peaks(), before))
		if err == nil && moved != 1 {
			err = errPlaced
		}
		return err
	})
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// signAll signs the head of every log that grew, and of the provider's own in any case, so that it shows when signing has stopped.
func (r *Room) signAll(ctx context.Context) error {
	placed := r.PlaceAudit(ctx)
	grown, err := r.strings(ctx, `
		SELECT t.account_id FROM audit_trees t
		WHERE t.size > (SELECT COALESCE(MAX(c.size), 0) FROM audit_checkpoints c WHERE c.account_id = t.account_id)`)
	if err != nil {
		return err
	}
	for _, accountID := range grown {
		if accountID != "" {
			err = errors.Join(err, r.sign(ctx, accountID, false))
		}
	}
	return errors.Join(placed, err, r.sign(ctx, "", true))
}

// errLeaving says that an account is being erased: nothing is written for it any more.
var errLeaving = errors.New("the account is being erased")

// isOver reports whether the time of an account's data is over.
func (r *Room) isOver(ctx context.Context, q db.Q, accountID string) (bool, error) {
	return exists(ctx, q, `SELECT 1 FROM accounts WHERE id = $1 AND close_at > 0 AND close_at <= $2`, accountID, r.now())
}

// sign writes down a checkpoint of the log as it is, unless the last one says the same and no new one is wanted for its time.
func (r *Room) sign(ctx context.Context, accountID string, always bool) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if over, err := r.isOver(ctx, q, accountID); err != nil || over {
			return err
		}
		t, err := r.tree(ctx, q, accountID)
		if err != nil {
			return err
		}
		var signed int64
		if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(size), 0) FROM audit_checkpoints WHERE account_id = $1`, accountID).Scan(&signed); err != nil {
			return err
		}
		if signed == t.Size() && !always {
			return nil
		}
		if signed > t.Size() { // an export tells the same, by the checkpoints that are too many
			r.Log.Error("the audit log has lost entries that were signed; run hubline audit verify", "account", accountID, "signed", signed, "entries", t.Size())
			return nil
		}
		now := r.now()
		c := merkle.Checkpoint{Origin: t.origin, Size: t.Size(), Root: t.Root(), At: time.UnixMilli(now)}
		_, err = q.ExecContext(ctx, `INSERT INTO audit_checkpoints (account_id, id, at, size, note) VALUES ($1, $2, $3, $4, $5)`,
			accountID, ident.Ordered(now), now, c.Size, c.Sign(r.Keys.Signer(auditPurpose)))
		return err
	})
}

// Checkpoint is one signed head of a log, as the store keeps it.
type Checkpoint struct {
	ID        string
	AccountID string // "": the provider's own log
	At        int64
	Size      int64
	Note      string
}

// CheckpointsAfter lists checkpoints of all logs by ID for those who copy them to another place, at most limit after one. Those of the
// last two minutes are left out: one that commits late, or was dated by a slow clock, must not be passed by.
func (r *Room) CheckpointsAfter(ctx context.Context, id string, limit int) (list []Checkpoint, err error) {
	defer fault.Wrap(&err, "account.CheckpointsAfter")
	return db.Collect(ctx, r.DB, func(c *Checkpoint) []any { return []any{&c.AccountID, &c.ID, &c.At, &c.Size, &c.Note} },
		`SELECT account_id, id, at, size, note FROM audit_checkpoints WHERE id > $1 AND at <= $2 ORDER BY id LIMIT $3`,
		id, r.now()-2*clockSlack.Milliseconds(), limit)
}

// AuditState is how the trees of all logs stand, for whoever watches the installation.
type AuditState struct {
	Waiting int64 // entries without a place
	Since   int64 // when the oldest of them was written, 0: none waits
	Signed  int64 // time of the last checkpoint, 0: none yet
}

// AuditState counts over all logs.
func (r *Room) AuditState(ctx context.Context) (s AuditState, err error) {
	defer fault.Wrap(&err, "account.AuditState")
	var oldest string
	err = r.DB.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM audit_loose), (SELECT COALESCE(MIN(entry_id), '') FROM audit_loose), COALESCE((SELECT at FROM audit_checkpoints ORDER BY id DESC LIMIT 1), 0)`).Scan(
		&s.Waiting, &oldest, &s.Signed)
	if err == nil && len(oldest) >= 12 { // an entry's ID begins with its time: ident.Ordered
		s.Since, err = strconv.ParseInt(oldest[:12], 16, 64)
	}
	return s, err
}
