package web

import (
	"bytes"
	"encoding/json"
	"strconv"

	"hubline/product/webhook"
)

// deliveryRow is a delivery as lists show it.
type deliveryRow struct {
	webhook.Delivery
	Status personStatus
	Path   string
}

// Words names the event.
func (d deliveryRow) Words() string { return webhook.Words(d.Event) }

// Took is how long the last try lasted, "" before the first.
func (d deliveryRow) Took() string {
	if d.TriedAt == 0 {
		return ""
	}
	return thousands(int(d.DurationMS)) + " ms"
}

// deliveryStatus says where a delivery stands.
func deliveryStatus(d webhook.Delivery) personStatus {
	switch {
	case d.State == webhook.Delivered:
		return personStatus{Kind: "ok", Text: "Delivered", Icon: "ok"}
	case d.State == webhook.Failed:
		return personStatus{Kind: "bad", Text: "Failed", Icon: "bad"}
	case d.Tries > 0:
		return personStatus{Kind: "warn", Text: "Retrying", Icon: "clock"}
	}
	return personStatus{Text: "Waiting", Icon: "clock"}
}

// deliveryPage is one delivery with its tries.
type deliveryPage struct {
	deliveryRow
	Body   string // for people: with lines
	Tries  []webhook.Attempt
	Replay string // address
	Paused bool
}

// Result is a try's outcome in words.
func (deliveryPage) Result(a webhook.Attempt) string {
	if a.Error != "" {
		return a.Error
	}
	return "Delivered, answered " + strconv.Itoa(a.Status)
}

// Lasted is how long a try took.
func (deliveryPage) Lasted(a webhook.Attempt) string { return thousands(int(a.DurationMS)) + " ms" }

func (p *Portal) delivery(r *Request) error {
	w, err := p.Webhooks.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	d, tries, err := p.Webhooks.Delivery(r.Context(), r.Viewer.Actor, w.ID, r.PathValue("delivery"))
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(d.Body), "", "  ") != nil {
		pretty.WriteString(d.Body)
	}
	data := deliveryPage{deliveryRow: deliveryRow{d, deliveryStatus(d), r.URL.Path}, Body: pretty.String(), Tries: tries,
		Replay: r.to("webhooks", w.ID, "deliveries", d.ID, "replay"), Paused: w.PausedAt > 0}
	return r.Render("webhook/delivery.html", Page{Title: webhook.Words(d.Event), Section: "webhooks", Crumbs: webhookCrumbs(r, Link{w.Name(), r.to("webhooks", w.ID)}), Data: data})
}

func (p *Portal) replayDelivery(r *Request) error {
	d, err := p.Webhooks.Replay(r.Context(), r.Viewer.Actor, r.PathValue("id"), r.PathValue("delivery"))
	if err != nil {
		return p.backToWebhook(r, err)
	}
	return r.Go(r.to("webhooks", d.WebhookID, "deliveries", d.ID), Banner{Text: "It is sent again.", More: "What came of it is below in a few seconds."})
}
