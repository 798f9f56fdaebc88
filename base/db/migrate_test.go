package db_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// eachEmpty runs fn on both engines with the address of a store that has no tables.
func eachEmpty(t *testing.T, fn func(t *testing.T, url string)) {
	t.Run(db.SQLite, func(t *testing.T) {
		t.Parallel()
		fn(t, "sqlite:"+filepath.Join(t.TempDir(), "empty.db"))
	})
	t.Run(db.Postgres, func(t *testing.T) {
		t.Parallel()
		url := dbtest.PostgresURL(t)
		d := open(t, url)
		_, err := d.ExecContext(t.Context(), "DROP SCHEMA public CASCADE")
		must(t, err)
		_, err = d.ExecContext(t.Context(), "CREATE SCHEMA public")
		must(t, err)
		fn(t, url)
	})
}

func open(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

func TestMigrate(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		d := open(t, url)
		if err := db.Check(t.Context(), d); !errors.Is(err, db.ErrOlder) {
			t.Fatalf("Check of an empty store: %v", err)
		}
		if _, err := d.QueryContext(t.Context(), "SELECT version_id FROM goose_db_version"); !db.NoTable(err) {
			t.Errorf("asking changed the store: %v", err)
		}
		pending, err := db.Status(t.Context(), d)
		must(t, err)
		if len(pending) == 0 || pending[0].Version != 1 || pending[0].Name != "ground" || !pending[0].AppliedAt.IsZero() {
			t.Fatalf("status of an empty store: %v", pending)
		}
		must(t, db.Migrate(t.Context(), d))
		must(t, db.Check(t.Context(), d))
		must(t, db.Migrate(t.Context(), d))
		done, err := db.Status(t.Context(), d)
		must(t, err)
		if len(done) != len(pending) {
			t.Errorf("%d steps, %d before", len(done), len(pending))
		}
		for _, m := range done {
			if m.AppliedAt.IsZero() {
				t.Errorf("%v is pending", m)
			}
		}
	})
}

func TestNodesMigrateTogether(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		var nodes [5]*db.DB
		for i := range nodes {
			nodes[i] = open(t, url)
		}
		errs := together(len(nodes), func(i int) error { return db.Migrate(t.Context(), nodes[i]) })
		must(t, errors.Join(errs...))
		steps, err := db.Status(t.Context(), nodes[0])
		must(t, err)
		var rows int
		must(t, nodes[0].QueryRowContext(t.Context(), "SELECT COUNT(*) FROM goose_db_version WHERE version_id > 0").Scan(&rows))
		if rows != len(steps) {
			t.Errorf("%d steps were applied for %d", rows, len(steps))
		}
	})
}

// Another process takes the steps between this one's look at the store and its own first step.
func TestAnotherProcessWasFaster(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "shared.db")
	slow, fast := open(t, url), open(t, url)
	files := fstest.MapFS{
		"0001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (b TEXT);")},
		"0002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b (b TEXT);")},
	}
	var overtake sync.Once
	overtaken := false
	must(t, db.MigrateFiles(t.Context(), slow, hookFS{files, func(string) { // files are read at the same time
		overtake.Do(func() {
			overtaken = true
			if err := db.MigrateFiles(t.Context(), fast, files); err != nil {
				t.Error(err)
			}
		})
	}}))
	if !overtaken {
		t.Error("no step was read")
	}
}

// hookFS calls opened before it opens a file.
type hookFS struct {
	fs.FS
	opened func(name string)
}

func (h hookFS) Open(name string) (fs.File, error) {
	if name != "." {
		h.opened(name)
	}
	return h.FS.Open(name)
}

func TestNewerStoreIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		_, err := d.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		must(t, err)
		for name, err := range map[string]error{"Check": db.Check(t.Context(), d), "Migrate": db.Migrate(t.Context(), d)} {
			if !errors.Is(err, db.ErrNewer) {
				t.Errorf("%s: %v", name, err)
			}
		}
		steps, err := db.Status(t.Context(), d)
		must(t, err)
		if last := steps[len(steps)-1]; last.Version != 9999 || last.Name != "" || last.AppliedAt.IsZero() {
			t.Errorf("last step %v", last)
		}
	})
}

// A step that fails halfway leaves nothing of itself, and the store tells that it is older.
func TestFailedStepLeavesNothing(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		d := open(t, url)
		file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)} }
		files := fstest.MapFS{
			"0001_good.sql": file("CREATE TABLE good (a TEXT);"),
			"0002_bad.sql":  file("CREATE TABLE bad (a TEXT); INSERT INTO bad (a) VALUES ('x'); INSERT INTO absent (a) VALUES ('x');"),
		}
		if err := db.MigrateFiles(t.Context(), d, files); err == nil {
			t.Fatal("the bad step was applied")
		}
		var n int
		must(t, d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM good").Scan(&n))
		if err := d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM bad").Scan(&n); !db.NoTable(err) {
			t.Errorf("half a step is there: %v", err)
		}
		files["0002_bad.sql"] = file("CREATE TABLE bad (a TEXT);")
		must(t, db.MigrateFiles(t.Context(), d, files))
		must(t, d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM bad").Scan(&n))
	})
}

func TestStepsGoDownAndUpAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p, done, err := d.Provider()
		must(t, err)
		defer func() { must(t, done()) }()
		_, err = p.DownTo(t.Context(), 0)
		must(t, err)
		if err := db.Check(t.Context(), d); !errors.Is(err, db.ErrOlder) {
			t.Errorf("Check after going down: %v", err)
		}
		must(t, db.Migrate(context.WithoutCancel(t.Context()), d))
	})
}
