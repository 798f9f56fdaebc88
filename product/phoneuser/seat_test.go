package phoneuser_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

// What one node changes of a phone user counts at once there, and on another as soon as the feed has told, although both kept the seat.
func TestNodesForgetSeats(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		far := watched(t, r, d)
		near := r.Phones
		admin, north := r.Open("harbour"), r.Open("northside")
		u := r.Add(admin, "101", "Mary")
		account := admin.Account.ID
		seat := func(node *phoneuser.Room) (phoneuser.User, bool) {
			u, err := node.Seat(t.Context(), account, u.ID)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			return u, err == nil
		}
		byExtension := func(node *phoneuser.Room) (phoneuser.User, bool) {
			u, err := node.ByExtension(t.Context(), account, "101")
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			return u, err == nil
		}
		both := func(what string, ok func(node *phoneuser.Room) bool) {
			t.Helper()
			if !ok(near) {
				t.Fatalf("%s: not at once on the node that did it", what)
			}
			for began := time.Now(); !ok(far); time.Sleep(5 * time.Millisecond) {
				if time.Since(began) > 20*time.Second {
					t.Fatalf("%s: not on the other node within 20 seconds", what)
				}
			}
		}
		both("added", func(n *phoneuser.Room) bool {
			s, ok := seat(n)
			e, found := byExtension(n)
			return ok && found && s == e && s.DisplayName == "Mary" && s.LocalPrefix == "02"
		})
		for _, node := range []*phoneuser.Room{near, far} {
			if _, err := node.Seat(t.Context(), north.Account.ID, u.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("another account's seat: %v", err)
			}
			if _, err := node.ByExtension(t.Context(), north.Account.ID, "101"); !fault.Is(err, fault.NotFound) {
				t.Errorf("another account's extension: %v", err)
			}
		}
		check(t, second(near.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{DisplayName: ptr("Mary Chen")}, 0)))
		both("renamed", func(n *phoneuser.Room) bool { s, _ := seat(n); return s.DisplayName == "Mary Chen" })
		check(t, second(near.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(false)}, 0)))
		both("app off", func(n *phoneuser.Room) bool {
			_, ok := seat(n)
			e, found := byExtension(n)
			return !ok && found && !e.AppEnabled
		})
		check(t, second(near.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{AppEnabled: ptr(true)}, 0)))
		both("app on", func(n *phoneuser.Room) bool { _, ok := seat(n); return ok })
		check(t, second(near.Delete(t.Context(), admin.Actor(), u.ID, 0)))
		both("deleted", func(n *phoneuser.Room) bool {
			_, ok := seat(n)
			_, found := byExtension(n)
			return !ok && !found
		})
		next := r.Add(admin, "101", "Jo")
		both("the extension's next owner", func(n *phoneuser.Room) bool { e, _ := byExtension(n); return e.ID == next.ID })
	})
}

// A number that an account loses is nobody's caller ID any more: here when the transaction is over, there when the feed has told.
func TestNodesForgetCallerIDs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		far := watched(t, r, d)
		admin := r.Open("harbour")
		line := "+61255500142"
		r.Numbers.Own(admin.Account, line)
		u := r.Add(admin, "101", "Mary")
		check(t, second(r.Phones.Change(t.Context(), admin.Actor(), u.ID, phoneuser.Change{CallerID: &line}, 0)))
		shows := func(n *phoneuser.Room) string {
			s, err := n.Seat(t.Context(), admin.Account.ID, u.ID)
			check(t, err)
			return s.CallerID
		}
		await := func(want string) {
			t.Helper()
			if got := shows(r.Phones); got != want {
				t.Fatalf("here %q, want %q", got, want)
			}
			for began := time.Now(); shows(far) != want; time.Sleep(5 * time.Millisecond) {
				if time.Since(began) > 20*time.Second {
					t.Fatalf("there not %q within 20 seconds", want)
				}
			}
		}
		await(line)
		undone := errors.New("undone")
		if err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			check(t, r.Phones.DropNumber(ctx, q, admin.Account.ID, line))
			return undone
		}); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		await(line)
		check(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			return r.Phones.DropNumber(ctx, q, admin.Account.ID, line)
		}))
		await("")
	})
}

func BenchmarkSeat(b *testing.B) {
	d := dbtest.SQLite(b)
	r := phoneusertest.New(b, d)
	admin := r.Open("harbour")
	u := r.Add(admin, "101", "Mary")
	ctx := b.Context()
	for name, pass := range map[string]time.Duration{"hit": 0, "read": time.Second} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Clock.Advance(pass)
				if _, err := r.Phones.Seat(ctx, u.AccountID, u.ID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
