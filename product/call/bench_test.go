package call_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/call"
)

// Whole calls per second (begun, answered, finished; the answer waited for), with many calls at a time.
func BenchmarkRecord(b *testing.B) {
	for _, engine := range []struct {
		name string
		open func(testing.TB) *db.DB
	}{{db.SQLite, dbtest.SQLite}, {db.Postgres, dbtest.Postgres}} {
		for _, together := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", engine.name, together), func(b *testing.B) {
				room := call.New(call.Config{DB: engine.open(b)})
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan struct{})
				go func() { room.Run(ctx); close(ended) }()
				defer func() { cancel(); <-ended }()
				b.ReportAllocs()
				b.ResetTimer()
				spent := cpuTime(b)
				var group sync.WaitGroup
				turns := make(chan struct{}, b.N)
				for range b.N {
					turns <- struct{}{}
				}
				close(turns)
				for range together {
					group.Go(func() {
						for range turns {
							one(b, room)
						}
					})
				}
				group.Wait()
				if err := room.Flush(ctx); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
				b.ReportMetric(float64((cpuTime(b)-spent).Microseconds())/float64(b.N), "cpu-µs/call")
			})
		}
	}
}

// BenchmarkSteady is 300 calls a second that ring for a moment each: what a call's record costs when commits have time to gather.
func BenchmarkSteady(b *testing.B) {
	room := call.New(call.Config{DB: dbtest.SQLite(b)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { room.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	spent := cpuTime(b)
	tick := time.NewTicker(time.Second / 300)
	defer tick.Stop()
	var group sync.WaitGroup
	b.ResetTimer()
	for range b.N {
		<-tick.C
		group.Go(func() { one(b, room) })
	}
	group.Wait()
	if err := room.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpuTime(b)-spent).Microseconds())/float64(b.N), "cpu-µs/call")
}

// cpuTime is what this process has used of the processors.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func one(b *testing.B, room *call.Room) {
	ctx, now := context.Background(), time.Now().UnixMilli()
	c := call.Record{AccountID: "harbour", Direction: call.Inbound, FromNumber: mobile, ToNumber: main, ServiceNumber: main, ServiceName: "Main line",
		ToName: "Mary Chen", StartedAt: now}
	var err error
	if c.ID, err = room.Begin(ctx, c); err != nil {
		b.Error(err)
	}
	if err := room.Answered(ctx, c.AccountID, c.ID, "Mary Chen", "mary", now); err != nil {
		b.Error(err)
	}
	c.Status, c.AnsweredAt, c.AnsweringPoint, c.EndedAt = call.Answered, now, "Mary Chen", now
	c.Steps = []call.Step{{At: now, Kind: "ring", Party: "Mary Chen"}, {At: now, Kind: "answer", Party: "Mary Chen", Status: 200}}
	if err := room.Finish(ctx, c.AccountID, c); err != nil {
		b.Error(err)
	}
}
