package backup

import (
	"context"
	"slices"
	"strings"

	"hubline/base/db"
)

// tableNames lists the tables of the store in alphabetical order, without those that belong to the engine or to migrations.
func tableNames(ctx context.Context, q db.Q, engine string) ([]string, error) {
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	if engine == db.SQLite {
		query = `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(name, "sqlite_") && !strings.HasPrefix(name, "goose_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, rows.Err()
}

// columnNames lists the columns of a table.
func columnNames(ctx context.Context, q db.Q, table string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT * FROM `+quote(table)+` LIMIT 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	return columns, rows.Err()
}

// schemaOf returns the newest migration that the store has, 0 when it has none.
func schemaOf(ctx context.Context, d *db.DB) (version int64, err error) {
	steps, err := db.Status(ctx, d)
	for _, m := range steps {
		if !m.AppliedAt.IsZero() {
			version = max(version, m.Version)
		}
	}
	return version, err
}

// quote makes a name of the catalog safe in SQL text, as both engines write it.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
