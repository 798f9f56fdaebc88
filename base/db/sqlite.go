package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is how long a statement waits for another process that holds the file, such as a backup.
const busyTimeout = 10 * time.Second

// walLimit is what remains of the write-ahead log, in bytes, after a burst of writes made it larger.
const walLimit = 64 << 20

// openSQLite opens one connection that writes and several that read. The writer comes first: it makes the file and
// turns it to WAL, which the readers need.
func openSQLite(ctx context.Context, path string) (*DB, error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New("the store needs the path of a file, such as sqlite:hubline.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// SQLite would make the file readable for everybody; its companions (-wal, -shm) take over the mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	write, err := sqlitePool(ctx, path, 1, url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"},
		"_pragma":       {fmt.Sprintf("journal_size_limit(%d)", walLimit)},
	})
	if err != nil {
		return nil, err
	}
	read, err := sqlitePool(ctx, path, max(4, 2*runtime.GOMAXPROCS(0)), url.Values{
		"_query_only": {"on"},
	})
	if err != nil {
		write.Close()
		return nil, err
	}
	return &DB{
		engine: SQLite, write: write, read: read,
		migrate: func() (*sql.DB, func() error) { return write, func() error { return nil } },
	}, nil
}

func sqlitePool(ctx context.Context, path string, size int, options url.Values) (*sql.DB, error) {
	options.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	// PostgreSQL's meaning for both engines: "x" is a name and never a text, LIKE minds case.
	options.Set("_dqs", "false")
	options.Add("_pragma", "case_sensitive_like(on)")
	options.Set("_defensive", "true")
	options.Add("_pragma", "trusted_schema(off)")
	options.Set("_error_rc", "true")
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(cachingConnector{connector, size == 1})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	if err := pool.PingContext(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pool, nil
}

func retryableSQLite(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY // the low byte is the primary code
}

func uniqueSQLite(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func noTableSQLite(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlite3.SQLITE_ERROR && strings.Contains(e.Error(), "no such table") // it has no code of its own
}
