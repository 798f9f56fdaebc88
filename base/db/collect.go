package db

import "context"

// Collect returns all rows of a query, in its order, nil when there are none. fields names the places that a row's columns go to: a method
// expression such as (*Number).fields, or Value for a single column. It is for lists that have a bound.
func Collect[T any](ctx context.Context, q Q, fields func(*T) []any, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var none T
		list = append(list, none) // read in its place, so that a row costs no allocation of its own
		if err := rows.Scan(fields(&list[len(list)-1])...); err != nil {
			return nil, err
		}
	}
	return list, rows.Err()
}

// Value is the place of a row with one column.
func Value[T any](v *T) []any { return []any{v} }
