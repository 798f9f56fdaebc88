package api

import (
	"context"
	"testing"
	"time"

	"hubline/base/idempotent"
	"hubline/base/tel"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/report"
	"hubline/product/support"
	"hubline/product/webhook"
)

// TestRooms are the rooms behind the API in tests, on a rig's store and clock. Each rig furnishes once, as jobs are registered once.
type TestRooms struct {
	Phones   *phoneuser.Room
	Numbers  *number.Room
	Calls    *call.Room
	Reports  *report.Room
	Support  *support.Room
	Webhooks *webhook.Room

	Ended []string // calls that were to be ended
}

// Hangup implements call.Operator: every call runs here.
func (r *TestRooms) Hangup(_, callID string) bool {
	r.Ended = append(r.Ended, callID)
	return true
}

// Record writes a call as whoever ran it would, and returns its ID; one without a status goes on.
func (r *TestRooms) Record(t testing.TB, c call.Record) string {
	t.Helper()
	id, err := r.Calls.Begin(t.Context(), c)
	if c.ID = id; err == nil && c.Status != "" {
		err = r.Calls.Finish(t.Context(), c.AccountID, c)
	}
	if err == nil {
		err = r.Calls.Flush(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Furnish makes the rooms as the program does.
func Furnish(t testing.TB, rig *accounttest.Rig) *TestRooms {
	t.Helper()
	c := rig.Room.Config
	r := &TestRooms{
		Phones: phoneuser.New(phoneuser.Config{DB: rig.DB, Jobs: rig.Jobs, Keys: rig.Keys, Account: rig.Room, Now: rig.Clock.Now, BaseURL: c.BaseURL, Domain: "sip.hubline.test"}),
		Support: support.New(support.Config{DB: rig.DB, Jobs: rig.Jobs, Keys: rig.Keys, Account: rig.Room, Mail: c.Mail, Now: rig.Clock.Now,
			BaseURL: c.BaseURL, Provider: c.Provider}),
	}
	r.Numbers = number.New(number.Config{DB: rig.DB, Keys: rig.Keys, Account: rig.Room, Phones: r.Phones, Plan: tel.For("AU"), Now: rig.Clock.Now})
	r.Calls = call.New(call.Config{DB: rig.DB, Keys: rig.Keys, Account: rig.Room, Plan: r.Numbers.Plan, Now: rig.Clock.Now, Operator: r, Gather: time.Millisecond})
	r.Reports = report.New(report.Config{Calls: r.Calls, Plan: r.Numbers.Plan, Now: rig.Clock.Now})
	r.Webhooks = webhook.New(webhook.Config{DB: rig.DB, Jobs: rig.Jobs, Keys: rig.Keys, Account: rig.Room, Now: rig.Clock.Now})
	r.Calls.Closed = r.Webhooks.Closed
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.Calls.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	r.Phones.Owns, r.Phones.LeadsTo, r.Phones.OnDelete = r.Numbers.Owns, r.Numbers.LeadsTo, r.Numbers.Forget
	return r
}

// Config is the API's over the rooms, too generous for its limits to matter.
func (r *TestRooms) Config(rig *accounttest.Rig) Config {
	return Config{Account: rig.Room, Phones: r.Phones, Numbers: r.Numbers, Calls: r.Calls, Reports: r.Reports, Support: r.Support, Webhooks: r.Webhooks,
		Idempotency: &idempotent.Store{DB: rig.DB, Keys: rig.Keys, Now: rig.Clock.Now}, BaseURL: accounttest.BaseURL, Now: rig.Clock.Now,
		RateLimit: RateLimit{PerSecond: 1e6, Burst: 1e6, WrongPerMinute: 1e6, WrongBurst: 1e6}}
}
