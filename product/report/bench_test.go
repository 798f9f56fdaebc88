package report_test

import (
	"context"
	"crypto/rand"
	"flag"
	"slices"
	"syscall"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/seal"
	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/call/calltest"
	"hubline/product/report"
)

var (
	benchCalls = flag.Int("calls", 1_000_000, "how many calls the account of BenchmarkReport has")
	benchDays  = flag.Int("days", 365, "in how many days they came")
	benchStore = flag.String("store", "", "a store to measure, filled at the first run; empty: one of each engine that goes away")
)

// BenchmarkReport measures pages of reports over a million calls of one account: with -benchtime 100x every page is asked for 100 times, and
// the slowest count too.
func BenchmarkReport(b *testing.B) {
	if *benchStore != "" {
		d, err := db.Open(b.Context(), *benchStore)
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		if err := db.Migrate(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		benchmarkPages(b, d)
		return
	}
	b.Run(db.SQLite, func(b *testing.B) { benchmarkPages(b, dbtest.SQLite(b)) })
	b.Run(db.Postgres, func(b *testing.B) { benchmarkPages(b, dbtest.Postgres(b)) })
}

func benchmarkPages(b *testing.B, d *db.DB) {
	ctx := context.Background()
	now := time.Date(2026, 11, 22, 17, 30, 0, 0, time.UTC)
	actor := account.Actor{Kind: account.Member, Roles: account.Roles{account.Admin},
		Account: account.Account{ID: "harbour", Policy: account.Policy{TimeZone: "Australia/Adelaide"}}}
	fill(b, d, actor.Account.ID, now)
	key := make([]byte, seal.KeySize)
	rand.Read(key)
	calls := call.New(call.Config{DB: d, Keys: seal.New(key), Now: func() time.Time { return now }})
	room := report.New(report.Config{Calls: calls, Now: func() time.Time { return now }})
	since := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	for _, page := range []struct {
		name, report string
		query        report.Query
	}{
		{"inbound-7-days", "inbound-calls", report.Query{}},
		{"outbound-7-days", "outbound-calls", report.Query{}},
		{"all-7-days", "all-calls", report.Query{}},
		{"inbound-year", "inbound-calls", report.Query{Days: 366}},
		{"outbound-year", "outbound-calls", report.Query{Days: 366}},
		{"all-year", "all-calls", report.Query{Days: 366}},
		{"all-odd-range", "all-calls", report.Query{Filter: call.Filter{Since: since(200).Add(7 * time.Minute), Until: since(3).Add(11 * time.Second)}}},
		{"all-half-year-weeks", "all-calls", report.Query{Days: 180}},
		{"rare-status-year", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{Status: call.Unavailable}}},
		{"answering-point-year", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{AnsweringPoint: "Kim Baptiste"}}},
		{"busy-answering-point-year", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{AnsweringPoint: "Mary Chen"}}},
		{"answering-point-without-such-status", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{AnsweringPoint: "Mary Chen", Status: call.Busy}}},
		{"service-number-year", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{Number: "02 5550 0142"}}},
		{"caller-year", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{Number: "0491 500 321"}}},
		{"search-number", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{Search: "0491 549 999"}}},
		{"search-part-of-number", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{Search: "49 321"}}},
		{"search-name", "outbound-calls", report.Query{Days: 366, Filter: call.Filter{Search: "muller"}}},
		{"search-nothing", "all-calls", report.Query{Days: 366, Filter: call.Filter{Search: "nobody at all"}}},
		{"search-nothing-oldest", "inbound-calls", report.Query{Days: 366, Filter: call.Filter{Search: "nobody at all", Oldest: true}}},
	} {
		b.Run(page.name, func(b *testing.B) {
			var took []time.Duration
			cpu := processorTime()
			for b.Loop() {
				start := time.Now()
				if _, err := room.Run(ctx, actor, page.report, page.query); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			cpu = processorTime() - cpu
			slices.Sort(took)
			b.ReportMetric(float64(cpu.Microseconds())/1000/float64(len(took)), "cpu-ms")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
	benchmarkFile(b, room, actor)
}

// processorTime is what this process has used, the embedded store with it: on a busy machine it tells more than the clock.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// fill makes the calls, unless the store has them.
func fill(b *testing.B, d *db.DB, accountID string, now time.Time) {
	ctx := context.Background()
	var known int
	if err := d.QueryRowContext(ctx, `SELECT COUNT(*) FROM calls WHERE account_id = $1`, accountID).Scan(&known); err != nil || known > 0 {
		b.Logf("%d calls are there: %v", known, err)
		return
	}
	start := time.Now()
	if err := calltest.Fill(ctx, d, accountID, *benchCalls, now.AddDate(0, 0, -*benchDays), now, 7); err != nil {
		b.Fatal(err)
	}
	if d.Engine() == db.Postgres {
		if _, err := d.ExecContext(ctx, `ANALYZE`); err != nil { // as the server does by itself after a while
			b.Fatal(err)
		}
	}
	b.Logf("%d calls of %d days were filled in %v", *benchCalls, *benchDays, time.Since(start).Round(time.Second))
}

func benchmarkFile(b *testing.B, room *report.Room, actor account.Actor) {
	ctx := context.Background()
	b.Run("csv-month", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rows := 0
			if err := room.Each(ctx, actor, "all-calls", report.Query{Days: 30}, func([]string) error { rows++; return nil }); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(rows), "rows")
		}
	})
}
