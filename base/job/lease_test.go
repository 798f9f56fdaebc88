package job_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/job"
)

func TestALongJobKeepsItsLease(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var runs atomic.Int32
		ran := make(chan error, 10)
		for range 2 {
			q := newQueue(d)
			q.Lease = 1200 * time.Millisecond
			job.Handle(q, "long", func(ctx context.Context, _ note) error {
				runs.Add(1)
				ran <- waitForRenewals(ctx, d, job.ID(ctx), 4) // renewed each third: longer than one lease
				return nil
			})
			run(t, q)
		}
		add(t, d, newQueue(d), "long", note{})
		if err := receive(t, ran); err != nil {
			t.Error(err)
		}
		eventually(t, "done", func() bool { n, _ := counts(t, newQueue(d)); return n == 0 })
		if runs.Load() != 1 {
			t.Errorf("the job ran %d times", runs.Load())
		}
	})
}

// waitForRenewals returns once the end of a job's lease has moved n times.
func waitForRenewals(ctx context.Context, d *db.DB, id string, n int) error {
	var last int64
	for n >= 0 {
		var until int64
		if err := d.QueryRowContext(ctx, `SELECT run_at FROM jobs WHERE id = $1`, id).Scan(&until); err != nil {
			return err
		}
		if until != last {
			last, n = until, n-1
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func TestAHandlerIsStoppedWhenItsLeaseIsLost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		q.Lease = 3 * time.Second // long enough that a busy machine takes the job away only where the test does
		started, stopped := make(chan string, 10), make(chan error, 10)
		job.Handle(q, "long", func(ctx context.Context, _ note) error {
			started <- job.ID(ctx)
			<-ctx.Done()
			stopped <- context.Cause(ctx)
			return ctx.Err()
		}, job.Attempts(1), job.OnDead(func(context.Context, note, error) { t.Error("a lost job was declared dead") }))
		run(t, q)
		add(t, d, q, "long", note{})
		id := receive(t, started)
		// Another node takes the job, for an hour.
		_, err := d.ExecContext(t.Context(), `UPDATE jobs SET lease = 'other', run_at = $1 WHERE id = $2`,
			time.Now().Add(time.Hour).UnixMilli(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := receive(t, stopped); !strings.Contains(err.Error(), "lease") {
			t.Errorf("stopped by %v", err)
		}
		var lease, why string
		err = d.QueryRowContext(t.Context(), `SELECT lease, error FROM jobs WHERE id = $1`, id).Scan(&lease, &why)
		if err != nil || lease != "other" || why != "" {
			t.Errorf("the other node's claim was changed: %q %q %v", lease, why, err)
		}
	})
}

func TestTwoNodesNeverRunOneJobAtTheSameTime(t *testing.T) {
	t.Parallel()
	url := dbtest.PostgresURL(t)
	const jobs = 300
	var mu sync.Mutex
	running, ran := make(map[string]bool), make(map[string]int)
	var all sync.WaitGroup
	all.Add(jobs)
	var first *db.DB
	for range 2 {
		d, err := db.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		first = d
		q := newQueue(d)
		q.Workers = 8
		job.Handle(q, "count", func(ctx context.Context, _ int) error {
			id := job.ID(ctx)
			mu.Lock()
			if running[id] {
				t.Errorf("%s runs twice at the same time", id)
			}
			running[id] = true
			ran[id]++
			mu.Unlock()
			if _, err := d.ExecContext(ctx, `UPDATE jobs SET error = 'at work' WHERE id = $1`, id); err != nil {
				t.Error(err)
			}
			mu.Lock()
			running[id] = false
			mu.Unlock()
			all.Done()
			return nil
		})
		run(t, q)
	}
	q := newQueue(first)
	for from := 0; from < jobs; from += 50 {
		err := first.Tx(t.Context(), func(ctx context.Context, tx db.Q) error {
			for n := range 50 {
				if err := q.Add(ctx, tx, "count", from+n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan bool)
	go func() { all.Wait(); close(done) }()
	receive(t, done)
	eventually(t, "no job is left", func() bool { n, _ := counts(t, q); return n == 0 })
	mu.Lock()
	defer mu.Unlock()
	for id, n := range ran {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
	if len(ran) != jobs {
		t.Errorf("%d jobs ran", len(ran))
	}
}

func TestStoppingFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		started, finish := make(chan bool, 1), make(chan bool)
		job.Handle(q, "long", func(ctx context.Context, _ note) error {
			started <- true
			<-finish
			return ctx.Err()
		})
		stop := run(t, q)
		add(t, d, q, "long", note{})
		receive(t, started)
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		close(finish)
		if err := receive(t, stopped); err != nil {
			t.Error(err)
		}
		if n, dead := counts(t, q); n != 0 || dead != 0 {
			t.Errorf("%d queued, %d dead", n, dead)
		}
	})
}

func TestWhatDoesNotFinishInTimeIsGivenBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		q.Grace = 10 * time.Millisecond
		started := make(chan bool, 10)
		job.Handle(q, "long", func(ctx context.Context, _ note) error {
			started <- true
			<-ctx.Done()
			return ctx.Err()
		}, job.Attempts(1))
		stop := run(t, q)
		add(t, d, q, "long", note{})
		receive(t, started)
		if err := stop(); err != nil {
			t.Error(err)
		}
		var attempts int
		var runAt int64
		err := d.QueryRowContext(t.Context(), `SELECT attempts, run_at FROM jobs WHERE dead_at = 0 AND lease = ''`).Scan(&attempts, &runAt)
		if err != nil || attempts != 0 || runAt > time.Now().UnixMilli() {
			t.Errorf("attempts %d, due %d, %v", attempts, runAt, err)
		}
	})
}

func TestAJobThatKillsItsProcessDies(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := newQueue(d)
		told := make(chan error, 1)
		job.Handle(q, "poison", func(context.Context, note) error { t.Error("it ran again"); return nil },
			job.Attempts(3), job.OnDead(func(_ context.Context, _ note, err error) { told <- err }))
		add(t, d, q, "poison", note{})
		// As three processes leave it that were killed at work.
		if _, err := d.ExecContext(t.Context(), `UPDATE jobs SET attempts = 3, lease = 'gone'`); err != nil {
			t.Fatal(err)
		}
		run(t, q)
		if err := receive(t, told); err == nil {
			t.Error("no reason")
		}
		eventually(t, "dead", func() bool { _, dead := counts(t, q); return dead == 1 })
	})
}

