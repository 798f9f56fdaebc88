package account

import (
	"context"

	"hubline/base/db"
	"hubline/base/fault"
)

// SignOutHubUser ends all sessions of a colleague in the actor's account, from their next request on: they sign in again to come back, and
// lose nothing else. Sessions of somebody who belongs to other accounts too go on there, as one account does not decide for another. It
// needs a fresh step-up check. The person is told by mail.
func (r *Room) SignOutHubUser(ctx context.Context, actor Actor, id string) (u HubUser, err error) {
	defer fault.Wrap(&err, "account.SignOutHubUser")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return u, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		if u, err = r.hubUser(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		switch {
		case u.State == Removed:
			return notFound()
		case u.ID == actor.MembershipID:
			return fault.New(fault.Conflict, "own-sessions", "This is you. See where you are signed in, and sign out there, under Profile, Security")
		case u.State != Active:
			return fault.New(fault.Conflict, "sessions-none", u.Label()+" is deactivated and can't get in here. There is nothing to sign out of")
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		return r.signOff(ctx, q, actor, u)
	})
	return u, err
}

// signOff ends the sessions of a hub user: for this account, and wholly where they lead nowhere else.
func (r *Room) signOff(ctx context.Context, q db.Q, actor Actor, u HubUser) error {
	if _, err := q.ExecContext(ctx, `UPDATE memberships SET sessions_ended_at = $3 WHERE account_id = $1 AND id = $2`, actor.Account.ID, u.ID, r.now()); err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `
		DELETE FROM sessions WHERE person_id = $1 AND (confined_to = $2
		OR NOT EXISTS (SELECT 1 FROM memberships m WHERE m.person_id = $1 AND m.account_id <> $2 AND m.state <> 'removed')
		AND NOT EXISTS (SELECT 1 FROM people p WHERE p.id = $1 AND p.staff = 1))`, u.PersonID, actor.Account.ID); err != nil {
		return err
	}
	if err := r.Record(ctx, q, actor, Entry{Action: HubUserSignedOut, SubjectID: u.ID, SubjectName: u.Label()}); err != nil {
		return err
	}
	if err := r.note(ctx, q, u.PersonID, "signed-out", actor.signature()+" of "+actor.Account.Name, Browser{}); err != nil {
		return err
	}
	if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "signed-out", To: u.Email, Name: u.Name, Account: actor.Account.Name, Slug: actor.Account.Slug,
		Zone: actor.Account.Policy.TimeZone, By: actor.signature(), At: r.now()}); err != nil {
		return err
	}
	return r.Notice(ctx, q, actor.Account.ID, u.PersonID)
}
