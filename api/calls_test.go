package api_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/api"
	"hubline/product/account"
	"hubline/product/call"
)

// inbound is a call ago that Mary answered; without talk nobody did.
func (w *world) inbound(ago, ring, talk time.Duration) call.Record {
	began := w.Clock.Now().Add(-ago)
	c := call.Record{AccountID: w.admin.Account.ID, Direction: call.Inbound, Status: call.Unanswered, FromNumber: "+61491570156", ToNumber: "+61255500142", ToName: "Mary Chen",
		ServiceNumber: "+61255500142", ServiceName: "Main line", StartedAt: began.UnixMilli(), EndedAt: began.Add(ring + talk).UnixMilli(), RingMS: ring.Milliseconds(),
		TalkMS: talk.Milliseconds(), Cause: "no-answer", EndedBy: "system", Steps: []call.Step{{At: began.UnixMilli(), Kind: "ringing", Party: "Mary Chen", Status: 180}}}
	if talk > 0 {
		c.Status, c.AnsweringPoint, c.AnsweredAt, c.Cause, c.EndedBy = call.Answered, "Mary Chen", began.Add(ring).UnixMilli(), "hung-up", "caller"
	}
	return c
}

func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const calls = "/accounts/harbour/calls"
		answered := w.Record(t, w.inbound(time.Hour, 9400*time.Millisecond, 95*time.Second))
		for n := range 6 {
			w.Record(t, w.inbound(time.Duration(n+2)*time.Hour, 30*time.Second, 0))
		}
		north := w.inbound(time.Hour, time.Second, time.Second)
		north.AccountID = w.Open("northside").Account.ID
		foreign := w.Record(t, north)

		var one api.Call
		tag := w.send("GET", calls+"/"+answered, nil).want(200, &one).header.Get("ETag")
		if one.From != "+61491570156" || one.Status != "answered" || one.RingSeconds != 9 || one.TalkSeconds != 95 || one.AnsweringPoint != "Mary Chen" || len(one.Steps) != 1 || one.Why != "The caller hung up" {
			t.Errorf("%+v", one)
		}
		w.send("GET", calls+"/"+answered, nil, "If-None-Match", tag).want(304, nil)
		for _, id := range []string{foreign, "x", strings.Repeat("0", 28), strings.Repeat("a", 26), answered + "%00"} {
			w.send("GET", calls+"/"+id, nil).problem(404, "not-found", "")
		}
		for query, want := range map[string]int{
			"": 7, "status=unanswered": 6, "status=busy": 0, "direction=inbound": 7, "direction=outbound": 0, "answering_point=Mary+Chen": 1, "answering_point=Mary": 0,
			"number=0491+570+156": 7, "number=02+5550+0199": 0, "q=main": 7, "q=0491+570": 7, "q=nobody": 0,
			"since=" + stamp(w.Clock.Now().Add(-150*time.Minute)): 2, "until=" + stamp(w.Clock.Now().Add(-150*time.Minute)): 5, "status=answered&q=mary": 1,
		} {
			var list api.Calls
			w.send("GET", calls+"?"+query, nil).want(200, &list)
			if len(list.Items) != want {
				t.Errorf("%q finds %d calls, want %d", query, len(list.Items), want)
			}
			lines := strings.Count(w.send("GET", calls+".csv?"+query, nil).want(200, nil).body, "\n")
			if lines != want+1 {
				t.Errorf("%q: %d lines of CSV for %d calls", query, lines, want)
			}
		}
		var seen []string
		for after := ""; ; {
			var page api.Calls
			w.send("GET", calls+"?limit=3&sort=started_at&after="+after, nil).want(200, &page)
			for _, c := range page.Items {
				seen = append(seen, c.StartedAt.Format(time.RFC3339))
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if len(seen) != 7 || seen[0] >= seen[6] {
			t.Errorf("pages, oldest first: %q", seen)
		}
		for query, code := range map[string]string{"status=missed": "field-choice", "direction=in": "field-choice", "since=yesterday": "field-type"} {
			field, _, _ := strings.Cut(query, "=")
			w.send("GET", calls+"?"+query, nil).problem(422, code, field)
		}
	})
}

