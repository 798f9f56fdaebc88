package call_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
)

// rig is a room with the accounts harbour and northside, and its writer at work.
type rig struct {
	*accounttest.Rig
	calls        *call.Room
	stop         func() // ends the writer after what is queued
	admin, north *accounttest.User
	operator     *operator
	patient      time.Duration // what the writer gathers for; 0 is a moment
}

// operator notes what it is asked to end.
type operator struct {
	mu    sync.Mutex
	ended []string
	runs  bool
}

func (o *operator) Hangup(accountID, callID string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = append(o.ended, callID)
	return o.runs
}

const (
	main   = "+61255500142"
	mobile = "+61491570156"
)

func each(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newRig(t, d)) })
}

func newRig(t *testing.T, d *db.DB) *rig {
	t.Helper()
	r := &rig{Rig: accounttest.New(t, d), operator: &operator{runs: true}}
	r.admin, r.north = r.Open("harbour"), r.Open("northside")
	r.start(t)
	return r
}

// start begins as a process does, with a writer that ends with the test.
func (r *rig) start(t *testing.T) {
	t.Helper()
	r.calls = call.New(call.Config{DB: r.DB, Keys: r.Keys, Account: r.Room, Now: r.Clock.Now, Node: "one", Gather: cmp.Or(r.patient, time.Millisecond), Operator: r.operator})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func(calls *call.Room) { calls.Run(ctx); close(ended) }(r.calls)
	r.stop = func() { cancel(); <-ended }
	t.Cleanup(r.stop)
}

// inbound is a call that rang Mary for ring and was talked for talk, or rang out.
func (r *rig) inbound(started time.Time, status call.Status, ring, talk time.Duration) call.Record {
	c := call.Record{AccountID: r.admin.Account.ID, Direction: call.Inbound, Status: status, FromNumber: mobile, ToNumber: main, ServiceNumber: main,
		ServiceName: "Main line", StartedAt: started.UnixMilli(), RingMS: ring.Milliseconds(), TalkMS: talk.Milliseconds(), ToName: "Mary Chen"}
	c.EndedAt = started.Add(ring + talk).UnixMilli()
	if status == call.Answered {
		c.AnsweringPoint, c.AnsweredByID, c.AnsweredAt = "Mary Chen", "mary", started.Add(ring).UnixMilli()
	}
	return c
}

// done records a call from beginning to end.
func (r *rig) done(t *testing.T, c call.Record) string {
	t.Helper()
	id, err := r.calls.Begin(t.Context(), c)
	must(t, err)
	c.ID = id
	must(t, r.calls.Finish(t.Context(), c.AccountID, c))
	must(t, r.calls.Flush(t.Context()))
	return id
}

