package api_test

import (
	"net/http/httptest"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account/accounttest"
)

// BenchmarkAuthorised measures requests that read the key, its maker's rights and what they ask for from the store, in an account with
// 10,000 people, without the cost of a network.
func BenchmarkAuthorised(b *testing.B) {
	for _, engine := range []struct {
		name string
		open func(testing.TB) *db.DB
	}{{db.SQLite, dbtest.SQLite}, {db.Postgres, dbtest.Postgres}} {
		b.Run(engine.name, func(b *testing.B) {
			w := newWorld(b, engine.open(b), nil)
			w.seed(10_000)
			if engine.name == db.Postgres {
				if _, err := w.DB.ExecContext(b.Context(), `ANALYZE`); err != nil { // as the server does by itself after a while
					b.Fatal(err)
				}
			}
			handler := w.handler(nil)
			for _, tt := range []struct{ name, path string }{
				{"list", users + "?limit=50"}, {"search", users + "?limit=50&q=person+99"}, {"one", users + "/" + numeral(5000)}, {"settings", "/accounts/harbour"},
			} {
				ask := func() int {
					r := httptest.NewRequest("GET", accounttest.BaseURL+"/api/v1"+tt.path, nil)
					r.Header.Set("Authorization", "Bearer "+w.key)
					rec := httptest.NewRecorder()
					handler.ServeHTTP(rec, r)
					return rec.Code
				}
				b.Run(tt.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if status := ask(); status != 200 {
							b.Fatal(status)
						}
					}
				})
				b.Run(tt.name+"-parallel", func(b *testing.B) {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if status := ask(); status != 200 {
								b.Error(status)
							}
						}
					})
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
				})
			}
		})
	}
}
