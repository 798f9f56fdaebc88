package db

import "context"

// TablesWith lists the tables that have a column of that name, in alphabetical order.
func TablesWith(ctx context.Context, q Q, engine, column string) (tables []string, err error) {
	query := `SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
		WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.column_name = $1 ORDER BY c.table_name`
	if engine == SQLite {
		query = `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = $1 ORDER BY m.name`
	}
	rows, err := q.QueryContext(ctx, query, column)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		tables = append(tables, name)
	}
	return tables, rows.Err()
}
