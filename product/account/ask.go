package account

import (
	"context"
	"slices"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// askEvery is how long the same wish is not mailed again.
const askEvery = 24 * time.Hour

// AskForAccess mails the account's admins that the actor wants to do what the permission allows. It returns the names of those who were
// asked. The same wish is mailed once a day, however often it is uttered.
func (r *Room) AskForAccess(ctx context.Context, actor Actor, permission Permission) (asked []string, err error) {
	defer fault.Wrap(&err, "account.AskForAccess")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(Rights, func(right Right) bool { return right.Permission == permission })
	if actor.MembershipID == "" || at < 0 {
		return nil, notFound()
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ViewHome); err != nil {
			return err
		}
		admins, err := r.adminsOf(ctx, q, actor.Account.ID)
		if err != nil {
			return err
		}
		asked = labels(admins)
		first, err := r.once(ctx, q, "ask:"+actor.Account.ID+":"+actor.MembershipID+":"+string(permission), askEvery)
		if err != nil || !first {
			return err
		}
		for _, admin := range admins {
			if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "access-asked", To: admin.Email, Name: actor.signature(), Email: actor.Email, Account: actor.Account.Name,
				Slug: actor.Account.Slug, Zone: actor.Account.Policy.TimeZone, Roles: actor.Roles.Words(), By: Rights[at].Words, Subject: actor.MembershipID, At: r.now()}); err != nil {
				return err
			}
		}
		return r.Record(ctx, q, actor, Entry{Action: AccessAsked, SubjectID: actor.MembershipID, SubjectName: actor.Name, After: Rights[at].Words})
	})
	return asked, err
}

// AskAgain tells the inviter that the holder of a link which ran out wants a new one, once a day. It returns the inviter's name.
func (r *Room) AskAgain(ctx context.Context, token string) (inviter string, err error) {
	defer fault.Wrap(&err, "account.AskAgain")
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		w, err := r.welcome(ctx, q, ident.Hash(tokenInvitation, token))
		if f, ok := fault.Of(err); !ok || f.Code != invitationExpired {
			if err == nil {
				err = fault.New(fault.Conflict, "invitation-open", "This invitation still works. Open its link again")
			}
			return err
		}
		i := w.Invitation
		inviter = i.InviterName
		first, err := r.once(ctx, q, "again:"+i.ID, askEvery)
		if err != nil || !first || i.InviterEmail == "" {
			return err
		}
		return r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "invitation-asked", To: i.InviterEmail, Name: i.label(), Email: i.Email, Account: w.Account.Name,
			Slug: w.Account.Slug, Zone: w.Account.Policy.TimeZone, Subject: i.ID, At: i.ExpiresAt})
	})
	return inviter, err
}

// once reports whether nobody did what the key names within the time that just passed, and notes that it was done now.
func (r *Room) once(ctx context.Context, q db.Q, key string, within time.Duration) (bool, error) {
	now := r.now()
	result, err := q.ExecContext(ctx, `
		INSERT INTO throttles (key, failures, until_at, changed_at) VALUES ($1, 1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET until_at = excluded.until_at, changed_at = excluded.changed_at WHERE throttles.until_at <= excluded.changed_at`,
		key, now+within.Milliseconds(), now)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// adminsMost is how many admins are named, and mailed, at once.
const adminsMost = 10

// adminsOf lists the account's active admins by name.
func (r *Room) adminsOf(ctx context.Context, q db.Q, accountID string) (list []HubUser, err error) {
	// The order is no column, so that nobody walks the index by name past ten thousand others to find two admins.
	return db.Collect(ctx, q, func(u *HubUser) []any { return []any{&u.Name, &u.Email} }, `
		SELECT m.name, m.email FROM memberships m WHERE m.account_id = $1 AND m.state = 'active' AND m.roles IN ('admin', 'admin,billing')
		ORDER BY m.search || '', m.id LIMIT $2`, accountID, adminsMost)
}

func labels(users []HubUser) []string {
	var names []string
	for _, u := range users {
		names = append(names, u.Label())
	}
	return names
}
