package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
	"hubline/product/account"
)

const columns = `w.account_id, w.id, w.url, w.description, w.events, w.secret, w.old_secret, w.old_until, w.paused_at, w.paused_why, w.created_at, w.version,
	l.failing_since, l.failures`

// webhooks reads webhooks without how many deliveries wait.
func (r *Room) webhooks(ctx context.Context, q db.Q, where string, args ...any) (list []Webhook, err error) {
	rows, err := q.QueryContext(ctx, `
		SELECT `+columns+` FROM webhooks w JOIN webhook_lanes l ON l.account_id = w.account_id AND l.webhook_id = w.id `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var w Webhook
		var events string
		if err := rows.Scan(&w.accountID, &w.ID, &w.URL, &w.Description, &events, &w.secret, &w.old, &w.OldUntil, &w.PausedAt, &w.PausedWhy, &w.CreatedAt, &w.Version,
			&w.FailingSince, &w.Failures); err != nil {
			return nil, err
		}
		w.Events = strings.Fields(events)
		if w.OldUntil <= r.now() {
			w.OldUntil, w.old = 0, ""
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

func (r *Room) byID(ctx context.Context, q db.Q, accountID, id string) (Webhook, error) {
	list, err := r.webhooks(ctx, q, `WHERE w.account_id = $1 AND w.id = $2`, accountID, id)
	if err != nil {
		return Webhook{}, err
	}
	if len(list) == 0 {
		return Webhook{}, notFound()
	}
	return list[0], nil
}

// count adds to webhooks of one account how many deliveries wait.
func (r *Room) count(ctx context.Context, accountID string, list []Webhook) error {
	rows, err := r.DB.QueryContext(ctx, `SELECT webhook_id, COUNT(*) FROM webhook_deliveries WHERE account_id = $1 AND next_at > 0 GROUP BY webhook_id`, accountID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		for i := range list {
			if list[i].ID == id {
				list[i].Waiting = n
			}
		}
	}
	return rows.Err()
}

// listening reads what the accounts' webhooks want to be told. Accounts that are being closed are told nothing.
func (r *Room) listening(ctx context.Context, q db.Q, accountIDs ...string) (list []Webhook, err error) {
	args := make([]any, len(accountIDs))
	for i, id := range accountIDs {
		args[i] = id
	}
	rows, err := q.QueryContext(ctx, `
		SELECT w.account_id, w.id, w.events, w.created_at FROM webhooks w JOIN accounts a ON a.id = w.account_id
		WHERE w.account_id IN (`+db.In(1, len(args))+`) AND a.close_at = 0`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var w Webhook
		var events string
		if err := rows.Scan(&w.accountID, &w.ID, &events, &w.CreatedAt); err != nil {
			return nil, err
		}
		w.Events = strings.Fields(events)
		list = append(list, w)
	}
	return list, rows.Err()
}

func (r *Room) insertWebhook(ctx context.Context, q db.Q, w Webhook) error {
	if _, err := q.ExecContext(ctx, `
		INSERT INTO webhooks (account_id, id, url, description, events, secret, old_secret, old_until, paused_at, paused_why, created_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, '', 0, 0, '', $7, $8)`,
		w.accountID, w.ID, w.URL, w.Description, words(w.Events), w.secret, w.CreatedAt, w.Version); err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `
		INSERT INTO webhook_lanes (account_id, webhook_id, lease, lease_until, rest_until, failing_since, failures, warned_at)
		VALUES ($1, $2, '', 0, 0, 0, 0, 0)`, w.accountID, w.ID); err != nil {
		return err
	}
	size, err := r.Account.AuditSize(ctx, q, w.accountID)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `INSERT INTO webhook_cursors (account_id, next_leaf) VALUES ($1, $2) ON CONFLICT (account_id) DO NOTHING`, w.accountID, size)
	return err
}

// save writes what of a webhook can change, in its next version.
func (r *Room) save(ctx context.Context, q db.Q, w *Webhook) error {
	w.Version++
	_, err := q.ExecContext(ctx, `
		UPDATE webhooks SET url = $3, description = $4, events = $5, secret = $6, old_secret = $7, old_until = $8, paused_at = $9, paused_why = $10, version = $11
		WHERE account_id = $1 AND id = $2`,
		w.accountID, w.ID, w.URL, w.Description, words(w.Events), w.secret, w.old, w.OldUntil, w.PausedAt, w.PausedWhy, w.Version)
	return err
}

// fresh forgets the failures of a webhook and has what waits tried at once.
func (r *Room) fresh(ctx context.Context, q db.Q, w Webhook) error {
	if _, err := q.ExecContext(ctx, `
		UPDATE webhook_lanes SET rest_until = 0, failing_since = 0, failures = 0, warned_at = 0 WHERE account_id = $1 AND webhook_id = $2`, w.accountID, w.ID); err != nil {
		return err
	}
	now := r.now()
	_, err := q.ExecContext(ctx, `UPDATE webhook_deliveries SET next_at = $3 WHERE account_id = $1 AND webhook_id = $2 AND next_at > $3`, w.accountID, w.ID, now)
	return err
}

// remove deletes a webhook. The hourly tidying takes what was sent to it, as it may be much.
func (r *Room) remove(ctx context.Context, q db.Q, w Webhook) error {
	for _, query := range []string{
		`DELETE FROM webhook_lanes WHERE account_id = $1 AND webhook_id = $2`,
		`DELETE FROM webhooks WHERE account_id = $1 AND id = $2`,
	} {
		if _, err := q.ExecContext(ctx, query, w.accountID, w.ID); err != nil {
			return err
		}
	}
	_, err := q.ExecContext(ctx, `DELETE FROM webhook_cursors WHERE account_id = $1 AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.account_id = $1)`, w.accountID)
	return err
}

// insertedTogether is how many deliveries one statement takes.
const insertedTogether = 200

// insert queues deliveries and gives them their IDs.
func (r *Room) insert(ctx context.Context, q db.Q, list []Delivery) error {
	now := r.now()
	for some := range slices.Chunk(list, insertedTogether) {
		values, args := make([]string, len(some)), []any{now, Waiting}
		for i := range some {
			d := &some[i]
			d.ID, d.State, d.CreatedAt, d.NextAt = ident.Ordered(now), Waiting, now, now
			values[i] = fmt.Sprintf("(%s, $2, $1, $1, 0, 0, 0, 0, '')", db.In(len(args)+1, 6))
			args = append(args, d.accountID, d.ID, d.WebhookID, d.Event, d.Body, d.AskedAt)
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO webhook_deliveries (account_id, id, webhook_id, event, body, asked_at, state, created_at, next_at, tries, tried_at, status, duration_ms, error)
			VALUES `+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

const deliveryColumns = `d.account_id, d.id, d.webhook_id, d.event, d.body, d.state, d.created_at, d.asked_at, d.next_at, d.tries, d.tried_at, d.status, d.duration_ms, d.error`

func (d *Delivery) fields() []any {
	return []any{&d.accountID, &d.ID, &d.WebhookID, &d.Event, &d.Body, &d.State, &d.CreatedAt, &d.AskedAt, &d.NextAt, &d.Tries, &d.TriedAt, &d.Status, &d.DurationMS, &d.Error}
}

// Filter chooses deliveries. The zero value chooses all, newest first. Limit 0 means 50; at most 500.
type Filter struct {
	State State  // "" for all
	Event string // type, "" for all
	After string // cursor
	Limit int
}

// Deliveries lists what was sent to a webhook or waits, newest first, and the cursor of the next page or "". It goes back 30 days.
func (r *Room) Deliveries(ctx context.Context, actor account.Actor, webhookID string, f Filter) (list []Delivery, next string, err error) {
	defer fault.Wrap(&err, "webhook.Deliveries")
	w, err := r.ByID(ctx, actor, webhookID)
	if err != nil {
		return nil, "", err
	}
	if f.State != "" && !slices.Contains(States, f.State) {
		return nil, "", fault.Field("delivery-state", "state", "Choose waiting, delivered or failed, or leave it empty for all")
	}
	mark := "webhook deliveries " + w.accountID + " " + w.ID
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	f.Limit = listing.PageSize(f.Limit)
	where, args := `d.account_id = $1 AND d.webhook_id = $2`, []any{w.accountID, w.ID}
	and := func(is bool, condition string, value any) {
		if is {
			args = append(args, value)
			where += fmt.Sprintf(condition, len(args))
		}
	}
	and(at.ID != "", " AND d.id < $%d", at.ID)
	and(f.State != "", " AND d.state = $%d", f.State)
	and(f.Event != "", " AND d.event = $%d", f.Event)
	list, err = r.deliveries(ctx, r.DB, where+fmt.Sprintf(" ORDER BY d.id DESC LIMIT %d", f.Limit+1), args...)
	if len(list) > f.Limit {
		list = list[:f.Limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{ID: list[f.Limit-1].ID})
	}
	return list, next, err
}

func (r *Room) deliveries(ctx context.Context, q db.Q, where string, args ...any) (list []Delivery, err error) {
	return db.Collect(ctx, q, (*Delivery).fields, `SELECT `+deliveryColumns+` FROM webhook_deliveries d WHERE `+where, args...)
}

func (r *Room) delivery(ctx context.Context, q db.Q, accountID, webhookID, id string) (d Delivery, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+deliveryColumns+` FROM webhook_deliveries d WHERE d.account_id = $1 AND d.webhook_id = $2 AND d.id = $3`,
		accountID, webhookID, id).Scan(d.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return d, err
}

// attemptsShown is how many tries of one delivery are shown: the last ones.
const attemptsShown = 50

// Delivery returns what was sent to a webhook, and its last fifty tries, newest first.
func (r *Room) Delivery(ctx context.Context, actor account.Actor, webhookID, id string) (d Delivery, tries []Attempt, err error) {
	defer fault.Wrap(&err, "webhook.Delivery")
	if err := actor.Require(account.ViewWebhooks); err != nil {
		return d, nil, err
	}
	if _, err := r.byID(ctx, r.DB, actor.Account.ID, webhookID); err != nil { // of one that is deleted nothing is shown
		return d, nil, err
	}
	if d, err = r.delivery(ctx, r.DB, actor.Account.ID, webhookID, id); err != nil {
		return d, nil, err
	}
	tries, err = db.Collect(ctx, r.DB, func(a *Attempt) []any { return []any{&a.ID, &a.At, &a.Status, &a.DurationMS, &a.Error, &a.Answer} }, `
		SELECT id, at, status, duration_ms, error, answer FROM webhook_attempts WHERE account_id = $1 AND delivery_id = $2 ORDER BY id DESC LIMIT $3`,
		d.accountID, d.ID, attemptsShown)
	return d, tries, err
}

// tidyBatch is how many rows one statement of tidy deletes.
const tidyBatch = 1000

// tidy deletes what is older than 30 days, and what was sent to webhooks that are deleted.
func (r *Room) tidy(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "webhook.tidy")
	old := r.now() - kept.Milliseconds()
	for _, part := range []struct{ table, which string }{
		{"webhook_deliveries", `t.created_at < $1`},
		{"webhook_deliveries", `t.created_at >= $1 AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.account_id = t.account_id AND w.id = t.webhook_id)`},
		{"webhook_attempts", `t.at < $1`},
	} {
		query := `DELETE FROM ` + part.table + ` WHERE (account_id, id) IN (SELECT t.account_id, t.id FROM ` + part.table + ` t WHERE ` + part.which + fmt.Sprintf(` LIMIT %d)`, tidyBatch)
		for n := int64(tidyBatch); n == tidyBatch; {
			result, err := r.DB.ExecContext(ctx, query, old)
			if err != nil {
				return err
			}
			if n, err = result.RowsAffected(); err != nil {
				return err
			}
		}
	}
	return nil
}

func notFound() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}
