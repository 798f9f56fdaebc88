package support

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strconv"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/product/account"
)

// GrantVisits lets the provider's staff in ahead of time, for 1 to GrantMost hours from now: who of them asks is in at once. It replaces an
// earlier grant, and needs a fresh step-up check.
func (r *Room) GrantVisits(ctx context.Context, actor account.Actor, hours int, change bool) (g Grant, err error) {
	defer fault.Wrap(&err, "support.GrantVisits")
	if err := actor.Require(account.LetStaffIn); err != nil {
		return g, err
	}
	if hours < 1 || hours > GrantMost {
		return g, fault.Field("grant-hours", "hours", "Enter 1 to "+strconv.Itoa(GrantMost)+" hours")
	}
	now := r.now()
	g = Grant{UntilAt: now + (time.Duration(hours) * time.Hour).Milliseconds(), Change: change, GrantedAt: now, GrantedBy: actor.Signature()}
	return g, r.setGrant(ctx, actor, g, account.VisitsGranted, func(ctx context.Context, q db.Q, actor account.Actor) error {
		return r.Account.Confirmed(ctx, q, actor)
	})
}

// EndVisitGrant takes back what the account allows ahead of time. Visits that go on are not ended by it.
func (r *Room) EndVisitGrant(ctx context.Context, actor account.Actor) (err error) {
	defer fault.Wrap(&err, "support.EndVisitGrant")
	if err := actor.Require(account.LetStaffIn); err != nil {
		return err
	}
	return r.setGrant(ctx, actor, Grant{}, account.VisitGrantEnded, func(context.Context, db.Q, account.Actor) error { return nil })
}

// setGrant puts a grant in place of the one before, once check lets it; the zero Grant allows nothing.
func (r *Room) setGrant(ctx context.Context, actor account.Actor, g Grant, action account.Action, check func(context.Context, db.Q, account.Actor) error) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Account.Still(ctx, q, &actor, account.LetStaffIn); err != nil {
			return err
		}
		if err := check(ctx, q, actor); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO visit_grants (account_id, until_at, may_change, granted_at, granted_by) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (account_id) DO UPDATE SET until_at = excluded.until_at, may_change = excluded.may_change, granted_at = excluded.granted_at, granted_by = excluded.granted_by`,
			actor.Account.ID, g.UntilAt, bit(g.Change), g.GrantedAt, g.GrantedBy); err != nil {
			return err
		}
		extent := ""
		if g.UntilAt > 0 {
			extent = Visit{UntilAt: g.UntilAt, Change: g.Change}.extent(actor.Account.Location())
		}
		if err := r.note(ctx, q, actor, action, Visit{ID: actor.Account.ID, StaffName: r.Provider.Name}, extent); err != nil {
			return err
		}
		return r.Account.Notice(ctx, q, actor.Account.ID)
	})
}

// grant returns what the account allows ahead of time, while it stands.
func (r *Room) grant(ctx context.Context, q db.Q, accountID string) (g Grant, open bool, err error) {
	var change int64
	err = q.QueryRowContext(ctx, `SELECT until_at, may_change, granted_at, granted_by FROM visit_grants WHERE account_id = $1 AND until_at > $2`, accountID, r.now()).
		Scan(&g.UntilAt, &change, &g.GrantedAt, &g.GrantedBy)
	g.Change = change != 0
	if errors.Is(err, sql.ErrNoRows) {
		return g, false, nil
	}
	return g, err == nil, err
}

// VisitGrant returns what the actor's account allows ahead of time, while it stands.
func (r *Room) VisitGrant(ctx context.Context, actor account.Actor) (g Grant, open bool, err error) {
	defer fault.Wrap(&err, "support.VisitGrant")
	if err := may(actor, account.LetStaffIn); err != nil {
		return g, false, err
	}
	return r.grant(ctx, r.DB, actor.Account.ID)
}

// Visits lists the visits to the actor's account, newest first, and the cursor of older ones or "": for its admins all, for staff who stand
// in it their own. limit 0 means 50.
func (r *Room) Visits(ctx context.Context, actor account.Actor, after string, limit int) (list []Visit, next string, err error) {
	defer fault.Wrap(&err, "support.Visits")
	if err := may(actor, account.LetStaffIn); err != nil {
		return nil, "", err
	}
	own := ""
	if actor.Provider() {
		own = actor.PersonID
	}
	mark := "visits " + actor.Account.ID + " " + own
	at, err := listing.Read(r.Keys, mark, after)
	if err != nil {
		return nil, "", err
	}
	if after == "" {
		at.Time = math.MaxInt64
	}
	limit = listing.PageSize(limit)
	list, err = r.visits(ctx, `v.account_id = $1 AND (v.staff_id = $2 OR $2 = '') AND (v.asked_at, v.id) < ($3, $4) ORDER BY v.asked_at DESC, v.id DESC LIMIT `+strconv.Itoa(limit+1),
		actor.Account.ID, own, at.Time, at.ID)
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Time: list[limit-1].AskedAt, ID: list[limit-1].ID})
	}
	return list, next, err
}

// Visitors lists who of the staff can see the actor's account right now. Everybody in it may know.
func (r *Room) Visitors(ctx context.Context, actor account.Actor) (list []Visit, err error) {
	defer fault.Wrap(&err, "support.Visitors")
	if err := actor.Require(account.ViewHome); err != nil {
		return nil, err
	}
	return r.visits(ctx, `v.account_id = $1 AND v.state = 'allowed' AND v.until_at > $2 ORDER BY v.until_at DESC, v.id LIMIT 20`, actor.Account.ID, r.now())
}

func (r *Room) visits(ctx context.Context, where string, args ...any) (list []Visit, err error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT `+visitColumns+` FROM visits v WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scanVisit(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
