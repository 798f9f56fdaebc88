package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"hubline/base/fault"
)

const (
	// maxAttempts and maxRetrying end a transaction that meets conflicts again and again.
	maxAttempts = 30
	maxRetrying = 15 * time.Second

	firstPause   = 2 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

var errNested = errors.New("db: inside a transaction use its Q; the store itself would wait for that transaction to end")

type txKey struct{ d *DB }

// running is one attempt of a transaction.
type running struct{ after []func() }

// inTx reports whether ctx belongs to a running transaction of d.
func inTx(ctx context.Context, d *DB) bool { return ctx.Value(txKey{d}) != nil }

// Afterwards has fn called when the transaction that ctx belongs to is over, before Tx returns: for what a process keeps of the store in
// memory. It is called whether the transaction committed or not, and again when it runs again; without a transaction, at once.
func (d *DB) Afterwards(ctx context.Context, fn func()) {
	if tx, ok := ctx.Value(txKey{d}).(*running); ok {
		tx.after = append(tx.after, fn)
		return
	}
	fn()
}

// Tx runs fn in one serializable transaction and commits when fn returns nil; an error or a panic rolls back.
//
// When the engine asks for it, fn runs again from the start: it must keep its effects inside the store, set what it
// returns anew each time, and pass the errors of its Q on with %w. Inside fn use only its ctx and its Q, and close rows
// before the next statement. After an error PostgreSQL refuses everything else, so fn has to end; what IsUnique means to
// a person is decided after Tx, or avoided with ON CONFLICT.
func (d *DB) Tx(ctx context.Context, fn func(ctx context.Context, q Q) error) error {
	if inTx(ctx, d) {
		return errNested
	}
	return d.retry(ctx, func() error {
		return within(ctx, d, d.write, d.txOptions(), fn)
	})
}

// Snapshot runs fn on one unchanging state of the store, for backups and long exports. Writing is refused.
func (d *DB) Snapshot(ctx context.Context, fn func(ctx context.Context, q Q) error) error {
	return within(ctx, d, d.read, d.snapshotOptions(), fn)
}

func (d *DB) txOptions() *sql.TxOptions {
	if d.engine == SQLite {
		return nil // a single writer is serializable
	}
	return &sql.TxOptions{Isolation: sql.LevelSerializable}
}

func (d *DB) snapshotOptions() *sql.TxOptions {
	if d.engine == SQLite {
		return &sql.TxOptions{ReadOnly: true} // WAL keeps the state of the first read
	}
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func within(ctx context.Context, d *DB, pool *sql.DB, o *sql.TxOptions, fn func(ctx context.Context, q Q) error) error {
	tx, err := pool.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	var attempt running
	defer func() {
		for _, fn := range attempt.after {
			fn()
		}
	}()
	defer tx.Rollback() // does nothing after Commit; needed for an error and for a panic in fn
	if err := fn(context.WithValue(ctx, txKey{d}, &attempt), tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// retry runs fn until it succeeds or fails for a reason other than a conflict that the engine wants repeated.
func (d *DB) retry(ctx context.Context, fn func() error) error {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || !retryable(err) {
			return err
		}
		if attempt == maxAttempts || time.Since(start) > maxRetrying {
			return &fault.Fault{Kind: fault.Busy, Code: "busy", RetryAfter: time.Second, Err: err,
				Message: "Too many changes were made at the same time. Try again in a moment."}
		}
		d.retries.Add(1)
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause(attempt)):
		}
	}
}

// pause doubles with each attempt and is random in its upper half, so that those who met once do not meet again.
func pause(attempt int) time.Duration {
	d := longestPause
	if attempt < 8 {
		d = min(firstPause<<(attempt-1), longestPause)
	}
	var b [8]byte
	rand.Read(b[:])
	return d/2 + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(d/2+1))
}

// retryable reports whether the engine undid the work only because of others and asks to run it again.
func retryable(err error) bool {
	return retryableSQLite(err) || retryablePostgres(err)
}

// IsUnique reports whether err says that a row with the same unique key is there already.
func IsUnique(err error) bool {
	return uniqueSQLite(err) || uniquePostgres(err)
}
