package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// The figures of the issue are those of -timings 10000 on a quiet machine.
var timings = flag.Int("timings", 25, "timings of each class, known and unknown")

// Known and unknown addresses take the same time to sign in, to ask for a new password, to be invited, and to open the link of an
// invitation. The medians are printed; the test fails only when the fastest sign-in of one takes twice as long as that of the other, as it
// would without the hash that is made for nobody.
func TestA50KnownAndUnknownTakeTheSameTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) { c.HashMemory = 0 })) // as in production
		admin, other := r.Open("harbour"), r.Open("northside")
		var known, unknown []string
		tokens := map[string]string{} // of invitations into an account that known addresses do not belong to either
		for i := range 8 {            // how long a hash takes follows from its salt as well, so one address would not do
			known = append(known, fmt.Sprintf("known%d@harbour.example", i))
			unknown = append(unknown, fmt.Sprintf("nobdy%d@harbour.example", i))
			r.Join(admin, known[i])
			for _, email := range []string{known[i], unknown[i]} {
				_, tokens[email] = r.Invite(other, email)
			}
		}
		inviter := r.Open("westend").Actor()
		browser := account.Browser{Address: "198.51.100.9", UserAgent: accounttest.UserAgent}
		for name, do := range map[string]func(email string) error{
			"sign-in": func(email string) error {
				_, err := r.SignIn(t.Context(), email, "a wrong 7 password", browser)
				if isFault(err, "sign-in-failed") {
					err = nil
				}
				return err
			},
			"forgot": func(email string) error { return r.AskReset(t.Context(), email, browser) },
			"invite": func(email string) error {
				_, err := r.Room.Invite(t.Context(), inviter, account.Invite{Offers: []account.Offer{{Email: email}}})
				return err
			},
			"link": func(email string) error {
				_, err := r.Welcome(t.Context(), tokens[email])
				return err
			},
		} {
			one, other := measure(t, r, do, known, unknown)
			t.Logf("%s: %s: %d of each class: known %v, unknown %v, apart by %v", d.Engine(), name, *timings, median(one), median(other), (median(one) - median(other)).Abs())
			if name == "sign-in" && (one[0] > 2*other[0] || other[0] > 2*one[0]) {
				t.Errorf("%s tells known from unknown addresses by time", name)
			}
		}
	})
}

// measure returns the times for known and unknown addresses of the same length, taken in random order, the shortest first.
func measure(t *testing.T, r *accounttest.Rig, do func(email string) error, known, unknown []string) (one, other []time.Duration) {
	t.Helper()
	var took [2][]time.Duration
	turns := make([]int, 2**timings)
	for i := range turns {
		turns[i] = i
	}
	rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for _, i := range turns {
		class, emails := i%2, [2][]string{known, unknown}
		for _, query := range []string{`DELETE FROM throttles`, `DELETE FROM invitations WHERE account_id IN (SELECT id FROM accounts WHERE slug = 'westend')`} {
			_, err := r.DB.ExecContext(t.Context(), query)
			check(t, err)
		}
		began := time.Now()
		err := do(emails[class][i/2%len(known)])
		took[class] = append(took[class], time.Since(began))
		check(t, err)
	}
	r.Forget()
	slices.Sort(took[0])
	slices.Sort(took[1])
	return took[0], took[1]
}

// median returns that of a sorted list.
func median(list []time.Duration) time.Duration { return list[len(list)/2].Round(time.Microsecond) }
