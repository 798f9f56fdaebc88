package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
)

// withTable makes the table t(k, n) with the keys given, each with n = 1.
func withTable(t *testing.T, d *db.DB, keys ...string) {
	t.Helper()
	must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		if _, err := q.ExecContext(ctx, "CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT NOT NULL)"); err != nil {
			return err
		}
		for _, k := range keys {
			if _, err := q.ExecContext(ctx, "INSERT INTO t (k, n) VALUES ($1, 1)", k); err != nil {
				return err
			}
		}
		return nil
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(ctx context.Context, q db.Q, key string) (n int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT n FROM t WHERE k = $1", key).Scan(&n)
	return n, err
}

func set(ctx context.Context, q db.Q, key string, n int64) error {
	_, err := q.ExecContext(ctx, "UPDATE t SET n = $2 WHERE k = $1", key, n)
	return err
}

func sum(ctx context.Context, q db.Q) (n int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT CAST(SUM(n) AS BIGINT) FROM t").Scan(&n)
	return n, err
}

func wantN(t *testing.T, d *db.DB, key string, want int64) {
	t.Helper()
	n, err := get(t.Context(), d, key)
	must(t, err)
	if n != want {
		t.Errorf("%s = %d, want %d", key, n, want)
	}
}

// Two transactions see both keys at 1 and each takes away the other's; only one may. PostgreSQL answers one of them
// with 40001, and its second attempt sees the truth.
func TestTxRepeatsAfterWriteSkew(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	withTable(t, d, "a", "b")
	var runs atomic.Int64
	both := barrier(2)
	take := func(key string) error {
		first := true
		return d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			runs.Add(1)
			n, err := sum(ctx, q)
			if first {
				first = false
				both()
			}
			if err != nil || n < 2 {
				return err
			}
			return set(ctx, q, key, 0)
		})
	}
	errs := together(2, func(i int) error { return take([]string{"a", "b"}[i]) })
	must(t, errors.Join(errs...))
	left, err := sum(t.Context(), d)
	must(t, err)
	if left != 1 {
		t.Errorf("%d left, want 1", left)
	}
	if runs.Load() < 3 || d.Stats().Retries < 1 {
		t.Errorf("%d runs and %d retries: the conflict did not happen", runs.Load(), d.Stats().Retries)
	}
}

// The same through single statements: they are serializable and run again as well.
func TestExecIsSerializable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for round := range 20 {
			a, b := fmt.Sprint("a", round), fmt.Sprint("b", round)
			if round == 0 {
				withTable(t, d)
			}
			_, err := d.ExecContext(t.Context(), "INSERT INTO t (k, n) VALUES ($1, 1), ($2, 1)", a, b)
			must(t, err)
			errs := together(2, func(i int) error {
				_, err := d.ExecContext(t.Context(), `
					UPDATE t SET n = 0 WHERE k = $1
					AND (SELECT SUM(n) FROM t o WHERE o.k = $2 OR o.k = $3) > 1`, []string{a, b}[i], a, b)
				return err
			})
			must(t, errors.Join(errs...))
			x, err := get(t.Context(), d, a)
			must(t, err)
			y, err := get(t.Context(), d, b)
			must(t, err)
			if x+y != 1 {
				t.Fatalf("round %d: %d left, want 1", round, x+y)
			}
		}
	})
}

func TestTxRepeatsAfterDeadlock(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	withTable(t, d, "a", "b")
	both := barrier(2)
	errs := together(2, func(i int) error {
		keys := []string{"a", "b", "a"}[i : i+2]
		first := true
		return d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			if _, err := q.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE k = $1", keys[0]); err != nil {
				return err
			}
			if first {
				first = false
				both()
			}
			_, err := q.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE k = $1", keys[1])
			return err
		})
	})
	must(t, errors.Join(errs...))
	wantN(t, d, "a", 3)
	wantN(t, d, "b", 3)
	if d.Stats().Retries < 1 {
		t.Error("no retry: the deadlock did not happen")
	}
}

func TestConcurrentTxLoseNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		errs := together(8, func(int) error {
			for range 10 {
				if err := increment(t.Context(), d); err != nil {
					return err
				}
			}
			return nil
		})
		must(t, errors.Join(errs...))
		wantN(t, d, "a", 81)
	})
}

func increment(ctx context.Context, d *db.DB) error {
	return d.Tx(ctx, func(ctx context.Context, q db.Q) error {
		n, err := get(ctx, q, "a")
		if err != nil {
			return err
		}
		return set(ctx, q, "a", n+1)
	})
}

// Two processes on one SQLite file, as when a command runs beside the server.
func TestTwoProcessesOnOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shared.db")
	var stores [2]*db.DB
	for i := range stores {
		d, err := db.Open(t.Context(), "sqlite:"+path)
		must(t, err)
		t.Cleanup(func() { must(t, d.Close()) })
		stores[i] = d
	}
	withTable(t, stores[0], "a")
	errs := together(4, func(i int) error {
		for range 20 {
			if err := increment(t.Context(), stores[i%2]); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, errors.Join(errs...))
	wantN(t, stores[1], "a", 81)
}

func TestBusyIsRetryable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "busy.db")
	holder, err := db.Open(t.Context(), "sqlite:"+path)
	must(t, err)
	defer holder.Close()
	impatient, err := sql.Open("sqlite", path+"?_txlock=immediate")
	must(t, err)
	defer impatient.Close()
	must(t, holder.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		if _, err := impatient.BeginTx(ctx, nil); !db.Retryable(fmt.Errorf("wrapped: %w", err)) {
			t.Errorf("a busy file gave %v, which is not retryable", err)
		}
		return nil
	}))
}

