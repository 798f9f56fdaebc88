package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
)

// FirstSteps is what is set up so far of an account and of the person who looks.
type FirstSteps struct {
	Away      bool // the person put the list away
	Invited   bool // there is somebody else, or an invitation
	Demanding bool // the account asks somebody for a second factor
	Second    bool // the person has one
}

// FirstSteps looks how far the actor's account and the actor are, in one statement that counts nothing. It is for people only.
func (r *Room) FirstSteps(ctx context.Context, actor Actor) (s FirstSteps, err error) {
	defer fault.Wrap(&err, "account.FirstSteps")
	if err := actor.mayStep(); err != nil {
		return s, err
	}
	err = r.DB.QueryRowContext(ctx, `
		SELECT CASE WHEN m.steps_away_at > 0 THEN 1 ELSE 0 END,
		       CASE WHEN EXISTS (SELECT 1 FROM memberships x WHERE x.account_id = m.account_id AND x.id <> m.id AND x.state <> 'removed')
		              OR EXISTS (SELECT 1 FROM invitations i WHERE i.account_id = m.account_id AND i.state = 'pending') THEN 1 ELSE 0 END
		FROM memberships m WHERE m.account_id = $1 AND m.id = $2 AND m.state = 'active'`, actor.Account.ID, actor.MembershipID).Scan((*flag)(&s.Away), (*flag)(&s.Invited))
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	s.Demanding, s.Second = actor.Account.Policy.SecondFactor != OfNobody, actor.ways.second()
	return s, err
}

// PutStepsAway remembers that the actor wants to see the first steps of the account no more.
func (r *Room) PutStepsAway(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.PutStepsAway")
	if err := actor.mayStep(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ViewHome); err != nil {
			return err
		}
		_, err := q.ExecContext(ctx, `UPDATE memberships SET steps_away_at = $3 WHERE account_id = $1 AND id = $2 AND steps_away_at = 0`,
			actor.Account.ID, actor.MembershipID, r.now())
		return err
	})
}

func (a Actor) mayStep() error {
	if a.Kind == Visitor {
		return a.Require(noSuchPrivilege) // a visit leaves it out
	}
	if err := a.isPerson(); err != nil {
		return err
	}
	return a.Require(ViewHome)
}
