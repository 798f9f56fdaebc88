package db

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// What the tests in db_test look at from inside.
var (
	ErrNested   = errNested
	MaxAttempts = maxAttempts
	MaxCached   = maxCached
	Retryable   = retryable
	NoTable     = noTable
)

func MigrateFiles(ctx context.Context, d *DB, files fs.FS) error {
	return migrate(ctx, d, files, goose.MaxVersion)
}

func (d *DB) Retry(ctx context.Context, fn func() error) error { return d.retry(ctx, fn) }

func (d *DB) Writer() *sql.DB { return d.write }

func (d *DB) Provider() (p *goose.Provider, done func() error, err error) {
	pool, done := d.migrate()
	p, err = provider(d.engine, pool, folder())
	return p, done, err
}
