package report_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/report"
)

// rig has an account in Sydney, where it is 9:00 on Sunday 22 November 2026, and a writer of calls at work.
type rig struct {
	*accounttest.Rig
	calls   *call.Room
	reports *report.Room
	admin   *accounttest.User
}

const (
	main   = "+61255500142"
	mobile = "+61491570156"
)

func each(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := &rig{Rig: accounttest.New(t, d)}
		r.admin = r.Open("harbour")
		r.calls = call.New(call.Config{DB: d, Keys: r.Keys, Account: r.Room, Now: r.Clock.Now, Gather: time.Millisecond})
		r.reports = report.New(report.Config{Calls: r.calls, Now: r.Clock.Now})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { r.calls.Run(ctx); close(ended) }()
		t.Cleanup(func() { cancel(); <-ended })
		fn(t, r)
	})
}

// add records calls that ended.
func (r *rig) add(t *testing.T, calls ...call.Record) {
	t.Helper()
	for _, c := range calls {
		c.AccountID = r.admin.Account.ID
		var err error
		c.ID, err = r.calls.Begin(t.Context(), c)
		must(t, err)
		must(t, r.calls.Finish(t.Context(), c.AccountID, c))
	}
	must(t, r.calls.Flush(t.Context()))
}

// inbound is a call ago that Mary answered after ring and talked for talk; without talk nobody answered.
func (r *rig) inbound(ago, ring, talk time.Duration) call.Record {
	start := r.Clock.Now().Add(-ago)
	c := call.Record{Direction: call.Inbound, Status: call.Unanswered, FromNumber: mobile, ToNumber: main, ToName: "Mary Chen", ServiceNumber: main,
		ServiceName: "Main line", StartedAt: start.UnixMilli(), EndedAt: start.Add(ring + talk).UnixMilli(), RingMS: ring.Milliseconds(), Cause: "no-answer"}
	if talk > 0 {
		c.Status, c.TalkMS, c.AnsweredAt, c.AnsweringPoint = call.Answered, talk.Milliseconds(), start.Add(ring).UnixMilli(), "Mary Chen"
		c.Cause, c.EndedBy = "hung-up", "caller"
	}
	return c
}

func (r *rig) outbound(ago, ring, talk time.Duration) call.Record {
	c := r.inbound(ago, ring, talk)
	c.Direction, c.FromNumber, c.FromName, c.ToNumber, c.ToName = call.Outbound, main, "Mary Chen", mobile, ""
	if talk > 0 {
		c.AnsweringPoint = mobile
	}
	return c
}

func (r *rig) run(t *testing.T, name string, q report.Query) report.Report {
	t.Helper()
	out, err := r.reports.Run(t.Context(), r.admin.Actor(), name, q)
	must(t, err)
	return out
}

const hour = time.Hour

