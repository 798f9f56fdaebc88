package db

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var embedded embed.FS

const (
	lockPoll = 200 * time.Millisecond // how often a node asks whether the other one has finished
	lockWait = 10 * time.Minute       // a long migration on another node; a crashed node's lock ends after half a minute
)

var (
	// ErrNewer says that a newer program has changed the store.
	ErrNewer = errors.New("the store belongs to a newer version of Hubline")
	// ErrOlder says that the store lacks migrations of this program.
	ErrOlder = errors.New("the store has to be migrated first")
)

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string    // the file's name without number and ending; empty when this program does not know the step
	AppliedAt time.Time // zero while it is pending
}

// Migrate brings the store to the schema of this program. Nodes that start together take turns.
func Migrate(ctx context.Context, d *DB) error {
	return migrate(ctx, d, folder(), goose.MaxVersion)
}

// MigrateTo brings the store up to one version of the schema and no further, so that an older backup can be restored
// before the steps that came after it. It never goes down; 0 does nothing.
func MigrateTo(ctx context.Context, d *DB, version int64) error {
	if version == 0 {
		return nil
	}
	return migrate(ctx, d, folder(), version)
}

// Status lists the steps that this program knows or the store has, by version.
func Status(ctx context.Context, d *DB) ([]Migration, error) {
	return status(ctx, d, folder())
}

// Check returns ErrNewer or ErrOlder, with the way out, unless the store has exactly the schema of this program.
func Check(ctx context.Context, d *DB) error {
	return check(ctx, d, folder())
}

func folder() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

func migrate(ctx context.Context, d *DB, files fs.FS, version int64) (err error) {
	if err := check(ctx, d, files); !errors.Is(err, ErrOlder) {
		return err
	}
	pool, done := d.migrate()
	defer func() { err = errors.Join(err, done()) }()
	p, err := provider(d.engine, pool, files)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	last := int64(-1)
	for {
		_, err := p.UpTo(ctx, version)
		if err == nil {
			return nil
		}
		// SQLite has no lock for the whole of it: another process may have taken the same step a moment before.
		steps, readErr := applied(ctx, d)
		if d.engine == Postgres || readErr != nil || newest(steps) <= last {
			return fmt.Errorf("migrate: %w", err)
		}
		last = newest(steps)
	}
}

func provider(engine string, pool *sql.DB, files fs.FS) (*goose.Provider, error) {
	options := []goose.ProviderOption{
		goose.WithSlog(slog.New(slog.DiscardHandler)),
		goose.WithDisableGlobalRegistry(true),
	}
	if engine == SQLite {
		return goose.NewProvider(goose.DialectSQLite3, pool, files, options...)
	}
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLockTimeout(lockPoll, uint64(lockWait/lockPoll)),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, pool, files, append(options, goose.WithLocker(locker))...)
}

func check(ctx context.Context, d *DB, files fs.FS) error {
	steps, err := status(ctx, d, files)
	if err != nil {
		return err
	}
	var pending *Migration
	for i, m := range steps {
		switch {
		case m.Name == "":
			return fmt.Errorf("%w: it has migration %d; start the Hubline that made it, or restore an older backup", ErrNewer, m.Version)
		case m.AppliedAt.IsZero() && pending == nil:
			pending = &steps[i]
		}
	}
	if pending != nil {
		return fmt.Errorf("%w: migration %d (%s) is missing; run hubline migrate", ErrOlder, pending.Version, pending.Name)
	}
	return nil
}

func status(ctx context.Context, d *DB, files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	done, err := applied(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the store: %w", err)
	}
	var steps []Migration
	for _, file := range names {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, err
		}
		_, name, _ := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
		steps = append(steps, Migration{Version: version, Name: name, AppliedAt: done[version]})
		delete(done, version)
	}
	for version, at := range done {
		steps = append(steps, Migration{Version: version, AppliedAt: at})
	}
	slices.SortFunc(steps, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	return steps, nil
}

// applied reads the steps that the store has. It reads goose's table itself, because goose would create it, and
// asking must not change a store.
func applied(ctx context.Context, d *DB) (map[int64]time.Time, error) {
	steps := map[int64]time.Time{}
	rows, err := d.QueryContext(ctx, "SELECT version_id, tstamp FROM goose_db_version WHERE version_id > 0 AND is_applied ORDER BY id")
	if noTable(err) {
		return steps, nil
	}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var version int64
		var at time.Time
		if err := rows.Scan(&version, &at); err != nil {
			return nil, err
		}
		steps[version] = at.UTC()
	}
	return steps, rows.Err()
}

func newest(applied map[int64]time.Time) (version int64) {
	for v := range applied {
		version = max(version, v)
	}
	return version
}

func noTable(err error) bool {
	return noTableSQLite(err) || noTablePostgres(err)
}

// Version is the newest schema that this program knows.
func Version() (newest int64) {
	names, err := fs.Glob(folder(), "*.sql")
	if err != nil {
		panic(err) // the pattern is the constant above
	}
	for _, name := range names {
		if v, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}
