package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/webhook"
)

// The demo's receiver of webhooks: part of the demo's own address, as inner addresses are refused to all others. It keeps the last events
// in memory and answers every one with 204.
const (
	demoHooksPath = "/_hooks"
	demoHooksName = "Demo receiver"
	demoHooksKept = 100
	demoHooksBody = 1 << 20
)

// demoEvent is one request to the receiver.
type demoEvent struct {
	ID         string    `json:"id"`   // the same for each try of an event
	Type       string    `json:"type"` // as the body says
	Signature  string    `json:"signature"`
	ReceivedAt time.Time `json:"received_at"`
	Body       string    `json:"body"`
}

// demoHooks is the receiver.
type demoHooks struct {
	mu     sync.Mutex
	events []demoEvent
}

// ServeHTTP takes an event by POST, shows a page by GET, and lists the events as JSON at the path with ".json".
func (h *demoHooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		h.take(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "GET shows the events, POST takes one", http.StatusMethodNotAllowed)
	case r.URL.Path == demoHooksPath+".json":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = printJSON(w, h.newest())
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-store")
		_ = demoHooksPage.Execute(w, h.newest())
	}
}

func (h *demoHooks) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, demoHooksBody))
	if err != nil {
		http.Error(w, "the event is too long, or broke off", http.StatusRequestEntityTooLarge)
		return
	}
	var about struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(body, &about) // whatever comes is shown
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, demoEvent{r.Header.Get("Webhook-Id"), about.Type, r.Header.Get("Webhook-Signature"), time.Now().UTC(), string(body)})
	if len(h.events) > demoHooksKept {
		h.events = slices.Delete(h.events, 0, len(h.events)-demoHooksKept)
	}
	w.WriteHeader(http.StatusNoContent)
}

// newest returns what came, the newest first; never nil.
func (h *demoHooks) newest() []demoEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := append([]demoEvent{}, h.events...)
	slices.Reverse(list)
	return list
}

//go:embed demohooks.html
var demoHooksHTML string

var demoHooksPage = template.Must(template.New("hooks").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Format("2 January 2006, 15:04:05 UTC") },
	"stamp": func(t time.Time) string { return t.Format(time.RFC3339) },
}).Parse(demoHooksHTML))

// seedHook gives the account a webhook that leads to the demo's receiver.
func (d *demo) seedHook(ctx context.Context, admin account.Actor) error {
	var events []string
	for _, e := range webhook.Events {
		events = append(events, e.Type)
	}
	name := demoHooksName
	_, _, err := d.hooks.Add(ctx, admin, webhook.Wanted{URL: &d.hooksAt, Description: &name, Events: &events})
	fault.Wrap(&err, "demo receiver")
	return err
}

// followHook lets the webhook lead to where the demo listens this time.
func (d *demo) followHook(ctx context.Context, actor account.Actor) error {
	list, err := d.hooks.List(ctx, actor)
	if err != nil {
		return err
	}
	for _, w := range list {
		if w.Description != demoHooksName || w.URL == d.hooksAt {
			continue
		}
		if _, err := d.hooks.Change(ctx, actor, w.ID, webhook.Wanted{URL: &d.hooksAt}, 0); err != nil {
			return fmt.Errorf("demo receiver: %w", err)
		}
	}
	return nil
}
