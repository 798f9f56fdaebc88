package db_test

import (
	"context"
	"fmt"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// eachBench runs fn on both engines with a table of 10,000 rows.
func eachBench(b *testing.B, fn func(b *testing.B, d *db.DB)) {
	for _, e := range []struct {
		name string
		open func(testing.TB) *db.DB
	}{{db.SQLite, dbtest.SQLite}, {db.Postgres, dbtest.Postgres}} {
		b.Run(e.name, func(b *testing.B) {
			d := e.open(b)
			err := d.Tx(b.Context(), func(ctx context.Context, q db.Q) error {
				if _, err := q.ExecContext(ctx, "CREATE TABLE points (account_id TEXT NOT NULL, id TEXT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (account_id, id))"); err != nil {
					return err
				}
				for i := range 10_000 {
					if _, err := q.ExecContext(ctx, "INSERT INTO points (account_id, id, n) VALUES ($1, $2, $3)", "a", fmt.Sprint(i), i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer() // RunParallel counts from the start
			fn(b, d)
		})
	}
}

func BenchmarkPointRead(b *testing.B) {
	eachBench(b, func(b *testing.B, d *db.DB) {
		i := 0
		for b.Loop() {
			var n int
			row := d.QueryRowContext(b.Context(), "SELECT n FROM points WHERE account_id = $1 AND id = $2", "a", fmt.Sprint(i%10_000))
			if err := row.Scan(&n); err != nil || n != i%10_000 {
				b.Fatal(n, err)
			}
			i++
		}
	})
}

func BenchmarkPointReadParallel(b *testing.B) {
	eachBench(b, func(b *testing.B, d *db.DB) {
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				var n int
				row := d.QueryRowContext(b.Context(), "SELECT n FROM points WHERE account_id = $1 AND id = $2", "a", fmt.Sprint(i%10_000))
				if err := row.Scan(&n); err != nil || n != i%10_000 {
					b.Error(n, err)
				}
			}
		})
	})
}

// The shape of a request's rights: a few tables joined by key.
func BenchmarkJoin(b *testing.B) {
	eachBench(b, func(b *testing.B, d *db.DB) {
		for b.Loop() {
			var n int
			row := d.QueryRowContext(b.Context(), `
				SELECT COUNT(*) FROM sessions s
				JOIN people p ON p.id = s.person_id AND p.epoch = s.epoch
				LEFT JOIN memberships m ON m.person_id = p.id AND m.account_id = $2 AND m.state = 'active'
				LEFT JOIN accounts a ON a.id = m.account_id
				WHERE s.token_hash = $1 AND s.expires_at > $3`, "hash", "account", 1)
			if err := row.Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOneRowTx(b *testing.B) {
	eachBench(b, func(b *testing.B, d *db.DB) {
		i := 0
		for b.Loop() {
			err := d.Tx(b.Context(), func(ctx context.Context, q db.Q) error {
				_, err := q.ExecContext(ctx, "UPDATE points SET n = n + 1 WHERE account_id = $1 AND id = $2", "a", fmt.Sprint(i%10_000))
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

func BenchmarkExec(b *testing.B) {
	eachBench(b, func(b *testing.B, d *db.DB) {
		i := 0
		for b.Loop() {
			if _, err := d.ExecContext(b.Context(), "UPDATE points SET n = n + 1 WHERE account_id = $1 AND id = $2", "a", fmt.Sprint(i%10_000)); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}
