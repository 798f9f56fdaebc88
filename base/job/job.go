// Package job runs work that must not get lost: queued in the transaction that causes it, leased by one node at a
// time, retried with growing pauses and kept as a dead letter when it will not go. It knows neither what a job does
// nor whom it is for; a job may run more than once, so its work must bear repetition.
package job

import (
	"context"
	"log/slog"
	"time"

	"hubline/base/db"
	"hubline/base/seal"
)

// Queue hands due jobs to the handlers of this process. The exported fields may be changed before Run.
type Queue struct {
	Now     func() time.Time
	Poll    time.Duration // pause between two looks at an empty table
	Lease   time.Duration // how long a claim lasts without renewal; also the wait after a crash
	Workers int           // jobs at the same time in this process
	Grace   time.Duration // how long Run waits for running jobs once it is told to stop

	db   *db.DB
	ring *seal.Ring
	log  *slog.Logger
}

// Job is a dead letter as staff may see it. Its args stay sealed.
type Job struct {
	ID        string
	Kind      string
	Error     string
	Attempts  int
	CreatedAt time.Time
	TriedAt   time.Time
	DeadAt    time.Time
}

// Option adjusts one kind of job.
type Option func(*kind)

type kind struct{}

// New makes a queue on the store; it does nothing before Run.
func New(d *db.DB, ring *seal.Ring, log *slog.Logger) *Queue {
	return &Queue{db: d, ring: ring, log: log}
}

// Attempts sets how often a job of this kind is tried before it is a dead letter.
func Attempts(n int) Option { return func(*kind) {} }

// OnDead is told, at least once, that a job of this kind is about to become a dead letter.
func OnDead[T any](fn func(ctx context.Context, args T, err error)) Option {
	return func(*kind) {}
}

// Handle registers the handler of a kind. Call it before Run.
func Handle[T any](q *Queue, kind string, fn func(ctx context.Context, args T) error, opts ...Option) {
}

// Every runs fn once in each period, on one node. Call it before Run.
func (q *Queue) Every(kind string, every time.Duration, fn func(ctx context.Context) error) {}

// Permanent marks an error that no further try can mend.
func Permanent(err error) error { return err }

// Add queues a job in the caller's transaction; it runs once that commits.
func (q *Queue) Add(ctx context.Context, tx db.Q, kind string, args any) error {
	return q.AddAt(ctx, tx, kind, args, time.Now())
}

// AddAt is Add for a job that must not run before a given time.
func (q *Queue) AddAt(ctx context.Context, tx db.Q, kind string, args any, at time.Time) error {
	return nil
}

// Run works until ctx ends.
func (q *Queue) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Dead lists dead letters, latest first.
func (q *Queue) Dead(ctx context.Context, after string, limit int) ([]Job, string, error) {
	return nil, "", nil
}

// Retry makes a dead letter a fresh job, due now.
func (q *Queue) Retry(ctx context.Context, tx db.Q, id string) error { return nil }

// Discard deletes a dead letter.
func (q *Queue) Discard(ctx context.Context, tx db.Q, id string) error { return nil }

// Counts tells how many jobs wait or run, how many are dead, and since when the longest waiting one is due.
func (q *Queue) Counts(ctx context.Context) (queued, dead int, oldest time.Time, err error) {
	return 0, 0, time.Time{}, nil
}
