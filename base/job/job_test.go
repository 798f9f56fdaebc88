package job_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/seal"
)

type note struct{ Text string }

var ring = seal.New(make([]byte, seal.KeySize))

// newQueue makes a queue that does not let a test wait.
func newQueue(d *db.DB) *job.Queue {
	q := job.New(d, ring, slog.New(slog.DiscardHandler))
	q.Poll = 5 * time.Millisecond
	q.Backoff = func(int) time.Duration { return time.Millisecond }
	return q
}

// run works until the test ends or stop is called.
func run(t *testing.T, q *job.Queue) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return stop
}

func add(t *testing.T, d *db.DB, q *job.Queue, kind string, args any) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx db.Q) error { return q.Add(ctx, tx, kind, args) })
	if err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came within 20 seconds")
		panic("unreachable")
	}
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 seconds: %s", what)
		}
	}
}

func counts(t *testing.T, q *job.Queue) (queued, dead int) {
	t.Helper()
	queued, dead, _, err := q.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return queued, dead
}

func deadLetters(t *testing.T, q *job.Queue) []job.Job {
	t.Helper()
	jobs, _, err := q.Dead(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func TestAJobRunsOnceItsTransactionCommits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		ran := make(chan note, 10)
		job.Handle(q, "note", func(ctx context.Context, n note) error {
			if job.ID(ctx) == "" {
				t.Error("a handler does not see its job's ID")
			}
			ran <- n
			return nil
		})
		run(t, q)
		undone := errors.New("undone")
		err := d.Tx(t.Context(), func(ctx context.Context, tx db.Q) error {
			if err := q.Add(ctx, tx, "note", note{"rolled back"}); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		add(t, d, q, "note", note{"Grüße"})
		if got := receive(t, ran); got.Text != "Grüße" {
			t.Errorf("got %+v", got)
		}
		eventually(t, "the finished job is deleted", func() bool { n, _ := counts(t, q); return n == 0 })
		if len(ran) > 0 {
			t.Errorf("ran as well: %+v", <-ran)
		}
	})
}

func TestS22ArgsAreSealedAtRestAndBoundToTheirJob(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		add(t, d, q, "note", note{"open sesame"})
		add(t, d, q, "note", note{"other"})
		var args string
		err := d.QueryRowContext(t.Context(), `SELECT MIN(args) FROM jobs`).Scan(&args)
		if err != nil || strings.Contains(args, "sesame") || strings.Contains(args, "Text") {
			t.Fatalf("args %q, %v", args, err)
		}
		// Args moved to another job do not open.
		if _, err := d.ExecContext(t.Context(), `UPDATE jobs SET args = $1`, args); err != nil {
			t.Fatal(err)
		}
		ran := make(chan note, 10)
		job.Handle(q, "note", func(_ context.Context, n note) error { ran <- n; return nil }, job.Attempts(1))
		run(t, q)
		receive(t, ran)
		eventually(t, "the other is dead", func() bool { _, dead := counts(t, q); return dead == 1 })
	})
}

func TestAJobIsNotRunBeforeItsTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		clock := newClock()
		q.Now = clock.Now
		ran := make(chan note, 10)
		job.Handle(q, "note", func(_ context.Context, n note) error { ran <- n; return nil })
		err := d.Tx(t.Context(), func(ctx context.Context, tx db.Q) error {
			return q.AddAt(ctx, tx, "note", note{"later"}, clock.Now().Add(time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, q)
		add(t, d, q, "note", note{"now"})
		if got := receive(t, ran); got.Text != "now" {
			t.Errorf("ran first: %+v", got)
		}
		// Not before the first is noted as done: an hour later its lease would have run out, and it would rightly run again.
		eventually(t, "the first is done, and what is for later does not wait yet", func() bool { n, _ := counts(t, q); return n == 0 })
		if len(ran) > 0 {
			t.Errorf("the later job did not wait")
		}
		clock.advance(time.Hour)
		if got := receive(t, ran); got.Text != "later" {
			t.Errorf("ran second: %+v", got)
		}
	})
}

func TestAFailingJobIsTriedAgainAndThenDead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		tries := make(chan string, 100)
		told := make(chan error, 10)
		job.Handle(q, "note", func(ctx context.Context, n note) error {
			tries <- job.ID(ctx)
			return errors.New("no\r\nanswer\x00")
		}, job.Attempts(3), job.OnDead(func(_ context.Context, n note, err error) {
			if n.Text != "hello" {
				t.Errorf("OnDead got %+v", n)
			}
			told <- err
		}))
		stop := run(t, q)
		start := time.Now().Add(-time.Second)
		add(t, d, q, "note", note{"hello"})
		if err := receive(t, told); !strings.HasPrefix(err.Error(), "no") {
			t.Errorf("OnDead heard %v", err)
		}
		eventually(t, "dead", func() bool { _, dead := counts(t, q); return dead == 1 })
		stop()
		if len(tries) != 3 {
			t.Errorf("%d tries", len(tries))
		}
		letters := deadLetters(t, q)
		if len(letters) != 1 {
			t.Fatalf("%d dead letters", len(letters))
		}
		l := letters[0]
		if l.ID != <-tries || l.Kind != "note" || l.Attempts != 3 || l.Error != "no " ||
			l.CreatedAt.Before(start) || l.TriedAt.Before(start) || l.DeadAt.Before(l.TriedAt) {
			t.Errorf("%+v", l)
		}
	})
}

