package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
)

// ReviewEvery are the months between reviews that an account can choose from; 0 is no reminder.
var ReviewEvery = []int{0, 3, 6, 12}

// remindAgain is the wait before an overdue review is mentioned by mail once more.
const remindAgain = 30 * 24 * time.Hour

// ReviewPolicy is how often an account wants to review who may do what.
type ReviewPolicy struct {
	Months int   // 0: no reminder
	DueAt  int64 // of the next review; 0 without a policy
}

// Words tells the policy: "every 3 months".
func (p ReviewPolicy) Words() string {
	if p.Months == 0 {
		return "no reminder"
	}
	return "every " + strconv.Itoa(p.Months) + " months"
}

func (p ReviewPolicy) due(from int64) int64 {
	if p.Months == 0 {
		return 0
	}
	return time.UnixMilli(from).UTC().AddDate(0, p.Months, 0).UnixMilli()
}

func (r *Room) reviewPolicy(ctx context.Context, q db.Q, accountID string) (p ReviewPolicy, err error) {
	err = q.QueryRowContext(ctx, `SELECT months, due_at FROM review_policies WHERE account_id = $1`, accountID).Scan(&p.Months, &p.DueAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// ReviewPolicy returns how often the actor's account wants to review access, and when it is due.
func (r *Room) ReviewPolicy(ctx context.Context, actor Actor) (p ReviewPolicy, err error) {
	defer fault.Wrap(&err, "account.ReviewPolicy")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return p, err
	}
	return r.reviewPolicy(ctx, r.DB, actor.Account.ID)
}

// SetReviewPolicy sets after how many months admins are reminded, one of ReviewEvery. The time counts from the last review, or from now.
func (r *Room) SetReviewPolicy(ctx context.Context, actor Actor, months int) (p ReviewPolicy, err error) {
	defer fault.Wrap(&err, "account.SetReviewPolicy")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return p, err
	}
	if !slices.Contains(ReviewEvery, months) {
		return p, fault.Field("review-months", "months", "Choose 3, 6 or 12 months, or no reminder")
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		before, err := r.reviewPolicy(ctx, q, actor.Account.ID)
		if err != nil {
			return err
		}
		if p = before; before.Months == months {
			return nil
		}
		var last int64
		if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(done_at), 0) FROM access_reviews WHERE account_id = $1`, actor.Account.ID).Scan(&last); err != nil {
			return err
		}
		if last == 0 {
			last = r.now()
		}
		p.Months = months
		p.DueAt = p.due(last)
		if _, err := q.ExecContext(ctx, `INSERT INTO review_policies (account_id, months, due_at, reminded_at) VALUES ($1, $2, $3, 0)
			ON CONFLICT (account_id) DO UPDATE SET months = $2, due_at = $3, reminded_at = 0`, actor.Account.ID, p.Months, p.DueAt); err != nil {
			return err
		}
		return r.Record(ctx, q, actor, Entry{Action: ReviewPolicySet, SubjectID: actor.Account.ID, SubjectName: actor.Account.Name, Before: before.Words(), After: p.Words()})
	})
	return p, err
}

// remindReviews mails the admins of accounts whose review is due, and once more every remindAgain until it is done.
func (r *Room) remindReviews(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.remindReviews")
	now := r.now()
	due, err := db.Collect(ctx, r.DB, db.Value[string], `SELECT account_id FROM review_policies WHERE due_at > 0 AND due_at <= $1 AND reminded_at <= $2 LIMIT 1000`, now, now-remindAgain.Milliseconds())
	if err != nil {
		return err
	}
	for _, id := range due {
		if err := r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error { return r.remindReview(ctx, q, id, now) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) remindReview(ctx context.Context, q db.Q, accountID string, now int64) error {
	claimed, err := q.ExecContext(ctx, `UPDATE review_policies SET reminded_at = $2 WHERE account_id = $1 AND due_at <= $2 AND reminded_at <= $3`, accountID, now, now-remindAgain.Milliseconds())
	if err != nil {
		return err
	}
	if n, err := claimed.RowsAffected(); err != nil || n == 0 {
		return err // another node was faster
	}
	a, err := r.accountByID(ctx, q, accountID)
	if err != nil {
		return err
	}
	admins, err := r.hubUsersWhere(ctx, q, a.ID, `m.state = 'active' AND m.roles IN ('admin', 'admin,billing') ORDER BY m.id LIMIT 50`)
	if err != nil {
		return err
	}
	var letters []any
	for _, u := range admins {
		letters = append(letters, letterArgs{Kind: "review-due", To: u.Email, Name: u.Name, Account: a.Name, Slug: a.Slug, Zone: a.Policy.TimeZone, At: now})
	}
	return r.Jobs.AddAll(ctx, q, letterMail, letters)
}