func TestACallFromBeginningToEnd(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx, a := t.Context(), r.admin.Account.ID
		start := r.Clock.Now()
		c := r.inbound(start, "", 0, 0)
		c.EndedAt = 0
		id, err := r.calls.Begin(ctx, c)
		must(t, err)
		must(t, r.calls.Flush(ctx))
		live, err := r.calls.Live(ctx, r.admin.Actor())
		must(t, err)
		if len(live) != 1 || live[0].ID != id || !live[0].Live() || live[0].Status != "" || live[0].FromNumber != mobile || live[0].Node != "one" {
			t.Fatalf("while it rings: %+v", live)
		}
		must(t, r.calls.Answered(ctx, a, id, "Mary Chen", "mary", start.Add(9*time.Second).UnixMilli()))
		open, err := r.calls.ByID(ctx, r.admin.Actor(), id)
		must(t, err)
		if open.AnsweringPoint != "Mary Chen" || open.AnsweredByID != "mary" || open.AnsweredAt != start.Add(9*time.Second).UnixMilli() || open.RingMS != 9000 || !open.Live() {
			t.Fatalf("when it is answered: %+v", open)
		}
		if page := r.list(t, call.Filter{}); len(page.Calls) != 0 {
			t.Errorf("a call that goes on is in the list: %+v", page.Calls)
		}
		final := r.inbound(start, call.Answered, 9*time.Second, time.Minute)
		final.ID, final.Cause, final.EndedBy, final.SIPStatus, final.Hidden = id, "hung-up", "caller", 200, true
		final.Steps = []call.Step{{At: start.UnixMilli(), Kind: "ring", Party: "Mary Chen"}, {At: final.AnsweredAt, Kind: "answer", Status: 200}}
		must(t, r.calls.Finish(ctx, a, final))
		must(t, r.calls.Flush(ctx))
		kept, err := r.calls.ByID(ctx, r.admin.Actor(), id)
		must(t, err)
		final.Node = "one"
		if got, want := fmt.Sprintf("%+v", kept), fmt.Sprintf("%+v", final); got != want {
			t.Errorf("kept\n%s, want\n%s", got, want)
		}
		if live, err := r.calls.Live(ctx, r.admin.Actor()); err != nil || len(live) != 0 {
			t.Errorf("it still goes on: %+v, %v", live, err)
		}
		// Whatever is told later of a call that ended, its record stays.
		late := final
		late.Status, late.TalkMS = call.Busy, 1
		must(t, r.calls.Finish(ctx, a, late))
		must(t, r.calls.Answered(ctx, a, id, "Nobody", "", 1))
		if again, err := r.calls.ByID(ctx, r.admin.Actor(), id); err != nil || again.Status != call.Answered || again.AnsweringPoint != "Mary Chen" {
			t.Errorf("it became %+v, %v", again, err)
		}
		if sums := r.sums(t, call.Summing{}); len(sums) != 1 || sums[0].Calls != 1 || sums[0].Talk != time.Minute {
			t.Errorf("added up: %+v", sums)
		}
	})
}

// Who waits for an answer waits for that call and no other; what nobody waits for is written when its time has come, or with a Flush.
func TestAnAnswerWaitsForItsOwnCallOnly(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.stop()
		r.patient = time.Minute
		r.start(t)
		begin := func() call.Record {
			c := r.inbound(r.Clock.Now(), call.Answered, time.Second, time.Minute)
			id, err := r.calls.Begin(t.Context(), c)
			must(t, err)
			c.ID = id
			return c
		}
		kept := func(c call.Record) bool {
			_, err := r.calls.ByID(t.Context(), r.admin.Actor(), c.ID)
			if err != nil && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		one, two := begin(), begin()
		must(t, r.calls.Answered(t.Context(), one.AccountID, one.ID, "Mary Chen", "mary", one.AnsweredAt))
		if open, err := r.calls.ByID(t.Context(), r.admin.Actor(), one.ID); err != nil || open.AnsweringPoint != "Mary Chen" || !open.Live() {
			t.Errorf("answered, and kept as %+v, %v", open, err)
		}
		if kept(two) {
			t.Error("a call that nobody waits for was written with another's answer")
		}
		must(t, r.calls.Finish(t.Context(), one.AccountID, one))
		must(t, r.calls.Flush(t.Context()))
		if open, err := r.calls.ByID(t.Context(), r.admin.Actor(), one.ID); err != nil || open.Live() || !kept(two) {
			t.Errorf("after a flush the first is %+v, %v, the second kept: %t", open, err, kept(two))
		}
	})
}

