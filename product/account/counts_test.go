package account_test

import (
	"context"
	"fmt"
	"slices"
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

// Hub users without the second factor that the account asks of them are counted and listed as what needs attention, whoever gains or loses
// one, changes what they may do, or the policy.
func TestPeopleWithoutTheSecondFactorTheyNeed(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		admin.Enrol()
		kim, jo := r.Join(admin, "kim@harbour.example", account.Billing), r.Join(admin, "jo@harbour.example")
		paused := r.Join(admin, "paused@harbour.example")
		must(t, second(r.ChangeHubUser(c, admin.Actor(), paused.ID(), state(account.Deactivated), 0)))
		lacking := func(when string, want ...string) {
			t.Helper()
			counts, err := r.CountPeople(c, admin.Actor())
			must(t, err)
			list, _, err := r.People(c, admin.Actor(), account.PeopleFilter{Status: account.NeedsAttention})
			must(t, err)
			var got []string
			for _, l := range list {
				if !l.Lacks || l.SecondFactor {
					t.Errorf("%s: listed as %+v", when, l)
				}
				got = append(got, l.Name)
			}
			if !slices.Equal(got, want) || counts.Lacking != len(want) || counts.Attention != len(want) || counts.All != 4 {
				t.Errorf("%s: %q lack one, counted %+v, want %q", when, got, counts, want)
			}
			for _, sort := range []account.Sort{account.ByName, account.BySent, account.ByAccepted, account.BySeen} {
				page, err := r.PeoplePage(c, admin.Actor(), account.PeopleFilter{Status: account.NeedsAttention, Sort: sort, Descending: true, Limit: 1})
				if must(t, err); len(page.Rows) != min(1, len(want)) || (page.Next != "") != (len(want) > 1) {
					t.Errorf("%s by %s: %+v", when, sort, page)
				}
			}
		}
		lacking("nobody is asked")
		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfHolders }))
		lacking("holders are asked", "Kim")
		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfEveryone }))
		lacking("everybody is asked", "Jo", "Kim")
		app := kim.Check().Enrol()
		lacking("one has set it up", "Jo")
		u, err := r.HubUserByID(c, admin.Actor(), kim.ID())
		if must(t, err); !u.SecondFactor {
			t.Error("the hub user does not show it")
		}
		jo.Check().AddPasskey(accounttest.NewPasskey(t))
		lacking("so has the other")
		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfNobody }))
		kim.CheckWith(app)
		must(t, r.RemoveAuthenticator(c, person(t, r, kim), kim.Browser()))
		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfEveryone }))
		lacking("one has taken it off again", "Kim")
		north := r.Open("northside") // who joins elsewhere takes it along
		there := r.Join(north, "jo@harbour.example")
		if u, err := r.HubUserByID(c, north.Actor(), there.ID()); err != nil || !u.SecondFactor {
			t.Errorf("in another account: %+v, %v", u, err)
		}
	})
}
