package change_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// run starts a feed that does not let a test wait.
func run(t *testing.T, d *db.DB, adjust ...func(*change.Feed)) *change.Feed {
	f := change.NewFeed(d, slog.New(slog.DiscardHandler))
	f.Poll = 5 * time.Millisecond
	for _, a := range adjust {
		a(f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { f.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return f
}

func post(t *testing.T, d *db.DB, at time.Time, topics ...string) {
	t.Helper()
	if err := change.Post(t.Context(), d, at, topics...); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, ch <-chan string) string {
	t.Helper()
	select {
	case topic := <-ch:
		return topic
	case <-time.After(20 * time.Second):
		t.Fatal("no notice within 20 seconds")
		return ""
	}
}

func expect(t *testing.T, ch <-chan string, want string) {
	t.Helper()
	if got := receive(t, ch); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// settle returns once the feed has passed on everything posted before: a mark posted afterwards has come.
func settle(t *testing.T, d *db.DB, f *change.Feed) {
	t.Helper()
	mark, cancel := f.Subscribe("mark")
	defer cancel()
	post(t, d, time.Now(), "mark")
	expect(t, mark, "mark")
}

func TestSubscribersHearOfTheirTopicsOnEveryNode(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		near, far := run(t, d), run(t, d)
		one, cancelOne := near.Subscribe("person/1", "account/9")
		two, cancelTwo := far.Subscribe("account/9")
		other, cancelOther := far.Subscribe("account/8")
		defer cancelOne()
		defer cancelTwo()
		defer cancelOther()
		post(t, d, time.Now(), "person/1")
		expect(t, one, "person/1")
		post(t, d, time.Now(), "account/9", "account/7")
		expect(t, one, "account/9")
		expect(t, two, "account/9")
		settle(t, d, far)
		if len(one)+len(two)+len(other) != 0 {
			t.Error("somebody heard of what is not theirs, or twice")
		}
	})
}

func TestANoticeComesWithinASecond(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d, func(f *change.Feed) { f.Poll = change.NewFeed(d, nil).Poll })
		ch, cancel := f.Subscribe("a")
		defer cancel()
		var slowest time.Duration
		for range 5 {
			start := time.Now()
			post(t, d, start, "a")
			expect(t, ch, "a")
			slowest = max(slowest, time.Since(start))
		}
		t.Logf("slowest of 5: %v", slowest)
	})
}

func TestARollbackPostsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d)
		ch, cancel := f.Subscribe("a")
		defer cancel()
		undone := errors.New("undone")
		err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			if err := change.Post(ctx, q, time.Now(), "a"); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		settle(t, d, f)
		if len(ch) != 0 {
			t.Error("a notice of a transaction that never was")
		}
		if err := change.Post(t.Context(), d, time.Now()); err != nil {
			t.Error(err)
		}
	})
}

// The time of a notice is taken inside a transaction; other notices are read before that transaction commits.
func TestALateCommitIsNotMissed(t *testing.T) {
	t.Parallel()
	for late, sweep := range map[time.Duration]time.Duration{
		time.Second:      time.Hour, // the ordinary look must find it
		9 * time.Second:  time.Hour,
		30 * time.Second: 50 * time.Millisecond,
		9 * time.Minute:  50 * time.Millisecond,
		-time.Minute:     time.Hour, // a node whose clock is ahead
	} {
		t.Run(late.String(), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				f := run(t, d, func(f *change.Feed) { f.Sweep = sweep })
				ch, cancel := f.Subscribe("a")
				defer cancel()
				settle(t, d, f)
				post(t, d, time.Now().Add(-late), "a")
				expect(t, ch, "a")
				settle(t, d, f)
				if len(ch) != 0 {
					t.Error("told twice")
				}
			})
		})
	}
}

// What was passed on of a second is forgotten, but for the number; one more is still seen.
func TestALateCommitBesideOthersIsNotMissed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d, func(f *change.Feed) { f.Sweep = 20 * time.Millisecond })
		ch, cancel := f.Subscribe("before", "late")
		defer cancel()
		then := time.Now().Add(-5 * time.Minute)
		post(t, d, then, "before")
		expect(t, ch, "before")
		for range 5 {
			settle(t, d, f)
		}
		if len(ch) != 0 {
			t.Error("told twice")
		}
		post(t, d, then, "late")
		for got := ""; got != "late"; { // what came before may come again with it
			got = receive(t, ch)
		}
	})
}

// On PostgreSQL a transaction can stay open while others commit.
func TestAnOpenTransactionIsHeardOfWhenItCommits(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	f := run(t, d)
	ch, cancel := f.Subscribe("slow")
	defer cancel()
	err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		if err := change.Post(ctx, q, time.Now(), "slow"); err != nil {
			return err
		}
		for range 20 {
			settle(t, d, f)
		}
		if len(ch) != 0 {
			t.Error("heard of before the commit")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, ch, "slow")
}

func TestASlowSubscriberLearnsEachTopicOnceAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d)
		slow, cancel := f.Subscribe("a", "b", "c", "a")
		defer cancel()
		for range 30 {
			post(t, d, time.Now(), "a")
			post(t, d, time.Now(), "c", "a")
		}
		settle(t, d, f)
		post(t, d, time.Now(), "b")
		settle(t, d, f)
		got := map[string]int{}
		for range 3 {
			got[receive(t, slow)]++
		}
		if len(slow) != 0 || got["a"] != 1 || got["b"] != 1 || got["c"] != 1 {
			t.Errorf("got %v and %d more", got, len(slow))
		}
		post(t, d, time.Now(), "a")
		expect(t, slow, "a")
	})
}

func TestCancelClosesTheChannel(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := run(t, d)
		var told atomic.Int64
		var all sync.WaitGroup
		for n := range 40 {
			ch, cancel := f.Subscribe("a", fmt.Sprint(n))
			all.Go(func() {
				for range ch {
					told.Add(1)
					cancel()
				}
			})
		}
		ch, cancel := f.Subscribe("b")
		cancel()
		cancel()
		if _, open := <-ch; open {
			t.Error("a cancelled channel is open")
		}
		post(t, d, time.Now(), "a", "b")
		all.Wait()
		if told.Load() < 40 {
			t.Errorf("%d of 40 were told", told.Load())
		}
	})
}

func TestOldNoticesAreTidied(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		post(t, d, time.Now().Add(-11*time.Minute), "old", "old")
		post(t, d, time.Now().Add(-9*time.Minute), "young")
		f := run(t, d)
		settle(t, d, f)
		var young, old int
		err := d.QueryRowContext(t.Context(), `
			SELECT COUNT(*) FILTER (WHERE topic = 'young'), COUNT(*) FILTER (WHERE topic = 'old') FROM changes`).Scan(&young, &old)
		if err != nil || young != 1 || old != 0 {
			t.Errorf("%d young, %d old, %v", young, old, err)
		}
	})
}

// After a long outage the notices of that time may be tidied away already.
func TestAfterALongOutageEverybodyIsTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var skew atomic.Int64
		f := run(t, d, func(f *change.Feed) {
			f.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
		})
		ch, cancel := f.Subscribe("a", "b")
		defer cancel()
		settle(t, d, f)
		if len(ch) != 0 {
			t.Fatal("told without news")
		}
		skew.Store(int64(time.Hour)) // as if nothing had been read for an hour
		got := map[string]bool{receive(t, ch): true, receive(t, ch): true}
		if !got["a"] || !got["b"] {
			t.Errorf("told %v", got)
		}
	})
}