func stamp(t time.Time) string { return url.QueryEscape(t.UTC().Format(time.RFC3339)) }

func TestLiveCalls(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const live = "/accounts/harbour/live-calls"
		over := w.Record(t, w.inbound(time.Hour, time.Second, time.Second))
		goesOn := w.inbound(time.Minute, time.Second, 0)
		goesOn.Status, goesOn.EndedAt = "", 0
		id := w.Record(t, goesOn)
		var list api.LiveCalls
		raw := w.send("GET", live, nil).want(200, &list)
		if len(list.Items) != 1 || list.Items[0].ID != id || strings.Contains(raw.body, "ended_at") || strings.Contains(raw.body, `"status"`) {
			t.Errorf("%s", raw.body)
		}
		w.send("DELETE", live+"/"+over, nil).problem(409, "call-over", "")
		w.send("DELETE", live+"/"+id, nil, "Authorization", w.keyWith(account.ViewCalls)).problem(403, "scope-missing", "")
		w.send("DELETE", live+"/"+id, nil).want(204, nil)
		if len(w.Ended) != 1 || w.Ended[0] != id {
			t.Errorf("ended %q", w.Ended)
		}
		var log api.AuditLog
		w.send("GET", "/accounts/harbour/audit-log?area=call&subject="+id, nil).want(200, &log)
		if len(log.Items) != 1 || log.Items[0].Action != "call.ended" {
			t.Errorf("the log says %+v", log.Items)
		}
	})
}

// A report answers as its page does: the room is the same. Here are the ways to ask for it.
func TestReports(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const reports = "/accounts/harbour/reports/"
		for n := range 5 {
			w.Record(t, w.inbound(time.Duration(n)*30*time.Hour, 10*time.Second, time.Duration(n)*time.Minute))
		}
		var r api.Report
		w.send("GET", reports+"inbound-calls", nil).want(200, &r)
		if r.Figures == nil || r.Figures.Calls != 5 || r.Figures.Answered != 4 || len(r.Times) != 7 || len(r.Items) != 5 || len(r.Items[0].Cells) != len(r.Columns) || r.Zone != "Australia/Sydney" ||
			!strings.HasPrefix(r.Sentence, "In the last 7 days 5 calls came in; 4 were answered") || len(r.Points) != 1 || r.Points[0].Calls != 4 {
			t.Errorf("%+v", r)
		}
		r = api.Report{}
		w.send("GET", reports+"inbound-calls?days=2&zone=Australia/Perth&limit=1", nil).want(200, &r)
		if r.Figures.Calls != 2 || r.Zone != "Australia/Perth" || len(r.Items) != 1 || r.Next == "" {
			t.Errorf("%+v", r)
		}
		r = api.Report{}
		w.send("GET", reports+"all-calls?since="+stamp(w.Clock.Now().Add(-48*time.Hour))+"&until="+stamp(w.Clock.Now().Add(time.Hour)), nil).want(200, &r)
		if r.Figures.Calls != 2 {
			t.Errorf("two days hold %d calls", r.Figures.Calls)
		}
		if lines := strings.Count(w.send("GET", reports+"inbound-calls.csv?status=answered", nil).want(200, nil).body, "\n"); lines != 5 {
			t.Errorf("%d lines of answered calls", lines)
		}
		for query, want := range map[string][2]string{"zone=Sydney": {"time-zone", "zone"}, "days=0": {"field-range", "days"}, "days=" + strconv.Itoa(1<<20): {"field-range", "days"},
			"direction=outbound": {"report-direction", "direction"}, "since=2026-11-20T00:00:00Z&until=2026-11-19T00:00:00Z": {"report-range", "until"}} {
			for _, ending := range []string{"", ".csv"} {
				w.send("GET", reports+"inbound-calls"+ending+"?"+query, nil).problem(422, want[0], want[1])
			}
		}
		w.send("GET", reports+"nothing", nil).problem(404, "no-such-address", "")
	})
}
