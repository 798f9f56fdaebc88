package webhook

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"sync"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/product/account"
)

// Each webhook is a lane: one process at a time leases it and sends what is due, one after the other. Lanes wait for nobody but themselves:
// one whose receiver is slow or gone rests between its tries, and an account holds at most lanesOfAccount of a process's lanesAtOnce.
const (
	lanesAtOnce    = 32
	lanesOfAccount = 2
	turnMost       = 20 * time.Second // then another lane may want the place
	leaseMost      = time.Minute      // more than a turn and its last try; the wait after a crash
	collectAtOnce  = 200              // entries of the audit log in one transaction
	restMost       = time.Minute

	// A webhook to which nothing could be delivered for so long gets a warning by mail, and later is paused.
	warnAfter   = 24 * time.Hour
	pauseAfter  = 72 * time.Hour
	pauseLeast  = 10 // failures in a row that it takes too, as a lane may have had little to send
	gone        = 410
	jitterShare = 10
)

// pauses are the waits between the tries of one delivery, about three days together (Standard Webhooks, "Deliverability and reliability").
var pauses = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// Run notes what webhooks are to be told and sends it, until ctx ends and what is being sent has its answer.
func (r *Room) Run(ctx context.Context) {
	var lanes sync.WaitGroup
	defer lanes.Wait()
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := r.round(ctx, &lanes)
		if err != nil && ctx.Err() == nil && !failing {
			r.Log.Error("webhooks stand still: the store does not answer", "error", err)
		}
		failing = err != nil
	}
}

// Flush notes and sends all that is due at this moment, and returns when it has its answers.
func (r *Room) Flush(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "webhook.Flush")
	for started := 1; started > 0 && err == nil; {
		var lanes sync.WaitGroup
		started, err = r.round(ctx, &lanes)
		lanes.Wait()
	}
	return err
}

// round notes what happened, and starts lanes that have something to send as far as there is room. It says how many.
func (r *Room) round(ctx context.Context, lanes *sync.WaitGroup) (started int, err error) {
	if err := r.collect(ctx); err != nil {
		return 0, err
	}
	due, err := r.due(ctx)
	if err != nil {
		return 0, err
	}
	for _, l := range due {
		if ctx.Err() != nil || !r.enter(l.accountID) {
			continue
		}
		ours, err := r.lease(context.WithoutCancel(ctx), l) // a stop in this moment must not leave a lease behind that nobody gives back
		if err != nil || !ours {
			r.leave(l.accountID)
			if err != nil {
				return started, err
			}
			continue
		}
		started++
		lanes.Go(func() {
			defer r.leave(l.accountID)
			r.serve(ctx, l)
		})
	}
	return started, nil
}

// enter takes a place for one of the account's lanes, if there is one.
func (r *Room) enter(accountID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all >= lanesAtOnce || r.busy[accountID] >= lanesOfAccount {
		return false
	}
	r.all++
	r.busy[accountID]++
	return true
}

func (r *Room) leave(accountID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.busy[accountID]--; r.busy[accountID] == 0 {
		delete(r.busy, accountID)
	}
}

// collect notes what the audit logs tell that webhooks were not told yet.
func (r *Room) collect(ctx context.Context) error {
	behind, err := db.Collect(ctx, r.DB, db.Value[string], `
		SELECT c.account_id FROM webhook_cursors c JOIN audit_trees t ON t.account_id = c.account_id JOIN accounts a ON a.id = c.account_id
		WHERE t.size > c.next_leaf AND a.close_at = 0 LIMIT 500`)
	if err != nil {
		return err
	}
	for _, id := range behind {
		if err := r.collectFor(ctx, id); err != nil && !errors.Is(err, errTaken) {
			return err
		}
	}
	return nil
}

// errTaken says that another process was quicker.
var errTaken = errors.New("another process has noted this already")

