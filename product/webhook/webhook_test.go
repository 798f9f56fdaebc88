package webhook_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/webhook"
)

// What happens in the account is sent once, signed, with the time and the ID that make a repetition known.
func TestWhatHappensIsSentAndSigned(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.Invite(r.admin, "before@harbour.example") // nobody is told of what was before
		w, secret := r.add(r.to.URL+"/hooks", everything...)
		if w.Health() != webhook.Working || !slices.Equal(w.Events, everything) {
			t.Errorf("added %+v", w)
		}
		r.Clock.Advance(time.Second)
		invitation, _ := r.Invite(r.admin, "lee@harbour.example", account.Billing)
		other := r.Open("northside") // whose events are nobody's here
		r.Invite(other, "x@north.example")
		r.flush()
		got := r.to.one(t)
		m := got.of(t)
		if m.Type != "invitation.sent" || m.Data["id"] != invitation.ID || m.Data["name"] != "lee@harbour.example" || m.Timestamp != "2026-11-21T22:00:01Z" {
			t.Errorf("sent %s", got.body)
		}
		if by, _ := m.Data["by"].(map[string]any); by["kind"] != "hub-user" || by["name"] != "Admin" {
			t.Errorf("by %v", m.Data["by"])
		}
		if got.kind != "application/json" || !strings.HasPrefix(got.agent, "Hubline") || got.path != "/hooks" {
			t.Errorf("asked %+v", got)
		}
		if seconds, err := strconv.ParseInt(got.seconds, 10, 64); err != nil || seconds != r.Clock.Now().Unix() {
			t.Errorf("timestamp %s", got.seconds)
		}
		if !got.verifies(t, secret) {
			t.Errorf("%+v does not verify", got)
		}
		for _, change := range []func(e *event){
			func(e *event) { e.body = strings.Replace(e.body, "lee@", "eve@", 1) }, func(e *event) { e.id += "a" }, func(e *event) { e.seconds += "0" },
		} {
			forged := got
			if change(&forged); forged.verifies(t, secret) {
				t.Errorf("what was changed verifies: %+v", forged)
			}
		}
		r.flush()
		if again := r.to.take(); len(again) != 0 {
			t.Errorf("sent again: %+v", again)
		}
		list := r.log(w.ID)
		if len(list) != 1 || list[0].ID != got.id || list[0].State != webhook.Delivered || list[0].Status != 204 || list[0].Tries != 1 || list[0].Body != got.body {
			t.Errorf("log %+v", list)
		}
	})
}

// Calls are told in the transaction that closes them, each once, with what the API tells of them.
func TestCallsThatEndAreTold(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		w, _ := r.add(r.to.URL, "call.ended")
		r.add(r.to.URL+"/people", "hub_user.removed")
		north := r.Open("northside")
		calls := r.calls()
		ctx, done := t.Context(), make(chan struct{})
		go func() { defer close(done); calls.Run(ctx) }()
		start := r.Clock.Now().UnixMilli()
		id, err := calls.Begin(ctx, call.Record{AccountID: r.admin.Account.ID, Direction: call.Inbound, FromNumber: "+61491570156", ToNumber: "+61255500142", StartedAt: start})
		must(t, err)
		must(t, calls.Flush(ctx))
		must(t, r.room.Flush(ctx))
		if got := r.to.take(); len(got) != 0 {
			t.Errorf("told of a call that goes on: %+v", got)
		}
		over := call.Record{ID: id, Direction: call.Inbound, Status: call.Answered, FromNumber: "+61491570156", ToNumber: "+61255500142", AnsweringPoint: "Mary Chen",
			AnsweredAt: start + 4000, EndedAt: start + 64_400, RingMS: 4000, TalkMS: 60_400, Cause: "hung-up", EndedBy: "caller"}
		must(t, calls.Finish(ctx, r.admin.Account.ID, over))
		must(t, calls.Finish(ctx, r.admin.Account.ID, over)) // a second end changes nothing
		foreign, err := calls.Begin(ctx, call.Record{AccountID: north.Account.ID, Direction: call.Internal})
		must(t, err)
		must(t, calls.Finish(ctx, north.Account.ID, call.Record{ID: foreign, Direction: call.Internal, Status: call.Busy}))
		must(t, calls.Flush(ctx))
		must(t, r.room.Flush(ctx))
		got := r.to.one(t)
		m := got.of(t)
		if m.Type != "call.ended" || m.Data["id"] != id || m.Data["talk_seconds"] != 60.0 || m.Data["status"] != "answered" || m.Data["from"] != "+61491570156" ||
			m.Data["answering_point"] != "Mary Chen" || m.Data["why"] == "" {
			t.Errorf("told %s", got.body)
		}
		if list := r.log(w.ID); len(list) != 1 || list[0].State != webhook.Delivered {
			t.Errorf("log %+v", list)
		}
	})
}