func TestTxRunsOnceForOtherErrors(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		own := errors.New("own")
		for name, fail := range map[string]func(ctx context.Context, q db.Q) error{
			"own error": func(context.Context, db.Q) error { return own },
			"unique": func(ctx context.Context, q db.Q) error {
				_, err := q.ExecContext(ctx, "INSERT INTO t (k, n) VALUES ('a', 1)")
				return err
			},
			"no rows": func(ctx context.Context, q db.Q) error { _, err := get(ctx, q, "absent"); return err },
			"syntax":  func(ctx context.Context, q db.Q) error { _, err := q.ExecContext(ctx, "SELEC"); return err },
		} {
			runs := 0
			err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
				runs++
				must(t, set(ctx, q, "a", 7))
				return fail(ctx, q)
			})
			if err == nil || runs != 1 {
				t.Errorf("%s: %d runs, error %v", name, runs, err)
			}
			if name == "own error" && !errors.Is(err, own) {
				t.Errorf("own error came back as %v", err)
			}
			wantN(t, d, "a", 1)
		}
	})
}

// An error that fn hides must not look like success: PostgreSQL rolls back such a transaction at its commit.
func TestHiddenErrorIsNotSuccess(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	withTable(t, d, "a")
	err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		must(t, set(ctx, q, "a", 7))
		q.ExecContext(ctx, "INSERT INTO t (k, n) VALUES ('a', 1)")
		return nil
	})
	if err == nil {
		t.Error("Tx reported success")
	}
	wantN(t, d, "a", 1)
}

func TestPanicRollsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic did not come through")
				}
			}()
			d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
				must(t, set(ctx, q, "a", 7))
				panic("boom")
			})
		}()
		wantN(t, d, "a", 1)
		must(t, increment(t.Context(), d)) // the writer is free again
	})
}

func TestCancelRollsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		ctx, cancel := context.WithCancel(t.Context())
		err := d.Tx(ctx, func(ctx context.Context, q db.Q) error {
			must(t, set(ctx, q, "a", 7))
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) && !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("error %v", err)
		}
		wantN(t, d, "a", 1)
		must(t, increment(t.Context(), d))
	})
}

func TestNestingIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		must(t, d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			if err := d.Tx(ctx, func(context.Context, db.Q) error { return nil }); !errors.Is(err, db.ErrNested) {
				t.Errorf("Tx in Tx: %v", err)
			}
			if _, err := d.ExecContext(ctx, "UPDATE t SET n = 5"); !errors.Is(err, db.ErrNested) {
				t.Errorf("Exec in Tx: %v", err)
			}
			return nil
		}))
	})
}

func TestRetryEnds(t *testing.T) {
	t.Parallel()
	conflict := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: "40001"})
	t.Run("after a number of attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			runs, start := 0, time.Now()
			err := new(db.DB).Retry(t.Context(), func() error { runs++; return conflict })
			if runs != db.MaxAttempts || !fault.Is(err, fault.Busy) || !errors.Is(err, conflict) {
				t.Errorf("%d runs, error %v", runs, err)
			}
			if took := time.Since(start); took < time.Second || took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	})
	t.Run("when every attempt takes long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			runs := 0
			err := new(db.DB).Retry(t.Context(), func() error { runs++; time.Sleep(10 * time.Second); return conflict })
			if runs != 2 || !fault.Is(err, fault.Busy) {
				t.Errorf("%d runs, error %v", runs, err)
			}
		})
	})
	t.Run("with the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			err := new(db.DB).Retry(ctx, func() error { return conflict })
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	})
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		&pgconn.PgError{Code: "40001"}: true,
		&pgconn.PgError{Code: "40P01"}: true,
		&pgconn.PgError{Code: "XXUUU", Message: "restart transaction: TransactionRetryWithProtoRefreshError"}: true,
		&pgconn.PgError{Code: "40003"}: false, // the work may have been done
		&pgconn.PgError{Code: "23505"}: false,
		&pgconn.PgError{Code: "25006"}: false,
		&pgconn.PgError{Code: "57014"}: false,
		sql.ErrNoRows:                  false,
		context.Canceled:               false,
	} {
		if got := db.Retryable(fmt.Errorf("operation: %w", err)); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// barrier returns a function that waits until n goroutines have called it.
func barrier(n int) func() {
	var wg sync.WaitGroup
	wg.Add(n)
	return func() { wg.Done(); wg.Wait() }
}

// together runs fn n times at once and returns all errors.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := barrier(n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { start(); errs[i] = fn(i) })
	}
	wg.Wait()
	return errs
}

// What a process keeps in memory is told when a transaction is over: after its commit and after its rollback, never in between.
func TestAfterwards(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		withTable(t, d, "a")
		var told []int64
		tell := func() {
			n, err := get(t.Context(), d, "a")
			must(t, err)
			told = append(told, n)
		}
		undone := errors.New("undone")
		for n, end := range map[int64]error{2: undone, 3: nil} {
			told = nil
			err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
				d.Afterwards(ctx, tell)
				if err := set(ctx, q, "a", n); err != nil {
					return err
				}
				if len(told) > 0 {
					t.Error("told inside the transaction")
				}
				return end
			})
			if !errors.Is(err, end) || len(told) != 1 || (told[0] == n) != (end == nil) {
				t.Errorf("%d: %v, told %v", n, err, told)
			}
		}
		told = nil
		if d.Afterwards(t.Context(), tell); len(told) != 1 {
			t.Error("not told at once without a transaction")
		}
	})
}
