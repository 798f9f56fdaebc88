package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
)

// passkeysMost bounds what one person keeps.
const passkeysMost = 20

// Passkeys lists the actor's own passkeys, oldest first.
func (r *Room) Passkeys(ctx context.Context, actor Actor) (list []Way, err error) {
	defer fault.Wrap(&err, "account.Passkeys")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, func(w *Way) []any { return []any{&w.ID, &w.Name, &w.MadeAt, &w.UsedAt} },
		`SELECT id, name, created_at, used_at FROM passkeys WHERE person_id = $1 ORDER BY created_at, id LIMIT 100`, actor.PersonID)
}

// Passkey returns one of the actor's own passkeys.
func (r *Room) Passkey(ctx context.Context, actor Actor, id string) (w Way, err error) {
	defer fault.Wrap(&err, "account.Passkey")
	if err := actor.isPerson(); err != nil {
		return w, err
	}
	err = r.DB.QueryRowContext(ctx, `SELECT id, name, created_at, used_at FROM passkeys WHERE person_id = $1 AND id = $2`, actor.PersonID, id).Scan(&w.ID, &w.Name, &w.MadeAt, &w.UsedAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return w, err
}

// BeginPasskey asks the actor's browser for a new passkey. It needs a fresh step-up check.
func (r *Room) BeginPasskey(ctx context.Context, actor Actor) (asked PasskeyAsk, err error) {
	defer fault.Wrap(&err, "account.BeginPasskey")
	if err := actor.ownsWays(); err != nil {
		return asked, err
	}
	if err := r.checkStands(ctx, r.DB, actor, ownCheck); err != nil {
		return asked, err
	}
	p, err := r.personByID(ctx, r.DB, actor.PersonID)
	if err != nil {
		return asked, err
	}
	h, err := r.holder(ctx, r.DB, p)
	if err != nil {
		return asked, err
	}
	if len(h.keys) >= passkeysMost {
		return asked, passkeyLimit()
	}
	return r.askToMake(challenge{Errand: passkeyToAdd, Session: actor.SessionID}, h)
}

// AddPasskey keeps the passkey that the actor's browser made. Without a name it is called after the browser. The session then rests on
// it too and gets a new token. Recovery codes come with the person's first second factor; they are told this once.
func (r *Room) AddPasskey(ctx context.Context, actor Actor, name string, answer PasskeyAnswer, b Browser) (session string, codes []string, err error) {
	defer fault.Wrap(&err, "account.AddPasskey")
	if err := actor.ownsWays(); err != nil {
		return "", nil, err
	}
	label, bad := passkeyName(cmpOr(name, Describe(b.UserAgent)))
	if bad != nil {
		return "", nil, bad
	}
	tries := ownPasskeyTries(actor)
	if err := r.spend(ctx, tries); err != nil {
		return "", nil, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		c, err := r.asked(ctx, q, passkeyToAdd, actor.SessionID, answer)
		if err != nil {
			return err
		}
		if c.Person != actor.PersonID {
			return wrongPasskey()
		}
		var many int64
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM passkeys WHERE person_id = $1`, actor.PersonID).Scan(&many); err != nil {
			return err
		}
		if many >= passkeysMost {
			return passkeyLimit()
		}
		if err := r.made(ctx, q, c, label, answer); err != nil {
			return err
		}
		if err := r.refund(ctx, q, tries); err != nil {
			return err
		}
		session, codes, err = r.newWay(ctx, q, actor, ByPasskey, "passkey-on", label, b)
		return err
	})
	return session, codes, err
}

func passkeyLimit() error {
	return fault.New(fault.Conflict, "passkey-limit", "You have "+decimal(passkeysMost)+" passkeys, the most there can be. Remove one first")
}

func passkeyName(text string) (string, *fault.Fault) {
	name, bad := checkName("name", "Name", text, 60)
	if bad == nil && name == "" {
		bad = fault.Field("name-empty", "name", "Enter a name by which you know this passkey")
	}
	return name, bad
}

// RenamePasskey calls one of the actor's own passkeys something else.
func (r *Room) RenamePasskey(ctx context.Context, actor Actor, id, name string) (err error) {
	defer fault.Wrap(&err, "account.RenamePasskey")
	if err := actor.ownsWays(); err != nil {
		return err
	}
	label, bad := passkeyName(name)
	if bad != nil {
		return bad
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		result, err := q.ExecContext(ctx, `UPDATE passkeys SET name = $3 WHERE person_id = $1 AND id = $2`, actor.PersonID, id, label)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errorOr(err, notFound())
		}
		return r.noticePeople(ctx, q, actor.PersonID)
	})
}

// RemovePasskey takes one of the actor's own passkeys away. It needs a fresh step-up check, and the last way in stays.
func (r *Room) RemovePasskey(ctx context.Context, actor Actor, id string, b Browser) (err error) {
	defer fault.Wrap(&err, "account.RemovePasskey")
	if err := actor.ownsWays(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		var name string
		err := q.QueryRowContext(ctx, `DELETE FROM passkeys WHERE person_id = $1 AND id = $2 RETURNING name`, actor.PersonID, id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		return r.lostWay(ctx, q, actor, "passkey-off", name, b)
	})
}