// collectFor moves an account's cursor on in the transaction that queues what it passes, so that each entry is told once.
func (r *Room) collectFor(ctx context.Context, accountID string) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var from int64
		if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(next_leaf), -1) FROM webhook_cursors WHERE account_id = $1`, accountID).Scan(&from); err != nil || from < 0 {
			return err
		}
		hooks, err := r.listening(ctx, q, accountID)
		if err != nil || len(hooks) == 0 {
			return err
		}
		entries, next, err := r.Account.AuditAfter(ctx, q, accountID, from, collectAtOnce)
		if err != nil {
			return err
		}
		if err := r.insert(ctx, q, deliveriesOf(accountID, entries, hooks)); err != nil {
			return err
		}
		moved, err := affected(q.ExecContext(ctx, `UPDATE webhook_cursors SET next_leaf = $3 WHERE account_id = $1 AND next_leaf = $2`, accountID, from, next))
		if err == nil && moved != 1 {
			err = errTaken
		}
		return err
	})
}

// deliveriesOf are what the webhooks are told of the entries: what they want, and what happened since they were added.
func deliveriesOf(accountID string, entries []account.AuditEntry, hooks []Webhook) (list []Delivery) {
	for _, e := range entries {
		event, known := told[e.Action]
		if !known {
			continue
		}
		for _, w := range hooks {
			if w.wants(event) && e.At >= w.CreatedAt {
				list = append(list, Delivery{accountID: accountID, WebhookID: w.ID, Event: event, Body: body(event, e.At, subjectOf(e))})
			}
		}
	}
	return list
}

// lane is a webhook whose turn it is, with the lease that this process has on it.
type lane struct{ accountID, webhookID, lease string }

// due lists lanes that have something to send, those that waited longest for a turn first.
func (r *Room) due(ctx context.Context) (list []lane, err error) {
	rows, err := r.DB.QueryContext(ctx, `
		SELECT l.account_id, l.webhook_id FROM webhook_lanes l
		JOIN webhooks w ON w.account_id = l.account_id AND w.id = l.webhook_id AND w.paused_at = 0
		JOIN accounts a ON a.id = l.account_id AND a.state = 'active'
		WHERE l.lease_until <= $1 AND l.rest_until <= $1
			AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.account_id = l.account_id AND d.webhook_id = l.webhook_id AND d.next_at > 0 AND d.next_at <= $1)
		ORDER BY l.lease_until LIMIT 200`, r.now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		l := lane{lease: ident.New()}
		if err := rows.Scan(&l.accountID, &l.webhookID); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

func (r *Room) lease(ctx context.Context, l lane) (ours bool, err error) {
	now := r.now()
	n, err := affected(r.DB.ExecContext(ctx, `UPDATE webhook_lanes SET lease = $3, lease_until = $4 WHERE account_id = $1 AND webhook_id = $2 AND lease_until <= $5`,
		l.accountID, l.webhookID, l.lease, now+leaseMost.Milliseconds(), now))
	return n == 1, err
}

// serve sends what is due in a lane until there is no more, a try fails or the turn is over.
func (r *Room) serve(ctx context.Context, l lane) {
	calm := context.WithoutCancel(ctx) // what is being sent gets its answer, and that is written down
	over := time.Now().Add(turnMost)
	for more := true; more && ctx.Err() == nil && time.Now().Before(over); {
		var err error
		if more, err = r.serveOne(calm, l); err != nil && !errors.Is(err, errTaken) {
			r.Log.Error("a webhook's delivery is not written down; it may be sent twice", "account", l.accountID, "webhook", l.webhookID, "error", err)
		}
	}
	if _, err := r.DB.ExecContext(calm, `UPDATE webhook_lanes SET lease = '', lease_until = $4 WHERE account_id = $1 AND webhook_id = $2 AND lease = $3`,
		l.accountID, l.webhookID, l.lease, r.now()); err != nil {
		r.Log.Warn("a webhook waits for the end of its lease", "account", l.accountID, "webhook", l.webhookID, "error", err)
	}
}

// serveOne sends the delivery that is due first. more is false when there is none, or it failed.
func (r *Room) serveOne(ctx context.Context, l lane) (more bool, err error) {
	w, err := r.byID(ctx, r.DB, l.accountID, l.webhookID)
	if fault.Is(err, fault.NotFound) || err == nil && w.PausedAt > 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	due, err := r.deliveries(ctx, r.DB, `d.account_id = $1 AND d.webhook_id = $2 AND d.next_at > 0 AND d.next_at <= $3 ORDER BY d.next_at, d.id LIMIT 1`,
		l.accountID, l.webhookID, r.now())
	if err != nil || len(due) == 0 {
		return false, err
	}
	a, err := r.try(ctx, w, due[0])
	if err != nil {
		a.Error = "Hubline could not make the request"
		r.Log.Error("a webhook's request can't be made", "account", l.accountID, "webhook", l.webhookID, "error", err)
	}
	return a.Error == "", r.settle(ctx, l, due[0], a)
}

// settle writes down how a try went, and what follows from it for the delivery and its webhook.
func (r *Room) settle(ctx context.Context, l lane, d Delivery, a Attempt) error {
	d.Tries++
	d.TriedAt, d.Status, d.DurationMS, d.Error, d.NextAt = a.At, a.Status, a.DurationMS, a.Error, 0
	switch {
	case a.Error == "":
		d.State = Delivered
	case d.Tries > int64(len(pauses)):
		d.State = Failed
	default:
		d.NextAt = r.now() + spread(pauses[d.Tries-1]).Milliseconds()
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if n, err := affected(q.ExecContext(ctx, `
			UPDATE webhook_deliveries SET state = $3, next_at = $4, tries = $5, tried_at = $6, status = $7, duration_ms = $8, error = $9
			WHERE account_id = $1 AND id = $2 AND state = 'waiting'`,
			d.accountID, d.ID, d.State, d.NextAt, d.Tries, d.TriedAt, d.Status, d.DurationMS, d.Error)); err != nil || n == 0 {
			return err
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO webhook_attempts (account_id, id, delivery_id, at, status, duration_ms, error, answer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			d.accountID, a.ID, d.ID, a.At, a.Status, a.DurationMS, a.Error, a.Answer); err != nil {
			return err
		}
		if d.AskedAt > 0 { // somebody is waiting for it
			if err := r.Account.Notice(ctx, q, l.accountID); err != nil {
				return err
			}
		}
		return r.judge(ctx, q, l, a)
	})
}

// judge notes in the lane how a try went: it rests after a failure, and its webhook is warned about or paused when nothing works any more.
func (r *Room) judge(ctx context.Context, q db.Q, l lane, a Attempt) error {
	var since, failures, warned int64
	err := q.QueryRowContext(ctx, `SELECT failing_since, failures, warned_at FROM webhook_lanes WHERE account_id = $1 AND webhook_id = $2 AND lease = $3`,
		l.accountID, l.webhookID, l.lease).Scan(&since, &failures, &warned)
	if err != nil { // ErrNoRows: deleted meanwhile, or another process has the lane
		return ignoreNoRows(err)
	}
	now, rest, before := r.now(), int64(0), since
	if a.Error == "" {
		since, failures, warned = 0, 0, 0
	} else {
		failures++
		if since == 0 {
			since = now
		}
		rest = now + min(restMost, time.Second<<min(failures-1, 10)).Milliseconds()
	}
	failing := time.Duration(now-since) * time.Millisecond
	switch {
	case a.Error == "":
	case a.Status == gone:
		err = r.pause(ctx, q, l, Gone, a, since)
	case failing >= pauseAfter && failures >= pauseLeast:
		err = r.pause(ctx, q, l, Failing, a, since)
	case failing >= warnAfter && warned == 0:
		warned = now
		err = r.tellAdmins(ctx, q, l, letter{Kind: letterFailing, Why: a.Error, Since: since})
	}
	if err != nil {
		return err
	}
	if a.Error == "" && before == 0 {
		return nil
	}
	if _, err = q.ExecContext(ctx, `
		UPDATE webhook_lanes SET rest_until = $3, failing_since = $4, failures = $5, warned_at = $6 WHERE account_id = $1 AND webhook_id = $2`,
		l.accountID, l.webhookID, rest, since, failures, warned); err != nil {
		return err
	}
	if (before == 0) == (since == 0) {
		return nil
	}
	return r.Account.Notice(ctx, q, l.accountID) // its health changed
}

// pause pauses a webhook that does not work, and tells the admins by mail and in the audit log.
func (r *Room) pause(ctx context.Context, q db.Q, l lane, why Reason, a Attempt, since int64) error {
	w, err := r.byID(ctx, q, l.accountID, l.webhookID)
	if err != nil || w.PausedAt > 0 {
		return err
	}
	w.PausedAt, w.PausedWhy = r.now(), why
	if err := r.save(ctx, q, &w); err != nil {
		return err
	}
	own := account.Actor{Kind: account.Operator, Name: "Hubline", Account: account.Account{ID: l.accountID}}
	if err := r.record(ctx, q, own, account.WebhookPaused, w, "", a.Error); err != nil {
		return err
	}
	return r.tellAdmins(ctx, q, l, letter{Kind: string(why), Why: a.Error, Since: since})
}

// spread makes a pause up to a tenth longer, so that what failed together is not tried again together.
func spread(pause time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(pause/jitterShare)+1))
	if err != nil {
		return pause
	}
	return pause + time.Duration(n.Int64())
}
