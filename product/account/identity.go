package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/openid"
)

// Identity is one account elsewhere with which a person signs in.
type Identity struct {
	ID       string
	Issuer   string
	Provider string // its name when it was linked
	Email    string // as the provider told it; nothing is decided by it
	LinkedAt int64
	UsedAt   int64
}

// mostIdentities bounds what one person links.
const mostIdentities = 10

// Identities lists the actor's linked identities, oldest first.
func (r *Room) Identities(ctx context.Context, actor Actor) (list []Identity, err error) {
	defer fault.Wrap(&err, "account.Identities")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, func(i *Identity) []any { return []any{&i.ID, &i.Issuer, &i.Provider, &i.Email, &i.LinkedAt, &i.UsedAt} }, `
		SELECT id, issuer, provider, email, linked_at, used_at FROM linked_identities WHERE person_id = $1 ORDER BY linked_at, id LIMIT 50`, actor.PersonID)
}

// Linkable is a provider that somebody can link to themselves.
type Linkable struct {
	SignInProvider
	Slug, Account string // of the account whose own it is, or ""
}

// LinkableProviders lists what the actor's person can link: the installation's providers, and those of the accounts they belong to.
// Provider staff, and sessions that rest on an account's provider, can link none.
func (r *Room) LinkableProviders(ctx context.Context, actor Actor) (list []Linkable, err error) {
	defer fault.Wrap(&err, "account.LinkableProviders")
	if r.OpenID == nil || actor.ownsWays() != nil || actor.Kind == Staff {
		return nil, nil
	}
	for _, p := range r.Providers {
		list = append(list, Linkable{SignInProvider: p.public()})
	}
	rows, err := r.DB.QueryContext(ctx, `
		SELECT `+providerColumns+`, a.slug, a.name FROM memberships m
		JOIN sign_in_providers v ON v.account_id = m.account_id AND v.enabled = 1
		JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 AND m.state = 'active' ORDER BY a.search, v.name, v.id LIMIT 50`, actor.PersonID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l Linkable
		if err := rows.Scan(append(l.fields(), &l.Slug, &l.Account)...); err != nil {
			return nil, err
		}
		l.SignInProvider = l.public()
		list = append(list, l)
	}
	return list, rows.Err()
}

// HasPassword reports whether the actor's person has chosen a password.
func (r *Room) HasPassword(ctx context.Context, actor Actor) (_ bool, err error) {
	defer fault.Wrap(&err, "account.HasPassword")
	if err := actor.isPerson(); err != nil {
		return false, err
	}
	p, err := r.personByID(ctx, r.DB, actor.PersonID)
	return p.password != "", err
}

// mayAddWay asks for a full sign-in and a step-up check that is used up: whoever finds an open browser must not plant a way in of theirs.
func (r *Room) mayAddWay(ctx context.Context, actor Actor) error {
	if err := actor.ownsWays(); err != nil {
		return err
	}
	if actor.Kind == Staff {
		return fault.New(fault.Conflict, "staff-link", "Provider staff sign in with a password")
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return r.requireCheck(ctx, q, actor, ownCheck)
	})
}

// ownsWays returns nil for a person who may change their own ways in. A session that rests on an account's own provider may not: that
// account's admins could make one.
func (a Actor) ownsWays() error {
	if err := a.isPerson(); err != nil {
		return err
	}
	if a.Confined != "" {
		return fault.New(fault.Forbidden, "session-confined", "You signed in with the provider of an account. Sign in with a way of your own to change this, or choose a password with Forgot password")
	}
	return nil
}

