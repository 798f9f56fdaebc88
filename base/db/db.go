// Package db opens the store, SQLite or PostgreSQL, and runs one SQL text on both: queries, transactions, migrations.
// It knows neither tenants nor the tables of the rooms.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// The engines that Engine names.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Q runs SQL: a store or a transaction, so that a verb works in both.
//
// The text uses $1-style parameters and only what both engines accept; see the package's test of SQL texts.
type Q interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// DB is one open store. It has a pool that writes and a pool that can only read, on both engines, so that a write
// through QueryContext fails on both.
type DB struct {
	engine  string
	write   *sql.DB
	read    *sql.DB
	migrate func() (pool *sql.DB, done func() error) // the connections that migrations run on
	retries atomic.Int64
}

// Open opens the store at url, "sqlite:PATH" or "postgres://…", and checks that it answers. It does not migrate.
func Open(ctx context.Context, url string) (*DB, error) {
	var d *DB
	var err error
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		d, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		d, err = openPostgres(ctx, url)
	default:
		return nil, errors.New(`the store must be "sqlite:PATH" or "postgres://…"`) // the url may hold a password
	}
	if err != nil {
		return nil, fmt.Errorf("open the %s store: %w", scheme, err)
	}
	return d, nil
}

// Engine names the engine: SQLite or Postgres.
func (d *DB) Engine() string { return d.engine }

// ExecContext runs one statement as a serializable transaction of its own, again if the engine asks for it.
func (d *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if inTx(ctx, d) {
		return nil, errNested
	}
	var result sql.Result
	err := d.retry(ctx, func() (err error) {
		result, err = d.write.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// QueryContext reads; a statement that writes belongs in Tx or ExecContext and is refused here.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.read.QueryContext(ctx, query, args...)
}

// QueryRowContext reads one row; a statement that writes belongs in Tx or ExecContext and is refused here.
func (d *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.read.QueryRowContext(ctx, query, args...)
}

// Ping reports whether the store answers for reading and for writing.
func (d *DB) Ping(ctx context.Context) error {
	return errors.Join(d.write.PingContext(ctx), d.read.PingContext(ctx))
}

// Close waits for what runs and closes both pools.
func (d *DB) Close() error {
	return errors.Join(d.read.Close(), d.write.Close())
}

// Stats are the numbers of a store for metrics.
type Stats struct {
	Write, Read sql.DBStats
	Retries     int64 // statements and transactions that ran again because the engine asked for it
}

// Stats returns the numbers since Open.
func (d *DB) Stats() Stats {
	return Stats{Write: d.write.Stats(), Read: d.read.Stats(), Retries: d.retries.Load()}
}

// In writes the parameters of an IN list: In(3, 2) is "$3,$4". Both engines take at least 30,000 parameters.
func In(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}
