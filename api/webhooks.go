package api

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"hubline/product/account"
	"hubline/product/webhook"
)

// Webhook is an address that is told what happens in the account. Its secret is nowhere to be read.
type Webhook struct {
	ID           string     `json:"id" doc:"ID of the webhook." example:"w4xw6ct2ahsn5dek3vq5zr2yb7"`
	URL          string     `json:"url" doc:"Where requests are sent to." example:"https://crm.example.com/hooks"`
	Description  string     `json:"description" doc:"What it is for; may be empty." example:"CRM"`
	Events       []string   `json:"events" nullable:"false" doc:"The types of events that are sent." example:"[\"call.ended\"]"`
	State        string     `json:"state" enum:"working,failing,paused" doc:"failing: the last try failed, and is repeated. paused: nothing is sent; what happens is kept for 30 days." example:"working"`
	PausedBy     string     `json:"paused_by,omitempty" enum:"person,gone,failing" doc:"Why it is paused: a person did; it answered 410; nothing could be delivered for three days." example:"person"`
	PausedAt     *time.Time `json:"paused_at,omitempty" doc:"When it was paused." example:"2026-11-25T09:30:00Z"`
	FailingSince *time.Time `json:"failing_since,omitempty" doc:"The first failure since something was delivered." example:"2026-11-25T09:30:00Z"`
	Waiting      int64      `json:"waiting" doc:"How many deliveries wait for a try." example:"0"`
	OldSecret    *time.Time `json:"old_secret_until,omitempty" doc:"Until when the secret before signs along." example:"2026-11-26T09:30:00Z"`
	CreatedAt    time.Time  `json:"created_at" doc:"When it was added." example:"2026-11-25T09:30:00Z"`
}

// Webhooks are all webhooks of an account; there is one page.
type Webhooks struct {
	Items []Webhook `json:"items" nullable:"false" doc:"The webhooks, the oldest first; at most 10."`
}

// WebhookChange is what can be changed of a webhook. What is left out stays as it is.
type WebhookChange struct {
	URL         *string  `json:"url,omitempty" maxLength:"500" doc:"A public https address. What waits goes there too." example:"https://crm.example.com/hooks"`
	Description *string  `json:"description,omitempty" doc:"At most 100 characters, without web addresses and telephone numbers." example:"CRM"`
	Events      []string `json:"events,omitempty" nullable:"false" maxItems:"50" doc:"All types that are to be sent, at least one. The types are call.ended, invitation.sent, .accepted, .declined and .cancelled, hub_user.changed and .removed, phone_user.added, .changed, .deleted and .imported, device.added and .ended, number.assigned, .withdrawn and .changed."`
}

// NewWebhook is what it takes to add a webhook.
type NewWebhook struct {
	URL         string   `json:"url" doc:"A public https address." example:"https://crm.example.com/hooks"`
	Description string   `json:"description,omitempty" doc:"At most 100 characters, without web addresses and telephone numbers." example:"CRM"`
	Events      []string `json:"events" nullable:"false" maxItems:"50" doc:"All types that are to be sent, at least one; see the change of a webhook for their names."`
}

