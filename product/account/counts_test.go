package account_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// The counts are kept, not counted: whatever people do to hub users at the same time, they are what a count of the rows would say.
func TestKeptCountsStayTrue(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		boss := admin.Actor()
		var people []*accounttest.User
		for i := range 8 {
			people = append(people, r.Join(admin, fmt.Sprintf("p%d@harbour.example", i)))
		}
		var ids []string
		for _, u := range people {
			ids = append(ids, u.ID())
		}
		var wait sync.WaitGroup
		for i := range ids {
			wait.Go(func() {
				for _, s := range []account.HubUserState{account.Deactivated, account.Active, account.Deactivated}[:1+i%3] {
					if _, err := r.ChangeHubUser(context.WithoutCancel(t.Context()), boss, ids[i], state(s), 0); err != nil {
						t.Error(err)
					}
				}
				if i%4 == 3 {
					if _, err := r.RemoveHubUser(context.WithoutCancel(t.Context()), boss, ids[i], 0); err != nil {
						t.Error(err)
					}
				}
			})
			wait.Go(func() { // the same change from two windows counts once
				if _, err := r.ChangeHubUser(context.WithoutCancel(t.Context()), boss, ids[i], state(account.Deactivated), 0); err != nil && i%4 != 3 {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		r.Join(admin, "p3@harbour.example") // comes back after having been removed
		rows, err := r.DB.QueryContext(t.Context(), `
			SELECT m.state, COUNT(*), (SELECT people FROM people_counts c WHERE c.account_id = m.account_id AND c.state = m.state)
			FROM memberships m GROUP BY m.account_id, m.state`)
		must(t, err)
		defer rows.Close()
		total := 0
		for rows.Next() {
			var name string
			var counted, kept int
			must(t, rows.Scan(&name, &counted, &kept))
			if counted != kept {
				t.Errorf("%s: %d rows, %d kept", name, counted, kept)
			}
			total += counted
		}
		must(t, rows.Err())
		if total != 10 {
			t.Errorf("%d rows in all", total)
		}
	})
}