func TestAPermanentErrorAndAPanic(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		job.Handle(q, "refused", func(context.Context, note) error { return job.Permanent(errors.New("refused")) })
		job.Handle(q, "panics", func(context.Context, note) error { panic("oh") }, job.Attempts(2),
			job.OnDead(func(context.Context, note, error) { panic("and again") }))
		job.Handle(q, "other", func(context.Context, int) error { return nil })
		stop := run(t, q)
		add(t, d, q, "refused", note{})
		add(t, d, q, "panics", note{})
		add(t, d, q, "other", "not a number")
		eventually(t, "all dead", func() bool { _, dead := counts(t, q); return dead == 3 })
		stop()
		want := map[string]int{"refused": 1, "panics": 2, "other": 1}
		for _, l := range deadLetters(t, q) {
			if l.Attempts != want[l.Kind] {
				t.Errorf("%s died after %d tries with %q", l.Kind, l.Attempts, l.Error)
			}
			if l.Kind == "panics" && l.Error != "panic: oh" {
				t.Errorf("panic is kept as %q", l.Error)
			}
		}
	})
}

func TestADeadLetterCanBeTriedAgainOrDiscarded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		good := make(chan bool, 1)
		job.Handle(q, "note", func(context.Context, note) error {
			select {
			case <-good:
				return nil
			default:
				return job.Permanent(errors.New("not yet"))
			}
		})
		run(t, q)
		for range 5 {
			add(t, d, q, "note", note{})
		}
		eventually(t, "all dead", func() bool { _, dead := counts(t, q); return dead == 5 })
		var ids []string
		for after, pages := "", 0; ; pages++ {
			page, next, err := q.Dead(t.Context(), after, 2)
			if err != nil || pages > 2 {
				t.Fatal(pages, err)
			}
			for _, l := range page {
				ids = append(ids, l.ID)
			}
			if after = next; after == "" {
				break
			}
		}
		seen := make(map[string]bool)
		for _, id := range ids {
			seen[id] = true
		}
		if len(ids) != 5 || len(seen) != 5 {
			t.Fatalf("pages show %v", ids)
		}
		good <- true
		settle := func(verb func(context.Context, db.Q, string) (string, error), id string) error {
			return d.Tx(t.Context(), func(ctx context.Context, tx db.Q) error {
				kind, err := verb(ctx, tx, id)
				if err == nil && kind == "" {
					t.Error("nobody knows what kind of job that was")
				}
				return err
			})
		}
		if err := errors.Join(settle(q.Retry, ids[0]), settle(q.Discard, ids[1])); err != nil {
			t.Fatal(err)
		}
		eventually(t, "one done, one discarded", func() bool { queued, dead := counts(t, q); return queued == 0 && dead == 3 })
		for _, verb := range []func(context.Context, db.Q, string) (string, error){q.Retry, q.Discard} {
			if err := settle(verb, ids[1]); !fault.Is(err, fault.NotFound) {
				t.Errorf("a discarded job: %v", err)
			}
		}
		if _, _, err := q.Dead(t.Context(), "x", 2); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown place: %v", err)
		}
	})
}

func TestAnUnknownKindIsLeftForANewerNode(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		old := newQueue(d)
		ran := make(chan note, 1)
		job.Handle(old, "known", func(_ context.Context, n note) error { ran <- n; return nil })
		stop := run(t, old)
		add(t, d, old, "newer", note{"later"})
		add(t, d, old, "known", note{})
		receive(t, ran)
		stop()
		var attempts int
		err := d.QueryRowContext(t.Context(), `SELECT attempts FROM jobs WHERE kind = 'newer' AND dead_at = 0`).Scan(&attempts)
		if err != nil || attempts != 0 {
			t.Fatalf("attempts %d, %v", attempts, err)
		}
		newer := newQueue(d)
		job.Handle(newer, "newer", func(_ context.Context, n note) error { ran <- n; return nil })
		run(t, newer)
		if got := receive(t, ran); got.Text != "later" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestASlowKindDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		q.Workers = 2
		ran, block := make(chan bool, 1), make(chan bool)
		job.Handle(q, "slow", func(context.Context, note) error { <-block; return nil })
		job.Handle(q, "quick", func(context.Context, note) error { ran <- true; return nil })
		for range 10 {
			add(t, d, q, "slow", note{})
		}
		run(t, q)
		t.Cleanup(func() { close(block) })
		add(t, d, q, "quick", note{})
		receive(t, ran)
	})
}

func TestCountsTellHowLongJobsWait(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		clock := newClock()
		q.Now = clock.Now
		if queued, dead, oldest, err := q.Counts(t.Context()); queued+dead != 0 || !oldest.IsZero() || err != nil {
			t.Fatal(queued, dead, oldest, err)
		}
		due := clock.Now()
		add(t, d, q, "note", note{})
		clock.advance(time.Minute)
		add(t, d, q, "note", note{})
		queued, dead, oldest, err := q.Counts(t.Context())
		if queued != 2 || dead != 0 || !oldest.Equal(due) || err != nil {
			t.Fatal(queued, dead, oldest, err)
		}
	})
}

// A clock stands still until it is told to go on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.UnixMilli(1_795_000_000_000)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}