// A failed delivery is tried again with growing pauses under the same ID, and given up at the end; a person can have it sent again.
func TestFailuresAreTriedAgainAndCanBeReplayed(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		w, secret := r.add(r.to.URL, "invitation.sent")
		r.to.status(500, "<b>out\x00 of\x1b[31m order</b>\nline two"+strings.Repeat("é", 1000))
		r.Invite(r.admin, "lee@harbour.example")
		r.flush()
		first := r.to.one(t)
		d, tries, err := r.room.Delivery(ctx, r.admin.Actor(), w.ID, first.id)
		must(t, err)
		if d.State != webhook.Waiting || d.Status != 500 || d.NextAt <= r.Clock.Now().UnixMilli() || len(tries) != 1 || tries[0].Error != "Answered 500 Internal Server Error" {
			t.Errorf("%+v, %+v", d, tries)
		}
		if a := tries[0].Answer; !strings.HasPrefix(a, "<b>out  of [31m order</b>\nline two") || len(a) > 500 || strings.ContainsAny(a, "\x00\x1b\ufffd") {
			t.Errorf("keeps %q of the answer", a)
		}
		if seen := r.see(w.ID); seen.Health() != webhook.InTrouble || seen.Waiting != 1 {
			t.Errorf("shown as %+v", seen)
		}
		r.flush()
		if early := r.to.take(); len(early) != 0 {
			t.Errorf("tried again at once: %+v", early)
		}
		var pauses []time.Duration
		for len(pauses) < 3 {
			next := r.log(w.ID)[0].NextAt
			pauses = append(pauses, time.Duration(next-r.Clock.Now().UnixMilli())*time.Millisecond)
			r.Clock.Set(time.UnixMilli(next))
			r.flush()
			again := r.to.one(t)
			if again.id != first.id || again.body != first.body || again.seconds == first.seconds || !again.verifies(t, secret) {
				t.Errorf("tried again as %+v", again)
			}
		}
		for i, least := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute} {
			if pauses[i] < least || pauses[i] > least+least/10+time.Second {
				t.Errorf("pause %d is %v, wanted %v and up to a tenth", i, pauses[i], least)
			}
		}
		r.to.answers(nil)
		d, err = r.room.Replay(ctx, r.admin.Actor(), w.ID, first.id) // what waits is tried at once
		must(t, err)
		r.flush()
		if again := r.to.one(t); again.id != first.id || d.ID != first.id {
			t.Errorf("replayed %+v", again)
		}
		if seen := r.see(w.ID); seen.Health() != webhook.Working || seen.Waiting != 0 {
			t.Errorf("works again, and is shown as %+v", seen)
		}
		if _, err := r.room.Replay(ctx, r.admin.Actor(), w.ID, first.id); err != nil { // what was delivered, too
			t.Fatal(err)
		}
		r.flush()
		if again := r.to.one(t); again.id != first.id || !again.verifies(t, secret) {
			t.Errorf("replayed %+v", again)
		}
		if _, tries, err = r.room.Delivery(ctx, r.admin.Actor(), w.ID, first.id); err != nil || len(tries) != 6 {
			t.Errorf("%d tries are kept, %v", len(tries), err)
		}
	})
}

