package account

import (
	"context"

	"hubline/base/db"
	"hubline/base/fault"
)

// RetryJob lets a job that failed for good run again. The provider's log tells who did.
func (r *Room) RetryJob(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.RetryJob")
	return r.settleJob(ctx, actor, id, JobRetried, r.Jobs.Retry)
}

// DiscardJob forgets a job that failed for good. The provider's log tells who did.
func (r *Room) DiscardJob(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.DiscardJob")
	return r.settleJob(ctx, actor, id, JobDiscarded, r.Jobs.Discard)
}

func (r *Room) settleJob(ctx context.Context, actor Actor, id string, action Action, settle func(context.Context, db.Q, string) (string, error)) error {
	if !actor.Provider() {
		return notFound()
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		kind, err := settle(ctx, q, id)
		if err != nil {
			return err
		}
		return r.Record(ctx, q, actor.Inside(Account{}), Entry{Action: action, SubjectID: id, SubjectName: kind})
	})
}
