package db_test

import (
	"slices"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

func TestCollect(t *testing.T) {
	t.Parallel()
	type pair struct {
		n    int
		name string
	}
	fields := func(p *pair) []any { return []any{&p.n, &p.name} }
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const text = `SELECT n, name FROM (SELECT 1 AS n, 'one' AS name UNION ALL SELECT 2, 'two' UNION ALL SELECT 3, 'three') AS t WHERE n >= $1 ORDER BY n`
		list, err := db.Collect(t.Context(), d, fields, text, 2)
		if want := []pair{{2, "two"}, {3, "three"}}; err != nil || !slices.Equal(list, want) {
			t.Errorf("two rows: %v, %v", list, err)
		}
		if list, err := db.Collect(t.Context(), d, fields, text, 4); list != nil || err != nil {
			t.Errorf("no row: %v, %v", list, err)
		}
		names, err := db.Collect(t.Context(), d, db.Value[string], `SELECT name FROM (SELECT 'one' AS name) AS t`)
		if err != nil || !slices.Equal(names, []string{"one"}) {
			t.Errorf("one column: %v, %v", names, err)
		}
		if list, err := db.Collect(t.Context(), d, db.Value[int], text, 2); err == nil || list != nil {
			t.Errorf("two columns into one place: %v, %v", list, err)
		}
	})
}