// link ties the identity to the actor's person: the one who set out for it, in the same session. What was on its way to become another
// way in ends, and so do other sessions (a planted one would outlive this).
func (r *Room) link(ctx context.Context, actor Actor, a attempt, p SignInProvider, who openid.Identity) error {
	if err := actor.ownsWays(); err != nil {
		return err
	}
	if actor.PersonID != a.PersonID || actor.SessionID != a.SessionID {
		return fault.New(fault.Conflict, "provider-answer-unknown", "This sign-in has run out, was used, or began in another browser. Start again")
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := r.provider(ctx, q, p.AccountID, p.ID); err != nil {
			return err
		}
		person, err := r.personByID(ctx, q, actor.PersonID)
		if err != nil {
			return err
		}
		holder, err := r.identityHolder(ctx, q, who)
		switch {
		case err != nil:
			return err
		case holder == person.ID:
			return nil
		case holder != "":
			return fault.New(fault.Conflict, "identity-taken", "Somebody else here signs in with that "+p.Name+" account. Choose another")
		}
		if err := r.insertIdentity(ctx, q, person, p, who); err != nil {
			return err
		}
		if err := r.endLinks(ctx, q, person.ID); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM sessions WHERE person_id = $1 AND id <> $2`, person.ID, actor.SessionID); err != nil {
			return err
		}
		return r.tellIdentity(ctx, q, person, "linked", p.Name, shownEmail(who))
	})
}

func (r *Room) identityHolder(ctx context.Context, q db.Q, who openid.Identity) (personID string, err error) {
	err = q.QueryRowContext(ctx, `SELECT person_id FROM linked_identities WHERE issuer = $1 AND subject = $2`, who.Issuer, who.Subject).Scan(&personID)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return personID, err
}

func (r *Room) insertIdentity(ctx context.Context, q db.Q, person Person, p SignInProvider, who openid.Identity) error {
	var many int64
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM linked_identities WHERE person_id = $1`, person.ID).Scan(&many); err != nil {
		return err
	}
	if many >= mostIdentities {
		return fault.New(fault.Conflict, "identity-limit", "You have linked "+decimal(mostIdentities)+" accounts, the most there can be. Unlink one first")
	}
	now := r.now()
	_, err := q.ExecContext(ctx, `
		INSERT INTO linked_identities (person_id, id, issuer, subject, provider, email, linked_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
		person.ID, ident.New(), who.Issuer, who.Subject, p.Name, shownEmail(who), now)
	if db.IsUnique(err) {
		return fault.New(fault.Conflict, "identity-taken", "Somebody else here signs in with that "+p.Name+" account. Choose another")
	}
	if err != nil {
		return err
	}
	_, err = r.setWays(ctx, q, person.ID)
	return err
}

// shownEmail is the identity's address as pages and mails show it, or "" for what is none: a provider may claim any text.
func shownEmail(who openid.Identity) string {
	email, bad := signInAddress(who.Email)
	if bad != nil {
		return ""
	}
	return email
}

// Unlink takes a linked identity away from the actor's person. It needs a fresh step-up check, and the last way in stays.
func (r *Room) Unlink(ctx context.Context, actor Actor, id string) (gone Identity, err error) {
	defer fault.Wrap(&err, "account.Unlink")
	if err := actor.ownsWays(); err != nil {
		return gone, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		person, err := r.personByID(ctx, q, actor.PersonID)
		if err != nil {
			return err
		}
		err = q.QueryRowContext(ctx, `DELETE FROM linked_identities WHERE person_id = $1 AND id = $2 RETURNING id, issuer, provider, email, linked_at, used_at`,
			person.ID, id).Scan(&gone.ID, &gone.Issuer, &gone.Provider, &gone.Email, &gone.LinkedAt, &gone.UsedAt)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		if other, err := r.otherWay(ctx, q, person); err != nil {
			return err
		} else if !other {
			return fault.New(fault.Conflict, "last-way-in", "This is your only way to sign in. Choose a password first, then unlink it")
		}
		if _, err := r.setWays(ctx, q, person.ID); err != nil {
			return err
		}
		return r.tellIdentity(ctx, q, person, "unlinked", gone.Provider, gone.Email)
	})
	return gone, err
}

// otherWay reports whether the person could sign in: with a password, a passkey, or an identity of a provider that is there for everybody.
func (r *Room) otherWay(ctx context.Context, q db.Q, person Person) (bool, error) {
	if person.password != "" || person.ways.has(ByPasskey) {
		return true, nil
	}
	for _, p := range r.Providers {
		if has, err := exists(ctx, q, `SELECT 1 FROM linked_identities WHERE person_id = $1 AND issuer = $2`, person.ID, p.Issuer); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

// tellIdentity mails the person what was linked or unlinked, by name, and wakes their open pages.
func (r *Room) tellIdentity(ctx context.Context, q db.Q, person Person, kind, provider, email string) error {
	zone, err := r.zoneOf(ctx, q, person.ID)
	if err != nil {
		return err
	}
	if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: kind, To: person.Email, Name: person.Name, Zone: zone, By: provider, Email: email, At: r.now()}); err != nil {
		return err
	}
	return r.noticePeople(ctx, q, person.ID)
}
