package db_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd name?#%41&.db")
	d, err := db.Open(t.Context(), "sqlite:"+path)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	for _, c := range []struct {
		pool    string
		q       db.Q
		setting string
		want    string
	}{
		{"writer", d.Writer(), "journal_mode", "wal"},
		{"writer", d.Writer(), "synchronous", "2"}, // FULL
		{"writer", d.Writer(), "foreign_keys", "1"},
		{"writer", d.Writer(), "busy_timeout", "10000"},
		{"writer", d.Writer(), "query_only", "0"},
		{"writer", d.Writer(), "journal_size_limit", "67108864"},
		{"readers", d, "journal_mode", "wal"},
		{"readers", d, "query_only", "1"},
		{"readers", d, "busy_timeout", "10000"},
	} {
		var got string
		must(t, c.q.QueryRowContext(t.Context(), "PRAGMA "+c.setting).Scan(&got))
		if got != c.want {
			t.Errorf("%s: %s = %s, want %s", c.pool, c.setting, got, c.want)
		}
	}
	if s := d.Stats(); s.Write.MaxOpenConnections != 1 || s.Read.MaxOpenConnections < 4 {
		t.Errorf("pools of %d and %d", s.Write.MaxOpenConnections, s.Read.MaxOpenConnections)
	}
	withTable(t, d, "a")
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(file), info.Mode())
		}
	}
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	for _, c := range []struct {
		q       db.Q
		setting string
		want    string
	}{
		{d.Writer(), "transaction_isolation", "serializable"},
		{d.Writer(), "transaction_read_only", "off"},
		{d, "transaction_read_only", "on"},
		{d, "TimeZone", "UTC"},
		{d, "application_name", "hubline"},
	} {
		var got string
		must(t, c.q.QueryRowContext(t.Context(), "SELECT current_setting($1)", c.setting).Scan(&got))
		if got != c.want {
			t.Errorf("%s = %s, want %s", c.setting, got, c.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                     "sqlite:PATH",
		"mysql://u:secret@h/x": "sqlite:PATH",
		"sqlite:":              "path of a file",
		"sqlite::memory:":      "path of a file",
		"sqlite:" + filepath.Join(t.TempDir(), "absent", "x.db"): "no such file",
		"postgres://u:secret@/x?host=/nowhere":                   "/nowhere",
		"postgres://u:secret@host:port/x":                        "cannot parse",
	} {
		d, err := db.Open(t.Context(), url)
		if err == nil {
			d.Close()
			t.Errorf("%q was opened", url)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestOpenRefusesOtherEncodings(t *testing.T) {
	t.Parallel()
	url := dbtest.PostgresURL(t)
	d, err := db.Open(t.Context(), url)
	must(t, err)
	defer d.Close()
	name := "latin_" + filepath.Base(t.TempDir())
	_, err = d.Writer().ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
	must(t, err)
	t.Cleanup(func() {
		d, err := db.Open(context.Background(), url)
		must(t, err)
		defer d.Close()
		_, err = d.Writer().ExecContext(context.Background(), "DROP DATABASE "+name)
		must(t, err)
	})
	before, after, _ := strings.Cut(url, "@/")
	_, query, _ := strings.Cut(after, "?")
	latin, err := db.Open(t.Context(), before+"@/"+name+"?"+query)
	if err == nil {
		latin.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("error %v", err)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		var k string
		err := d.QueryRowContext(t.Context(), "INSERT INTO t (k, n) VALUES ('b', 1) RETURNING k").Scan(&k)
		if err == nil {
			t.Error("QueryRowContext wrote")
		}
		err = d.Snapshot(t.Context(), func(ctx context.Context, q db.Q) error { return set(ctx, q, "a", 7) })
		if err == nil {
			t.Error("Snapshot wrote")
		}
		wantN(t, d, "a", 1)
	})
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			must(t, set(ctx, q, "a", 7))
			wantN(t, d, "a", 1) // through the store: what is committed
			n, err := get(ctx, q, "a")
			if n != 7 {
				t.Errorf("inside the transaction a = %d", n)
			}
			return err
		}))
		wantN(t, d, "a", 7)
	})
}

