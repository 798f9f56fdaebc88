package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/call"
)

// answered is an inbound call ago that Mary took after ring and talked for talk.
func (w *world) answered(ago, ring, talk time.Duration) call.Record {
	began := w.Clock.Now().Add(-ago)
	return call.Record{Direction: call.Inbound, Status: call.Answered, FromNumber: "+61491570156", ToNumber: "+61255500142", ToName: "Mary Chen",
		ServiceNumber: "+61255500142", ServiceName: "Main line", AnsweringPoint: "Mary Chen", StartedAt: began.UnixMilli(), AnsweredAt: began.Add(ring).UnixMilli(),
		EndedAt: began.Add(ring + talk).UnixMilli(), RingMS: ring.Milliseconds(), TalkMS: talk.Milliseconds(), Cause: "hung-up", EndedBy: "caller",
		Steps: []call.Step{{At: began.UnixMilli(), Kind: "ringing", Party: "Mary Chen", Status: 180}, {At: began.Add(ring).UnixMilli(), Kind: "answered", Party: "Mary Chen", Status: 200},
			{At: began.Add(ring + talk).UnixMilli(), Kind: "ended", Text: "hung-up"}}}
}

// calls are the lines of a report's table of calls.
func (p *page) calls() []string {
	table := &page{body: p.body[strings.LastIndex(p.body, "<tbody"):]}
	return table.rows()
}

func (w *world) missed(ago time.Duration) call.Record {
	c := w.answered(ago, 30*time.Second, 0)
	c.Status, c.AnsweringPoint, c.AnsweredAt, c.Cause, c.EndedBy, c.Steps = call.Unanswered, "", 0, "no-answer", "system", nil
	return c
}

// B18: the call is in the report with date, time, duration, service, caller, answering point and status.
func TestReportsShowCalls(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		ids := w.record(admin.Account, w.answered(time.Hour, 9*time.Second, 95*time.Second), w.missed(2*time.Hour), w.missed(26*time.Hour))
		v := w.as(admin)
		p := v.open("/harbour/reports/inbound-calls").shows(200, "/harbour/reports/inbound-calls", "In the last 7 days 3 calls came in; 1 was answered, in 9 seconds.",
			"22 Nov 2026", "8:00:00 am", "Date, time (Sydney)", "0491 570 156", "Main line", "02 5550 0142", "Mary Chen", "Answered", "The caller hung up", "0:01:35", "0:00:09", "Unanswered")
		for _, want := range []string{`href="/harbour/calls/` + ids[0] + `"`, `<figure class="card pad chart" id="by-time">`, `<title>Sun 22 Nov: 2 calls, 1 answered</title>`, `data-refresh="phones"`} {
			if !strings.Contains(p.body, want) {
				t.Errorf("the report lacks %s", want)
			}
		}
		if strings.Contains(p.body, " style=") {
			t.Error("the policy takes no styles in attributes")
		}
		v.open("/harbour/reports/inbound-calls?days=1").shows(200, "/harbour/reports/inbound-calls", "Today 2 calls came in; 1 was answered")
		v.open("/harbour/reports/inbound-calls?from=2026-11-21&to=2026-11-21").shows(200, "/harbour/reports/inbound-calls", "Yesterday 1 call came in; none was answered.")
		if p := v.open("/harbour/reports/inbound-calls?status=answered&answering_point=Mary+Chen").shows(200, "/harbour/reports/inbound-calls", "Mary Chen"); len(p.calls()) != 1 {
			t.Error("the filter lets others through")
		}
		v.open("/harbour/reports/inbound-calls?q=nobody").shows(200, "/harbour/reports/inbound-calls", "No calls match")
		v.open("/harbour/reports/outbound-calls").shows(200, "/harbour/reports/outbound-calls", "No calls in this time")
		v.open("/harbour/reports/all-calls?direction=inbound").shows(200, "/harbour/reports/all-calls", "3 calls")
		v.open("/harbour/reports/all-calls?number=%2B61491570156").shows(200, "/harbour/reports/all-calls", "Only calls with 0491 570 156.")
		v.open("/harbour/").shows(200, "/harbour/", "Calls today", "Calls in 2", "Answered 1", "Not answered 1", "On the phone now 0")
	})
}

func TestReportsExplainWhatTheyCantTake(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Rig.Open("harbour"))
		for query, text := range map[string]string{
			"from=yesterday":                "From must be a date like 2026-11-18",
			"from=2026-11-20&to=2026-11-19": "To must be the same day as From, or later",
			"days=0":                        "Choose a number of days, or dates",
			"days=99999":                    "Choose 1 to 3660 days",
			"status=missed":                 "Choose answered, unanswered",
			"from=1980-01-01":               "at most ten years later",
			"direction=outbound":            "Choose All calls to filter by direction",
		} {
			v.open("/harbour/reports/inbound-calls?"+query).shows(422, "/harbour/reports/inbound-calls", text)
		}
		if p := v.open("/harbour/reports/inbound-calls?after=x"); p.status >= 400 {
			t.Errorf("a place in another list: %d", p.status)
		}
		v.open("/harbour/reports/nothing").shows(404, "/harbour/reports/nothing")
	})
}

