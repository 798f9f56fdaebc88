package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hubline/api"
	"hubline/base/idempotent"
	"hubline/product/account/accounttest"
)

func (w *world) invited() int {
	w.t.Helper()
	var list api.Invitations
	w.send("GET", invitations+"?limit=200", nil).want(200, &list)
	return len(list.Items)
}

func TestARepeatedRequestIsCarriedOutOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const body = `{"email":"jo@harbour.example"}`
		first := w.send("POST", invitations, body, "Idempotency-Key", "a").want(201, nil)
		w.Clock.Advance(23 * time.Hour)
		again := w.send("POST", invitations, body, "Idempotency-Key", "a").want(201, nil)
		for _, name := range []string{"Location", "ETag", "Content-Type", "Cache-Control"} {
			if again.header.Get(name) != first.header.Get(name) {
				t.Errorf("%s: %q, then %q", name, first.header.Get(name), again.header.Get(name))
			}
		}
		if again.body != first.body || first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" || w.invited() != 1 {
			t.Errorf("first %s %v, again %s %v", first.body, first.header, again.body, again.header)
		}
		for _, other := range []string{`{"email":"sam@harbour.example"}`, body + " "} {
			w.send("POST", invitations, other, "Idempotency-Key", "a").problem(422, "idempotency-reused", "Idempotency-Key")
		}
		w.Clock.Advance(time.Hour) // after a day the key is free, and the first invitation stands in the way
		w.send("POST", invitations, body, "Idempotency-Key", "a").problem(422, "already-invited", "email")

		id := first.header.Get("Location")[len("/api/v1"):]
		w.send("PATCH", id, `{"roles":["admin"]}`, "Idempotency-Key", "a").want(200, nil) // another path is another scope
		w.send("PATCH", id, `{"roles":["admin"]}`, "Idempotency-Key", "a", "If-Match", `"1"`).problem(422, "idempotency-reused", "Idempotency-Key")
		w.send("DELETE", id, nil, "Idempotency-Key", "a").want(204, nil)
		if r := w.send("DELETE", id, nil, "Idempotency-Key", "a").want(204, nil); r.body != "" || r.header.Get("Content-Type") != "" {
			t.Errorf("%q %v", r.body, r.header)
		}
		w.send("DELETE", id, nil, "Idempotency-Key", "b").problem(409, "invitation-cancelled", "")
	})
}

func TestKeysForRepeatsBelongToTheirAPIKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.keyWith()
		w.send("POST", invitations, `{"email":"jo@harbour.example"}`, "Idempotency-Key", "a").want(201, nil)
		w.send("POST", invitations, `{"email":"sam@harbour.example"}`, "Idempotency-Key", "a", "Authorization", other).want(201, nil)
		// Whoever lost the right does not get the old answer either.
		w.send("POST", invitations, `{"email":"jo@harbour.example"}`, "Idempotency-Key", "a", "Authorization", w.keyWith("home.view")).problem(403, "scope-missing", "")
	})
}

func TestARefusedRequestDoesNotUseItsKeyUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.send("POST", invitations, `{"email":"jo"}`, "Idempotency-Key", "a").problem(422, "email-form", "email")
		w.send("POST", invitations, `{"mail":"jo"}`, "Idempotency-Key", "a").want(422, nil)
		w.send("POST", invitations, `{`, "Idempotency-Key", "a").want(400, nil)
		var i api.Invitation
		w.send("POST", invitations, `{"email":"jo@harbour.example"}`, "Idempotency-Key", "a").want(201, &i)
		resend := invitations + "/" + i.ID + "/resend"
		w.send("POST", resend, nil, "Idempotency-Key", "a").problem(429, "resend-soon", "")
		w.Clock.Advance(time.Minute)
		w.send("POST", resend, nil, "Idempotency-Key", "a").want(200, &i)
		w.send("POST", resend, nil, "Idempotency-Key", "a").want(200, &i)
		if i.Resends != 1 {
			t.Errorf("%+v", i)
		}
	})
}

func TestKeysForRepeatsHaveAForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, key := range []string{strings.Repeat("a", 256), "a b", "ä", "\t\x7f"} {
			r, err := http.NewRequest("POST", accounttest.BaseURL+"/api/v1"+invitations, strings.NewReader(`{"email":"jo@harbour.example"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+w.key)
			r.Header["Idempotency-Key"] = []string{key}
			rec := httptest.NewRecorder()
			w.handler(nil).ServeHTTP(rec, r)
			if rec.Code != 422 || !strings.Contains(rec.Body.String(), "idempotency-form") {
				t.Errorf("%q: %d %s", key, rec.Code, rec.Body)
			}
		}
		w.send("POST", invitations, `{"email":"jo@harbour.example"}`, "Idempotency-Key", strings.Repeat("~", 255)).want(201, nil)
	})
}

func TestTheSameRequestAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for round := range 5 {
			replies := make(chan reply)
			const many = 12
			for range many {
				go func() {
					replies <- w.send("POST", invitations, fmt.Sprintf(`{"email":"jo%d@harbour.example"}`, round), "Idempotency-Key", fmt.Sprint(round))
				}()
			}
			made := map[string]bool{}
			for range many {
				switch r := <-replies; r.status {
				case 201:
					made[r.header.Get("Location")] = true
				case 409:
					if r.problem(409, "idempotency-running", ""); r.header.Get("Retry-After") != "1" {
						t.Errorf("%v", r.header)
					}
				default:
					t.Errorf("%d %s", r.status, r.body)
				}
			}
			if len(made) != 1 || w.invited() != round+1 {
				t.Errorf("round %d made %v, %d are invited", round, made, w.invited())
			}
		}
	})
}

// The server dies after the key was reserved: once before and once after the change was committed. The client can't know which, and
// is told so; nothing happens twice.
func TestACrashInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for n, committed := range []bool{false, true} {
			body := fmt.Sprintf(`{"email":"jo%d@harbour.example"}`, n)
			key := fmt.Sprint("crash", n)
			w.crash(body, key, committed)
			before := w.invited()
			w.send("POST", invitations, body, "Idempotency-Key", key).problem(409, "idempotency-running", "")
			w.Clock.Advance(time.Minute)
			w.send("POST", invitations, body, "Idempotency-Key", key).problem(409, "idempotency-unfinished", "")
			w.Clock.Advance(22 * time.Hour)
			w.send("POST", invitations, body, "Idempotency-Key", key).problem(409, "idempotency-unfinished", "")
			if w.invited() != before {
				t.Errorf("committed %v: a repeat invited", committed)
			}
			// The client looks, and sends with a new key what is missing.
			r := w.send("POST", invitations, body, "Idempotency-Key", key+"-new")
			if committed && r.status != 422 || !committed && r.status != 201 {
				t.Errorf("committed %v: with a new key %d %s", committed, r.status, r.body)
			}
		}
	})
}

// crash leaves the store as a process does that is killed during a request.
func (w *world) crash(body, key string, committed bool) {
	w.t.Helper()
	if committed {
		w.send("POST", invitations, body, "Idempotency-Key", key).want(201, nil)
		if _, err := w.DB.ExecContext(w.t.Context(), `UPDATE idempotency_keys SET status = 0, header = '', body = '' WHERE key = $1`, key); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	actor, err := w.UseKey(w.t.Context(), w.key, "harbour", "")
	if err != nil {
		w.t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = w.store.Do(w.t.Context(), actor.KeyID+" POST /api/v1"+invitations, key, []byte("\n\n"+body), func(context.Context) (idempotent.Answer, bool) { panic("killed") })
	}()
}