// What was told of one call in one commit becomes one row.
func TestOneCommitForManyCalls(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.stop() // so that all of it waits
		r.start(t)
		var group sync.WaitGroup
		ids := make([]string, 300)
		for i := range ids {
			group.Go(func() {
				c := r.inbound(r.Clock.Now().Add(time.Duration(i)*time.Second), call.Answered, time.Second, time.Minute)
				c.FromName = strings.Repeat("é", 150) + "\xff\x00" // what a network may send
				ids[i], _ = r.calls.Begin(t.Context(), c)
				must(t, r.calls.Answered(t.Context(), c.AccountID, ids[i], "Mary Chen", "mary", c.AnsweredAt))
				c.ID = ids[i]
				must(t, r.calls.Finish(t.Context(), c.AccountID, c))
				c.Status, c.RingMS = call.Busy, 0 // too late
				must(t, r.calls.Finish(t.Context(), c.AccountID, c))
			})
		}
		group.Wait()
		must(t, r.calls.Flush(t.Context()))
		var all []string
		must(t, r.calls.Each(t.Context(), r.admin.Actor(), call.Filter{Oldest: true}, func(c call.Record) error { all = append(all, c.ID); return nil }))
		if slices.Sort(ids); !slices.Equal(all, ids) {
			t.Errorf("%d calls were kept of %d", len(all), len(ids))
		}
		if sums := r.sums(t, call.Summing{}); len(sums) != 1 || sums[0].Calls != 300 || sums[0].Ring != 300*time.Second {
			t.Errorf("added up: %+v", sums)
		}
	})
}

func TestTheWriterEndsAfterWhatIsQueued(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for i := range 50 {
			c := r.inbound(r.Clock.Now().Add(time.Duration(i)*time.Second), call.Busy, 0, 0)
			id, err := r.calls.Begin(t.Context(), c)
			must(t, err)
			c.ID = id
			must(t, r.calls.Finish(t.Context(), c.AccountID, c))
		}
		r.stop()
		if page := r.list(t, call.Filter{Limit: 100}); len(page.Calls) != 50 {
			t.Errorf("%d calls were kept of 50", len(page.Calls))
		}
		if _, err := r.calls.Begin(t.Context(), call.Record{AccountID: "x"}); !fault.Is(err, fault.Busy) {
			t.Errorf("a call begins after the end: %v", err)
		}
	})
}

// While the store is away nothing is lost: those who must know wait, and are told when it is back.
func TestAStoreThatGoesAwayAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		_, err := r.DB.ExecContext(t.Context(), `ALTER TABLE calls RENAME TO calls_away`)
		must(t, err)
		c := r.inbound(r.Clock.Now(), call.Answered, time.Second, time.Minute)
		id, err := r.calls.Begin(t.Context(), c)
		must(t, err)
		told := make(chan error, 1)
		go func() {
			told <- r.calls.Answered(context.Background(), c.AccountID, id, "Mary Chen", "mary", c.AnsweredAt)
		}()
		impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := r.calls.Flush(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flushed into nothing: %v", err)
		}
		_, err = r.DB.ExecContext(t.Context(), `ALTER TABLE calls_away RENAME TO calls`)
		must(t, err)
		must(t, <-told)
		if open, err := r.calls.ByID(t.Context(), r.admin.Actor(), id); err != nil || open.AnsweringPoint != "Mary Chen" {
			t.Errorf("kept %+v, %v", open, err)
		}
	})
}

