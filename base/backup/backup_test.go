package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// odd is a table with one value of every shape that the two engines share.
const odd = `CREATE TABLE odd (id BIGINT PRIMARY KEY, "key" TEXT NOT NULL, maybe TEXT, share DOUBLE PRECISION NOT NULL, before BIGINT)`

var oddRows = [][]any{
	{int64(1), "plain", nil, 0.5, int64(9_007_199_254_740_993)}, // beyond what a float64 holds exactly
	{int64(2), "two\nlines\tand \"quotes\" <b>&amp;</b>   ☎ é", "", -1e300, int64(-9_223_372_036_854_775_808)},
	{int64(3), "", "null", 3.0, nil},
}

var someKey = []byte("0123456789abcdef0123456789abcdef")

func stores(t *testing.T) map[string]func(testing.TB) *db.DB {
	t.Helper()
	return map[string]func(testing.TB) *db.DB{
		db.SQLite:   func(t testing.TB) *db.DB { return dbtest.SQLite(t) },
		db.Postgres: func(t testing.TB) *db.DB { return dbtest.Postgres(t) },
	}
}

func TestRestoreEqualsWhatWasBackedUp(t *testing.T) {
	t.Parallel()
	for fromName, from := range stores(t) {
		for toName, to := range stores(t) {
			t.Run(fromName+" to "+toName, func(t *testing.T) {
				t.Parallel()
				source, target := from(t), to(t)
				fill(t, source)
				run(t, target, odd)

				archive := written(t, source, someKey)
				a := opened(t, archive)
				if err := a.Restore(t.Context(), target, false, nil); err != nil {
					t.Fatal(err)
				}
				if got, want := contents(t, target), contents(t, source); !reflect.DeepEqual(got, want) {
					t.Errorf("restored\n%v\nwant\n%v", got, want)
				}
				if !bytes.Equal(a.Key, someKey) {
					t.Errorf("the key came back as %q", a.Key)
				}
				if rows := a.Manifest.Rows(); rows != int64(len(oddRows))+1500 {
					t.Errorf("the manifest counts %d rows", rows)
				}
			})
		}
	}
}