func TestInboundCalls(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(t, r.inbound(hour, 8*time.Second, 95*time.Second), r.inbound(30*hour, 10*time.Second, time.Hour), r.inbound(31*hour, 30*time.Second, 0),
			r.inbound(10*24*hour, time.Second, time.Second), r.outbound(hour, time.Second, time.Second))
		out := r.run(t, "inbound-calls", report.Query{})
		if want := "In the last 7 days 3 calls came in; 2 were answered, in 9 seconds on average."; out.Sentence != want {
			t.Errorf("says %q, want %q", out.Sentence, want)
		}
		if f := out.Figures; f.Calls != 3 || f.Answered != 2 || f.Missed() != 1 || f.Ring != 9*time.Second || f.TalkTotal != time.Hour+95*time.Second {
			t.Errorf("figures %+v", f)
		}
		if got, want := strings.Join(out.Columns, "|"), "Date|Time (Sydney)|Duration|Service number|Service name|Caller number|Answering point|Status|Ring time|Why it ended"; got != want {
			t.Errorf("columns %s, want %s", got, want)
		}
		var rows []string
		for _, row := range out.Rows {
			rows = append(rows, strings.Join(row.Cells, "|"))
		}
		want := []string{
			"22 Nov 2026|8:00:00 am|0:01:35|02 5550 0142|Main line|0491 570 156|Mary Chen|Answered|0:00:08|The caller hung up",
			"21 Nov 2026|3:00:00 am|1:00:00|02 5550 0142|Main line|0491 570 156|Mary Chen|Answered|0:00:10|The caller hung up",
			"21 Nov 2026|2:00:00 am|0:00:00|02 5550 0142|Main line|0491 570 156||Unanswered|0:00:30|Nobody answered in time",
		}
		if !slices.Equal(rows, want) {
			t.Errorf("rows\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
		}
		var bars []string
		for _, bar := range out.Times {
			bars = append(bars, fmt.Sprintf("%s %d/%d", bar.Label, bar.Answered, bar.Calls))
		}
		if got := strings.Join(bars, ", "); got != "Mon 16 Nov 0/0, Tue 17 Nov 0/0, Wed 18 Nov 0/0, Thu 19 Nov 0/0, Fri 20 Nov 0/0, Sat 21 Nov 1/2, Sun 22 Nov 1/1" || out.Step != "day" {
			t.Errorf("bars %s", got)
		}
		if len(out.Points) != 1 || out.Points[0].Label != "Mary Chen" || out.Points[0].Calls != 2 {
			t.Errorf("answering points %+v", out.Points)
		}
	})
}

func TestOutboundAndAllCalls(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		inside := r.inbound(3*hour, 2*time.Second, time.Minute)
		inside.Direction, inside.FromNumber, inside.FromName, inside.ToNumber, inside.ServiceNumber, inside.ServiceName = call.Internal, "101", "Tom Okafor", "102", "", ""
		hidden := r.inbound(4*hour, time.Second, 0)
		hidden.FromNumber, hidden.Hidden = "", true
		r.add(t, r.outbound(hour, 5*time.Second, 65*time.Second), r.outbound(2*hour, 5*time.Second, 0), inside, hidden)
		out := r.run(t, "outbound-calls", report.Query{})
		if want := "In the last 7 days 2 calls went out; 1 was answered, in 5 seconds."; out.Sentence != want {
			t.Errorf("says %q, want %q", out.Sentence, want)
		}
		if got, want := strings.Join(out.Rows[0].Cells, "|"), "22 Nov 2026|8:00:00 am|0:01:05|Mary Chen|Main line|0491 570 156|Answered|0:00:05|The caller hung up"; got != want {
			t.Errorf("a row is %s, want %s", got, want)
		}
		if len(out.Points) != 1 || out.Points[0].Label != "Mary Chen" || out.Points[0].Calls != 2 || out.Kind.ByTitle != "Phone user" {
			t.Errorf("phone users %+v", out.Points)
		}
		all := r.run(t, "all-calls", report.Query{Days: 1})
		if want := "Today there were 4 calls (1 in, 2 out, 1 between phone users); 2 were answered, in 4 seconds on average."; all.Sentence != want {
			t.Errorf("says %q, want %q", all.Sentence, want)
		}
		if got, want := strings.Join(all.Rows[2].Cells, "|"), "22 Nov 2026|6:00:00 am|Internal|0:01:00|||102|Tom Okafor|Mary Chen|Answered|0:00:02|The caller hung up"; got != want {
			t.Errorf("a row is %s, want %s", got, want)
		}
		if got := all.Rows[3].Cells[6]; got != "Hidden" {
			t.Errorf("a hidden caller is shown as %q", got)
		}
	})
}