// A webhook that fails for a day is warned about, and after three days it is paused: with a mail each, a line in the audit log, and what
// happens meanwhile kept until somebody resumes.
// What was given up is sent again with one press, however much it is: jobs put it back some at a time, and nothing else.
func TestAllThatFailedIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		w, _ := r.add(r.to.URL, webhook.CallEnded)
		other, _ := r.add(r.to.URL, webhook.CallEnded)
		ctx, admin := t.Context(), r.admin.Actor()
		if _, err := r.room.ReplayFailed(ctx, admin, w.ID); codeOf(err) != "webhook-none-failed" {
			t.Errorf("nothing failed: %v", err)
		}
		const failed = 1020
		for n := range failed + 2 {
			id, state := w.ID, "failed"
			switch n {
			case 0:
				id = other.ID
			case 1:
				state = "delivered"
			}
			_, err := r.DB.ExecContext(ctx, `INSERT INTO webhook_deliveries (account_id, id, webhook_id, event, body, state, created_at, asked_at, next_at, tries, tried_at, status, duration_ms, error)
				VALUES ($1, $2, $3, 'call.ended', '{}', $4, $5, 0, 0, 10, 1, 500, 1, 'x')`, r.admin.Account.ID, fmt.Sprintf("%028d", n), id, state, r.Clock.Now().UnixMilli())
			must(t, err)
		}
		count, err := r.room.ReplayFailed(ctx, admin, w.ID)
		if must(t, err); count != failed {
			t.Errorf("%d deliveries are sent again", count)
		}
		r.RunJobs()
		states := map[string]int{}
		rows, err := r.DB.QueryContext(ctx, `SELECT state, COUNT(*) FROM webhook_deliveries WHERE account_id = $1 GROUP BY state`, r.admin.Account.ID)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var state string
			var n int
			must(t, rows.Scan(&state, &n))
			states[state] = n
		}
		if must(t, rows.Err()); states["waiting"] != failed || states["failed"] != 1 || states["delivered"] != 1 {
			t.Errorf("they stand at %v", states)
		}
		_, err = r.room.Pause(ctx, admin, other.ID)
		must(t, err)
		if _, err := r.room.ReplayFailed(ctx, admin, other.ID); codeOf(err) != "webhook-paused" {
			t.Errorf("to a paused one: %v", err)
		}
		log, _, err := r.AuditLog(ctx, admin, account.AuditFilter{Area: "webhook", Limit: 2})
		if must(t, err); log[1].Sentence() != "Admin sent what had failed again to the webhook "+w.Name()+": 1020 deliveries" {
			t.Errorf("the audit log tells %q", log[1].Sentence())
		}
	})
}