// SecretWebhook is a webhook with its secret, which is shown this once.
type SecretWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"Signs what is sent, as whsec_ and base64 (Standard Webhooks). Keep it now: it is shown in this answer alone, and in repeats of the request with the same Idempotency-Key within a day." example:"whsec_aFB2Q7Q/WaSKeb1/QES2phDFutzuE++Mi5evnvjeQ4c="`
}

// WebhookReplays says how much is sent again.
type WebhookReplays struct {
	Deliveries int `json:"deliveries" doc:"How many deliveries had failed. They are put back some at a time, the oldest first." example:"12"`
}

// WebhookDelivery is one thing that a webhook is told, and how its last try went.
type WebhookDelivery struct {
	ID         string           `json:"id" doc:"ID of the delivery: the webhook-id of its requests. Later ones have greater IDs." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
	Event      string           `json:"event" doc:"Type of the event." example:"call.ended"`
	State      string           `json:"state" enum:"waiting,delivered,failed" doc:"waiting for its next try; failed is given up." example:"delivered"`
	Tries      int64            `json:"tries" doc:"How often it was tried since it was made, or sent again." example:"1"`
	Status     int              `json:"status,omitempty" doc:"HTTP status of the last answer; absent when there was none." example:"204"`
	DurationMS int64            `json:"duration_ms" doc:"How long the last try took, in milliseconds." example:"84"`
	Error      string           `json:"error,omitempty" doc:"Why the last try failed, for people." example:"Answered 500 Internal Server Error"`
	CreatedAt  time.Time        `json:"created_at" doc:"When it was noted." example:"2026-11-25T09:30:00Z"`
	TriedAt    *time.Time       `json:"tried_at,omitempty" doc:"When it was tried last." example:"2026-11-25T09:30:01Z"`
	NextAt     *time.Time       `json:"next_at,omitempty" doc:"When it is tried next." example:"2026-11-25T09:30:06Z"`
	Body       json.RawMessage  `json:"body,omitempty" doc:"What is sent, exactly. Lists leave it out."`
	Attempts   []WebhookAttempt `json:"attempts,omitempty" doc:"The last 50 tries, newest first. Lists leave it out."`
}

// WebhookAttempt is one try to send a delivery.
type WebhookAttempt struct {
	At         time.Time `json:"at" doc:"When." example:"2026-11-25T09:30:01Z"`
	Status     int       `json:"status,omitempty" doc:"HTTP status of the answer; absent when there was none." example:"500"`
	DurationMS int64     `json:"duration_ms" doc:"How long it took, in milliseconds." example:"84"`
	Error      string    `json:"error,omitempty" doc:"Why it failed, for people; absent when it did not." example:"Answered 500 Internal Server Error"`
	Answer     string    `json:"answer,omitempty" doc:"The first 500 bytes of the answer, as plain text." example:"Out of order"`
}

// WebhookDeliveries is one page of deliveries.
type WebhookDeliveries struct {
	Items []WebhookDelivery `json:"items" nullable:"false" doc:"The deliveries, newest first. They go back 30 days."`
	NextPage
}