func TestSentences(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(t, r.inbound(hour, 65*time.Second, time.Second), r.inbound(2*hour, time.Second, 0))
		day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, r.admin.Account.Location()) }
		for want, q := range map[string]report.Query{
			"Today 2 calls came in; 1 was answered, in 1 minute 5 seconds.":                                    {Days: 1},
			"Yesterday no calls came in.":                                                                      {Filter: call.Filter{Since: day(21), Until: day(22)}},
			"On 3 November 2026 no calls came in.":                                                             {Filter: call.Filter{Since: day(3), Until: day(4)}},
			"From 1 to 14 November 2026 no calls came in.":                                                     {Filter: call.Filter{Since: day(1), Until: day(15)}},
			"From 30 October to 14 November 2026 no calls came in.":                                            {Filter: call.Filter{Since: day(-1), Until: day(15)}},
			"From 1 November 2026, 6:00 am, to 2 November 2026, 12:00 am, no calls came in.":                   {Filter: call.Filter{Since: day(1).Add(6 * hour), Until: day(2)}},
			"In the last 14 days 1 call that rang out came in.":                                                {Days: 14, Filter: call.Filter{Status: call.Unanswered}},
			"In the last 7 days 1 call answered by Mary Chen came in; it was answered, in 1 minute 5 seconds.": {Filter: call.Filter{AnsweringPoint: "Mary Chen"}},
			"In the last 7 days 2 calls with 02 5550 0142 came in; 1 was answered, in 1 minute 5 seconds.":     {Filter: call.Filter{Number: "+61 2 5550 0142"}},
			"In the last 7 days no calls matching “nobody” came in.":                                           {Filter: call.Filter{Search: "nobody"}},
			"In the last 7 days 1 call that got an answer came in, in 1 minute 5 seconds on average.":          {Filter: call.Filter{Status: call.Answered}},
			"In the last 7 days 2 calls matching “main line” came in; 1 was answered, in 1 minute 5 seconds.":  {Filter: call.Filter{Search: " main line "}},
			"In the last 7 days 2 calls with 0491 570 156 came in; 1 was answered, in 1 minute 5 seconds.":     {Filter: call.Filter{Number: "0491570156"}},
			"In the last 7 days no calls that found everybody busy came in.":                                   {Filter: call.Filter{Status: call.Busy}},
		} {
			if got := r.run(t, "inbound-calls", q).Sentence; got != want {
				t.Errorf("says %q, want %q", got, want)
			}
		}
	})
}

// Whichever way they are found, the figures are those of the rows.
func TestFiguresAreThoseOfTheRows(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		var calls []call.Record
		for i := range 60 {
			c := r.inbound(time.Duration(i)*3*hour, time.Duration(i)*time.Second, time.Duration(i%4)*time.Minute)
			if c.AnsweringPoint != "" {
				c.AnsweringPoint = []string{"Mary Chen", "Tom Okafor"}[i%2]
			}
			if i%5 == 0 {
				c = r.outbound(time.Duration(i)*3*hour, 0, time.Minute)
			}
			calls = append(calls, c)
		}
		r.add(t, calls...)
		for _, q := range []report.Query{{}, {Days: 2}, {Days: 60}, {Days: 400}, {Filter: call.Filter{Status: call.Answered}}, {Filter: call.Filter{AnsweringPoint: "Tom Okafor"}},
			{Filter: call.Filter{Number: mobile}}, {Filter: call.Filter{Number: main, AnsweringPoint: "Mary Chen"}}} {
			for _, name := range []string{"inbound-calls", "all-calls"} {
				q.Limit = 500
				all := r.run(t, name, q) // from the rows, as they are all there
				q.Limit = 5
				page := r.run(t, name, q)
				if !page.Counted || page.Figures != all.Figures || page.Figures.Calls != int64(len(all.Rows)) || page.Next == "" && len(all.Rows) > 5 || page.Sentence != all.Sentence {
					t.Errorf("%s %+v: %+v, want %+v", name, q, page.Figures, all.Figures)
				}
				if fmt.Sprint(page.Times) != fmt.Sprint(all.Times) || fmt.Sprint(page.Points) != fmt.Sprint(all.Points) {
					t.Errorf("%s %+v: bars\n%v %v, want\n%v %v", name, q, page.Times, page.Points, all.Times, all.Points)
				}
				var sum int64
				for _, bar := range page.Times {
					sum += bar.Calls
				}
				if sum != page.Figures.Calls {
					t.Errorf("%s %+v: the bars add up to %d of %d", name, q, sum, page.Figures.Calls)
				}
			}
		}
	})
}

