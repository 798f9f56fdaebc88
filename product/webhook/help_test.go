package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/outward"
	"hubline/base/tel"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/webhook"
)

// rig is the room with an account, its admin, and a machine that takes events.
type rig struct {
	*accounttest.Rig
	room  *webhook.Room
	admin *accounttest.User
	to    *receiver
	t     *testing.T
}

func each(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newRig(t, d)) })
}

func newRig(t *testing.T, d *db.DB) *rig {
	t.Helper()
	r := &rig{Rig: accounttest.New(t, d), to: receive(t), t: t}
	r.room = r.node(r.Jobs)
	r.admin = r.Open("harbour").Check()
	return r
}

// node is a room of its own on the same store, as another process has one, with that process's queue.
func (r *rig) node(jobs *job.Queue) *webhook.Room {
	r.t.Helper()
	guard, err := outward.New(strings.TrimPrefix(r.to.URL, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	return webhook.New(webhook.Config{DB: r.DB, Jobs: jobs, Keys: r.Keys, Account: r.Room, Guard: guard, Now: r.Clock.Now})
}

// calls is the room of calls, which tells the room of those that ended.
func (r *rig) calls() *call.Room {
	calls := call.New(call.Config{DB: r.DB, Keys: r.Keys, Account: r.Room, Plan: tel.For("AU"), Now: r.Clock.Now})
	calls.Closed = r.room.Closed
	return calls
}

// add adds a webhook for the admin's account.
func (r *rig) add(address string, events ...string) (webhook.Webhook, string) {
	r.t.Helper()
	must(r.t, r.PlaceAudit(r.t.Context())) // what was before is in the tree
	w, secret, err := r.room.Add(r.t.Context(), r.admin.Actor(), webhook.Wanted{URL: &address, Events: &events})
	if err != nil {
		r.t.Fatal(err)
	}
	return w, secret
}

// flush sends all that is due, with the audit log in its tree.
func (r *rig) flush() {
	r.t.Helper()
	must(r.t, r.PlaceAudit(r.t.Context()))
	must(r.t, r.room.Flush(r.t.Context()))
}

// log is what was sent to a webhook, newest first.
func (r *rig) log(id string) []webhook.Delivery {
	r.t.Helper()
	list, _, err := r.room.Deliveries(r.t.Context(), r.admin.Actor(), id, webhook.Filter{})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) see(id string) webhook.Webhook {
	r.t.Helper()
	w, err := r.room.ByID(r.t.Context(), r.admin.Actor(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func codeOf(err error) string {
	if f, ok := fault.Of(err); ok {
		return f.Code
	}
	return fmt.Sprint(err)
}

// event is one request as the receiver got it.
type event struct {
	id, seconds, signatures string
	kind, agent             string
	body                    string
	path                    string
}

// of reads the body.
func (e event) of(t *testing.T) (m struct {
	Type      string
	Timestamp string
	Data      map[string]any
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.body), &m); err != nil {
		t.Fatalf("%s: %v", e.body, err)
	}
	return m
}

// verifies checks the request as a receiver does, written out after the specification and apart from what signed it.
func (e event) verifies(t *testing.T, secret string) bool {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || !strings.HasPrefix(secret, "whsec_") || len(key) < 24 || len(key) > 64 {
		t.Fatalf("the secret %q has not the form of the specification: %v", secret, err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", e.id, e.seconds, e.body)
	want := mac.Sum(nil)
	return slices.ContainsFunc(strings.Split(e.signatures, " "), func(s string) bool {
		version, text, _ := strings.Cut(s, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		return version == "v1" && err == nil && hmac.Equal(got, want)
	})
}

// receiver is a customer's machine.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []event
	answer func(w http.ResponseWriter, r *http.Request) // nil: 204
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		h := req.Header
		r.mu.Lock()
		r.got = append(r.got, event{h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), h.Get("Webhook-Signature"), h.Get("Content-Type"), h.Get("User-Agent"), string(body), req.URL.Path})
		answer := r.answer
		r.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// answers sets what the receiver answers from now on.
func (r *receiver) answers(fn func(w http.ResponseWriter, req *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = fn
}

func (r *receiver) status(code int, text string) {
	r.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, text)
	})
}

// take returns what came since it was called last.
func (r *receiver) take() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// one returns the only request since the last look.
func (r *receiver) one(t *testing.T) event {
	t.Helper()
	got := r.take()
	if len(got) != 1 {
		t.Fatalf("%d requests came, wanted one: %+v", len(got), got)
	}
	return got[0]
}

func text(s string) *string { return &s }

var everything = func() (list []string) {
	for _, e := range webhook.Events {
		list = append(list, e.Type)
	}
	return list
}()
