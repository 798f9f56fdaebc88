package webhook

import (
	"context"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
)

const (
	againJob  = "webhook.again"
	againMost = 500 // deliveries that one job puts back, so that no transaction is long
)

// again is what one job of ReplayFailed goes on with.
type again struct {
	Account, Webhook string
	Upto             string // the newest delivery that there was: what fails later waits for another press
}

// ReplayFailed sends everything again that was given up, with the same webhook-ids and bodies, the oldest first, and returns how many there
// are. Jobs put them back some at a time.
func (r *Room) ReplayFailed(ctx context.Context, actor account.Actor, id string) (failed int, err error) {
	defer fault.Wrap(&err, "webhook.ReplayFailed")
	_, err = r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if w.PausedAt > 0 {
			return paused()
		}
		job := again{Account: w.accountID, Webhook: w.ID}
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MAX(id), '') FROM webhook_deliveries WHERE account_id = $1 AND webhook_id = $2 AND state = 'failed'`,
			w.accountID, w.ID).Scan(&failed, &job.Upto); err != nil {
			return err
		}
		if failed == 0 {
			return fault.New(fault.Conflict, "webhook-none-failed", "Nothing has failed that could be sent again")
		}
		if err := r.Jobs.Add(ctx, q, againJob, job); err != nil {
			return err
		}
		words := strconv.Itoa(failed) + " deliveries"
		if failed == 1 {
			words = "1 delivery"
		}
		return r.record(ctx, q, actor, account.WebhookReplayed, *w, "", words)
	})
	return failed, err
}

func paused() error {
	return fault.New(fault.Conflict, "webhook-paused", "This webhook is paused. Resume it first")
}

// putBack makes failed deliveries wait again, and leaves the rest to the next job. A webhook that was deleted meanwhile has none.
func (r *Room) putBack(ctx context.Context, in again) (err error) {
	defer fault.Wrap(&err, "webhook.putBack")
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		result, err := q.ExecContext(ctx, `
			UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_at = $4 WHERE account_id = $1 AND id IN (
				SELECT id FROM webhook_deliveries WHERE account_id = $1 AND webhook_id = $2 AND id <= $3 AND state = 'failed' ORDER BY id LIMIT `+strconv.Itoa(againMost)+`)`,
			in.Account, in.Webhook, in.Upto, r.now())
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		if n == againMost {
			if err := r.Jobs.Add(ctx, q, againJob, in); err != nil {
				return err
			}
		}
		return r.hurry(ctx, q, Webhook{ID: in.Webhook, accountID: in.Account})
	})
}
