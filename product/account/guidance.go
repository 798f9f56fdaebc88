package account

import (
	"context"

	"hubline/base/fault"
)

// GuidanceDue reports whether the actor's person is new and has not put the guidance about signing in safely away.
func (r *Room) GuidanceDue(ctx context.Context, actor Actor) (due bool, err error) {
	defer fault.Wrap(&err, "account.GuidanceDue")
	if err := actor.isPerson(); err != nil {
		return false, err
	}
	return exists(ctx, r.DB, `SELECT 1 FROM people WHERE id = $1 AND welcomed_at = 0`, actor.PersonID)
}

// PutGuidanceAway remembers that the actor's person has read it; it is not shown by itself again, on any device.
func (r *Room) PutGuidanceAway(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.PutGuidanceAway")
	if err := actor.isPerson(); err != nil {
		return err
	}
	_, err = r.DB.ExecContext(ctx, `UPDATE people SET welcomed_at = $2 WHERE id = $1 AND welcomed_at = 0`, actor.PersonID, r.now())
	return err
}
