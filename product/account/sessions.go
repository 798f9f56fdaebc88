package account

import (
	"context"
	"slices"

	"hubline/base/db"
	"hubline/base/fault"
)

// Session is one place where a person is signed in.
type Session struct {
	ID        string
	Current   bool // the one that asks
	Address   string
	UserAgent string
	CreatedAt int64
	SeenAt    int64
	Proofs    Proofs // how they signed in
}

// Sessions lists where the actor's person is signed in, newest first.
func (r *Room) Sessions(ctx context.Context, actor Actor) (list []Session, err error) {
	defer fault.Wrap(&err, "account.Sessions")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	now := r.now()
	rows, err := r.DB.QueryContext(ctx, `
		SELECT s.id, s.epoch, s.created_at, s.seen_at, s.expires_at, s.checked_at, s.check_used, s.checked_by, s.proofs, s.confined_to, `+sessionRules+`, `+personColumns+`,
		       s.address, s.user_agent
		FROM sessions s JOIN people p ON p.id = s.person_id
		WHERE s.person_id = $1 AND s.expires_at > $2
		ORDER BY s.created_at DESC LIMIT 200`, actor.PersonID, now)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one session
		var p Person
		var s Session
		if err := rows.Scan(slices.Concat(one.fields(), p.fields(), []any{&s.Address, &s.UserAgent})...); err != nil {
			return nil, err
		}
		if one.ended(now, p) {
			continue
		}
		s.ID, s.CreatedAt, s.SeenAt, s.Proofs = one.id, one.created, one.seen, proofsFromColumn(one.proofs)
		s.Current = s.ID == actor.SessionID
		list = append(list, s)
	}
	return list, rows.Err()
}

// EndSession ends one of the actor's own sessions.
func (r *Room) EndSession(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.EndSession")
	return r.endSessions(ctx, actor, `DELETE FROM sessions WHERE person_id = $1 AND id = $2`, id)
}

// EndOtherSessions ends all of the actor's sessions but the one that asks.
func (r *Room) EndOtherSessions(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.EndOtherSessions")
	return r.endSessions(ctx, actor, `DELETE FROM sessions WHERE person_id = $1 AND id <> $2`, actor.SessionID)
}

func (r *Room) endSessions(ctx context.Context, actor Actor, query, sessionID string) error {
	if err := actor.isPerson(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := q.ExecContext(ctx, query, actor.PersonID, sessionID); err != nil {
			return err
		}
		return r.noticePeople(ctx, q, actor.PersonID)
	})
}
