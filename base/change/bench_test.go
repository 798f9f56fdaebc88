package change

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// What a look costs while notices come: a hundred a second for the ten minutes that they are kept, 25 between two looks.
func BenchmarkLook(b *testing.B) {
	for name, sweep := range map[string]time.Duration{"ordinary": time.Hour, "sweep": 0} {
		b.Run(name+"/"+db.SQLite, func(b *testing.B) { benchmarkLook(b, dbtest.SQLite(b), sweep) })
		b.Run(name+"/"+db.Postgres, func(b *testing.B) { benchmarkLook(b, dbtest.Postgres(b), sweep) })
	}
}

func benchmarkLook(b *testing.B, d *db.DB, sweep time.Duration) {
	f := NewFeed(d, slog.New(slog.DiscardHandler))
	f.Sweep = sweep
	_, cancel := f.SubscribePrefix("phones:")
	defer cancel()
	now := time.Now()
	f.Now = func() time.Time { return now }
	post := func(at time.Time, n int) {
		topics := make([]string, n)
		for i := range topics {
			topics[i] = fmt.Sprintf("phones:%d", i)
		}
		if err := Post(b.Context(), d, at, topics...); err != nil {
			b.Fatal(err)
		}
	}
	for ago := kept - time.Minute; ago > 0; ago -= time.Second {
		post(now.Add(-ago), 100)
	}
	look := func() {
		if err := f.look(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	f.tidy = now
	look()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		now = now.Add(f.Poll)
		f.tidy = now
		post(now, 25)
		b.StartTimer()
		look()
	}
}
