package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/webhook"
)

// Threat S27: queues are per account. While all of an account's receivers hang, another account's events are delivered.
func TestS27ASlowReceiverHoldsUpNobodyElse(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx, stop := context.WithCancel(t.Context())
		let := make(chan struct{})
		r.to.answers(func(w http.ResponseWriter, req *http.Request) {
			if strings.HasPrefix(req.URL.Path, "/slow") {
				<-let
			}
			w.WriteHeader(http.StatusNoContent)
		})
		north := r.OpenFor("northside", "north@north.example").Check()
		for n := range webhook.Most {
			r.add(fmt.Sprint(r.to.URL, "/slow/", n), "invitation.sent")
		}
		address, events := r.to.URL+"/quick", []string{"invitation.sent"}
		must(t, r.PlaceAudit(ctx))
		quick, _, err := r.room.Add(ctx, north.Actor(), webhook.Wanted{URL: &address, Events: &events})
		must(t, err)
		r.room.Poll = 5 * time.Millisecond
		ended := make(chan struct{})
		go func() { defer close(ended); r.room.Run(ctx) }()
		defer func() { stop(); <-ended }()
		defer close(let)
		r.Invite(r.admin, "lee@harbour.example")
		must(t, r.PlaceAudit(ctx))
		eventually(t, "some of the slow ones are asked", func() bool { r.to.mu.Lock(); defer r.to.mu.Unlock(); return len(r.to.got) == 2 })
		for n := range 5 {
			r.Invite(north, fmt.Sprintf("x%d@north.example", n))
		}
		must(t, r.PlaceAudit(ctx))
		eventually(t, "the other account's events are delivered", func() bool {
			list, _, err := r.room.Deliveries(ctx, north.Actor(), quick.ID, webhook.Filter{State: webhook.Delivered})
			return err == nil && len(list) == 5
		})
		r.to.mu.Lock()
		defer r.to.mu.Unlock()
		slow := 0
		for _, e := range r.to.got {
			if strings.HasPrefix(e.path, "/slow") {
				slow++
			}
		}
		if slow != 2 {
			t.Errorf("%d of an account's receivers hold places, wanted 2", slow)
		}
	})
}

// Several processes on one store send each event once.
func TestSeveralNodesSendEachEventOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		w, _ := r.add(r.to.URL, "invitation.sent")
		const events = 12
		for n := range events {
			r.Invite(r.admin, fmt.Sprintf("x%d@harbour.example", n))
		}
		must(t, r.PlaceAudit(t.Context()))
		var nodes sync.WaitGroup
		for _, room := range []*webhook.Room{r.room, r.node(r.Node().Jobs), r.node(r.Node().Jobs)} {
			nodes.Go(func() {
				if err := room.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		seen := map[string]bool{}
		got := r.to.take()
		for _, e := range got {
			seen[e.of(t).Data["id"].(string)] = true
		}
		if len(got) != events || len(seen) != events {
			t.Errorf("%d requests about %d of %d events", len(got), len(seen), events)
		}
		for _, d := range r.log(w.ID) {
			if d.State != webhook.Delivered || d.Tries != 1 {
				t.Errorf("%+v", d)
			}
		}
	})
}

