package job

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"hubline/base/db"
)

// A row is a due job as it was read; it may be taken by then.
type row struct {
	kind, id, args, lease string
	attempts, runAt       int64
}

// due reads the oldest due jobs of every registered kind, at most limit of each. The text has one arm for each kind, so
// that one look costs one query and a long queue of one kind does not hide another.
func (q *Queue) due(ctx context.Context, limit int) (map[string][]row, error) {
	now := q.Now().UnixMilli()
	if found, err := q.anyDue(ctx, now); err != nil || !found {
		return nil, err
	}
	args := []any{now, limit}
	arms := make([]string, 0, len(q.names))
	for i, name := range q.names {
		args = append(args, name)
		arms = append(arms, fmt.Sprintf(`
			SELECT kind, id, args, attempts, run_at, lease FROM (
				SELECT kind, id, args, attempts, run_at, lease FROM jobs
				WHERE dead_at = 0 AND kind = $%d AND run_at <= $1
				ORDER BY run_at LIMIT $2) AS arm%d`, i+3, i))
	}
	rows, err := q.db.QueryContext(ctx, strings.Join(arms, " UNION ALL "), args...)
	if err != nil {
		return nil, fmt.Errorf("look for due jobs: %w", err)
	}
	defer rows.Close()
	due := make(map[string][]row)
	for rows.Next() {
		var j row
		if err := rows.Scan(&j.kind, &j.id, &j.args, &j.attempts, &j.runAt, &j.lease); err != nil {
			return nil, fmt.Errorf("look for due jobs: %w", err)
		}
		due[j.kind] = append(due[j.kind], j)
	}
	return due, rows.Err()
}

// anyDue tells whether a job of any kind is due. Nearly every look finds none, and this one costs a fraction of the next.
func (q *Queue) anyDue(ctx context.Context, now int64) (bool, error) {
	args := []any{now}
	for _, name := range q.names {
		args = append(args, name)
	}
	var kind string
	err := q.db.QueryRowContext(ctx, `SELECT kind FROM jobs WHERE dead_at = 0 AND run_at <= $1 AND kind IN (`+db.In(2, len(q.names))+`) LIMIT 1`, args...).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for due jobs: %w", err)
	}
	return true, nil
}

// claim takes a job if nobody has touched it since it was read. The try counts from here on, so that a job which
// kills its process does not do so for ever.
func (q *Queue) claim(ctx context.Context, j row) (claim, bool, error) {
	now := q.Now()
	c := claim{
		kind: j.kind, id: j.id, args: j.args, attempts: int(j.attempts) + 1,
		token: newID(), until: now.Add(q.Lease),
	}
	ok, err := one(q.db.ExecContext(ctx, `
		UPDATE jobs SET lease = $1, run_at = $2, attempts = attempts + 1, tried_at = $3
		WHERE id = $4 AND lease = $5 AND run_at = $6 AND dead_at = 0`,
		c.token, c.until.UnixMilli(), now.UnixMilli(), j.id, j.lease, j.runAt))
	return c, ok, err
}

func renewJob(q *Queue, c claim) func(context.Context, time.Time) (bool, error) {
	return func(ctx context.Context, until time.Time) (bool, error) {
		return one(q.db.ExecContext(ctx, `UPDATE jobs SET run_at = $1 WHERE id = $2 AND lease = $3`,
			until.UnixMilli(), c.id, c.token))
	}
}

func (q *Queue) finish(ctx context.Context, c claim) (bool, error) {
	return one(q.db.ExecContext(ctx, `DELETE FROM jobs WHERE id = $1 AND lease = $2`, c.id, c.token))
}

// putBack undoes a claim: that the process stops is no failure of the job.
func (q *Queue) putBack(ctx context.Context, c claim) (bool, error) {
	return one(q.db.ExecContext(ctx, `
		UPDATE jobs SET lease = '', run_at = $1, attempts = attempts - 1 WHERE id = $2 AND lease = $3`,
		q.Now().UnixMilli(), c.id, c.token))
}

func (q *Queue) retryIn(ctx context.Context, c claim, pause time.Duration, why string) (bool, error) {
	return one(q.db.ExecContext(ctx, `
		UPDATE jobs SET lease = '', run_at = $1, error = $2 WHERE id = $3 AND lease = $4`,
		q.Now().Add(pause).UnixMilli(), why, c.id, c.token))
}

func (q *Queue) bury(ctx context.Context, c claim, why string) (bool, error) {
	return one(q.db.ExecContext(ctx, `
		UPDATE jobs SET lease = '', dead_at = $1, error = $2 WHERE id = $3 AND lease = $4`,
		q.Now().UnixMilli(), why, c.id, c.token))
}

// one reports whether a statement met its row.
func one(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// backoff doubles from about a second to an hour and is random in its upper half, so that what failed together does
// not come back together.
func backoff(attempt int) time.Duration {
	const longest = time.Hour
	d := longest
	if attempt < 12 {
		d = min(2*time.Second<<(attempt-1), longest)
	}
	var b [8]byte
	rand.Read(b[:])
	return d/2 + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(d/2+1))
}
