package web

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"hubline/base/outward"
	"hubline/product/account"
	"hubline/product/webhook"
)

// What the matrix sends and names of webhooks.
func init() {
	maps.Copy(parameters, map[string]func(c *cell) string{
		"/{account}/webhooks/{id}":                       func(c *cell) string { return c.hook },
		"/{account}/webhooks/{id} paused":                func(c *cell) string { return c.resting },
		"/{account}/webhooks/{id}/deliveries/{delivery}": func(c *cell) string { return c.delivery },
	})
	maps.Copy(posts, map[string]func(c *cell) url.Values{
		"/{account}/webhooks/new": func(*cell) url.Values { return pairs("url", "https://new.example/hooks", "events", "call.ended") },
		"/{account}/webhooks/{id}": func(*cell) url.Values {
			return pairs("url", "https://other.example/hooks", "description", "Renamed", "events", "call.ended", "version", "1")
		},
		"/{account}/webhooks/{id}/test":                         nothing,
		"/{account}/webhooks/{id}/failed":                       nothing,
		"/{account}/webhooks/{id}/pause":                        nothing,
		"/{account}/webhooks/{id}/resumption":                   nothing,
		"/{account}/webhooks/{id}/secret":                       nothing,
		"/{account}/webhooks/{id}/deletion":                     nothing,
		"/{account}/webhooks/{id}/deliveries/{delivery}/replay": nothing,
	})
	checked = append(checked, "/{account}/webhooks/new", "/{account}/webhooks/{id}", "/{account}/webhooks/{id}/secret")
}

// A webhook from its form to the log of what was sent, with what an admin sees when it fails.
func TestWebhooks(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour").Check()
		const at = "/harbour/webhooks"
		v := w.as(admin).open(at).shows(200, at, "No webhooks yet")
		v.follow("Add a webhook").shows(200, at+"/new", "Send when", "call.ended")
		if _, form := v.form("Add webhook"); form.Get("events") != "call.ended" {
			t.Errorf("the form begins with %q", form)
		}
		v.press("Add webhook", "url", "https://10.0.0.1/hooks", "description", "Our CRM").shows(422, at+"/new", "Address must be on the public internet")
		if _, typed := v.form("Add webhook"); typed.Get("description") != "Our CRM" {
			t.Errorf("the form lost what was typed: %q", typed)
		}
		v.press("Add webhook", "url", "http://crm.example/hooks").shows(422, at+"/new", "Address must begin with https://")
		v.press("Add webhook", "url", "https://crm.example/hooks/pa55").shows(200, at+"/new", "The webhook Our CRM is added", "It is shown this once")
		secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`).FindString(v.text())
		if secret == "" {
			t.Fatalf("no secret on %s", v.text())
		}
		page := v.follow("Done").url.Path
		v.shows(200, page, "Our CRM Works", "Nothing was sent yet").lacks(secret)

		room, status := w.receiver(t)
		status.Store(500)
		v.press("Send test event").shows(200, page, "A test event is on its way", "Test", "Waiting")
		flush(t, room)
		v.open(page).shows(200, page, "Fails", "The last try failed", "Answered 500 Internal Server Error")
		sent := v.follow("Open Test").url.Path
		v.shows(200, sent, "Out of order", `"type": "test"`, "Answered 500 Internal Server Error")
		status.Store(204)
		v.press("Try now").shows(200, sent, "It is sent again")
		flush(t, room)
		v.open(sent).shows(200, sent, "Delivered, answered 204")
		v.open(page+"?state=delivered").shows(200, page, "Works", "Delivered").open(page+"?state=failed").shows(200, page, "Nothing in this state")
		v.open(page+"?state=lost").shows(200, page, "What was sent")

		if _, err := w.DB.ExecContext(t.Context(), `UPDATE webhook_deliveries SET state = 'failed'`); err != nil {
			t.Fatal(err)
		}
		v.open(page).lacks("Send all failed again")
		v.open(page+"?state=failed").press("Send all failed again").shows(200, page, "1 delivery is sent again")
		w.RunJobs()
		flush(t, room)
		v.open(page+"?state=failed").shows(200, page, "Nothing in this state")

		status.Store(410)
		v.press("Send test event")
		flush(t, room)
		v.open("/harbour/").shows(200, "/harbour/", "The webhook Our CRM is paused, as it does not work.")
		v.follow("Open the webhook").shows(200, page, "Paused", "it answered 410 Gone", "1 event waiting")
		status.Store(204)
		v.press("Resume webhook").shows(200, page, "The webhook is resumed", "Works")
		v.press("Pause webhook").shows(200, page, "The webhook is paused", "It is paused.")
		v.open("/harbour/").lacks("does not work")

		v.open(page).press("Save changes", "url", "https://crm.example/new", "description", "CRM in Perth", "events", "number.changed").shows(200, page, "The webhook is saved", "CRM in Perth")
		v.follow("Renew secret…").press("Renew secret").shows(200, page+"/secret", "The new secret of CRM in Perth", "The secret before signs along until").lacks(secret)
		v.open(page).follow("Delete webhook…").press("Delete webhook").shows(200, at, "The webhook is deleted", "No webhooks yet")
		w.as(admin).open("/harbour/audit-log?area=webhook").shows(200, "/harbour/audit-log", "Admin deleted the webhook CRM in Perth", "Hubline paused the webhook Our CRM", "Admin added the webhook Our CRM").lacks("pa55")
		jo := w.Join(admin, "jo@harbour.example")
		w.as(jo).open("/harbour/").lacks("Webhooks").open(at).shows(403, at)
	})
}

// Two admins change the same webhook: the second is told, and keeps what they typed.
func TestWebhookOfTwoAdmins(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour").Check()
		address, events := "https://crm.example/hooks", []string{webhook.CallEnded}
		hook, _, err := w.hooks.Add(t.Context(), admin.Actor(), webhook.Wanted{URL: &address, Events: &events})
		if err != nil {
			t.Fatal(err)
		}
		page := "/harbour/webhooks/" + hook.ID
		v, other := w.as(admin).open(page), w.as(w.Join(admin, "kim@harbour.example", account.Admin)).open(page)
		other.press("Save changes", "description", "Theirs").shows(200, page, "Theirs")
		v.press("Save changes", "description", "Mine").shows(409, page, "Somebody changed this since you opened it")
		if _, typed := v.form("Save changes"); typed.Get("description") != "Mine" {
			t.Errorf("the form lost what was typed: %q", typed)
		}
		v.press("Save changes").shows(200, page, "Mine")
	})
}

// receiver is a program that answers with a status, and a room that sends to it what is meant for any webhook.
func (w *world) receiver(t *testing.T) (*webhook.Room, *atomic.Int32) {
	t.Helper()
	status := &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.WriteHeader(int(status.Load()))
		io.WriteString(out, "Out of order")
	}))
	t.Cleanup(server.Close)
	guard, err := outward.New(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE webhooks SET url = $1`, server.URL)
	return webhook.New(webhook.Config{DB: w.DB, Jobs: w.Node().Jobs, Keys: w.Keys, Account: w.Room, Guard: guard, Now: w.Clock.Now}), status
}

func flush(t *testing.T, room *webhook.Room) {
	t.Helper()
	if err := room.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}
