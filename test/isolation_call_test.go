package test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/report"
)

// callWalk and reportWalk are the walks through the rooms "call" and "report".
var (
	callWalk = walk{
		room:    reflect.TypeFor[*call.Room](),
		tables:  []string{"calls", "call_sums"},
		prepare: callVerbs,
	}
	reportWalk = walk{
		room:    reflect.TypeFor[*report.Room](),
		tables:  []string{"calls", "call_sums"},
		prepare: reportVerbs,
	}
)

// harbourCalls makes a call of harbour that ended and one that goes on, whose IDs it returns.
func harbourCalls(t *testing.T, h *harbour) (room *call.Room, over, live string) {
	room = call.New(call.Config{DB: h.DB, Keys: h.Keys, Account: h.Room, Now: h.Clock.Now})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { room.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	c := call.Record{AccountID: h.admin.Account.ID, Direction: call.Inbound, FromNumber: "+61491570156", ToNumber: harbourNumber, ToName: "Mary Harbour",
		ServiceNumber: harbourNumber, ServiceName: "Harbour main line", StartedAt: h.Clock.Now().UnixMilli()}
	var err error
	if live, err = room.Begin(ctx, c); err == nil {
		over, err = room.Begin(ctx, c)
	}
	if c.ID, c.Status = over, call.Unanswered; err == nil {
		err = room.Finish(ctx, c.AccountID, c)
	}
	if err == nil {
		err = room.Flush(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return room, over, live
}

func callVerbs(t *testing.T, h *harbour) map[string]verb {
	room, over, live := harbourCalls(t, h)
	day := []time.Time{h.Clock.Now().Add(-24 * time.Hour), h.Clock.Now().Add(24 * time.Hour)}
	return map[string]verb{
		"List": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.List(c, a, call.Filter{}))
		}},
		"Each": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			var all []call.Record
			err := room.Each(c, a, call.Filter{}, func(r call.Record) error { all = append(all, r); return nil })
			return all, err
		}},
		"Begun": {whom: members, right: account.ViewPhoneUsers, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Begun(c, a))
		}},
		"Live": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Live(c, a))
		}},
		"ByID": {whom: members, right: account.ViewCalls, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ByID(c, a, over))
		}},
		"Sums": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Sums(c, a, call.Summing{Cuts: day, Dimension: call.ByAnsweringPoint, ByValue: true}))
		}},
		"Figures": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.Figures(c, a, call.Filter{Number: harbourNumber}, day, call.ByCaller))
		}},
		"End": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return nil, room.End(c, a, live)
		}},
	}
}

func reportVerbs(t *testing.T, h *harbour) map[string]verb {
	calls, _, _ := harbourCalls(t, h)
	room := report.New(report.Config{Calls: calls, Now: h.Clock.Now})
	return map[string]verb{
		"Run": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Run(c, a, "all-calls", report.Query{}))
		}},
		"Each": {whom: members, right: account.ViewCalls, call: func(_ *harbour, c ctx, a actor) (any, error) {
			var all [][]string
			err := room.Each(c, a, "all-calls", report.Query{}, func(cells []string) error { all = append(all, cells); return nil })
			return all, err
		}},
		"Header": {whom: members, right: account.ViewCalls, call: func(_ *harbour, _ ctx, a actor) (any, error) {
			return just(room.Header(a, "all-calls", nil))
		}},
	}
}
