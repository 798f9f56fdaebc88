package test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"hubline/base/outward"
	"hubline/product/webhook"
)

// webhookWalk is the walk through the room "webhook".
var webhookWalk = walk{
	room:    reflect.TypeFor[*webhook.Room](),
	tables:  []string{"webhooks", "webhook_lanes", "webhook_cursors", "webhook_deliveries", "webhook_attempts"},
	prepare: webhookVerbs,
}

// webhookVerbs makes a webhook of harbour that was sent a test.
func webhookVerbs(t *testing.T, h *harbour) map[string]verb {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("Hello Harbour")) }))
	t.Cleanup(receiver.Close)
	guard, err := outward.New(strings.TrimPrefix(receiver.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	room := webhook.New(webhook.Config{DB: h.DB, Jobs: h.Jobs, Keys: h.Keys, Account: h.Room, Guard: guard, Now: h.Clock.Now})
	address, name, events := receiver.URL, "Harbour CRM", []string{"call.ended"}
	wanted := webhook.Wanted{URL: &address, Description: &name, Events: &events}
	w, _, err := room.Add(t.Context(), h.admin.Actor(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	d, err := room.SendTest(t.Context(), h.admin.Actor(), w.ID)
	if err == nil {
		err = room.Flush(t.Context())
	}
	if err == nil { // another one that was given up
		lost, failed := room.SendTest(t.Context(), h.admin.Actor(), w.ID)
		if err = failed; err == nil {
			_, err = h.DB.ExecContext(t.Context(), `UPDATE webhook_deliveries SET state = 'failed', next_at = 0 WHERE account_id = $1 AND id = $2`, h.admin.Account.ID, lost.ID)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	other := "Stranger"
	wanted.Description = &other
	return map[string]verb{
		"List": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) { return just(room.List(c, a)) }},
		"ByID": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) { return just(room.ByID(c, a, w.ID)) }},
		"Add": {whom: members, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.Add(c, a, wanted))
		}},
		"Change": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Change(c, a, w.ID, webhook.Wanted{Description: &other}, 0))
		}},
		"Rotate": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) { return just2(room.Rotate(c, a, w.ID)) }},
		"Pause":  {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) { return just(room.Pause(c, a, w.ID)) }},
		"Resume": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) { return just(room.Resume(c, a, w.ID)) }},
		"Delete": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) { return nil, room.Delete(c, a, w.ID) }},
		"SendTest": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.SendTest(c, a, w.ID))
		}},
		"Deliveries": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.Deliveries(c, a, w.ID, webhook.Filter{}))
		}},
		"Delivery": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			found, tries, err := room.Delivery(c, a, w.ID, d.ID)
			return []any{found, tries}, err
		}},
		"ReplayFailed": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ReplayFailed(c, a, w.ID))
		}},
		"Replay": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Replay(c, a, w.ID, d.ID))
		}},
	}
}