// A file holds what the page shows: the same rows in the same order, and every cell of them.
func TestReportFilesEqualTheirPages(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		var calls []call.Record
		for n := range 60 {
			c := w.answered(time.Duration(n)*time.Hour, time.Duration(n)*time.Second, time.Duration(n)*time.Minute)
			c.AnsweringPoint = fmt.Sprintf("Person %d", n)
			calls = append(calls, c)
		}
		w.record(admin.Account, calls...)
		v := w.as(admin)
		if n := strings.Count(v.open("/harbour/reports/all-calls?days=28").body, "<"); n > 2*1500 { // half of them close (ux.md 3)
			t.Errorf("a report of fifty rows has about %d elements", n/2)
		}
		for _, name := range []string{"inbound-calls", "all-calls"} {
			at := "/harbour/reports/" + name
			lines := strings.Split(strings.TrimSpace(v.open(at+".csv").body), "\r\n")
			if len(lines) != 61 || !strings.Contains(lines[0], "Time (Sydney)") {
				t.Fatalf("%s: %d lines under %s", name, len(lines), lines[0])
			}
			rows := v.open(at).calls()
			rows = append(rows, v.open(v.link("Next page")).calls()...)
			if len(rows) != 60 {
				t.Fatalf("%s: %d rows on two pages", name, len(rows))
			}
			for i, row := range rows {
				for _, cell := range strings.Split(lines[i+1], ",") {
					if cell != "" && !strings.Contains(row, cell) {
						t.Fatalf("%s: row %d of the page is %q and lacks %q", name, i, row, cell)
					}
				}
			}
		}
	})
}

func TestCallsNowAndTheirEnd(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v, jo := w.as(admin), w.as(w.Join(admin, "jo@harbour.example"))
		v.open("/harbour/calls").shows(200, "/harbour/calls", "Nobody is on the phone")
		live := w.answered(5*time.Minute, 9*time.Second, 0)
		live.Status, live.EndedAt, live.Steps = "", 0, nil
		id := w.record(admin.Account, live)[0]
		v.open("/harbour/calls").shows(200, "/harbour/calls", "0491 570 156", "Mary Chen", "Talking", "8:55:09 am", "1 call right now", "End call")
		if p := jo.open("/harbour/calls").shows(200, "/harbour/calls", "Mary Chen"); strings.Contains(p.text(), "End call") {
			t.Error("a Standard user is offered the end of a call")
		}
		jo.open("/harbour/calls/"+id+"/end").shows(403, "/harbour/calls/*")
		v.open("/harbour/calls/"+id+"/end").shows(200, "/harbour/calls/*", "End the call from 0491 570 156 to Mary Chen?")
		v.post("/harbour/calls/"+id+"/end").shows(200, "/harbour/calls", "The call from 0491 570 156 to Mary Chen was ended.")
		if len(w.ended) != 1 || w.ended[0] != id {
			t.Errorf("ended %q", w.ended)
		}
		v.open("/harbour/calls/"+id).shows(200, "/harbour/calls/*", "0491 570 156 to Mary Chen", "Talking", "What happened is here when the call has ended")
		over := w.record(admin.Account, w.answered(time.Hour, 9*time.Second, 95*time.Second))[0]
		v.post("/harbour/calls/"+over+"/end").shows(200, "/harbour/calls", "That call has ended already.")
		v.open("/harbour/calls/"+over).shows(200, "/harbour/calls/*", "Inbound call", "Mary Chen rang", "Mary Chen answered", "The call ended: The caller hung up", "0:01:35", "8:00:09 am")
		w.as(w.Join(admin, "money@harbour.example", account.Billing)).open("/harbour/calls").shows(403, "/harbour/calls")
	})
}

func TestPagesOfPhonesFollowChanges(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		stream, _ := w.as(admin).listen("/harbour/events")
		w.record(admin.Account, w.answered(time.Minute, time.Second, time.Second))
		hears(t, stream, heard{"changed", "phones"})
		start := time.Now()
		for range 5 {
			w.post(account.PhoneTopic(admin.Account.ID))
		}
		select {
		case got := <-stream:
			if got != (heard{"changed", "phones"}) || time.Since(start) < callPause/2 {
				t.Errorf("%v after %v", got, time.Since(start))
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the page hears nothing more")
		}
	})
}