// A crash leaves open rows; the next start closes them as far as anybody knows.
func TestCloseAbandoned(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx, a, start := t.Context(), r.admin.Account.ID, r.Clock.Now()
		begin := func(at time.Time) string {
			c := r.inbound(at, "", 0, 0)
			id, err := r.calls.Begin(ctx, c)
			must(t, err)
			return id
		}
		ringing, talking := begin(start), begin(start.Add(time.Second))
		must(t, r.calls.Answered(ctx, a, talking, "Mary Chen", "mary", start.Add(5*time.Second).UnixMilli()))
		r.stop()
		_, err := r.DB.ExecContext(ctx, `INSERT INTO call_nodes (node, seen_at) VALUES ('one', $1)`, start.Add(time.Minute).UnixMilli())
		must(t, err)
		r.Clock.Advance(5 * time.Minute)
		must(t, r.calls.CloseAbandoned(ctx, "two"))
		if live, err := r.calls.Live(ctx, r.admin.Actor()); err != nil || len(live) != 2 {
			t.Fatalf("another node closed them: %+v, %v", live, err)
		}
		must(t, r.calls.CloseAbandoned(ctx, "one"))
		for id, want := range map[string]struct {
			status     call.Status
			ring, talk time.Duration
		}{ringing: {call.Unavailable, time.Minute, 0}, talking: {call.Answered, 4 * time.Second, 55 * time.Second}} {
			c, err := r.calls.ByID(ctx, r.admin.Actor(), id)
			must(t, err)
			if c.Status != want.status || c.Cause != call.Interrupted || c.EndedAt != start.Add(time.Minute).UnixMilli() || c.RingMS != want.ring.Milliseconds() ||
				c.TalkMS != want.talk.Milliseconds() || len(c.Steps) != 1 {
				t.Errorf("closed as %+v, want %+v", c, want)
			}
		}
		must(t, r.calls.CloseAbandoned(ctx, "one"))
		var calls int64
		for _, s := range r.sums(t, call.Summing{}) {
			calls += s.Calls
		}
		if calls != 2 {
			t.Errorf("added up %d calls of 2", calls)
		}
	})
}

func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		c := r.inbound(r.Clock.Now(), "", 0, 0)
		id, err := r.calls.Begin(ctx, c)
		must(t, err)
		must(t, r.calls.Flush(ctx))
		jo := r.Join(r.admin, "jo@harbour.example")
		if err := r.calls.End(ctx, jo.Actor(), id); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a Standard user ends a call: %v", err)
		}
		if err := r.calls.End(ctx, r.north.Actor(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account ends a call: %v", err)
		}
		must(t, r.calls.End(ctx, r.admin.Actor(), id))
		if !slices.Equal(r.operator.ended, []string{id}) {
			t.Errorf("the operator ended %q", r.operator.ended)
		}
		log, _, err := r.AuditLog(ctx, r.admin.Actor(), account.AuditFilter{Area: "call"})
		must(t, err)
		if len(log) != 1 || log[0].Sentence() != "Admin ended the call from 0491 570 156 to Mary Chen" {
			t.Errorf("the audit log tells %+v", log)
		}
		r.operator.runs = false
		if err := r.calls.End(ctx, r.admin.Actor(), id); !fault.Is(err, fault.Conflict) {
			t.Errorf("a call that nobody runs was ended: %v", err)
		}
		c.ID, c.Status = id, call.Cancelled
		must(t, r.calls.Finish(ctx, c.AccountID, c))
		must(t, r.calls.Flush(ctx))
		if err := r.calls.End(ctx, r.admin.Actor(), id); !fault.Is(err, fault.Conflict) {
			t.Errorf("a call that ended was ended: %v", err)
		}
	})
}

// Pages of the account hear of it once for each commit.
func TestPagesAreTold(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		count := func() (n int) {
			must(t, r.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM changes WHERE topic = $1`, account.PhoneTopic(r.admin.Account.ID)).Scan(&n))
			return n
		}
		before := count()
		r.done(t, r.inbound(r.Clock.Now(), call.Busy, 0, 0))
		if n := count() - before; n < 1 || n > 2 {
			t.Errorf("told %d times", n)
		}
	})
}

func (r *rig) list(t *testing.T, f call.Filter) call.Page {
	t.Helper()
	page, err := r.calls.List(t.Context(), r.admin.Actor(), f)
	must(t, err)
	return page
}

// sums adds up the day before and after the time on the clock.
func (r *rig) sums(t *testing.T, in call.Summing) []call.Sum {
	t.Helper()
	if in.Cuts == nil {
		in.Cuts = []time.Time{r.Clock.Now().Add(-24 * time.Hour), r.Clock.Now().Add(24 * time.Hour)}
	}
	list, err := r.calls.Sums(t.Context(), r.admin.Actor(), in)
	must(t, err)
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
