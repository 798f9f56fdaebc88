package job

import (
	"context"
	"fmt"
	"time"
)

// soon is when periodic work that failed is tried again, unless its period is shorter.
const soon = time.Minute

type periodic struct {
	every time.Duration
	run   func(ctx context.Context) error
}

// Every runs fn once in each period on one node, for the first time right after the first start of an installation.
// Call it before Run. fn keeps its lease however long it takes; what fails is tried again within a minute.
func (q *Queue) Every(kind string, every time.Duration, fn func(ctx context.Context) error) {
	if _, twice := q.periodics[kind]; twice || kind == "" {
		panic(fmt.Sprintf("job: periodic kind %q is registered twice or empty", kind))
	}
	q.periodics[kind] = periodic{every: every, run: fn}
}

// periodic starts periodic work that is due and not taken.
func (r *runner) periodic(ctx context.Context) error {
	if len(r.q.periodics) == 0 {
		return nil
	}
	if err := r.plan(ctx); err != nil {
		return err
	}
	due, err := r.q.duePeriodics(ctx)
	if err != nil {
		return err
	}
	for kind, t := range due {
		if err := r.startPeriodic(kind, t); err != nil {
			return fmt.Errorf("take %s: %w", kind, err)
		}
	}
	return nil
}

func (r *runner) startPeriodic(kind string, t turn) error {
	ctx, cancel := context.WithTimeout(r.jobs, r.q.Lease/2)
	defer cancel()
	until := r.q.Now().Add(r.q.Lease)
	token := newID()
	ok, err := one(r.q.db.ExecContext(ctx, `
		UPDATE job_schedule SET lease = $1, run_at = $2 WHERE kind = $3 AND lease = $4 AND run_at = $5`,
		token, until.UnixMilli(), kind, t.lease, t.runAt))
	if ok {
		r.running.Go(func() { r.workPeriodic(kind, token, until) })
	}
	return err
}

// plan makes the rows. A period that became shorter counts from now.
func (r *runner) plan(ctx context.Context) error {
	if r.planned {
		return nil
	}
	now := r.q.Now()
	for kind, p := range r.q.periodics {
		_, err := r.q.db.ExecContext(ctx, `
			INSERT INTO job_schedule (kind, run_at, lease) VALUES ($1, $2, '') ON CONFLICT (kind) DO NOTHING`,
			kind, now.UnixMilli())
		if err == nil {
			_, err = r.q.db.ExecContext(ctx, `
				UPDATE job_schedule SET run_at = $1 WHERE kind = $2 AND lease = '' AND run_at > $1`,
				now.Add(p.every).UnixMilli(), kind)
		}
		if err != nil {
			return fmt.Errorf("plan %s: %w", kind, err)
		}
	}
	r.planned = true
	return nil
}

type turn struct {
	lease string
	runAt int64
}

func (q *Queue) duePeriodics(ctx context.Context) (map[string]turn, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT kind, lease, run_at FROM job_schedule WHERE run_at <= $1`, q.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("look for periodic work: %w", err)
	}
	defer rows.Close()
	due := make(map[string]turn)
	for rows.Next() {
		var kind string
		var t turn
		if err := rows.Scan(&kind, &t.lease, &t.runAt); err != nil {
			return nil, fmt.Errorf("look for periodic work: %w", err)
		}
		if _, known := q.periodics[kind]; known {
			due[kind] = t
		}
	}
	return due, rows.Err()
}

func (r *runner) workPeriodic(kind, token string, until time.Time) {
	q, p := r.q, r.q.periodics[kind]
	started := q.Now()
	renew := func(ctx context.Context, until time.Time) (bool, error) {
		return one(q.db.ExecContext(ctx, `UPDATE job_schedule SET run_at = $1 WHERE kind = $2 AND lease = $3`,
			until.UnixMilli(), kind, token))
	}
	err := r.hold(until, renew, p.run)
	next := started.Add(p.every)
	switch {
	case err != nil && r.jobs.Err() != nil:
		next = q.Now()
	case err != nil:
		next = q.Now().Add(min(p.every, soon))
		q.log.Error("periodic work failed", "kind", kind, "error", text(err))
	}
	_, err = persist(context.WithoutCancel(r.jobs), func(ctx context.Context) (bool, error) {
		return one(q.db.ExecContext(ctx, `UPDATE job_schedule SET run_at = $1, lease = '' WHERE kind = $2 AND lease = $3`,
			next.UnixMilli(), kind, token))
	})
	if err != nil {
		q.log.Error("the end of periodic work could not be written down; it will run again", "kind", kind, "error", err)
	}
}
