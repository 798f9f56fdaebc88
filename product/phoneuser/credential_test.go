package phoneuser_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

// watched is a second node that hears of changes.
func watched(t *testing.T, r *phoneusertest.Rig, d *db.DB) *phoneuser.Room {
	t.Helper()
	feed := change.NewFeed(d, slog.New(slog.DiscardHandler))
	feed.Now = r.Clock.Now
	c := r.Phones.Config
	c.Account = r.Node()
	c.Jobs, c.Feed = c.Account.Jobs, feed
	node := phoneuser.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { feed.Run(ctx) })
	all.Go(func() { node.Run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	for began := time.Now(); !node.Watching(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the second node did not begin to hear of changes within 20 seconds")
		}
	}
	return node
}

// What one node ends is refused on another as soon as the feed has told, although the credential was in memory there.
func TestOtherNodesForgetCredentials(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		node := watched(t, r, d)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		one, two := r.Device(admin, u.ID, phoneuser.Phone), r.Device(admin, u.ID, phoneuser.PhoneSHA256)
		known := func(dev phoneuser.Details) phoneuser.Credential {
			c, err := node.Credential(t.Context(), dev.Username)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			return c
		}
		await := func(what string, ok func() bool) {
			t.Helper()
			began := time.Now()
			for !ok() {
				if time.Since(began) > 20*time.Second {
					t.Fatalf("%s: not within 20 seconds", what)
				}
				time.Sleep(5 * time.Millisecond)
			}
			t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
		}
		await("both known", func() bool { return known(one).Enabled && known(two).Enabled })
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{DisplayName: ptr("Mary Chen")}, 0)))
		await("the new name", func() bool { return known(one).DisplayName == "Mary Chen" })
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(false)}, 0)))
		await("app off", func() bool { return !known(one).Enabled && !known(two).Enabled })
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(true)}, 0)))
		await("app on", func() bool { return known(one).Enabled && known(two).Enabled })
		check(t, r.Phones.EndDevice(t.Context(), admin.Actor(), u.ID, one.DeviceID))
		await("one ended", func() bool { return known(one).DeviceID == "" && known(two).Enabled })
		check(t, second(r.Phones.Reset(t.Context(), admin.Actor(), u.ID)))
		await("reset", func() bool { return known(two).DeviceID == "" })
	})
}

// Without a feed what other nodes change counts after a second; what this node changes counts at once.
func TestCredentialsWithoutAFeed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		c := r.Phones.Config
		c.Account = r.Node()
		c.Jobs = c.Account.Jobs
		node := phoneuser.New(c)
		admin := r.Open("harbour")
		u := r.Add(admin, "101", "Mary")
		dev := r.Device(admin, u.ID, phoneuser.Phone)
		check(t, second(node.Credential(t.Context(), dev.Username)))
		check(t, r.Phones.EndDevice(t.Context(), admin.Actor(), u.ID, dev.DeviceID))
		if _, err := r.Phones.Credential(t.Context(), dev.Username); !fault.Is(err, fault.NotFound) {
			t.Errorf("here: %v", err)
		}
		r.Clock.Advance(time.Second)
		if _, err := node.Credential(t.Context(), dev.Username); !fault.Is(err, fault.NotFound) {
			t.Errorf("there: %v", err)
		}
	})
}

// A name that nobody has is asked for once in two seconds, and is known as soon as somebody gets it.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		for _, name := range []string{"", "101", "m", "mabcdefghijklmnopqrst", "sabcdefghijklmnopqrst'--", "sabcdefghijklmnopqrst", "\x00"} {
			for range 2 {
				if _, err := r.Phones.Credential(t.Context(), name); !fault.Is(err, fault.NotFound) {
					t.Errorf("%q: %v", name, err)
				}
			}
		}
	})
}

func BenchmarkCredential(b *testing.B) {
	d := dbtest.SQLite(b)
	r := phoneusertest.New(b, d)
	admin := r.Open("harbour")
	dev := r.Device(admin, r.Add(admin, "101", "Mary").ID, phoneuser.Phone)
	ctx := b.Context()
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Phones.Credential(ctx, dev.Username); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Clock.Advance(time.Second)
			if _, err := r.Phones.Credential(ctx, dev.Username); err != nil {
				b.Fatal(err)
			}
		}
	})
}
