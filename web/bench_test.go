package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account/accounttest"
)

// BenchmarkPage answers one signed-in page from request to compressed bytes, with rights read from the store, in an account with ten
// people and in one with ten thousand.
func BenchmarkPage(b *testing.B) {
	for _, engine := range []struct {
		name string
		open func(testing.TB) *db.DB
	}{{"sqlite", dbtest.SQLite}, {"postgres", dbtest.Postgres}} {
		for _, members := range []int{10, 10_000} {
			d := engine.open(b)
			w := newWorld(b, d)
			admin := w.Open("harbour")
			crowd(b, d, members)
			for _, path := range []string{"/", "/hub-users", "/hub-users?q=person+0", "/roles", "/audit-log"} {
				b.Run(fmt.Sprintf("%s/%d people%s", engine.name, members, path), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						r := httptest.NewRequest(http.MethodGet, w.URL+"/harbour"+path, nil)
						r.AddCookie(&http.Cookie{Name: sessionCookie, Value: admin.Session()})
						r.Header.Set("Accept-Encoding", "gzip")
						answer := httptest.NewRecorder()
						w.portal.ServeHTTP(answer, r)
						if answer.Code != http.StatusOK {
							b.Fatal(answer.Code, answer.Body)
						}
					}
				})
			}
		}
	}
}

// crowd adds members to the only account.
func crowd(b *testing.B, d *db.DB, members int) {
	var account string
	if err := d.QueryRowContext(b.Context(), `SELECT id FROM accounts`).Scan(&account); err != nil {
		b.Fatal(err)
	}
	for i := range members {
		id, email, name := fmt.Sprintf("member%020d", i), fmt.Sprintf("person%05d@harbour.example", i), fmt.Sprintf("Person %05d", i)
		if _, err := d.ExecContext(b.Context(), `
			INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invited_at, accepted_at, last_signed_in_at, version)
			VALUES ($1, $2, $2, $3, $4, $5, '', 'active', $6, $6, $6, 1)`, account, id, email, name, strings.ToLower(name+" "+email), 1_700_000_000_000+i); err != nil {
			b.Fatal(err)
		}
	}
	accounttest.Recount(b, d)
	if d.Engine() == db.Postgres { // which its autovacuum does within a minute
		if _, err := d.ExecContext(b.Context(), `ANALYZE`); err != nil {
			b.Fatal(err)
		}
	}
}
