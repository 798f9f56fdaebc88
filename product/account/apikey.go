package account

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

const (
	tokenKey   = "hk"
	keyMost    = 366 * 24 * time.Hour
	keysLimit  = 100 // keys that work, in an account
	keysOwn    = 20  // and of one person
	keyDefault = 90 * 24 * time.Hour
)

// APIKey is a program's way into one account. It can never do more than its maker can at that moment, and dies with the maker's membership.
type APIKey struct {
	ID         string
	Name       string
	Scopes     []Permission
	MakerID    string // membership
	Maker      string // whose it is, in lists
	MakerState HubUserState
	CreatedAt  int64
	ExpiresAt  int64
	LastUsedAt int64 // 0: not yet
	RevokedAt  int64 // 0: not revoked
}

// Scopes lists every permission that a key may carry.
func Scopes() []Permission {
	var list []Permission
	for _, right := range Rights {
		list = append(list, right.Permission)
	}
	return list
}

// MakeKey makes a key on behalf of the hub user makerID, for the provider, and returns its secret, which is shown once and stored hashed.
// Life 0 means 90 days; at most 366.
func (r *Room) MakeKey(ctx context.Context, actor Actor, makerID, name string, scopes []Permission, life time.Duration) (k APIKey, secret string, err error) {
	defer fault.Wrap(&err, "account.MakeKey")
	if !actor.Provider() {
		return k, "", notFound()
	}
	in, err := NewKey{Name: name, Scopes: scopes, Life: life}.check()
	if err != nil {
		return k, "", err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		maker, err := r.hubUser(ctx, q, actor.Account.ID, makerID)
		if err != nil {
			return err
		}
		k, secret, err = r.insertKey(ctx, q, actor, maker.ID, in, "for "+maker.Label())
		return err
	})
	return k, secret, err
}

// insertKey stores a key and its audit entry.
func (r *Room) insertKey(ctx context.Context, q db.Q, actor Actor, makerID string, in NewKey, told string) (k APIKey, secret string, err error) {
	now := r.now()
	k = APIKey{ID: ident.New(), Name: in.Name, Scopes: in.Scopes, MakerID: makerID, CreatedAt: now, ExpiresAt: now + in.Life.Milliseconds()}
	secret, hash := ident.Token(tokenKey)
	if _, err := q.ExecContext(ctx, `
		INSERT INTO api_keys (account_id, id, membership_id, name, token_hash, scopes, created_at, expires_at, last_used_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)`,
		actor.Account.ID, k.ID, makerID, k.Name, hash, joinScopes(k.Scopes), k.CreatedAt, k.ExpiresAt); err != nil {
		return k, "", err
	}
	return k, secret, r.Record(ctx, q, actor, Entry{Action: APIKeyMade, SubjectID: k.ID, SubjectName: k.Name, After: told})
}

func joinScopes(scopes []Permission) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

func splitScopes(text string) []Permission {
	var scopes []Permission
	for _, word := range strings.Fields(text) {
		scopes = append(scopes, Permission(word))
	}
	return scopes
}

// UseKey returns the actor behind a key in the account with that slug, with its maker's rights of this moment. A wrong, revoked or
// expired key is signed out; a key of another account does not find this one.
func (r *Room) UseKey(ctx context.Context, token, slug, address string) (actor Actor, err error) {
	defer fault.Wrap(&err, "account.UseKey(%q)", slug)
	var k APIKey
	var a Account
	var roles, scopes, personID, email, maker string
	var has ways
	err = r.DB.QueryRowContext(ctx, `
		SELECT `+accountColumns+`, k.id, k.name, k.scopes, k.last_used_at, k.created_at, k.expires_at, m.id, m.roles, m.person_id, m.email, m.name, p.ways
		FROM api_keys k
		JOIN accounts a ON a.id = k.account_id
		JOIN memberships m ON m.account_id = k.account_id AND m.id = k.membership_id AND m.state = 'active'
		JOIN people p ON p.id = m.person_id
		WHERE k.token_hash = $1 AND k.revoked_at = 0`, ident.Hash(tokenKey, token)).Scan(append(a.fields(),
		&k.ID, &k.Name, &scopes, &k.LastUsedAt, &k.CreatedAt, &k.ExpiresAt, &k.MakerID, &roles, &personID, &email, &maker, &has)...)
	now := r.now()
	if errors.Is(err, sql.ErrNoRows) || err == nil && (now >= k.ExpiresAt || ahead(k.CreatedAt, now)) {
		return actor, fault.New(fault.SignedOut, "key-unknown", "Send a working API key as Authorization: Bearer …. This one is wrong, expired or revoked")
	}
	if err != nil {
		return actor, err
	}
	if a.Slug != slug {
		return actor, notFound()
	}
	if err := r.stopped(a); err != nil {
		return actor, err
	}
	if now-k.LastUsedAt > seenEvery.Milliseconds() {
		if err := r.useKey(ctx, a.ID, k.ID, now); err != nil {
			return actor, err
		}
	}
	actor = Actor{Kind: Key, Account: a, PersonID: personID, MembershipID: k.MakerID, Name: "API key " + k.Name, Maker: cmpOr(maker, email), Email: email,
		Roles: rolesFromColumn(roles), KeyID: k.ID, Scopes: splitScopes(scopes), Address: address, ways: has}
	actor.Needs = r.needs(actor)
	return actor, nil
}
