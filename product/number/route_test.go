package number_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

// listening is a second node that hears of changes.
func listening(t *testing.T, r *rig) *number.Room {
	t.Helper()
	feed := change.NewFeed(r.DB, slog.New(slog.DiscardHandler))
	feed.Poll = 20 * time.Millisecond
	feed.Now = r.Clock.Now
	c := r.phones.Config
	c.Account = r.Node()
	c.Jobs, c.Feed = c.Account.Jobs, feed
	phones := phoneuser.New(c)
	node := number.New(number.Config{DB: r.DB, Keys: r.Keys, Account: c.Account, Phones: phones, Feed: feed, Now: r.Clock.Now})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { feed.Run(ctx) })
	all.Go(func() { phones.Run(ctx) })
	all.Go(func() { node.Run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	return node
}

// What one node changes of a number counts at once there, and on another as soon as the feed has told, although both kept it.
func TestNodesForgetNumbers(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		far := listening(t, r)
		both := func(what string, ok func(n *number.Room) bool) {
			t.Helper()
			if !ok(r.numbers) {
				t.Fatalf("%s: not at once on the node that did it", what)
			}
			for began := time.Now(); !ok(far); time.Sleep(5 * time.Millisecond) {
				if time.Since(began) > 20*time.Second {
					t.Fatalf("%s: not on the other node within 20 seconds", what)
				}
			}
		}
		route := func(n *number.Room) (number.Route, bool) {
			to, err := n.Route(t.Context(), main)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			return to, err == nil
		}
		shows := func(n *number.Room) number.Destination {
			to, err := n.Dial(t.Context(), r.mary, "0355500123")
			must(t, err)
			return to
		}
		leads := func(phoneUserID string) func(n *number.Room) bool {
			return func(n *number.Room) bool { to, ok := route(n); return ok && to.PhoneUserID == phoneUserID }
		}
		both("leads nowhere", leads(""))
		lead(t, r, main, r.mary.ID)
		both("leads to Mary", leads(r.mary.ID))
		_, err := r.numbers.Rename(t.Context(), r.admin.Actor(), main, "Reception", 0)
		must(t, err)
		both("renamed", func(n *number.Room) bool { return shows(n).ServiceName == "Reception" })
		_, err = r.phones.Delete(t.Context(), r.admin.Actor(), r.mary.ID, 0)
		must(t, err)
		both("Mary deleted", leads(""))
		must(t, r.numbers.Withdraw(t.Context(), r.staff.Inside(r.admin.Account), main))
		both("withdrawn", func(n *number.Room) bool {
			_, ok := route(n)
			return !ok && shows(n).Barred == number.CallerIDNotOwned
		})
		_, err = r.numbers.Assign(t.Context(), r.staff.Inside(r.north.Account), main, "Northside")
		must(t, err)
		both("another account's", func(n *number.Room) bool {
			to, ok := route(n)
			return ok && to.AccountID == r.north.Account.ID && shows(n).Barred == number.CallerIDNotOwned
		})
	})
}

func BenchmarkRoute(b *testing.B) {
	r := newRig(b, dbtest.SQLite(b))
	for name, pass := range map[string]time.Duration{"hit": 0, "read": time.Second} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Clock.Advance(pass)
				if _, err := r.numbers.Route(b.Context(), main); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
