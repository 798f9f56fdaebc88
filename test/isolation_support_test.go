package test

import (
	"reflect"
	"testing"

	"hubline/product/support"
)

// supportWalk is the walk through the room "support".
var supportWalk = walk{
	room:    reflect.TypeFor[*support.Room](),
	tables:  []string{"tickets", "ticket_messages"},
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
	return map[string]verb{
		"Open": {whom: members, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Open(c, a, support.NewTicket{Kind: support.Question, Subject: "Stranger", Description: "Stranger"}))
		}},
		"List": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.List(c, a, support.Filter{}))
		}},
		"LimitRequest": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			found, _, err := room.LimitRequest(c, a)
			return found, err
		}},
		"ByID": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ByID(c, a, ticket.ID))
		}},
		"Answer": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
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