func TestBackupIsOneMomentWhileOthersWrite(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE odd (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL)`)
		run(t, d, `CREATE TABLE other (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL)`)
		run(t, d, `INSERT INTO odd (id, amount) VALUES (1, 1000)`)
		run(t, d, `INSERT INTO other (id, amount) VALUES (1, 0)`)

		// Amounts move between two tables; at any one moment they add up to the same.
		ctx, stop := context.WithCancel(t.Context())
		moved := make(chan int, 1)
		go func() {
			n := 0
			defer func() { moved <- n }()
			for ctx.Err() == nil {
				err := d.Tx(ctx, func(ctx context.Context, q db.Q) error {
					_, err := q.ExecContext(ctx, `UPDATE odd SET amount = amount - 1 WHERE id = 1`)
					if err == nil {
						_, err = q.ExecContext(ctx, `UPDATE other SET amount = amount + 1 WHERE id = 1`)
					}
					return err
				})
				if err == nil {
					n++
				} else if ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		}()
		for range 20 {
			a := opened(t, written(t, d, nil))
			var sum int64
			for _, table := range a.Manifest.Tables {
				if table.Name != "odd" && table.Name != "other" {
					continue
				}
				r, err := a.members[tableFolder+table.Name+tableEnding].Open()
				if err != nil {
					t.Fatal(err)
				}
				err = decodeRows(t.Context(), r, 2, func(row []any) error { sum += row[1].(int64); return nil })
				if err := errors.Join(err, r.Close()); err != nil {
					t.Fatal(err)
				}
			}
			if sum != 1000 {
				t.Fatalf("amounts add up to %d: the backup mixes moments", sum)
			}
		}
		stop()
		if n := <-moved; n == 0 {
			t.Error("nothing was written meanwhile, so this showed nothing")
		}
	})
}

func TestA55EveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	run(t, d, odd)
	fill3(t, d)
	archive := written(t, d, someKey)
	step := 1
	if testing.Short() {
		step = 37
	}
	for bit := 0; bit < len(archive)*8; bit += step {
		archive[bit/8] ^= 1 << (bit % 8)
		if _, err := Open(t.Context(), bytes.NewReader(archive), int64(len(archive))); err == nil {
			t.Fatalf("bit %d of byte %d of %d was flipped unnoticed", bit%8, bit/8, len(archive))
		}
		archive[bit/8] ^= 1 << (bit % 8)
	}
	for _, n := range []int{0, 1, 100, len(archive) / 2, len(archive) - 1} {
		if _, err := Open(t.Context(), bytes.NewReader(archive[:n]), int64(n)); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d bytes alone: %v", n, err)
		}
	}
	opened(t, archive)
}

func TestRestoreLeavesDataAloneUnlessForced(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, odd)
		fill3(t, d)
		a := opened(t, written(t, d, nil))
		run(t, d, `INSERT INTO odd (id, "key", share) VALUES (4, 'later', 0)`)
		before := contents(t, d)

		if err := a.Restore(t.Context(), d, false, nil); !errors.Is(err, ErrNotEmpty) {
			t.Fatalf("restored over rows: %v", err)
		}
		if got := contents(t, d); !reflect.DeepEqual(got, before) {
			t.Errorf("a refused restore changed the store:\n%v", got)
		}
		if err := a.Restore(t.Context(), d, true, nil); err != nil {
			t.Fatal(err)
		}
		if rows := contents(t, d)["odd"]; len(rows) != len(oddRows) {
			t.Errorf("after a forced restore: %v", rows)
		}
	})
}

func TestFailedRestoreKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, odd)
		fill3(t, d)
		run(t, d, `INSERT INTO odd (id, "key", share) VALUES (4, 'as one', 0.5)`)
		a := opened(t, written(t, d, nil))
		run(t, d, `DELETE FROM odd WHERE id = 4`)
		run(t, d, `CREATE UNIQUE INDEX odd_share ON odd (share)`) // now the fourth row does not go in
		before := contents(t, d)
		if err := a.Restore(t.Context(), d, true, nil); !db.IsUnique(err) {
			t.Fatalf("restoring a row twice: %v", err)
		}
		if got := contents(t, d); !reflect.DeepEqual(got, before) {
			t.Errorf("a failed restore changed the store:\n%v", got)
		}
	})
}

func TestRestoreIntoAnotherSchema(t *testing.T) {
	t.Parallel()
	source := dbtest.SQLite(t)
	archive := written(t, source, nil)

	t.Run("a store without tables is migrated", func(t *testing.T) {
		t.Parallel()
		d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "new.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := opened(t, archive).Restore(t.Context(), d, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := db.Check(t.Context(), d); err != nil {
			t.Error(err)
		}
	})
	t.Run("an older backup goes through the steps since", func(t *testing.T) {
		t.Parallel()
		d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "new.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		a := opened(t, archive)
		a.Manifest.Schema = 1
		a.Manifest.Tables = slices.DeleteFunc(a.Manifest.Tables, func(table Table) bool {
			return !slices.Contains([]string{"jobs", "job_schedule", "changes", "idempotency_keys"}, table.Name)
		})
		if err := a.Restore(t.Context(), d, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := db.Check(t.Context(), d); err != nil {
			t.Error(err)
		}
	})
	t.Run("a newer backup is refused", func(t *testing.T) {
		t.Parallel()
		a := opened(t, archive)
		a.Manifest.Schema = 9999
		if err := a.Restore(t.Context(), dbtest.SQLite(t), true, nil); err == nil || !strings.Contains(err.Error(), "9999") {
			t.Errorf("a backup of schema 9999: %v", err)
		}
	})
	t.Run("an older backup is refused by a store that has moved on", func(t *testing.T) {
		t.Parallel()
		a := opened(t, archive)
		a.Manifest.Schema = 1
		if err := a.Restore(t.Context(), dbtest.SQLite(t), true, nil); err == nil || !strings.Contains(err.Error(), "empty store") {
			t.Errorf("a backup of schema 1 over a newer store: %v", err)
		}
	})
}

func TestValuesSurviveTheArchive(t *testing.T) {
	t.Parallel()
	for _, want := range []any{nil, true, int64(-1), 0.25, "text", "not \xff UTF-8", []byte{0, 255}, []byte{}} {
		p, err := portable(want)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		text := encode(t, []any{p})
		err = decodeRows(t.Context(), strings.NewReader(text), 1, func(row []any) error { got = row[0]; return nil })
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%#v came back as %#v (%v)", want, got, err)
		}
	}
	if _, err := portable(time.Now()); err == nil {
		t.Error("a time was accepted; engines do not agree on them")
	}
}

// fill puts rows into tables of the schema and into the odd one; enough of them for several statements.
func fill(t *testing.T, d *db.DB) {
	t.Helper()
	run(t, d, odd)
	fill3(t, d)
	err := d.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		for i := range 1500 {
			_, err := q.ExecContext(ctx, `INSERT INTO changes (id, at, topic) VALUES ($1, $2, $3)`, fmt.Sprintf("c%05d", i), i, "topic")
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func fill3(t *testing.T, d *db.DB) {
	t.Helper()
	for _, row := range oddRows {
		run(t, d, `INSERT INTO odd (id, "key", maybe, share, before) VALUES ($1, $2, $3, $4, $5)`, row...)
	}
}

func run(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	if _, err := d.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func written(t *testing.T, d *db.DB, key []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := Write(t.Context(), d, &out, Options{Program: "test", Key: key}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func opened(t *testing.T, archive []byte) *Archive {
	t.Helper()
	a, err := Open(t.Context(), bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// contents reads all tables, rows in the order of their text.
func contents(t *testing.T, d *db.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	names, err := tableNames(t.Context(), d, d.Engine())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		rows, err := d.QueryContext(t.Context(), `SELECT * FROM `+quote(name))
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = []string{}
		for rows.Next() {
			values, targets := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			if err := rows.Scan(targets...); err != nil {
				t.Fatal(err)
			}
			all[name] = append(all[name], fmt.Sprintf("%#v", values))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[name])
	}
	return all
}

func encode(t *testing.T, row []any) string {
	t.Helper()
	var out strings.Builder
	if err := newEncoder(&out).Encode(row); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