func TestAWebhookThatFailsForDaysIsPausedAndSaysSo(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		jo := r.Join(r.admin, "jo@harbour.example")
		w, _ := r.add(r.to.URL+"/secret-path", "invitation.sent")
		r.to.status(503, "")
		r.Invite(r.admin, "lee@harbour.example")
		r.flush()
		r.RunJobs()
		r.Mails.Clear()
		var subjects []string
		for tries := 1; r.see(w.ID).Health() != webhook.PausedHere; tries++ {
			if tries > 10 {
				t.Fatal("it is not paused")
			}
			r.Clock.Set(time.UnixMilli(r.log(w.ID)[0].NextAt))
			r.admin.SignIn()
			r.flush()
			r.RunJobs()
		}
		subjects = r.Mails.Subjects(r.admin.Email)
		if !slices.Equal(subjects, []string{"The webhook " + r.to.Listener.Addr().String() + " fails", "The webhook " + r.to.Listener.Addr().String() + " is paused"}) {
			t.Errorf("mailed %q", subjects)
		}
		if got := r.Mails.Subjects(jo.Email); len(got) != 0 {
			t.Errorf("a standard user is mailed %q", got)
		}
		for _, m := range r.Mails.To(r.admin.Email) {
			if strings.Contains(string(m.Text), "secret-path") {
				t.Error("the mail holds the whole address")
			}
		}
		admin := r.admin.SignIn().Check()
		seen, err := r.room.ByID(ctx, admin.Actor(), w.ID)
		must(t, err)
		if seen.PausedWhy != webhook.Failing || r.Clock.Now().Sub(time.UnixMilli(w.CreatedAt)) < 72*time.Hour {
			t.Errorf("paused as %+v", seen)
		}
		entries, _, err := r.AuditLog(ctx, admin.Actor(), account.AuditFilter{Area: "webhook"})
		must(t, err)
		if len(entries) != 2 || entries[0].Sentence() != "Hubline paused the webhook "+r.to.Listener.Addr().String() || entries[0].After != "Answered 503 Service Unavailable" {
			t.Errorf("audit log %+v", entries)
		}
		if d := r.log(w.ID)[0]; d.State != webhook.Failed || d.Tries != 10 {
			t.Errorf("given up: %+v", d)
		}
		r.to.take()
		r.to.answers(nil)
		meanwhile, _ := r.Invite(admin, "kim@harbour.example")
		r.flush()
		if got := r.to.take(); len(got) != 0 {
			t.Errorf("paused, and sent %+v", got)
		}
		for _, verb := range []func() error{
			func() error { _, err := r.room.SendTest(ctx, admin.Actor(), w.ID); return err },
			func() error { _, err := r.room.Replay(ctx, admin.Actor(), w.ID, r.log(w.ID)[0].ID); return err },
		} {
			if err := verb(); codeOf(err) != "webhook-paused" {
				t.Errorf("asked to send while paused: %v", err)
			}
		}
		seen, err = r.room.Resume(ctx, admin.Actor(), w.ID)
		must(t, err)
		if seen.Health() != webhook.Working {
			t.Errorf("resumed as %+v", seen)
		}
		r.flush()
		if m := r.to.one(t).of(t); m.Data["id"] != meanwhile.ID {
			t.Errorf("sent %+v after it was resumed", m)
		}
	})
}

// An answer 410 is final: the receiver wants no more.
func TestAWebhookThatIsGoneIsPausedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		w, _ := r.add(r.to.URL, "invitation.sent")
		r.to.status(http.StatusGone, "")
		r.RunJobs()
		r.Mails.Clear()
		r.Invite(r.admin, "lee@harbour.example")
		r.flush()
		r.RunJobs()
		if seen := r.see(w.ID); seen.PausedWhy != webhook.Gone {
			t.Errorf("shown as %+v", seen)
		}
		if got := r.Mails.Subjects(r.admin.Email); len(got) != 1 || !strings.Contains(got[0], "is paused") {
			t.Errorf("mailed %q", got)
		}
	})
}

// While a secret is renewed both sign, for a day.
func TestARenewedSecretSignsBesideTheOldOneForADay(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		w, old := r.add(r.to.URL, "invitation.sent")
		seen, fresh, err := r.room.Rotate(ctx, r.admin.Actor(), w.ID)
		must(t, err)
		if fresh == old || seen.OldUntil != r.Clock.Now().Add(24*time.Hour).UnixMilli() {
			t.Errorf("renewed to %+v", seen)
		}
		send := func() event {
			_, err := r.room.SendTest(ctx, r.admin.SignIn().Actor(), w.ID)
			must(t, err)
			r.flush()
			return r.to.one(t)
		}
		if e := send(); !e.verifies(t, old) || !e.verifies(t, fresh) || e.of(t).Type != "test" {
			t.Errorf("on the first day %+v", e)
		}
		r.Clock.Advance(24 * time.Hour)
		if e := send(); e.verifies(t, old) || !e.verifies(t, fresh) {
			t.Errorf("after a day %+v", e)
		}
		var stored string
		must(t, r.DB.QueryRowContext(ctx, `SELECT secret || ' ' || old_secret FROM webhooks WHERE id = $1`, w.ID).Scan(&stored))
		for _, secret := range []string{old, fresh} {
			if strings.Contains(stored, strings.TrimPrefix(secret, "whsec_")) {
				t.Error("the store holds a secret in the open")
			}
		}
	})
}

