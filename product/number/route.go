package number

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/fault"
	"hubline/base/tel"
)

const (
	numberPrefix = "number:" // of the topic that names a number which changed
	routesMost   = 100_000   // numbers kept in memory
)

// Route is what a call to a number needs to know.
type Route struct {
	AccountID, AccountSlug string
	Number                 string // E.164
	Kind                   tel.Kind
	ServiceName            string
	PhoneUserID            string // whom it rings; "" is nobody
	Stopped                bool   // the account does not work: nobody is rung
}

// Route tells where a call to a number leads. A number that no account has is not found.
//
// The answer may come from memory: what this process changes counts at once, what others change within a second.
func (r *Room) Route(ctx context.Context, e164 string) (to Route, err error) {
	defer fault.Wrap(&err, "number.Route")
	if to, err = r.route(ctx, e164); err != nil {
		return to, err
	}
	works, err := r.Phones.Works(ctx, to.AccountID)
	to.Stopped = !works
	return to, err
}

func (r *Room) route(ctx context.Context, e164 string) (to Route, err error) {
	if e164 == "" {
		return to, notFound()
	}
	to, ok, mark := r.routes.Get(e164)
	if ok {
		return to, nil
	}
	err = r.DB.QueryRowContext(ctx, `
		SELECT n.account_id, a.slug, n.number, n.kind, n.service_name, n.phone_user_id
		FROM numbers n JOIN accounts a ON a.id = n.account_id WHERE n.number = $1`, e164).
		Scan(&to.AccountID, &to.AccountSlug, &to.Number, &to.Kind, &to.ServiceName, &to.PhoneUserID)
	if errors.Is(err, sql.ErrNoRows) {
		return Route{}, notFound() // and not kept: whoever gets the number can be called at once
	}
	if err != nil {
		return Route{}, err
	}
	r.routes.Put(e164, to, mark)
	return to, nil
}

// Run hears what other nodes change and forgets what it concerns, until ctx ends.
func (r *Room) Run(ctx context.Context) {
	if r.Feed == nil {
		<-ctx.Done()
		return
	}
	r.routes.Listen(ctx, r.Feed, numberPrefix)
}
