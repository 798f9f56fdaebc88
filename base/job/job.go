// Package job runs work that must not get lost: queued in the transaction that causes it, leased by one node at a
// time, retried with growing pauses and kept as a dead letter when it will not go. It knows neither what a job does
// nor whom it is for; a job may run more than once, so its work must bear repetition.
package job

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/seal"
)

// defaultAttempts spreads the tries of a job over about three quarters of an hour.
const defaultAttempts = 12

// Queue hands due jobs to the handlers of this process. Change the exported fields and register handlers before Run.
type Queue struct {
	Now     func() time.Time
	Poll    time.Duration // pause between two looks at the table while nothing is due
	Lease   time.Duration // how long a claim lasts without renewal: the wait after a crash, and more than nodes' clocks may differ
	Workers int           // jobs at the same time in this process
	Grace   time.Duration // how long Run lets running jobs finish once it is told to stop
	Backoff func(attempt int) time.Duration

	db        *db.DB
	ring      *seal.Ring
	log       *slog.Logger
	kinds     map[string]*kind
	names     []string // of kinds, in the order of registration
	periodics map[string]periodic
}

type kind struct {
	attempts int
	run      func(ctx context.Context, args []byte) error
	onDead   func(ctx context.Context, args []byte, err error)
}

// New makes a queue on the store; it runs nothing before Run.
func New(d *db.DB, ring *seal.Ring, log *slog.Logger) *Queue {
	return &Queue{
		Now:       time.Now,
		Poll:      200 * time.Millisecond,
		Lease:     30 * time.Second,
		Workers:   4,
		Grace:     10 * time.Second,
		Backoff:   backoff,
		db:        d,
		ring:      ring,
		log:       log,
		kinds:     make(map[string]*kind),
		periodics: make(map[string]periodic),
	}
}

// Option adjusts one kind of job.
type Option func(*kind)

// Attempts sets how often a job of this kind is tried before it becomes a dead letter.
func Attempts(n int) Option {
	return func(k *kind) { k.attempts = n }
}

// OnDead is told, at least once, that a job of this kind becomes a dead letter, and why. T is the type of Handle's args.
func OnDead[T any](fn func(ctx context.Context, args T, err error)) Option {
	return func(k *kind) {
		k.onDead = func(ctx context.Context, raw []byte, cause error) {
			var args T
			if json.Unmarshal(raw, &args) == nil {
				fn(ctx, args, cause)
			}
		}
	}
}

// Handle registers what a job of a kind does. ctx ends when the job loses its lease or the process has to stop; an
// error or a panic means another try. Error texts are shown to staff, so they must not hold secrets.
func Handle[T any](q *Queue, name string, fn func(ctx context.Context, args T) error, opts ...Option) {
	if _, twice := q.kinds[name]; twice || name == "" {
		panic(fmt.Sprintf("job: kind %q is registered twice or empty", name))
	}
	k := &kind{attempts: defaultAttempts}
	k.run = func(ctx context.Context, raw []byte) error {
		var args T
		if err := json.Unmarshal(raw, &args); err != nil {
			return Permanent(fmt.Errorf("decode args: %w", err))
		}
		return fn(ctx, args)
	}
	for _, o := range opts {
		o(k)
	}
	q.kinds[name] = k
	q.names = append(q.names, name)
}

// Add queues a job in the caller's transaction; it can run once that has committed. args must survive encoding/json.
func (q *Queue) Add(ctx context.Context, tx db.Q, kind string, args any) error {
	return q.AddAt(ctx, tx, kind, args, q.Now())
}

// AddAt is Add for a job that must not run before at.
func (q *Queue) AddAt(ctx context.Context, tx db.Q, kind string, args any, at time.Time) (err error) {
	defer fault.Wrap(&err, "job.Add(%s)", kind)
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	id := newID()
	_, err = tx.ExecContext(ctx, `
		INSERT INTO jobs (id, kind, args, attempts, run_at, lease, error, created_at, tried_at, dead_at)
		VALUES ($1, $2, $3, 0, $4, '', '', $5, 0, 0)`,
		id, kind, q.ring.Seal(sealContext(kind, id), raw), at.UnixMilli(), q.Now().UnixMilli())
	return err
}

// addedTogether is how many jobs one statement of AddAll takes.
const addedTogether = 500

// AddAll is Add for many jobs of one kind, in one statement for hundreds of them.
func (q *Queue) AddAll(ctx context.Context, tx db.Q, kind string, list []any) (err error) {
	defer fault.Wrap(&err, "job.AddAll(%s)", kind)
	now := q.Now().UnixMilli()
	for some := range slices.Chunk(list, addedTogether) {
		values, args := make([]string, len(some)), []any{kind, now}
		for i, one := range some {
			raw, err := json.Marshal(one)
			if err != nil {
				return err
			}
			id := newID()
			values[i] = fmt.Sprintf("($%d, $1, $%d, 0, $2, '', '', $2, 0, 0)", len(args)+1, len(args)+2)
			args = append(args, id, q.ring.Seal(sealContext(kind, id), raw))
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO jobs (id, kind, args, attempts, run_at, lease, error, created_at, tried_at, dead_at) VALUES `+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// sealContext binds sealed args to their row, so that they open in no other.
func sealContext(kind, id string) string { return "job " + kind + " " + id }

// newID makes the ID of a job or the token of a claim.
func newID() string { return strings.ToLower(rand.Text()) }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that no further try can mend: the job becomes a dead letter at once. nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

func isPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

type idKey struct{}

// ID returns the ID of the job that ctx belongs to, the same at every try, or "" outside of a handler. It serves
// where the outside world can tell a repetition by a key.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}
