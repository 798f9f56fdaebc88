package number

import (
	"context"
	"fmt"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/tel"
	"hubline/product/account"
)

// Sort names a column the list can be sorted by.
type Sort string

// The sort orders. Each has an index of its own.
const (
	ByNumber      Sort = "number"
	ByServiceName Sort = "service_name"
)

// Filter chooses and orders numbers. The zero value chooses all, by number. Limit 0 means 50; at most 500.
type Filter struct {
	Search     string // service name, phone user, or a number or a part of one in any form
	Sort       Sort
	Descending bool
	After      string // cursor
	Limit      int
}

// List returns a page of the account's numbers and the cursor of the next page or "".
func (r *Room) List(ctx context.Context, actor account.Actor, f Filter) (list []Number, next string, err error) {
	defer fault.Wrap(&err, "number.List")
	if err := may(actor, account.ViewNumbers); err != nil {
		return nil, "", err
	}
	if f.Sort == "" {
		f.Sort = ByNumber
	}
	if f.Sort != ByNumber && f.Sort != ByServiceName {
		return nil, "", fault.Field("sort-unknown", "sort", "Sort by number or service_name")
	}
	f.Limit = listing.PageSize(f.Limit)
	mark := fmt.Sprintf("numbers %s %s %t", actor.Account.ID, f.Sort, f.Descending)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	query, args := f.query(actor.Account.ID, at)
	if list, err = r.read(ctx, query, args...); err != nil {
		return nil, "", err
	}
	if len(list) > f.Limit {
		list = list[:f.Limit]
		last := list[f.Limit-1]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: listing.Fold(last.ServiceName), ID: last.Number})
	}
	return list, next, nil
}

// query builds the list's SQL from fixed parts; what people typed is only ever an argument.
func (f Filter) query(accountID string, at listing.Cursor) (string, []any) {
	args := []any{accountID, f.Limit + 1}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	compare, order := ">", "ASC"
	if f.Descending {
		compare, order = "<", "DESC"
	}
	where, by := "n.account_id = $1", "n.number "+order
	if f.Sort == ByServiceName {
		by = "n.sort_name " + order + ", " + by
	}
	switch {
	case f.After != "" && f.Sort == ByServiceName:
		where += " AND (n.sort_name, n.number) " + compare + " (" + arg(at.Text) + ", " + arg(at.ID) + ")"
	case f.After != "":
		where += " AND n.number " + compare + " " + arg(at.ID)
	}
	if f.Search != "" {
		where += " AND " + found(f.Search, arg, "n.search", "p.sort_name", "p.extension")
	}
	return `SELECT ` + columns + from + `WHERE ` + where + ` ORDER BY ` + by + ` LIMIT $2`, args
}

// found is the condition that one of the columns holds a text, or the digits of what looks like a number.
func found(text string, arg func(any) string, columns ...string) string {
	patterns := []string{listing.Contains(text)}
	if digits, ok := tel.Typed(text); ok && digits != text {
		patterns = append(patterns, listing.Contains(digits))
	}
	condition := ""
	for _, pattern := range patterns {
		place := arg(pattern)
		for _, column := range columns {
			if condition != "" {
				condition += " OR "
			}
			condition += column + " LIKE " + place + ` ESCAPE '\'`
		}
	}
	return "(" + condition + ")"
}

func (r *Room) read(ctx context.Context, query string, args ...any) (list []Number, err error) {
	return db.Collect(ctx, r.DB, (*Number).fields, query, args...)
}

// Each calls fn with every number that the filter chooses, in its order, without holding more than a few hundred.
func (r *Room) Each(ctx context.Context, actor account.Actor, f Filter, fn func(Number) error) error {
	for f.Limit, f.After = 500, ""; ; {
		list, next, err := r.List(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := fn(n); err != nil {
				return err
			}
		}
		if f.After = next; next == "" {
			return nil
		}
	}
}

// Count returns how many numbers the account has.
func (r *Room) Count(ctx context.Context, actor account.Actor) (n int, err error) {
	defer fault.Wrap(&err, "number.Count")
	if err := may(actor, account.ViewNumbers); err != nil {
		return 0, err
	}
	err = r.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM numbers WHERE account_id = $1`, actor.Account.ID).Scan(&n)
	return n, err
}

// ByNumber returns a number of the account, named in E.164.
func (r *Room) ByNumber(ctx context.Context, actor account.Actor, e164 string) (n Number, err error) {
	defer fault.Wrap(&err, "number.ByNumber")
	if err := may(actor, account.ViewNumbers); err != nil {
		return n, err
	}
	return r.byNumber(ctx, r.DB, actor.Account.ID, e164)
}

const ownedMost = 2000 // numbers in a list to choose from

// Owned lists what a phone user of the account may show as caller ID, by number: its local and mobile numbers, at most 2000. Those
// whose kind Texts can be SMS numbers.
func (r *Room) Owned(ctx context.Context, actor account.Actor) (list []Number, err error) {
	defer fault.Wrap(&err, "number.Owned")
	if err := may(actor, account.ViewNumbers); err != nil {
		return nil, err
	}
	return r.read(ctx, `SELECT `+columns+from+`WHERE n.account_id = $1 AND n.kind IN ($2, $3) ORDER BY n.number LIMIT $4`,
		actor.Account.ID, tel.Local, tel.Mobile, ownedMost)
}

// Found is a number with the account that has it.
type Found struct {
	Number
	AccountSlug, AccountName string
}

const findMost = 50

// Find looks for numbers of all accounts, by a number or a part of one in any form, service name or phone user. It is the provider's;
// at most 50 are found, by number.
func (r *Room) Find(ctx context.Context, actor account.Actor, search string) (list []Found, err error) {
	defer fault.Wrap(&err, "number.Find")
	if !actor.Provider() {
		return nil, notFound()
	}
	args := []any{findMost}
	condition := found(search, func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}, "n.search", "p.sort_name", "p.extension")
	return db.Collect(ctx, r.DB, func(f *Found) []any { return append(f.fields(), &f.AccountSlug, &f.AccountName) },
		`SELECT `+columns+`, a.slug, a.name`+from+`JOIN accounts a ON a.id = n.account_id WHERE `+condition+` ORDER BY n.number LIMIT $1`, args...)
}
