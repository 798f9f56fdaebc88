// Package dbtest gives each test a store of its own, migrated and private, on both engines.
// It knows how to start a PostgreSQL server for one test binary and nothing of what the tests are about.
package dbtest

import (
	"context"
	"errors"
	"testing"

	"hubline/base/db"
)

// Each runs fn as the parallel subtests "sqlite" and "postgres", each with its own store.
func Each(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run(db.SQLite, func(t *testing.T) {
		t.Parallel()
		fn(t, SQLite(t))
	})
	t.Run(db.Postgres, func(t *testing.T) {
		t.Parallel()
		fn(t, Postgres(t))
	})
}

func open(t testing.TB, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return d
}

// migrated brings the store at url to the newest schema and closes it again.
func migrated(url string) error {
	ctx := context.Background() // outlives the test that happens to come first
	d, err := db.Open(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(ctx, d), d.Close())
}
