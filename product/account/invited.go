package account

import (
	"context"
	"slices"

	"hubline/base/db"
	"hubline/base/fault"
)

// InvitedChange is what may be changed of an invitation that is pending; nil fields stay as they are.
type InvitedChange struct {
	Roles  *Roles
	Groups *[]string // IDs of all groups that they are to join on accepting
}

// ChangeInvited changes the access that a pending invitation offers, roles and groups in one step. The link stays the same; the page behind
// it shows the new access. It needs a fresh step-up check.
func (r *Room) ChangeInvited(ctx context.Context, actor Actor, id string, change InvitedChange, version int64) (_ Invitation, err error) {
	defer fault.Wrap(&err, "account.ChangeInvited")
	if change.Roles != nil {
		roles, err := ParseRoles(change.Roles.Words())
		if err != nil {
			return Invitation{}, err
		}
		change.Roles = &roles
	}
	if change.Groups != nil { // who may not put people into groups may not offer it either
		if err := actor.Require(ChangeHubUsers); err != nil {
			return Invitation{}, err
		}
	}
	return r.changePending(ctx, actor, id, version, func(ctx context.Context, q db.Q, i *Invitation) error {
		if i.State != Pending {
			return i.over()
		}
		after, err := r.changedOffer(ctx, q, *i, change)
		if err != nil {
			return err
		}
		regrouped := !slices.Equal(groupIDs(after.Groups), groupIDs(i.Groups))
		if after.Roles.Equal(i.Roles) && !regrouped {
			return nil
		}
		if regrouped {
			if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
				return err
			}
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		after.Version++
		if _, err := q.ExecContext(ctx, `UPDATE invitations SET roles = $3, version = $4 WHERE account_id = $1 AND id = $2 AND state = 'pending'`,
			after.AccountID, after.ID, after.Roles.column(), after.Version); err != nil {
			return err
		}
		if regrouped {
			if _, err := q.ExecContext(ctx, `DELETE FROM invitation_groups WHERE account_id = $1 AND invitation_id = $2`, after.AccountID, after.ID); err != nil {
				return err
			}
			if err := r.offerGroups(ctx, q, after); err != nil {
				return err
			}
		}
		before := *i
		*i = after
		return r.Record(ctx, q, actor, Entry{Action: InvitationChanged, SubjectID: i.ID, SubjectName: i.label(), Before: before.Access(), After: i.Access()})
	})
}

// changedOffer is the invitation as it would be after the change.
func (r *Room) changedOffer(ctx context.Context, q db.Q, i Invitation, change InvitedChange) (_ Invitation, err error) {
	if change.Roles != nil {
		i.Roles = *change.Roles
	}
	if change.Groups != nil {
		i.Groups, err = r.groupsNamed(ctx, q, i.AccountID, *change.Groups)
	}
	return i, err
}
