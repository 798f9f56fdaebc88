package job_test

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/job"
)

const storeVariable = "HUBLINE_TEST_JOB_STORE"

// TestMain lets the test binary be the process that gets killed.
func TestMain(m *testing.M) {
	if url := os.Getenv(storeVariable); url != "" {
		if err := workUntilKilled(url); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func workUntilKilled(url string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, url)
	if err != nil {
		return err
	}
	return chain(d).Run(ctx)
}

// chain is a queue on which each "first" notes its number and queues a "second" in one transaction.
func chain(d *db.DB) *job.Queue {
	q := newQueue(d)
	q.Lease = 400 * time.Millisecond
	job.Handle(q, "first", func(ctx context.Context, n int) error {
		return d.Tx(ctx, func(ctx context.Context, tx db.Q) error {
			fresh, err := tx.ExecContext(ctx, `INSERT INTO worked (kind, n) VALUES ('first', $1) ON CONFLICT (kind, n) DO NOTHING`, n)
			if err != nil || changed(fresh) == 0 {
				return err
			}
			return q.Add(ctx, tx, "second", n)
		})
	})
	job.Handle(q, "second", func(ctx context.Context, n int) error {
		_, err := d.ExecContext(ctx, `INSERT INTO worked (kind, n) VALUES ('second', $1) ON CONFLICT (kind, n) DO NOTHING`, n)
		return err
	})
	return q
}

func changed(r sql.Result) int64 {
	n, err := r.RowsAffected()
	if err != nil {
		panic(err)
	}
	return n
}

func TestEveryJobIsDoneThoughItsProcessIsKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	for engine, url := range map[string]string{
		db.SQLite:   "sqlite:" + filepath.Join(t.TempDir(), "jobs.db"),
		db.Postgres: dbtest.PostgresURL(t),
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			killAgainAndAgain(t, url)
		})
	}
}

func killAgainAndAgain(t *testing.T, url string) {
	const jobs, kills = 400, 6
	d, err := db.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := db.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), `CREATE TABLE worked (kind TEXT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (kind, n))`); err != nil {
		t.Fatal(err)
	}
	q := chain(d)
	err = d.Tx(t.Context(), func(ctx context.Context, tx db.Q) error {
		for n := range jobs {
			if err := q.Add(ctx, tx, "first", n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	worked := func(kind string) (n int) {
		if err := d.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM worked WHERE kind = $1`, kind).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	interrupted := 0
	for k := 1; k <= kills; k++ {
		kill := start(t, url)
		eventually(t, "progress", func() bool { return worked("second") >= k*jobs/(kills+2) })
		kill()
		var leased int
		if err := d.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM jobs WHERE lease <> ''`).Scan(&leased); err != nil {
			t.Fatal(err)
		}
		interrupted += leased
	}
	start(t, url)
	eventually(t, "no job is left", func() bool { n, _ := counts(t, q); return n == 0 })
	if _, dead := counts(t, q); dead != 0 || worked("first") != jobs || worked("second") != jobs {
		t.Errorf("first %d, second %d of %d; %d dead", worked("first"), worked("second"), jobs, dead)
	}
	t.Logf("%d kills hit %d running jobs", kills, interrupted)
}

func start(t *testing.T, url string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), storeVariable+"="+url)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	return kill
}
