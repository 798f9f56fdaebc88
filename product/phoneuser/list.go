package phoneuser

import (
	"context"
	"fmt"

	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/tel"
	"hubline/product/account"
)

// Sort names a column the list can be sorted by.
type Sort string

// The sort orders. Each has an index of its own.
const (
	ByNumber Sort = "extension"
	ByName   Sort = "name"
)

// Filter chooses and orders phone users. The zero value chooses all, by extension. Limit 0 means 50; at most 500.
type Filter struct {
	Search     string // extension, name, email, or a number or a part of one in any form
	Sort       Sort
	Descending bool
	After      string // cursor
	Limit      int
}

// List returns a page of the account's phone users and the cursor of the next page or "".
func (r *Room) List(ctx context.Context, actor account.Actor, f Filter) (list []User, next string, err error) {
	defer fault.Wrap(&err, "phoneuser.List")
	if err := actor.Require(account.ViewPhoneUsers); err != nil {
		return nil, "", err
	}
	if f.Sort == "" {
		f.Sort = ByNumber
	}
	if f.Sort != ByNumber && f.Sort != ByName {
		return nil, "", fault.Field("sort-unknown", "sort", "Sort by extension or name")
	}
	f.Limit = listing.PageSize(f.Limit)
	mark := fmt.Sprintf("phone-users %s %s %t", actor.Account.ID, f.Sort, f.Descending)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	query, args := f.query(actor.Account.ID, at)
	rows, err := r.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", err
	}
	if list, err = scanUsers(rows); err != nil {
		return nil, "", err
	}
	if len(list) > f.Limit {
		list = list[:f.Limit]
		last := list[f.Limit-1]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: listing.Fold(last.DisplayName), Time: number(last.Extension), ID: last.ID})
	}
	for i := range list {
		list[i] = r.present(list[i])
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
	column, key := "p.sort_extension", any(at.Time)
	if f.Sort == ByName {
		column, key = "p.sort_name", at.Text
	}
	compare, order := ">", "ASC"
	if f.Descending {
		compare, order = "<", "DESC"
	}
	where := "p.account_id = $1 AND p.deleted_at = 0"
	if f.After != "" {
		where += " AND (" + column + ", p.id) " + compare + " (" + arg(key) + ", " + arg(at.ID) + ")"
	}
	if f.Search != "" {
		found := "p.search LIKE " + arg(listing.Contains(f.Search)) + ` ESCAPE '\'`
		if digits, ok := tel.Typed(f.Search); ok {
			found += " OR p.search LIKE " + arg(listing.Contains(digits)) + ` ESCAPE '\'`
		}
		where += " AND (" + found + ")"
	}
	return `SELECT ` + userColumns + ` FROM phone_users p WHERE ` + where + ` ORDER BY ` + column + ` ` + order + `, p.id ` + order + ` LIMIT $2`, args
}

// Each calls fn with every phone user that the filter chooses, in its order, without holding more than a few hundred.
func (r *Room) Each(ctx context.Context, actor account.Actor, f Filter, fn func(User) error) error {
	for f.Limit, f.After = 500, ""; ; {
		list, next, err := r.List(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, u := range list {
			if err := fn(u); err != nil {
				return err
			}
		}
		if f.After = next; next == "" {
			return nil
		}
	}
}