// OneDelivery names one delivery of a webhook.
type OneDelivery struct {
	OneItem
	Delivery string `path:"delivery" doc:"The delivery's ID." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
}

// webhookRoutes are about programs of the customer that are told what happens.
func webhookRoutes(in string) []Route {
	return []Route{
		{"GET", in + "/webhooks", account.ViewWebhooks, "list-webhooks", tagWebhooks, "List webhooks",
			"Lists the account's webhooks and how sending to them goes. Their secrets are nowhere to be read.", "", serve((*door).listWebhooks)},
		{"POST", in + "/webhooks", account.ChangeWebhooks, "add-webhook", tagWebhooks, "Add a webhook",
			"Adds a webhook and answers with the secret that signs what it is sent. What happens from now on is sent. An account has 10 at most.",
			`{"url": "https://crm.example.com/hooks", "description": "CRM", "events": ["call.ended"]}`, serve((*door).addWebhook)},
		{"GET", in + "/webhooks/{id}", account.ViewWebhooks, "get-webhook", tagWebhooks, "Get a webhook",
			"Answers with one webhook of the account.", "", serve((*door).webhook)},
		{"PATCH", in + "/webhooks/{id}", account.ChangeWebhooks, "change-webhook", tagWebhooks, "Change a webhook",
			"Changes the fields that are sent and leaves the others. It holds from the next request on.",
			`{"description": "CRM in Perth", "events": ["call.ended", "phone_user.added"]}`, serve((*door).changeWebhook)},
		{"DELETE", in + "/webhooks/{id}", account.ChangeWebhooks, "delete-webhook", tagWebhooks, "Delete a webhook",
			"Ends a webhook. What waits is not sent, and its log goes.", "", serve((*door).deleteWebhook)},
		{"POST", in + "/webhooks/{id}/pause", account.ChangeWebhooks, "pause-webhook", tagWebhooks, "Pause a webhook",
			"Stops sending. What happens meanwhile is kept for 30 days and sent when it is resumed.", "", serve((*door).pauseWebhook)},
		{"POST", in + "/webhooks/{id}/resume", account.ChangeWebhooks, "resume-webhook", tagWebhooks, "Resume a webhook",
			"Sends again, at once what waited. Failures are forgotten.", "", serve((*door).resumeWebhook)},
		{"POST", in + "/webhooks/{id}/test", account.ChangeWebhooks, "test-webhook", tagWebhooks, "Send a test event",
			"Sends an event of the type test, whatever the webhook is sent otherwise. Thirty tests and repetitions a minute.", "", serve((*door).testWebhook)},
		{"POST", in + "/webhooks/{id}/renew-secret", account.ChangeWebhooks, "renew-webhook-secret", tagWebhooks, "Renew the secret of a webhook",
			"Gives the webhook a new secret and answers with it. The one before signs along for 24 hours, so that the receiver can change over.", "", serve((*door).renewSecret)},
		{"POST", in + "/webhooks/{id}/replay-failed", account.ChangeWebhooks, "replay-failed-deliveries", tagWebhooks, "Send all failed deliveries again",
			"Sends everything again that was given up, with the same webhook-ids and bodies, the oldest first.", "", serve((*door).replayFailed)},
		{"GET", in + "/webhooks/{id}/deliveries", account.ViewWebhooks, "list-webhook-deliveries", tagWebhooks, "List deliveries of a webhook",
			"Lists what was sent to a webhook or waits, newest first.", "", serve((*door).listDeliveries)},
		{"GET", in + "/webhooks/{id}/deliveries/{delivery}", account.ViewWebhooks, "get-webhook-delivery", tagWebhooks, "Get a delivery of a webhook",
			"Answers with one delivery, what is sent, and its tries.", "", serve((*door).delivery)},
		{"POST", in + "/webhooks/{id}/deliveries/{delivery}/replay", account.ChangeWebhooks, "replay-webhook-delivery", tagWebhooks, "Send a delivery again",
			"Sends a delivery again, with the same webhook-id and body; one that waits, at once.", "", serve((*door).replayDelivery)},
	}
}

func (d *door) listWebhooks(ctx context.Context, actor account.Actor, _ *InAccount) (*listing[Webhooks], error) {
	list, err := d.Webhooks.List(ctx, actor)
	out := Webhooks{Items: make([]Webhook, len(list))}
	for i, w := range list {
		out.Items[i] = webhookShown(w)
	}
	return &listing[Webhooks]{out}, err
}

func (d *door) addWebhook(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewWebhook
}) (*made[SecretWebhook], error) {
	w, secret, err := d.Webhooks.Add(ctx, actor, webhook.Wanted{URL: &in.Body.URL, Description: &in.Body.Description, Events: &in.Body.Events})
	if err != nil {
		return nil, err
	}
	return &made[SecretWebhook]{Location: prefix + "/accounts/" + actor.Account.Slug + "/webhooks/" + w.ID, ETag: webhookTag(w), Body: SecretWebhook{webhookShown(w), secret}}, nil
}

func (d *door) renewSecret(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*item[SecretWebhook], error) {
	w, secret, err := d.Webhooks.Rotate(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(SecretWebhook{webhookShown(w), secret}, webhookTag(w), ""), nil
}

func (d *door) replayFailed(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*listing[WebhookReplays], error) {
	failed, err := d.Webhooks.ReplayFailed(ctx, actor, in.ID)
	return &listing[WebhookReplays]{WebhookReplays{failed}}, err
}

func (d *door) webhook(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Reading
}) (*item[Webhook], error) {
	w, err := d.Webhooks.ByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(webhookShown(w), webhookTag(w), in.IfNoneMatch), nil
}

func (d *door) changeWebhook(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body WebhookChange
}) (*item[Webhook], error) {
	wanted := webhook.Wanted{URL: in.Body.URL, Description: in.Body.Description}
	if in.Body.Events != nil {
		wanted.Events = &in.Body.Events
	}
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	w, err := d.Webhooks.Change(ctx, actor, in.ID, wanted, version)
	if err != nil {
		return nil, err
	}
	return answer(webhookShown(w), webhookTag(w), ""), nil
}

// webhookTag stands for a webhook as it is.
func webhookTag(w webhook.Webhook) string {
	return etag(w.Version, "-"+strconv.FormatInt(w.FailingSince, 36)+"-"+strconv.FormatInt(w.Waiting, 36))
}

func (d *door) deleteWebhook(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*nothing, error) {
	return nil, d.Webhooks.Delete(ctx, actor, in.ID)
}

func (d *door) pauseWebhook(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*listing[Webhook], error) {
	w, err := d.Webhooks.Pause(ctx, actor, in.ID)
	return &listing[Webhook]{webhookShown(w)}, err
}

func (d *door) resumeWebhook(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*listing[Webhook], error) {
	w, err := d.Webhooks.Resume(ctx, actor, in.ID)
	return &listing[Webhook]{webhookShown(w)}, err
}

func (d *door) testWebhook(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*listing[WebhookDelivery], error) {
	sent, err := d.Webhooks.SendTest(ctx, actor, in.ID)
	return &listing[WebhookDelivery]{deliveryShown(sent)}, err
}

func (d *door) listDeliveries(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	State string `query:"state" enum:"waiting,delivered,failed" doc:"Only those in this state." example:"failed"`
	Event string `query:"event" maxLength:"50" doc:"Only events of this type." example:"call.ended"`
	Paging
}) (*listing[WebhookDeliveries], error) {
	list, next, err := d.Webhooks.Deliveries(ctx, actor, in.ID, webhook.Filter{State: webhook.State(in.State), Event: in.Event, After: in.After, Limit: in.Limit})
	out := WebhookDeliveries{Items: make([]WebhookDelivery, len(list)), NextPage: NextPage{next}}
	for i, one := range list {
		out.Items[i] = deliveryShown(one)
	}
	return &listing[WebhookDeliveries]{out}, err
}

func (d *door) delivery(ctx context.Context, actor account.Actor, in *struct {
	OneDelivery
}) (*listing[WebhookDelivery], error) {
	one, tries, err := d.Webhooks.Delivery(ctx, actor, in.ID, in.Delivery)
	out := deliveryShown(one)
	out.Body = json.RawMessage(one.Body)
	for _, a := range tries {
		out.Attempts = append(out.Attempts, WebhookAttempt{at(a.At), a.Status, a.DurationMS, a.Error, a.Answer})
	}
	return &listing[WebhookDelivery]{out}, err
}

func (d *door) replayDelivery(ctx context.Context, actor account.Actor, in *struct {
	OneDelivery
	Writing
}) (*listing[WebhookDelivery], error) {
	again, err := d.Webhooks.Replay(ctx, actor, in.ID, in.Delivery)
	return &listing[WebhookDelivery]{deliveryShown(again)}, err
}

func webhookShown(w webhook.Webhook) Webhook {
	return Webhook{ID: w.ID, URL: w.URL, Description: w.Description, Events: w.Events, State: string(w.Health()), PausedBy: string(w.PausedWhy), PausedAt: moment(w.PausedAt),
		FailingSince: moment(w.FailingSince), Waiting: w.Waiting, OldSecret: moment(w.OldUntil), CreatedAt: at(w.CreatedAt)}
}

func deliveryShown(d webhook.Delivery) WebhookDelivery {
	return WebhookDelivery{ID: d.ID, Event: d.Event, State: string(d.State), Tries: d.Tries, Status: d.Status, DurationMS: d.DurationMS, Error: d.Error,
		CreatedAt: at(d.CreatedAt), TriedAt: moment(d.TriedAt), NextAt: moment(d.NextAt)}
}
