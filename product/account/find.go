package account

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
)

// findMost is how many people a search shows.
const findMost = 20

// Place is a membership as the provider's staff see them: no secrets, nothing but where they belong.
type Place struct {
	Slug, Number, AccountName string
	AccountState              State
	HubUser
}

// FindPeople lists people by the beginning of their email address for the provider, at most 20. What has no @ finds nobody.
func (r *Room) FindPeople(ctx context.Context, actor Actor, typed string) (list []Person, err error) {
	defer fault.Wrap(&err, "account.FindPeople")
	if !actor.Provider() {
		return nil, notFound()
	}
	begin := strings.ToLower(strings.TrimSpace(typed))
	if !strings.Contains(begin, "@") {
		return nil, nil
	}
	return db.Collect(ctx, r.DB, func(p *Person) []any { return []any{&p.ID, &p.Email, &p.Name} },
		`SELECT p.id, p.email, p.name FROM people p WHERE p.staff = 0 AND p.email >= $1 AND p.email < $2 ORDER BY p.email LIMIT $3`,
		begin, begin+"\U0010FFFF", findMost)
}

// PersonAt returns a person and the accounts they belong to, or did, for the provider. Staff are not found: they belong to none.
func (r *Room) PersonAt(ctx context.Context, actor Actor, id string) (p Person, places []Place, err error) {
	defer fault.Wrap(&err, "account.PersonAt")
	if !actor.Provider() {
		return p, nil, notFound()
	}
	err = r.DB.QueryRowContext(ctx, `SELECT p.id, p.email, p.name FROM people p WHERE p.id = $1 AND p.staff = 0`, id).Scan(&p.ID, &p.Email, &p.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil, notFound()
	}
	if err != nil {
		return p, nil, err
	}
	places, err = db.Collect(ctx, r.DB, func(at *Place) []any {
		return append([]any{&at.Slug, &at.Number, &at.AccountName, &at.AccountState}, at.HubUser.fields()...)
	}, `
		SELECT a.slug, a.number, a.name, a.state, `+hubUserColumns+` FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 ORDER BY a.search, a.id, m.accepted_at DESC LIMIT 200`, id)
	return p, places, err
}
