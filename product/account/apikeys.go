package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
)

// NewKey is what somebody wants a key to be. Life 0 means 90 days; at most 366.
type NewKey struct {
	Name   string
	Scopes []Permission
	Life   time.Duration
}

func (in NewKey) check() (NewKey, error) {
	name, bad := checkName("name", "Key name", in.Name, 80)
	if bad == nil && name == "" {
		bad = fault.Field("name-empty", "name", "Enter a name for the key")
	}
	if in.Name = name; in.Life == 0 {
		in.Life = keyDefault
	}
	if bad == nil && (in.Life < 0 || in.Life > keyMost) {
		bad = fault.Field("key-life", "expires", "A key works for at most 366 days")
	}
	for _, scope := range in.Scopes {
		if bad == nil && !slices.Contains(Scopes(), scope) {
			bad = fault.Field("scope-unknown", "scopes", "There is no scope "+string(scope))
		}
	}
	if bad != nil {
		return in, bad
	}
	return in, nil
}

// MakeOwnKey makes a key that acts for the signed-in actor, and returns its secret, which is shown once and stored hashed. It can be given
// no right that its maker lacks. It needs a fresh step-up check.
func (r *Room) MakeOwnKey(ctx context.Context, actor Actor, in NewKey) (k APIKey, secret string, err error) {
	defer fault.Wrap(&err, "account.MakeOwnKey")
	if err := actor.Require(OwnKeys); err != nil {
		return k, "", err
	}
	if err := actor.isPerson(); err != nil { // a key that makes keys could outlive its own end
		return k, "", err
	}
	if in, err = in.check(); err != nil {
		return k, "", err
	}
	if len(in.Scopes) == 0 {
		return k, "", fault.Field("scopes-empty", "scopes", "Choose at least one thing that the key may do")
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, OwnKeys); err != nil {
			return err
		}
		for _, scope := range in.Scopes {
			if !actor.Can(scope) {
				return fault.Field("scope-too-much", "scopes", "A key can't do more than you: "+scope.Words()+" needs "+scope.Holder()+" access")
			}
		}
		if err := r.roomForKey(ctx, q, actor); err != nil {
			return err
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		k, secret, err = r.insertKey(ctx, q, actor, actor.MembershipID, in, joinScopes(in.Scopes))
		return err
	})
	return k, secret, err
}

// Words says what the permission allows, as the table of rights does.
func (p Permission) Words() string {
	for _, right := range Rights {
		if right.Permission == p {
			return right.Words
		}
	}
	return string(p)
}

// roomForKey refuses a key too many.
func (r *Room) roomForKey(ctx context.Context, q db.Q, actor Actor) error {
	var all, own int
	err := q.QueryRowContext(ctx, `
		SELECT COUNT(*), COALESCE(SUM(CASE WHEN membership_id = $3 THEN 1 ELSE 0 END), 0) FROM api_keys WHERE account_id = $1 AND revoked_at = 0 AND expires_at > $2`,
		actor.Account.ID, r.now(), actor.MembershipID).Scan(&all, &own)
	switch {
	case err != nil:
		return err
	case own >= keysOwn:
		return fault.New(fault.Conflict, "keys-own", fmt.Sprintf("You have %d API keys that work. Revoke one you don't need first", own))
	case all >= keysLimit:
		return fault.New(fault.Conflict, "keys-all", fmt.Sprintf("%s has %d API keys that work. Revoke one that nobody needs first", actor.Account.Name, all))
	}
	return nil
}

// KeyFilter chooses API keys. The zero value chooses all that the actor may see, newest first. Limit 0 means 50; at most 500.
type KeyFilter struct {
	Own   bool // only the actor's
	After string
	Limit int
}

// APIKeys lists keys of the account, those that ended too: all of them for the provider and for who may see all, else the actor's own.
func (r *Room) APIKeys(ctx context.Context, actor Actor, f KeyFilter) (list []APIKey, next string, err error) {
	defer fault.Wrap(&err, "account.APIKeys")
	whose, err := actor.keysOf(f.Own)
	if err != nil {
		return nil, "", err
	}
	mark := "keys " + actor.Account.ID + whose
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	if at.ID == "" {
		at.Time = 1 << 62
	}
	f.Limit = listing.PageSize(f.Limit)
	rows, err := r.DB.QueryContext(ctx, `
		SELECT k.id, k.name, k.scopes, k.membership_id, COALESCE(m.name, ''), COALESCE(m.email, ''), COALESCE(m.state, ''), k.created_at, k.expires_at, k.last_used_at, k.revoked_at
		FROM api_keys k LEFT JOIN memberships m ON m.account_id = k.account_id AND m.id = k.membership_id
		WHERE k.account_id = $1 AND (k.created_at, k.id) < ($2, $3) AND ($4 = '' OR k.membership_id = $4)
		ORDER BY k.created_at DESC, k.id DESC LIMIT $5`, actor.Account.ID, at.Time, at.ID, whose, f.Limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var k APIKey
		var scopes, name, email string
		if err := rows.Scan(&k.ID, &k.Name, &scopes, &k.MakerID, &name, &email, &k.MakerState, &k.CreatedAt, &k.ExpiresAt, &k.LastUsedAt, &k.RevokedAt); err != nil {
			return nil, "", err
		}
		k.Scopes, k.Maker = splitScopes(scopes), cmpOr(name, email)
		list = append(list, k)
	}
	if len(list) > f.Limit {
		list = list[:f.Limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Time: last(list).CreatedAt, ID: last(list).ID})
	}
	return list, next, rows.Err()
}

func last[T any](list []T) T { return list[len(list)-1] }

// keysOf returns whose keys the actor may see and revoke, as a membership's ID; "" is everybody's.
func (a Actor) keysOf(own bool) (membershipID string, err error) {
	if a.Provider() && a.Account.ID != "" {
		return "", nil
	}
	if err := a.Require(OwnKeys); err != nil || !own && a.Can(AllKeys) {
		return "", err
	}
	return a.MembershipID, nil
}

// RevokeKey ends a key at once: any for the provider and for who may see all, else one of the actor's own.
func (r *Room) RevokeKey(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.RevokeKey")
	if _, err := actor.keysOf(false); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if !actor.Provider() {
			if err := r.Still(ctx, q, &actor, OwnKeys); err != nil {
				return err
			}
		}
		whose, err := actor.keysOf(false)
		if err != nil {
			return err
		}
		var name string
		err = q.QueryRowContext(ctx, `
			UPDATE api_keys SET revoked_at = $3, token_hash = NULL WHERE account_id = $1 AND id = $2 AND revoked_at = 0 AND ($4 = '' OR membership_id = $4) RETURNING name`,
			actor.Account.ID, id, r.now(), whose).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		return r.Record(ctx, q, actor, Entry{Action: APIKeyRevoked, SubjectID: id, SubjectName: name})
	})
}
