package change_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// What is told of under the prefix is forgotten, and nothing else.
func TestMemoryForgetsWhatItIsToldOf(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d)
		m := change.NewMemory[int](10, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { m.Listen(ctx, f, "thing:") })
		t.Cleanup(func() { cancel(); done.Wait() })
		keep := func(id string, v int) {
			_, _, mark := m.Get(id)
			m.Put(id, v, mark)
		}
		kept := func(id string) bool {
			_, ok, _ := m.Get(id)
			return ok
		}
		until := func(what string, ok func() bool) {
			t.Helper()
			for began := time.Now(); !ok(); time.Sleep(time.Millisecond) {
				if time.Since(began) > 20*time.Second {
					t.Fatal(what)
				}
			}
		}
		until("one is not kept", func() bool { keep("one", 1); return kept("one") })
		until("nobody listens", func() bool { // a notice reaches it
			post(t, d, time.Now(), "thing:one")
			time.Sleep(2 * time.Millisecond)
			return !kept("one")
		})
		settle(t, d, f)
		until("two values are not kept", func() bool { keep("one", 1); keep("two", 2); return kept("one") && kept("two") })
		post(t, d, time.Now(), "thing:one", "other:two")
		until("one is kept", func() bool { return !kept("one") })
		settle(t, d, f)
		if !kept("two") {
			t.Error("two was forgotten without a notice")
		}
	})
}

// What was read before something was dropped may be older than the change, so it is not kept.
func TestMemoryKeepsNothingReadBeforeADrop(t *testing.T) {
	t.Parallel()
	m := change.NewMemory[int](10, time.Now)
	_, _, mark := m.Get("one")
	m.Drop("one")
	m.Put("one", 1, mark)
	if _, ok, _ := m.Get("one"); ok {
		t.Error("a value read before the drop is kept")
	}
}

// Without anybody listening what is kept counts for a second; the memory never grows beyond its bound.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := change.NewMemory[int](10, time.Now)
		kept := 0
		for id := range 100 {
			_, _, mark := m.Get(string(rune('a' + id)))
			m.Put(string(rune('a'+id)), id, mark)
		}
		count := func() (n int) {
			for id := range 100 {
				if _, ok, _ := m.Get(string(rune('a' + id))); ok {
					n++
				}
			}
			return n
		}
		if kept = count(); kept == 0 || kept > 10 {
			t.Errorf("%d values are kept, at most 10", kept)
		}
		time.Sleep(time.Second)
		if n := count(); n != 0 {
			t.Errorf("%d values are kept after a second", n)
		}
	})
}
