package dbtest

import (
	"slices"
	"testing"

	"hubline/base/db"
)

func TestFrozenSeesAndUndoesEveryChange(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, d *db.DB) {
		for _, query := range []string{
			`CREATE TABLE pairs (a TEXT PRIMARY KEY, b BIGINT, c BIGINT)`,
			`INSERT INTO pairs (a, b, c) VALUES ('one', 1, NULL), ('two', NULL, 0), ('three', 1795212000000, 7)`,
		} {
			_, err := d.ExecContext(t.Context(), query)
			must(t, err)
		}
		f := Freeze(t, d, "pairs.c")
		for _, tt := range []struct {
			query string
			want  []string
		}{
			{`UPDATE pairs SET c = 8 WHERE a = 'three'`, nil},
			{`UPDATE pairs SET b = 1795212000001 WHERE a = 'three'`, []string{"pairs"}},
			{`UPDATE pairs SET b = NULL WHERE a = 'one'`, []string{"pairs"}},
			{`DELETE FROM pairs`, []string{"pairs"}},
			{`INSERT INTO pairs (a, b, c) VALUES ('four', 4, NULL)`, []string{"pairs"}},
			{`UPDATE pairs SET a = 'swap' WHERE a = 'one'`, []string{"pairs"}},
			{`INSERT INTO changes (id, at, topic) VALUES ('x', 1, 't')`, []string{"changes"}},
		} {
			_, err := d.ExecContext(t.Context(), tt.query)
			must(t, err)
			if got := f.Changed(); !slices.Equal(got, tt.want) {
				t.Errorf("%s: changed %q, want %q", tt.query, got, tt.want)
			}
			if got := f.Changes().Texts; len(got) == 0 && tt.want != nil && tt.query != `DELETE FROM pairs` {
				t.Errorf("%s: no texts came", tt.query)
			}
			f.Restore()
			if got := f.Changed(); got != nil {
				t.Errorf("%s: after restoring, %q differ", tt.query, got)
			}
		}
	})
}