// The day begins when it does for the viewer, on the day that clocks change too.
func TestDaysAreTheViewers(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for _, name := range []string{"Australia/Adelaide", "Australia/Eucla", "Asia/Kathmandu", "America/New_York", "UTC"} {
			zone, err := time.LoadLocation(name)
			must(t, err)
			r.Clock.Set(time.Date(2026, 10, 6, 12, 0, 0, 0, zone)) // clocks changed on the 4th in Adelaide
			before := time.Date(2026, 10, 4, 0, 0, 0, 0, zone)
			first, last := call.Record{}, call.Record{}
			first, last = r.inbound(0, 0, time.Second), r.inbound(0, 0, time.Second)
			first.StartedAt, last.StartedAt = before.UnixMilli(), before.UnixMilli()-1
			first.ServiceName, last.ServiceName = name, name
			r.add(t, first, last)
			out, err := r.reports.Run(t.Context(), r.admin.SignIn().Actor(), "inbound-calls", report.Query{Zone: zone, Filter: call.Filter{Search: name}})
			must(t, err)
			var bars []string
			for _, bar := range out.Times {
				bars = append(bars, fmt.Sprint(bar.Label[4:], " ", bar.Calls))
			}
			if got := strings.Join(bars, ", "); got != "30 Sep 0, 1 Oct 0, 2 Oct 0, 3 Oct 1, 4 Oct 1, 5 Oct 0, 6 Oct 0" {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

func TestTheFileIsTheTable(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(t, r.inbound(hour, 8*time.Second, 95*time.Second), r.inbound(30*hour, 10*time.Second, time.Hour), r.inbound(31*hour, 30*time.Second, 0))
		out := r.run(t, "inbound-calls", report.Query{Filter: call.Filter{Status: call.Answered}})
		var lines [][]string
		must(t, r.reports.Each(t.Context(), r.admin.Actor(), "inbound-calls", report.Query{Filter: call.Filter{Status: call.Answered}}, func(cells []string) error {
			lines = append(lines, cells)
			return nil
		}))
		header, err := r.reports.Header(r.admin.Actor(), "inbound-calls", nil)
		must(t, err)
		if !slices.Equal(header, out.Columns) || len(lines) != len(out.Rows) {
			t.Fatalf("the file has %q and %d lines, the table %q and %d", header, len(lines), out.Columns, len(out.Rows))
		}
		for i := range lines {
			if !slices.Equal(lines[i], out.Rows[i].Cells) || len(lines[i]) != len(header) {
				t.Errorf("line %d is %q, the row %q", i, lines[i], out.Rows[i].Cells)
			}
		}
	})
}

func TestReportsRefuse(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		now := r.Clock.Now()
		for code, q := range map[string]report.Query{
			"report-range":        {Filter: call.Filter{Since: now, Until: now}},
			"report-days":         {Days: -1},
			"report-direction":    {Filter: call.Filter{Direction: call.Outbound}},
			"call-status-unknown": {Filter: call.Filter{Status: "lost"}},
			"cursor-unknown":      {Filter: call.Filter{After: "x"}},
		} {
			_, err := r.reports.Run(t.Context(), r.admin.Actor(), "inbound-calls", q)
			if f, ok := fault.Of(err); !ok || f.Code != code {
				t.Errorf("%+v: %v, want %s", q, err, code)
			}
		}
		if _, err := r.reports.Run(t.Context(), r.admin.Actor(), "no-such", report.Query{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("a report that is none: %v", err)
		}
		billing := r.Join(r.admin, "bo@harbour.example", "billing")
		if _, err := r.reports.Run(t.Context(), billing.Actor(), "inbound-calls", report.Query{}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a Billing user reads calls: %v", err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