// A process that is told to stop keeps no lane, at whatever moment it is told: the next one would wait for the end of a lease that nobody holds.
func TestAStopHoldsNoLane(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(r.to.URL, "invitation.sent")
		r.Invite(r.admin, "lee@harbour.example")
		r.flush()
		for moment := range 100 {
			_, err := r.DB.ExecContext(t.Context(), `UPDATE webhook_deliveries SET state = 'waiting', next_at = $1`, r.Clock.Now().UnixMilli())
			must(t, err)
			ctx, stop := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(moment)*30*time.Microsecond, stop)
			_ = r.room.Flush(ctx) // it may have been stopped before it had read anything
			stop()
			var held int
			must(t, r.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM webhook_lanes WHERE lease <> ''`).Scan(&held))
			if held > 0 {
				t.Fatalf("a stop after %d µs holds the lane", moment*30)
			}
		}
	})
}

// What a process was sending when it died is sent again, under the same ID, once its lease is over.
func TestWhatACrashInterruptsIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		w, _ := r.add(r.to.URL, "invitation.sent")
		r.Invite(r.admin, "lee@harbour.example")
		must(t, r.PlaceAudit(ctx))
		// A process that has the lane and is gone.
		_, err := r.DB.ExecContext(ctx, `UPDATE webhook_lanes SET lease = 'dead', lease_until = $1`, r.Clock.Now().Add(time.Minute).UnixMilli())
		must(t, err)
		r.flush()
		if got := r.to.take(); len(got) != 0 {
			t.Errorf("sent beside the process that has the lane: %+v", got)
		}
		r.Clock.Advance(time.Minute)
		r.flush()
		if e := r.to.one(t); e.id != r.log(w.ID)[0].ID {
			t.Errorf("sent %+v", e)
		}
	})
}

// A paused webhook, a suspended account and one that is being closed are sent nothing; erasing leaves no row.
func TestNothingIsSentForAnAccountThatDoesNotWork(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx, sam := t.Context(), r.Staff("sam@voice.example")
		w, _ := r.add(r.to.URL, "invitation.sent")
		id := r.admin.Account.ID
		r.Invite(r.admin, "lee@harbour.example")
		if _, err := r.Suspend(ctx, sam, id, "Unpaid"); err != nil {
			t.Fatal(err)
		}
		r.flush()
		if got := r.to.take(); len(got) != 0 {
			t.Errorf("sent for a suspended account: %+v", got)
		}
		_, err := r.Enable(ctx, sam, id)
		must(t, err)
		r.flush()
		r.to.one(t)
		_, err = r.room.Pause(ctx, r.admin.Actor(), w.ID)
		must(t, err)
		r.Invite(r.admin, "kim@harbour.example")
		r.flush()
		if got := r.to.take(); len(got) != 0 {
			t.Errorf("sent while paused: %+v", got)
		}
		if seen := r.see(w.ID); seen.Waiting != 1 || seen.PausedWhy != webhook.ByPerson {
			t.Errorf("shown as %+v", seen)
		}
		_, err = r.room.Resume(ctx, r.admin.Actor(), w.ID)
		must(t, err)
		r.Invite(r.admin, "max@harbour.example")
		must(t, r.PlaceAudit(ctx))
		_, err = r.Close(ctx, sam, id, r.admin.Account.Number, "Leaving")
		must(t, err)
		r.flush()
		if got := r.to.take(); len(got) != 0 {
			t.Errorf("sent for an account that is being closed: %+v", got)
		}
		r.Clock.Advance(31 * 24 * time.Hour)
		r.RunJobs()
		for _, table := range []string{"webhooks", "webhook_lanes", "webhook_cursors", "webhook_deliveries", "webhook_attempts"} {
			var n int
			must(t, r.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n))
			if n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
	})
}

// What is older than 30 days goes, and so does what was sent to a webhook that is deleted.
func TestOldDeliveriesAreDeleted(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stays, _ := r.add(r.to.URL, "invitation.sent")
		goes, _ := r.add(r.to.URL, "invitation.sent")
		r.Invite(r.admin, "lee@harbour.example")
		r.flush()
		must(t, r.room.Delete(ctx, r.admin.Actor(), goes.ID))
		r.Clock.Advance(2 * time.Hour)
		r.RunJobs()
		r.admin.SignIn()
		rows := func() (deliveries, attempts int) {
			must(t, r.DB.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM webhook_deliveries), (SELECT COUNT(*) FROM webhook_attempts)`).Scan(&deliveries, &attempts))
			return deliveries, attempts
		}
		if d, _ := rows(); d != 1 || len(r.log(stays.ID)) != 1 {
			t.Errorf("%d deliveries are left of the one that stays", d)
		}
		r.Clock.Advance(30 * 24 * time.Hour)
		r.RunJobs()
		if d, a := rows(); d != 0 || a != 0 {
			t.Errorf("after 30 days %d deliveries and %d tries are left", d, a)
		}
	})
}

// Pages of the log go on where the one before ended, and filters choose.
func TestTheLogOfDeliveries(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		w, _ := r.add(r.to.URL, "invitation.sent", "invitation.cancelled")
		other, _ := r.add(r.to.URL, "invitation.cancelled")
		var last account.Invitation
		for n := range 5 {
			last, _ = r.Invite(r.admin, fmt.Sprintf("x%d@harbour.example", n))
		}
		if _, err := r.Cancel(ctx, r.admin.Actor(), last.ID, 0); err != nil {
			t.Fatal(err)
		}
		r.flush()
		var ids []string
		for after, pages := "", 0; ; pages++ {
			list, next, err := r.room.Deliveries(ctx, r.admin.Actor(), w.ID, webhook.Filter{After: after, Limit: 2})
			if err != nil || pages > 3 {
				t.Fatal(err, pages)
			}
			for _, d := range list {
				ids = append(ids, d.ID)
			}
			if after = next; next == "" {
				break
			}
		}
		if len(ids) != 6 {
			t.Errorf("pages show %v", ids)
		}
		for _, c := range []struct {
			f    webhook.Filter
			want int
		}{{webhook.Filter{Event: "invitation.cancelled"}, 1}, {webhook.Filter{State: webhook.Failed}, 0}, {webhook.Filter{State: webhook.Delivered, Limit: 500}, 6}} {
			if list, _, err := r.room.Deliveries(ctx, r.admin.Actor(), w.ID, c.f); err != nil || len(list) != c.want {
				t.Errorf("%+v chooses %d, %v; wanted %d", c.f, len(list), err, c.want)
			}
		}
		if _, _, err := r.room.Deliveries(ctx, r.admin.Actor(), w.ID, webhook.Filter{State: "lost"}); codeOf(err) != "delivery-state" {
			t.Errorf("an unknown state: %v", err)
		}
		if _, _, err := r.room.Delivery(ctx, r.admin.Actor(), other.ID, ids[0]); codeOf(err) != "not-found" {
			t.Errorf("a delivery of another webhook: %v", err)
		}
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 20 seconds: %s", what)
		}
	}
}
