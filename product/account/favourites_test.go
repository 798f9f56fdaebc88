package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// Favourites are a person's own in one account: in the order they chose, each once, and at most twelve.
func TestFavourites(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := accounttest.New(t, d)
		ctx := t.Context()
		admin := r.Open("harbour")
		north := r.Open("northside")
		clerk := r.Join(admin, "clerk@harbour.example")
		for _, page := range []string{"numbers", "reports/inbound-calls", "numbers", "hub-users"} {
			if _, err := r.Pin(ctx, admin.Actor(), page); err != nil {
				t.Fatal(err)
			}
		}
		want := func(u *accounttest.User, pages ...string) {
			t.Helper()
			if got := u.Actor().Favourites; !slices.Equal(got, pages) {
				t.Errorf("%s has the favourites %q, want %q", u.Email, got, pages)
			}
		}
		want(admin, "numbers", "reports/inbound-calls", "hub-users")
		want(clerk)
		want(north)
		for _, swap := range [][2]string{{"hub-users", "reports/inbound-calls"}, {"numbers", "nosuch"}, {"numbers", "numbers"}} {
			if _, err := r.SwapFavourites(ctx, admin.Actor(), swap[0], swap[1]); err != nil {
				t.Error(err)
			}
		}
		want(admin, "numbers", "hub-users", "reports/inbound-calls")
		for range 2 { // gone already is no error
			if left, err := r.Unpin(ctx, admin.Actor(), "numbers"); err != nil || !slices.Equal(left, []string{"hub-users", "reports/inbound-calls"}) {
				t.Errorf("left are %q, %v", left, err)
			}
		}
		for i := range account.FavouritesMost - 2 {
			if _, err := r.Pin(ctx, admin.Actor(), fmt.Sprintf("page-%d", i)); err != nil {
				t.Error(err)
			}
		}
		if _, err := r.Pin(ctx, admin.Actor(), "one-more"); !fault.Is(err, fault.Conflict) {
			t.Errorf("one more: %v", err)
		}
		if _, err := r.Pin(ctx, admin.Actor(), "hub-users"); err != nil {
			t.Errorf("one that is there: %v", err)
		}
		for _, page := range []string{"", "/numbers", "numbers/", "Numbers", "a b", "a\nb", "../x", strings.Repeat("a", 61), "ü"} {
			if _, err := r.Pin(ctx, clerk.Actor(), page); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", page, err)
			}
		}
		want(clerk)
	})
}
