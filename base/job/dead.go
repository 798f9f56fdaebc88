package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
)

// Job is a dead letter as staff may see it: why it died, never its args.
type Job struct {
	ID        string
	Kind      string
	Error     string // of the last try, one line
	Attempts  int
	CreatedAt time.Time
	TriedAt   time.Time // start of the last try
	DeadAt    time.Time
}

// Dead lists dead letters, latest first. next continues the list as after; it is empty on the last page.
func (q *Queue) Dead(ctx context.Context, after string, limit int) (jobs []Job, next string, err error) {
	defer fault.Wrap(&err, "job.Dead")
	deadAt, id := int64(1)<<62, ""
	if after != "" {
		if deadAt, id, err = parsePlace(after); err != nil {
			return nil, "", err
		}
	}
	rows, err := q.db.QueryContext(ctx, `
		SELECT id, kind, error, attempts, created_at, tried_at, dead_at FROM jobs
		WHERE dead_at > 0 AND (dead_at, id) < ($1, $2)
		ORDER BY dead_at DESC, id DESC LIMIT $3`, deadAt, id, limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var j Job
		var created, tried, dead int64
		if err := rows.Scan(&j.ID, &j.Kind, &j.Error, &j.Attempts, &created, &tried, &dead); err != nil {
			return nil, "", err
		}
		j.CreatedAt, j.TriedAt, j.DeadAt = time.UnixMilli(created).UTC(), time.UnixMilli(tried).UTC(), time.UnixMilli(dead).UTC()
		jobs = append(jobs, j)
	}
	if err := rows.Err(); err != nil {
		return nil, "", err
	}
	if len(jobs) > limit {
		jobs = jobs[:limit]
		last := jobs[limit-1]
		next = fmt.Sprintf("%d.%s", last.DeadAt.UnixMilli(), last.ID)
	}
	return jobs, next, nil
}

func parsePlace(after string) (deadAt int64, id string, err error) {
	number, id, ok := strings.Cut(after, ".")
	deadAt, numErr := strconv.ParseInt(number, 10, 64)
	if !ok || numErr != nil {
		return 0, "", fault.Field("after", "after", "Start the list again: this place in it is unknown.")
	}
	return deadAt, id, nil
}

// Retry makes a dead letter a fresh job that is due now, and returns its kind.
func (q *Queue) Retry(ctx context.Context, tx db.Q, id string) (kind string, err error) {
	defer fault.Wrap(&err, "job.Retry(%s)", id)
	err = tx.QueryRowContext(ctx, `
		UPDATE jobs SET dead_at = 0, attempts = 0, run_at = $1 WHERE id = $2 AND dead_at > 0 RETURNING kind`, q.Now().UnixMilli(), id).Scan(&kind)
	return kind, found(err)
}

// Discard deletes a dead letter and returns its kind.
func (q *Queue) Discard(ctx context.Context, tx db.Q, id string) (kind string, err error) {
	defer fault.Wrap(&err, "job.Discard(%s)", id)
	err = tx.QueryRowContext(ctx, `DELETE FROM jobs WHERE id = $1 AND dead_at > 0 RETURNING kind`, id).Scan(&kind)
	return kind, found(err)
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "no-dead-job", "This job is no longer among the failed ones. It was tried again or discarded.")
	}
	return err
}

// Counts returns the number of jobs that wait or run (not those that were added for a later time), the number of dead letters, and since when the longest waiting
// job is due and not taken; oldest is zero when none waits.
func (q *Queue) Counts(ctx context.Context) (queued, dead int, oldest time.Time, err error) {
	defer fault.Wrap(&err, "job.Counts")
	var since int64
	err = q.db.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM jobs WHERE dead_at = 0 AND (run_at <= $1 OR attempts > 0 OR lease <> '')),
		       (SELECT COUNT(*) FROM jobs WHERE dead_at > 0),
		       (SELECT COALESCE(MIN(run_at), 0) FROM jobs WHERE dead_at = 0 AND run_at <= $1)`,
		q.Now().UnixMilli()).Scan(&queued, &dead, &since)
	if since > 0 {
		oldest = time.UnixMilli(since).UTC()
	}
	return queued, dead, oldest, err
}
