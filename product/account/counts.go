package account

import (
	"context"

	"hubline/base/db"
	"hubline/base/fault"
)

// Counts says how many rows each filter has.
type Counts struct {
	All, Active, Invited int
	Attention            int // rows that need it: some invitations, and hub users without a second factor that is asked of them
	Lacking              int // those hub users
}

// CountPeople counts the rows of each filter. Hub users are counted as they change; invitations, of which few are open at a time and
// which run out by themselves, are counted now, and so are hub users without the second factor that is asked of them: an index holds those
// without one and nobody else.
func (r *Room) CountPeople(ctx context.Context, actor Actor) (c Counts, err error) {
	defer fault.Wrap(&err, "account.CountPeople")
	if err := actor.Require(ViewHubUsers); err != nil {
		return c, err
	}
	err = r.DB.QueryRowContext(ctx, `
		SELECT COALESCE((SELECT people FROM people_counts WHERE account_id = $1 AND state = 'active'), 0),
		       COALESCE((SELECT people FROM people_counts WHERE account_id = $1 AND state = 'deactivated'), 0),
		       (SELECT COUNT(*) FROM invitations WHERE account_id = $1 AND state = 'pending' AND expires_at > $2 AND delivery <> 'refused'),
		       (SELECT COUNT(*) FROM invitations WHERE account_id = $1 AND state = 'pending' AND (expires_at <= $2 OR delivery = 'refused'))
		     + (SELECT COUNT(*) FROM invitations WHERE account_id = $1 AND state IN ('declined', 'voided')),
		       (SELECT COUNT(*) FROM memberships WHERE account_id = $1 AND `+actor.Account.Policy.SecondFactor.lacking()+`)`,
		actor.Account.ID, r.now()).Scan(&c.Active, &c.All, &c.Invited, &c.Attention, &c.Lacking)
	c.All += c.Active + c.Invited + c.Attention
	c.Attention += c.Lacking
	return c, err
}

// counted keeps the counts of hub users in the transaction that moves one from a state ("" for somebody new) to another.
func (r *Room) counted(ctx context.Context, q db.Q, accountID string, from, to HubUserState) error {
	if from == to {
		return nil
	}
	for _, step := range []struct {
		state HubUserState
		by    int
	}{{from, -1}, {to, 1}} {
		if step.state == "" {
			continue
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO people_counts (account_id, state, people) VALUES ($1, $2, $3)
			ON CONFLICT (account_id, state) DO UPDATE SET people = people_counts.people + $3`, accountID, step.state, step.by); err != nil {
			return err
		}
	}
	return nil
}
