package account

import (
	"context"

	"hubline/base/db"
)

// Visit is how a person of the provider's staff came into an account: an admin let them in, for a while.
type Visit struct {
	ID      string
	Change  bool  // they may change things, not only look
	UntilAt int64 // it is over then
}

// visiting puts a staff person into the account, if an admin of it let them in and the visit goes on; else they stay outside. It is asked
// on every request, like everybody's rights.
func (r *Room) visiting(ctx context.Context, q db.Q, actor Actor, accountID string) (Actor, error) {
	if r.Visiting == nil || accountID == "" || actor.Restricted() {
		return actor, nil
	}
	v, open, err := r.Visiting(ctx, q, accountID, actor.PersonID)
	if err != nil || !open {
		return actor, err
	}
	a, err := r.accountByID(ctx, q, accountID)
	if err != nil || !a.Works() { // its admins could not end the visit
		return actor, err
	}
	actor.Kind, actor.Account, actor.Visit, actor.Name = Visitor, a, v, r.StaffName(actor.Name)
	return actor, nil
}

// StaffName is how customers are told of a person of the staff: "Alex from Southern Cross Voice".
func (r *Room) StaffName(name string) string {
	return name + " from " + cmpOr(r.Provider.Name, "your provider")
}

// Confirmed refuses unless the actor's last step-up check is fresh, and uses it up where the account asks every time: for verbs of other rooms
// that give access away.
func (r *Room) Confirmed(ctx context.Context, q db.Q, actor Actor) error {
	return r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule())
}

// Member reads an account and one of its hub users for another room's transaction.
func (r *Room) Member(ctx context.Context, q db.Q, accountID, membershipID string) (a Account, u HubUser, err error) {
	if a, err = r.accountByID(ctx, q, accountID); err == nil {
		u, err = r.hubUser(ctx, q, accountID, membershipID)
	}
	return a, u, err
}