// Only admins manage webhooks, with a fresh check where data leaves by another way from then on.
func TestWhoMayManageWebhooks(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		w, _ := r.add(r.to.URL, "call.ended")
		wanted := webhook.Wanted{URL: text("https://example.com/hooks"), Events: &[]string{"call.ended"}}
		for who, u := range map[string]*accounttest.User{"a standard user": r.Join(r.admin, "sta@harbour.example"), "billing": r.Join(r.admin, "bil@harbour.example", account.Billing)} {
			if _, err := r.room.List(ctx, u.Actor()); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s lists: %v", who, err)
			}
			if _, _, err := r.room.Add(ctx, u.Check().Actor(), wanted); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s adds: %v", who, err)
			}
		}
		r.Clock.Advance(31 * time.Minute)
		stale := r.admin.Actor()
		for what, verb := range map[string]func() error{
			"add":    func() error { _, _, err := r.room.Add(ctx, stale, wanted); return err },
			"rotate": func() error { _, _, err := r.room.Rotate(ctx, stale, w.ID); return err },
			"change the address": func() error {
				_, err := r.room.Change(ctx, stale, w.ID, webhook.Wanted{URL: wanted.URL}, 0)
				return err
			},
		} {
			if err := verb(); !fault.Is(err, fault.StepUp) {
				t.Errorf("%s without a check: %v", what, err)
			}
		}
		if _, err := r.room.Change(ctx, stale, w.ID, webhook.Wanted{Description: text("CRM"), Events: &[]string{"call.ended", "device.added"}}, 1); err != nil {
			t.Errorf("change the name without a check: %v", err)
		}
		if _, err := r.room.Change(ctx, stale, w.ID, webhook.Wanted{Description: text("Other")}, 1); !fault.Is(err, fault.Changed) {
			t.Errorf("change what somebody else changed: %v", err)
		}
		if seen := r.see(w.ID); seen.Description != "CRM" || len(seen.Events) != 2 || seen.Version != 2 {
			t.Errorf("changed to %+v", seen)
		}
		if err := r.room.Delete(ctx, stale, w.ID); err != nil {
			t.Error(err)
		}
		if _, err := r.room.ByID(ctx, stale, w.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted, and found: %v", err)
		}
	})
}

func TestWhatAWebhookMustBe(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		for _, c := range []struct {
			in   webhook.Wanted
			code string
		}{
			{webhook.Wanted{Events: &[]string{"call.ended"}}, "url-empty"},
			{webhook.Wanted{URL: text("https://example.com/" + strings.Repeat("a", 500)), Events: &[]string{"call.ended"}}, "url-long"},
			{webhook.Wanted{URL: text("https://example.com/a b"), Events: &[]string{"call.ended"}}, "url-form"},
			{webhook.Wanted{URL: text("http://example.com/"), Events: &[]string{"call.ended"}}, "url-form"},
			{webhook.Wanted{URL: text("https://example.com/")}, "events-empty"},
			{webhook.Wanted{URL: text("https://example.com/"), Events: &[]string{"call.ended", "all"}}, "event-unknown"},
			{webhook.Wanted{URL: text("https://example.com/"), Description: text(strings.Repeat("a", 101)), Events: &[]string{"call.ended"}}, "name-long"},
		} {
			if _, _, err := r.room.Add(ctx, r.admin.Actor(), c.in); codeOf(err) != c.code {
				t.Errorf("%+v: %v, wanted %s", c.in, err, c.code)
			}
		}
		var last webhook.Webhook
		for range webhook.Most {
			last, _ = r.add("https://example.com/hooks", "call.ended")
		}
		if _, _, err := r.room.Add(ctx, r.admin.Actor(), webhook.Wanted{URL: text("https://example.com/"), Events: &[]string{"call.ended"}}); codeOf(err) != "webhook-limit" {
			t.Errorf("one too many: %v", err)
		}
		for n := 0; ; n++ {
			if _, err := r.room.SendTest(ctx, r.admin.Actor(), last.ID); err != nil {
				if n != 30 || codeOf(err) != "webhook-often" {
					t.Errorf("test %d: %v", n, err)
				}
				break
			}
		}
	})
}
