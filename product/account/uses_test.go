package account_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"hubline/product/account/accounttest"
)

// While the room runs, whoever reads does not wait for a writer; the uses are in the store a moment later, all of them when it stops.
func TestUsesAreWrittenTogether(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		secret, _ := r.Key(admin)
		before := r.Clock.Now().UnixMilli()
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Room.Run(ctx) })
		defer running.Wait()
		defer stop()
		seen := func() (session, key int64) {
			t.Helper()
			must(t, r.DB.QueryRowContext(t.Context(), `SELECT (SELECT MAX(seen_at) FROM sessions), (SELECT MAX(last_used_at) FROM api_keys)`).Scan(&session, &key))
			return session, key
		}
		use := func(address string) int64 {
			t.Helper()
			r.Clock.Advance(2 * time.Minute)
			_, err := r.Enter(t.Context(), admin.Session(), "harbour", address)
			must(t, err)
			_, err = r.UseKey(t.Context(), secret, "harbour", address)
			must(t, err)
			return r.Clock.Now().UnixMilli()
		}
		now := use("192.0.2.7")
		for deadline := time.Now().Add(20 * time.Second); ; {
			session, key := seen()
			if session == now && key == now {
				break
			}
			if session > before && session != now || time.Now().After(deadline) {
				t.Fatalf("the store has %d and %d, want %d", session, key, now)
			}
		}
		now = use("192.0.2.8")
		stop()
		running.Wait()
		if session, key := seen(); session != now || key != now {
			t.Errorf("after the end the store has %d and %d, want %d", session, key, now)
		}
		if list, err := r.Sessions(t.Context(), admin.Actor()); err != nil || len(list) != 1 || list[0].Address != "192.0.2.8" {
			t.Errorf("sessions %+v, %v", list, err)
		}
		now = use("192.0.2.9") // nobody collects any more: written at once
		if session, key := seen(); session != now || key != now {
			t.Errorf("alone the store has %d and %d, want %d", session, key, now)
		}
	})
}
