package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
)

// FavouritesMost is how many pages a person may pin in an account.
const FavouritesMost = 12

// A page is known here by its path below the account: "reports/inbound-calls". Which there are, and who may see them, the portal knows.
var favouriteForm = regexp.MustCompile(`^[a-z0-9-]+(/[a-z0-9-]+)*$`)

const favouriteLongest = 60

// Pin puts a page at the end of the actor's favourites in the account and returns them in order. One that is there stays where it is.
func (r *Room) Pin(ctx context.Context, actor Actor, page string) ([]string, error) {
	list, err := r.rearrange(ctx, actor, page, func(list []string) ([]string, error) {
		if slices.Contains(list, page) {
			return list, nil
		}
		if len(list) >= FavouritesMost {
			return nil, fault.New(fault.Conflict, "favourites-full", fmt.Sprintf("You have %d favourites, which is the most. Remove one to add another", FavouritesMost))
		}
		return append(list, page), nil
	})
	fault.Wrap(&err, "account.Pin")
	return list, err
}

// Unpin takes a page out of the actor's favourites in the account and returns the others. It is no error if it was not there.
func (r *Room) Unpin(ctx context.Context, actor Actor, page string) ([]string, error) {
	list, err := r.rearrange(ctx, actor, page, func(list []string) ([]string, error) {
		return slices.DeleteFunc(list, func(p string) bool { return p == page }), nil
	})
	fault.Wrap(&err, "account.Unpin")
	return list, err
}

// SwapFavourites lets two of the actor's favourites change places and returns all in order. When one of them is gone, everything stays.
func (r *Room) SwapFavourites(ctx context.Context, actor Actor, page, other string) ([]string, error) {
	list, err := r.rearrange(ctx, actor, page, func(list []string) ([]string, error) {
		if i, j := slices.Index(list, page), slices.Index(list, other); i >= 0 && j >= 0 {
			list[i], list[j] = list[j], list[i]
		}
		return list, nil
	})
	fault.Wrap(&err, "account.SwapFavourites")
	return list, err
}

// rearrange changes the actor's favourites as change says, from what they are at that moment: two tabs may be open.
func (r *Room) rearrange(ctx context.Context, actor Actor, page string, change func([]string) ([]string, error)) (list []string, err error) {
	if err := actor.mayStep(); err != nil {
		return nil, err
	}
	if len(page) > favouriteLongest || !favouriteForm.MatchString(page) {
		return nil, fault.Field("favourite-unknown", "page", "Choose a page of the menu")
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ViewHome); err != nil {
			return err
		}
		var column string
		err := q.QueryRowContext(ctx, `SELECT favourites FROM memberships WHERE account_id = $1 AND id = $2`, actor.Account.ID, actor.MembershipID).Scan(&column)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		if list, err = change(strings.Fields(column)); err != nil {
			return err
		}
		now := strings.Join(list, " ")
		if now == column {
			return nil
		}
		_, err = q.ExecContext(ctx, `UPDATE memberships SET favourites = $3 WHERE account_id = $1 AND id = $2`, actor.Account.ID, actor.MembershipID, now)
		return err
	})
	return list, err
}
