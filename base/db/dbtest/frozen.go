package dbtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hubline/base/db"
)

// Frozen is what every table of a store held at one moment. It tells what has changed since and puts it back, so that a test can try
// thousands of things from the same start. Nothing else may write to the store meanwhile.
type Frozen struct {
	t      testing.TB
	d      *db.DB
	tables []frozenTable
	mark   Mark // when the store was last as it is here
}

// Mark stands for a moment of a store: when two are equal and not empty, nothing was written between them. PostgreSQL has none.
type Mark string

// Now returns the store's mark, between transactions.
func Now(t testing.TB, d *db.DB) Mark {
	t.Helper()
	if d.Engine() != db.SQLite {
		return ""
	}
	var rows, others int64
	err := d.Tx(context.Background(), func(ctx context.Context, q db.Q) error {
		// What the one connection that writes has ever written, undone or not, and what others did.
		return q.QueryRowContext(ctx, `SELECT total_changes(), data_version FROM pragma_data_version`).Scan(&rows, &others)
	})
	if err != nil {
		t.Fatal(err)
	}
	return Mark(fmt.Sprint(rows, " ", others))
}

type frozenTable struct {
	name    string
	columns []string
	skip    int // index of the column that does not count, -1 when all do
	rows    map[string][]any
}

// Freeze reads all tables but those of the engine and of migrations. Columns named in volatile, as "sessions.seen_at", do not count as
// a change; they must be numbers, at most one of each table.
func Freeze(t testing.TB, d *db.DB, volatile ...string) *Frozen {
	t.Helper()
	f := &Frozen{t: t, d: d}
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	if d.Engine() == db.SQLite {
		query = `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	for _, row := range f.query(query) {
		name, _ := row[0].(string)
		if strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "goose_") {
			continue
		}
		table := frozenTable{name: name, skip: -1}
		table.columns = f.columns(name)
		for _, v := range volatile {
			if column, ok := strings.CutPrefix(v, name+"."); ok {
				table.skip = slices.Index(table.columns, column)
			}
		}
		table.rows = f.read(&table)
		f.tables = append(f.tables, table)
	}
	if len(f.tables) == 0 {
		t.Fatal("the store has no tables")
	}
	f.mark = Now(t, d)
	return f
}

// In returns the frozen store for a subtest, so that failures end that one.
func (f *Frozen) In(t testing.TB) *Frozen {
	inner := *f
	inner.t = t
	return &inner
}

// Changes are what is different from a frozen store.
type Changes struct {
	Tables []string // that hold other rows, each once
	Texts  []string // all of the rows that were not there
	undo   []difference
}

// Changes compares the store with what it was.
func (f *Frozen) Changes() (c Changes) {
	f.t.Helper()
	c.undo = f.differences()
	for _, d := range c.undo {
		c.Tables = append(c.Tables, d.name)
		for _, row := range d.come {
			for _, value := range row {
				if text, ok := value.(string); ok {
					c.Texts = append(c.Texts, text)
				}
			}
		}
	}
	return c
}

// Changed names the tables that hold other rows than they did, each once.
func (f *Frozen) Changed() []string {
	f.t.Helper()
	return f.Changes().Tables
}

// Restore puts every row back that changed, and names the tables where there were any.
func (f *Frozen) Restore() []string {
	f.t.Helper()
	c := f.Changes()
	f.Undo(c)
	return c.Tables
}

// Undo puts back what Changes found. Nothing may have changed since.
func (f *Frozen) Undo(c Changes) {
	f.t.Helper()
	if len(c.undo) == 0 {
		return
	}
	err := f.d.Tx(context.Background(), func(ctx context.Context, q db.Q) error {
		for _, d := range c.undo {
			if err := d.undo(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatalf("put the store back: %v", err)
	}
	f.mark = Now(f.t, f.d)
}

// difference is what is not in a table any more, and what was not in it before.
type difference struct {
	*frozenTable
	gone, come [][]any
}

// undo deletes first, as the rows that were there may be unique in a way that those which came are not.
func (d difference) undo(ctx context.Context, q db.Q) error {
	for _, row := range d.come {
		where, args := d.where(row)
		if _, err := q.ExecContext(ctx, "DELETE FROM "+d.name+" WHERE "+where, args...); err != nil {
			return err
		}
	}
	for _, row := range d.gone {
		query := "INSERT INTO " + d.name + " (" + strings.Join(d.columns, ", ") + ") VALUES (" + db.In(1, len(row)) + ")"
		if _, err := q.ExecContext(ctx, query, row...); err != nil {
			return err
		}
	}
	return nil
}

func (f *Frozen) differences() []difference {
	f.t.Helper()
	now := Now(f.t, f.d)
	if now != "" && now == f.mark {
		return nil
	}
	var list []difference
	for i := range f.tables {
		d := difference{frozenTable: &f.tables[i]}
		rows := f.read(d.frozenTable)
		for key, row := range d.rows {
			if _, still := rows[key]; !still {
				d.gone = append(d.gone, row)
			}
		}
		for key, row := range rows {
			if _, before := d.rows[key]; !before {
				d.come = append(d.come, row)
			}
		}
		if len(d.gone)+len(d.come) > 0 {
			list = append(list, d)
		}
	}
	if list == nil {
		f.mark = now
	}
	return list
}

// read returns the rows of a table by all that counts in them.
func (f *Frozen) read(table *frozenTable) map[string][]any {
	f.t.Helper()
	rows := map[string][]any{}
	for _, row := range f.query("SELECT " + strings.Join(table.columns, ", ") + " FROM " + table.name) {
		rows[table.key(row)] = row
	}
	return rows
}

// key writes down all that counts in a row.
func (table *frozenTable) key(row []any) string {
	var key []byte
	for i, value := range row {
		switch v := value.(type) {
		case string:
			key = strconv.AppendInt(append(key, 's'), int64(len(v)), 10)
			key = append(append(key, ':'), v...)
		case int64:
			if i != table.skip {
				key = strconv.AppendInt(append(key, 'n'), v, 10)
			}
		default:
			key = fmt.Appendf(key, "%T%v", v, v)
		}
	}
	return string(key)
}

func (table *frozenTable) where(row []any) (string, []any) {
	var conditions []string
	var args []any
	for i, value := range row {
		if value == nil {
			conditions = append(conditions, table.columns[i]+" IS NULL")
			continue
		}
		args = append(args, value)
		conditions = append(conditions, fmt.Sprintf("%s = $%d", table.columns[i], len(args)))
	}
	return strings.Join(conditions, " AND "), args
}

func (f *Frozen) columns(table string) []string {
	f.t.Helper()
	rows, err := f.d.QueryContext(context.Background(), "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		f.t.Fatal(err)
	}
	return columns
}

func (f *Frozen) query(query string) [][]any {
	f.t.Helper()
	rows, err := f.d.QueryContext(context.Background(), query)
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		f.t.Fatal(err)
	}
	var all [][]any
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			f.t.Fatal(err)
		}
		for i, value := range row {
			if raw, ok := value.([]byte); ok {
				row[i] = string(raw)
			}
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return all
}
