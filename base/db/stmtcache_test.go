package db_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// One connection runs the same text again while the rows of the first run are open.
func TestSameTextTwiceAtOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	withTable(t, d, "a", "b", "c")
	const text = "SELECT k FROM t WHERE k >= $1 ORDER BY k"
	must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		outer, err := q.QueryContext(ctx, text, "a")
		must(t, err)
		defer outer.Close()
		got := ""
		for outer.Next() {
			var k, first string
			must(t, outer.Scan(&k))
			must(t, q.QueryRowContext(ctx, text, k).Scan(&first))
			got += k + first + " "
		}
		if got != "aa bb cc " {
			t.Errorf("got %s", got)
		}
		return outer.Err()
	}))
}

func TestMoreTextsThanTheCacheHolds(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	withTable(t, d, "a")
	must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		for round := range 3 {
			for i := range db.MaxCached + 50 {
				var n int
				must(t, q.QueryRowContext(ctx, fmt.Sprintf("SELECT n + %d FROM t WHERE k = $1", i), "a").Scan(&n))
				if n != i+1 {
					t.Fatalf("round %d: %d, want %d", round, n, i+1)
				}
			}
		}
		return nil
	}))
}

// A kept statement follows the schema.
func TestKeptStatementsFollowTheSchema(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	withTable(t, d, "a")
	read := func() (columns int) {
		rows, err := d.QueryContext(t.Context(), "SELECT *, CAST($1 AS TEXT) FROM t", "x")
		must(t, err)
		defer rows.Close()
		names, err := rows.Columns()
		must(t, err)
		return len(names)
	}
	for range 10 { // every reader has the text
		read()
	}
	_, err := d.ExecContext(t.Context(), "ALTER TABLE t ADD COLUMN more TEXT")
	must(t, err)
	for range 10 {
		if n := read(); n != 4 {
			t.Fatalf("%d columns after the change, want 4", n)
		}
	}
}

func TestCancelledQueryLeavesTheStatementUsable(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	withTable(t, d, "a")
	const text = `WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < $1) SELECT COUNT(*) FROM r`
	must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		var n int
		must(t, q.QueryRowContext(ctx, text, 10).Scan(&n))
		short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		defer cancel()
		if err := q.QueryRowContext(short, text, 500_000_000).Scan(&n); err == nil {
			t.Error("the long query was not cancelled")
		}
		must(t, q.QueryRowContext(ctx, text, 20).Scan(&n))
		if n != 20 {
			t.Errorf("got %d, want 20", n)
		}
		return nil
	}))
}
