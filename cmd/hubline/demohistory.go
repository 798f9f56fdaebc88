package main

import (
	"context"
	"fmt"
	"time"

	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/phoneuser"
	"hubline/product/support"
)

// seedHistory gives an account what a customer of some weeks has: groups, a request, a review of access, and a week of calls.
func (d *demo) seedHistory(ctx context.Context, admin account.Actor) error {
	for _, g := range []struct {
		group account.NewGroup
		email string
	}{
		{account.NewGroup{Name: "Front desk"}, "mary.chen@harbourdental.example"},
		{account.NewGroup{Name: "Bookkeepers", Roles: billingOnly}, "dev.patel@ledger.example"},
	} {
		made, err := d.room.MakeGroup(ctx, admin, g.group)
		if err != nil {
			return fmt.Errorf("group %s: %w", g.group.Name, err)
		}
		id, err := hubUserByEmail(ctx, d.room, account.Operate().Inside(admin.Account), g.email)
		if err != nil {
			return err
		}
		if _, _, err := d.room.AddToGroup(ctx, admin, made.ID, account.Chosen{IDs: []string{id}}, 0); err != nil {
			return fmt.Errorf("group %s: %w", g.group.Name, err)
		}
	}
	if _, err := d.support.Open(ctx, admin, support.NewTicket{Kind: support.Question, Subject: "Can we keep our old fax number?",
		Description: "It is 02 5550 0177, with our provider of before. We would like it to ring at the front desk."}); err != nil {
		return err
	}
	for _, page := range []string{"phone-users", "reports/inbound-calls"} {
		if _, err := d.room.Pin(ctx, admin, page); err != nil {
			return err
		}
	}
	if err := d.seedReview(ctx, admin); err != nil {
		return err
	}
	return d.seedCalls(ctx, admin)
}

// demoCall is one kind of call of the demo's past.
type demoCall struct {
	direction call.Direction
	status    call.Status
	extension string // who is called, or calls
	service   string
	ring      time.Duration
	talk      time.Duration
}

// demoDay is what a working day brings, in turns.
var demoDay = []demoCall{
	{call.Inbound, call.Answered, "101", "+61255500142", 7 * time.Second, 134 * time.Second},
	{call.Inbound, call.Answered, "103", "+61255500143", 11 * time.Second, 78 * time.Second},
	{call.Outbound, call.Answered, "101", "+61255500142", 9 * time.Second, 201 * time.Second},
	{call.Inbound, call.Unanswered, "101", "+61255500142", 30 * time.Second, 0},
	{call.Inbound, call.Answered, "102", "+611300975707", 5 * time.Second, 312 * time.Second},
	{call.Outbound, call.Unanswered, "104", "+61491570156", 26 * time.Second, 0},
	{call.Inbound, call.Cancelled, "103", "+61255500143", 14 * time.Second, 0},
	{call.Inbound, call.Answered, "101", "+61255500142", 16 * time.Second, 45 * time.Second},
}

// seedCalls records calls of the last working days between eight and five, the last of them a while ago: what happens while the demo runs
// is the newest.
func (d *demo) seedCalls(ctx context.Context, admin account.Actor) error {
	users, _, err := d.phones.List(ctx, admin, phoneuser.Filter{Limit: 500})
	if err != nil {
		return err
	}
	seats := map[string]phoneuser.User{}
	for _, u := range users {
		seats[u.Extension] = u
	}
	services := map[string]string{}
	for _, n := range demoPhones[admin.Account.Slug].numbers {
		services[n.number] = n.service
	}
	now, n := time.Now().In(admin.Account.Location()), 0
	for back := 9; back >= 0; back-- {
		day := now.AddDate(0, 0, -back)
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			continue
		}
		for i := range 8 - back%3 {
			began := time.Date(day.Year(), day.Month(), day.Day(), 8, 20+i*64+(back*17+i*5)%30, (i*23+back)%60, 0, day.Location())
			if now.Sub(began) < time.Hour {
				break
			}
			if err := d.seedCall(ctx, admin.Account.ID, demoDay[(i+back*3)%len(demoDay)], seats, services, began, fmt.Sprintf("+612555013%02d", n*7%100)); err != nil {
				return err
			}
			n++
		}
	}
	return d.calls.Flush(ctx)
}

// seedCall records one call with a peer outside.
func (d *demo) seedCall(ctx context.Context, accountID string, c demoCall, seats map[string]phoneuser.User, services map[string]string, began time.Time, peer string) error {
	u := seats[c.extension]
	ended := began.Add(c.ring + c.talk)
	r := call.Record{AccountID: accountID, Direction: c.direction, FromNumber: peer, ToNumber: c.service, ToName: u.DisplayName, ToUserID: u.ID,
		ServiceNumber: c.service, ServiceName: services[c.service], StartedAt: began.UnixMilli(), RingMS: c.ring.Milliseconds(), TalkMS: c.talk.Milliseconds(), EndedBy: "caller",
		Steps: []call.Step{{At: began.UnixMilli(), Kind: "ringing", Party: u.DisplayName, Status: 180}}}
	if c.direction == call.Outbound {
		r.FromNumber, r.FromName, r.FromUserID = c.service, u.DisplayName, u.ID
		r.ToNumber, r.ToName, r.ToUserID, r.Carrier = peer, "", "", "Demo network"
		r.Steps[0].Party = peer
	}
	id, err := d.calls.Begin(ctx, r)
	if err != nil {
		return err
	}
	r.ID, r.Status, r.EndedAt, r.Cause = id, c.status, ended.UnixMilli(), "hung-up"
	switch c.status {
	case call.Answered:
		r.AnsweredAt, r.AnsweringPoint, r.AnsweredByID = began.Add(c.ring).UnixMilli(), u.DisplayName, u.ID
		if c.direction == call.Outbound {
			r.AnsweringPoint, r.AnsweredByID = "", ""
		}
		r.Steps = append(r.Steps, call.Step{At: r.AnsweredAt, Kind: "answered", Party: r.Steps[0].Party, Status: 200})
	case call.Unanswered:
		r.Cause, r.EndedBy = "no-answer", "system"
	}
	r.Steps = append(r.Steps, call.Step{At: r.EndedAt, Kind: "ended", Text: r.Cause})
	return d.calls.Finish(ctx, accountID, r)
}
