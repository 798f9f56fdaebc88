package account

import (
	"context"

	"hubline/base/db"
	"hubline/base/fault"
)

// FirstAdmin says how far an account has got that the provider opened. What its own admins sent is not the provider's to see.
type FirstAdmin struct {
	Settled bool         // the account has an admin, who invites everybody else
	Sent    []Invitation // by the provider, newest first
}

// FirstAdmin returns the provider's own invitations into an account, and whether one of them has made an admin.
func (r *Room) FirstAdmin(ctx context.Context, actor Actor, accountID string) (f FirstAdmin, err error) {
	defer fault.Wrap(&err, "account.FirstAdmin")
	if !actor.Provider() {
		return f, notFound()
	}
	return r.firstAdmin(ctx, r.DB, accountID)
}

func (r *Room) firstAdmin(ctx context.Context, q db.Q, accountID string) (f FirstAdmin, err error) {
	f.Settled, err = exists(ctx, q, `SELECT 1 FROM memberships WHERE account_id = $1 AND state = 'active' AND roles IN ('admin', 'admin,billing') LIMIT 1`, accountID)
	if err != nil {
		return f, err
	}
	rows, err := q.QueryContext(ctx, `
		SELECT `+invitationColumns+` FROM invitations i WHERE i.account_id = $1 AND i.inviter_kind IN ('staff', 'operator')
		ORDER BY i.created_at DESC, i.id LIMIT 20`, accountID)
	if err != nil {
		return f, err
	}
	f.Sent, err = scanInvitations(rows)
	return f, err
}

// InviteFirstAdmin sends the first admin's invitation again, to the same address or another, as long as the account has no admin. What
// the provider sent before stops working, so that a mistyped address can't be used later.
func (r *Room) InviteFirstAdmin(ctx context.Context, actor Actor, account Account, offer Offer) (i Invitation, err error) {
	defer fault.Wrap(&err, "account.InviteFirstAdmin")
	if !actor.Provider() {
		return i, notFound()
	}
	offer, bad := checkOffer(offer, "email", "name")
	if bad != nil {
		return i, bad
	}
	inside := actor.Inside(account)
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		before, err := r.firstAdmin(ctx, q, account.ID)
		if err != nil {
			return err
		}
		if before.Settled {
			return fault.New(fault.Conflict, "account-settled", "This account has an admin. Ask them to invite others")
		}
		for _, old := range before.Sent {
			if old.State != Pending {
				continue
			}
			if err := r.bury(ctx, q, old, string(Cancelled)); err != nil {
				return err
			}
			if err := r.end(ctx, q, &old, Cancelled); err != nil {
				return err
			}
			if err := r.Record(ctx, q, inside, Entry{Action: InvitationCancelled, SubjectID: old.ID, SubjectName: old.label()}); err != nil {
				return err
			}
		}
		sent, err := r.offer(ctx, q, inside, Invite{Offers: []Offer{offer}, Roles: Roles{Admin, Billing}})
		if err == nil {
			i = sent[0]
		}
		return err
	})
	return i, err
}
