package test

import (
	"reflect"
	"testing"

	"hubline/product/account"
	"hubline/product/support"
)

// supportWalk is the walk through the room "support".
var supportWalk = walk{
	room:    reflect.TypeFor[*support.Room](),
	tables:  []string{"tickets", "ticket_messages", "visits", "visit_grants", "support_pins"},
	prepare: supportVerbs,
}

// supportVerbs makes a request of harbour for more phone users, with an answer.
func supportVerbs(t *testing.T, h *harbour) map[string]verb {
	c := h.Room.Config
	room := support.New(support.Config{DB: h.DB, Jobs: h.Jobs, Keys: h.Keys, Account: h.Room, Mail: h.Mails, Now: h.Clock.Now, BaseURL: c.BaseURL, Provider: c.Provider})
	ticket, err := room.Open(t.Context(), h.admin.Actor(), support.NewTicket{Kind: support.PhoneUserLimit, Wanted: 20, Description: "For Harbour"})
	if err == nil {
		_, err = room.Answer(t.Context(), h.admin.Actor(), ticket.ID, support.Answer{Text: "For all of Harbour"})
	}
	if err != nil {
		t.Fatal(err)
	}
	pin, _, err := room.MakePIN(t.Context(), h.admin.Actor())
	if err != nil {
		t.Fatal(err)
	}
	visit, err := room.AskVisit(t.Context(), h.Staff("visitor@voice.example").Inside(h.admin.Account), support.VisitRequest{Reason: "For Harbour", Minutes: 60})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]verb{
		"MakePIN": {whom: members, writes: true, right: account.ShowPIN, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.MakePIN(c, a))
		}},
		"UsePIN": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.UsePIN(c, a, pin))
		}},
		"AskVisit": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
			return just(room.AskVisit(c, a, support.VisitRequest{Reason: "Stranger", Minutes: 60}))
		}},
		"AnswerVisit": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.AnswerVisit(c, a, visit.ID, true, true))
		}},
		"EndVisit": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.EndVisit(c, a, visit.ID))
		}},
		"GrantVisits": {whom: members, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.GrantVisits(c, a, 4, true))
		}},
		"EndVisitGrant": {whom: members, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return nil, room.EndVisitGrant(c, a)
		}},
		"VisitGrant": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			found, _, err := room.VisitGrant(c, a)
			return found, err
		}},
		"Visits": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.Visits(c, a, "", 0))
		}},
		"Visitors": {whom: members, right: account.ViewHome, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Visitors(c, a))
		}},
		"Open": {whom: members, right: account.OpenTickets, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Open(c, a, support.NewTicket{Kind: support.Question, Subject: "Stranger", Description: "Stranger"}))
		}},
		"List": {whom: members, right: account.ViewTickets, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.List(c, a, support.Filter{}))
		}},
		"LimitRequest": {whom: members, right: account.ViewTickets, call: func(_ *harbour, c ctx, a actor) (any, error) {
			found, _, err := room.LimitRequest(c, a)
			return found, err
		}},
		"ByID": {whom: members, right: account.ViewTickets, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ByID(c, a, ticket.ID))
		}},
		"Answer": {whom: members, right: account.OpenTickets, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Answer(c, a, ticket.ID, support.Answer{Text: "Stranger"}))
		}},
		"Queue": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.Queue(c, a, support.Filter{State: support.Open}))
		}},
		"Waiting": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Waiting(c, a))
		}},
		"ByNumber": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			t, _, err := room.ByNumber(c, a, ticket.Number)
			return t, err
		}},
		"RaiseLimit": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.RaiseLimit(c, a, ticket.ID, support.Raise{Limit: 50}))
		}},
	}
}