func TestSnapshotStaysTheSame(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a", "b")
		must(t, d.Snapshot(t.Context(), func(ctx context.Context, q db.Q) error {
			a, err := get(ctx, q, "a")
			must(t, err)
			// a and b move together, committed while the snapshot is open
			must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
				_, err := q.ExecContext(ctx, "UPDATE t SET n = n + 1")
				return err
			}))
			b, err := get(ctx, q, "b")
			if a != 1 || b != 1 {
				t.Errorf("a = %d, b = %d from one snapshot", a, b)
			}
			return err
		}))
		wantN(t, d, "b", 2)
	})
}

// Both engines give the same answer where their usual settings differ.
func TestSameMeaning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var n int64
		must(t, d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM goose_db_version WHERE 'Ann' LIKE 'ann'").Scan(&n))
		if n != 0 {
			t.Error("LIKE ignores case")
		}
		must(t, d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM goose_db_version WHERE 'a_c' LIKE 'a\\_c' ESCAPE '\\' AND NOT 'abc' LIKE 'a\\_c' ESCAPE '\\'").Scan(&n))
		if n == 0 {
			t.Error("ESCAPE does not work")
		}
		if err := d.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM goose_db_version WHERE "absent" = 'x'`).Scan(&n); err == nil {
			t.Error("an unknown name in double quotes is taken for a text")
		}
		var second, first string
		must(t, d.QueryRowContext(t.Context(), "SELECT CAST($2 AS TEXT), CAST($1 AS TEXT)", "one", "two").Scan(&second, &first))
		if first != "one" || second != "two" {
			t.Errorf("parameters go by order of appearance: %s %s", second, first)
		}
		withTable(t, d)
		for _, k := range []string{"b", "a c", "ab", "a", "B", "ä", "z"} {
			_, err := d.ExecContext(t.Context(), "INSERT INTO t (k, n) VALUES ($1, 1)", k)
			must(t, err)
		}
		if got := keys(t, d, "SELECT k FROM t ORDER BY k"); got != "[B a a c ab b z ä]" {
			t.Errorf("order %s", got)
		}
		if got := keys(t, d, "SELECT k FROM t WHERE k IN ("+db.In(1, 2)+") ORDER BY k", "a", "z"); got != "[a z]" {
			t.Errorf("IN gives %s", got)
		}
	})
}

func keys(t *testing.T, d *db.DB, query string, args ...any) string {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query, args...)
	must(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var k string
		must(t, rows.Scan(&k))
		all = append(all, k)
	}
	must(t, rows.Err())
	return fmt.Sprint(all)
}

func TestIn(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{"": db.In(1, 0), "$1": db.In(1, 1), "$9,$10,$11": db.In(9, 3)} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestIsUnique(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		_, err := d.ExecContext(t.Context(), "CREATE TABLE u (id TEXT PRIMARY KEY, a TEXT NOT NULL, b TEXT, n BIGINT CHECK (n > 0), parent TEXT REFERENCES u (id))")
		must(t, err)
		_, err = d.ExecContext(t.Context(), "CREATE UNIQUE INDEX u_a ON u (a) WHERE b IS NULL")
		must(t, err)
		insert := func(id, a, b any, n int, parent any) error {
			_, err := d.ExecContext(t.Context(), "INSERT INTO u (id, a, b, n, parent) VALUES ($1, $2, $3, $4, $5)", id, a, b, n, parent)
			return err
		}
		must(t, insert("1", "x", nil, 1, nil))
		for name, err := range map[string]error{
			"primary key": insert("1", "y", nil, 1, nil),
			"index":       insert("2", "x", nil, 1, nil),
			"wrapped":     fmt.Errorf("invite: %w", insert("2", "x", nil, 1, nil)),
		} {
			if !db.IsUnique(err) {
				t.Errorf("%s: %v is not unique", name, err)
			}
		}
		for name, err := range map[string]error{
			"nil":         nil,
			"outside":     insert("3", "x", "b", 1, nil), // the partial index does not hold it
			"not null":    insert("4", nil, nil, 1, nil),
			"check":       insert("5", "z", nil, 0, nil),
			"foreign key": insert("6", "w", nil, 1, "absent"),
		} {
			if db.IsUnique(err) {
				t.Errorf("%s: %v is unique", name, err)
			}
			if ok := name == "nil" || name == "outside"; ok != (err == nil) {
				t.Errorf("%s: error %v", name, err)
			}
		}
	})
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}