func TestPeriodicWorkRunsOnOneNodeInEachPeriod(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := newClock()
		var runs atomic.Int32
		ready := make(chan bool, 3)
		for node := range 3 {
			q := newQueue(d)
			q.Now = clock.Now
			q.Every("tidy", time.Hour, func(context.Context) error { runs.Add(1); return nil })
			q.Every(fmt.Sprintf("only on node %d", node), 1000*time.Hour, func(context.Context) error { ready <- true; return nil })
			run(t, q)
		}
		for range 3 {
			receive(t, ready)
		}
		settled := func() bool {
			var lease string
			err := d.QueryRowContext(t.Context(), `SELECT lease FROM job_schedule WHERE kind = 'tidy' AND run_at > $1`, clock.Now().UnixMilli()).Scan(&lease)
			return err == nil && lease == ""
		}
		const periods = 20
		for n := range periods {
			eventually(t, "the period's run", func() bool { return int(runs.Load()) > n && settled() })
			clock.advance(time.Hour)
		}
		eventually(t, "the last run", func() bool { return int(runs.Load()) > periods && settled() })
		if runs.Load() != periods+1 {
			t.Errorf("%d runs in %d periods", runs.Load(), periods+1)
		}
	})
}

func TestPeriodicWorkThatFailsIsTriedSooner(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := newClock()
		q := newQueue(d)
		q.Now = clock.Now
		ran := make(chan int32, 100)
		var runs atomic.Int32
		q.Every("tidy", 24*time.Hour, func(context.Context) error {
			n := runs.Add(1)
			ran <- n
			switch n {
			case 1:
				return errors.New("no")
			case 2:
				panic("no")
			}
			return nil
		})
		run(t, q)
		for want := range int32(3) {
			if got := receive(t, ran); got != want+1 {
				t.Fatalf("run %d", got)
			}
			eventually(t, "planned anew", func() bool {
				var lease string
				err := d.QueryRowContext(t.Context(), `SELECT lease FROM job_schedule WHERE run_at > $1`, clock.Now().UnixMilli()).Scan(&lease)
				return err == nil && lease == ""
			})
			clock.advance(time.Minute)
		}
		var next int64
		if err := d.QueryRowContext(t.Context(), `SELECT run_at FROM job_schedule`).Scan(&next); err != nil {
			t.Fatal(err)
		}
		if in := time.UnixMilli(next).Sub(clock.Now()); in < 23*time.Hour {
			t.Errorf("after a good run the next is in %v", in)
		}
	})
}
