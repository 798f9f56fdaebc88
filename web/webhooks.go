package web

import (
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/webhook"
)

// webhookRow is a webhook as the list shows it.
type webhookRow struct {
	webhook.Webhook
	Status personStatus
	Path   string
}

// webhookStatus says how sending to a webhook goes.
func webhookStatus(w webhook.Webhook) personStatus {
	switch w.Health() {
	case webhook.PausedHere:
		kind := "bad"
		if w.PausedWhy == webhook.ByPerson {
			kind = "warn"
		}
		return personStatus{Kind: kind, Text: "Paused", Icon: "pause"}
	case webhook.InTrouble:
		return personStatus{Kind: "warn", Text: "Fails", Icon: "warn"}
	}
	return personStatus{Kind: "ok", Text: "Works", Icon: "ok"}
}

// webhookTrouble says what is wrong with a webhook and what happens next; "" when nothing is.
func webhookTrouble(w webhook.Webhook) string {
	meanwhile := " What happens meanwhile is kept for 30 days, and sent when you resume it."
	switch {
	case w.PausedAt > 0 && w.PausedWhy == webhook.Failing:
		return "It is paused, as nothing could be delivered for three days." + meanwhile
	case w.PausedAt > 0 && w.PausedWhy == webhook.Gone:
		return "It is paused, as it answered 410 Gone: it wants no more events." + meanwhile
	case w.PausedAt > 0:
		return "It is paused." + meanwhile
	case w.FailingSince > 0:
		return "The last try failed. Hubline tries again with growing pauses, and pauses the webhook when nothing could be delivered for three days."
	}
	return ""
}

func (p *Portal) webhooks(r *Request) error {
	list, err := p.Webhooks.List(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	var rows []webhookRow
	for _, w := range list {
		rows = append(rows, webhookRow{w, webhookStatus(w), r.to("webhooks", w.ID)})
	}
	return r.Render("webhook/webhooks.html", Page{Title: "Webhooks", Crumbs: accountCrumbs(r), Data: map[string]any{"List": rows, "Full": len(rows) >= webhook.Most, "Most": webhook.Most}})
}

// webhookForm is what somebody types about a webhook.
type webhookForm struct {
	URL         string   `form:"url"`
	Description string   `form:"description"`
	Events      []string `form:"events"`
	Version     string   `form:"version,hidden"`
}

func (in webhookForm) wanted() webhook.Wanted {
	return webhook.Wanted{URL: &in.URL, Description: &in.Description, Events: &in.Events}
}

// eventOptions are the events as boxes to tick.
func eventOptions() (list []Option) {
	for _, e := range webhook.Events {
		list = append(list, Option{Value: e.Type, Label: e.Words, Hint: e.Type})
	}
	return list
}

func webhookCrumbs(r *Request, more ...Link) []Link {
	return accountCrumbs(r, append([]Link{{"Webhooks", r.to("webhooks")}}, more...)...)
}

// newWebhook shows the form. It opens only with a fresh check, so that nobody fills in a form that can't be sent.
func (p *Portal) newWebhook(r *Request) error {
	if err := r.Viewer.Actor.Require(account.ChangeWebhooks); err != nil {
		return err
	}
	if err := r.needCheck(); err != nil {
		return err
	}
	r.Fill(webhookForm{Events: []string{webhook.CallEnded}})
	return p.newWebhookAgain(r)
}

func (p *Portal) newWebhookAgain(r *Request) error {
	return r.Render("webhook/new.html", Page{Title: "Add a webhook", Section: "webhooks", Crumbs: webhookCrumbs(r), Data: eventOptions()})
}

func (p *Portal) addWebhook(r *Request) error {
	var in webhookForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.newWebhookAgain)
	}
	w, secret, err := p.Webhooks.Add(r.Context(), r.Viewer.Actor, in.wanted())
	if err != nil {
		return r.Again(err, p.newWebhookAgain)
	}
	return p.webhookSecret(r, "The webhook "+w.Name()+" is added", w, secret)
}

// webhookSecret shows a secret in its own answer: it is in no address, no cookie and no log, and not there on a second look.
func (p *Portal) webhookSecret(r *Request, title string, w webhook.Webhook, secret string) error {
	return r.Render("webhook/secret.html", Page{Title: title, Section: "webhooks", Crumbs: webhookCrumbs(r, Link{w.Name(), r.to("webhooks", w.ID)}),
		Data: map[string]any{"Webhook": w, "Secret": secret, "Path": r.to("webhooks", w.ID)}})
}

// webhookPage is one webhook with what was sent to it.
type webhookPage struct {
	webhook.Webhook
	Pages   pages
	Status  personStatus
	Trouble string
	Kind    string // of the notice
	Events  []Option
	Log     []deliveryRow
	State   string // of deliveries, "" for all
	States  []Option
	Path    string
	// CanReplay offers to send everything again that was given up.
	CanReplay bool
}

// Waits is how many deliveries wait.
func (p webhookPage) Waits() int { return int(p.Waiting) }

func (p *Portal) webhook(r *Request) error {
	w, err := p.Webhooks.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	query := r.URL.Query()
	page := r.to("webhooks", w.ID)
	state := webhook.State(query.Get("state"))
	log, next, err := p.Webhooks.Deliveries(r.Context(), r.Viewer.Actor, w.ID, webhook.Filter{State: state, After: query.Get("after")})
	if fault.Is(err, fault.Invalid) { // a place in a list that is gone, or a state that is none
		return r.Redirect(page)
	}
	if err != nil {
		return err
	}
	r.Fill(webhookForm{URL: w.URL, Description: w.Description, Events: w.Events})
	data := webhookPage{Webhook: w, Pages: r.pages(next), Status: webhookStatus(w), Trouble: webhookTrouble(w), Kind: webhookStatus(w).Kind, Events: eventOptions(),
		State: string(state), Path: page, CanReplay: state == webhook.Failed && len(log) > 0 && w.PausedAt == 0 && r.may(account.ChangeWebhooks)}
	for _, d := range log {
		data.Log = append(data.Log, deliveryRow{d, deliveryStatus(d), r.to("webhooks", w.ID, "deliveries", d.ID)})
	}
	data.States = []Option{{Label: "All", Path: page, Current: state == ""}}
	for _, s := range webhook.States {
		data.States = append(data.States, Option{Label: strings.ToUpper(string(s[:1])) + string(s[1:]), Path: page + "?state=" + string(s), Current: state == s})
	}
	return r.Render("webhook/webhook.html", Page{Title: w.Name(), Section: "webhooks", Crumbs: webhookCrumbs(r), Data: data})
}

func (p *Portal) saveWebhook(r *Request) error {
	var in webhookForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.webhook)
	}
	w, err := p.Webhooks.Change(r.Context(), r.Viewer.Actor, r.PathValue("id"), in.wanted(), version(in.Version))
	if f, ok := fault.Of(err); ok && f.Kind == fault.Changed { // the form comes again with what was typed, for the version that is there now
		err = fault.New(fault.Conflict, f.Code, "Somebody changed this since you opened it. What you typed is below: save it to put it in place of theirs")
	}
	if err != nil {
		return r.Again(err, p.webhook)
	}
	return r.Go(r.to("webhooks", w.ID), Banner{Text: "The webhook is saved."})
}

func (p *Portal) testWebhook(r *Request) error {
	d, err := p.Webhooks.SendTest(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return p.backToWebhook(r, err)
	}
	return r.Go(r.to("webhooks", d.WebhookID), Banner{Text: "A test event is on its way.", More: "What came of it is in the log in a few seconds."})
}

// replayFailed sends everything again that was given up.
func (p *Portal) replayFailed(r *Request) error {
	failed, err := p.Webhooks.ReplayFailed(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return p.backToWebhook(r, err)
	}
	return r.Go(r.to("webhooks", r.PathValue("id")), Banner{Text: count(failed, "delivery is", "deliveries are") + " sent again.", More: "They keep their webhook-id. What came of them is in the log."})
}

// backToWebhook tells on the page of the webhook why something can't be done now.
func (p *Portal) backToWebhook(r *Request, err error) error {
	f, ok := fault.Of(err)
	if !ok || f.Kind != fault.Conflict && f.Kind != fault.TooMany {
		return err
	}
	return r.Go(r.to("webhooks", r.PathValue("id")), Banner{Kind: "warn", Text: f.Message + "."})
}

func (p *Portal) pauseWebhook(r *Request) error {
	w, err := p.Webhooks.Pause(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return r.Go(r.to("webhooks", w.ID), Banner{Text: "The webhook is paused.", More: "What happens meanwhile is kept for 30 days, and sent when you resume it."})
}

func (p *Portal) resumeWebhook(r *Request) error {
	w, err := p.Webhooks.Resume(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return r.Go(r.to("webhooks", w.ID), Banner{Text: "The webhook is resumed.", More: "What waited is sent now."})
}

// askWebhook is a question about a webhook before something that can't be taken back.
func (p *Portal) askWebhook(r *Request, ask func(w webhook.Webhook) Confirm) error {
	if err := r.Viewer.Actor.Require(account.ChangeWebhooks); err != nil {
		return err
	}
	w, err := p.Webhooks.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	c := ask(w)
	c.Keep, c.Next = "Keep", r.to("webhooks", w.ID)
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "webhooks", Crumbs: webhookCrumbs(r, Link{w.Name(), c.Next}), Data: c})
}

func (p *Portal) askWebhookSecret(r *Request) error {
	if err := r.needCheck(); err != nil {
		return err
	}
	return p.askWebhook(r, func(w webhook.Webhook) Confirm {
		return Confirm{Title: "Renew the secret of " + w.Name() + "?", Kind: "primary",
			Text: "You see the new one once. The old one signs along for 24 hours, so that the receiver can change over; after that only the new one counts.",
			Path: r.to("webhooks", w.ID, "secret"), Do: "Renew secret", Busy: "Renewing…"}
	})
}

func (p *Portal) renewWebhookSecret(r *Request) error {
	w, secret, err := p.Webhooks.Rotate(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.webhookSecret(r, "The new secret of "+w.Name(), w, secret)
}

func (p *Portal) askDeleteWebhook(r *Request) error {
	return p.askWebhook(r, func(w webhook.Webhook) Confirm {
		return Confirm{Title: "Delete " + w.Name() + "?", Text: "Nothing is sent to it any more, what waits neither, and its log goes.",
			Path: r.to("webhooks", w.ID, "deletion"), Do: "Delete webhook", Busy: "Deleting…"}
	})
}

func (p *Portal) deleteWebhook(r *Request) error {
	if err := p.Webhooks.Delete(r.Context(), r.Viewer.Actor, r.PathValue("id")); err != nil {
		return err
	}
	return r.Go(r.to("webhooks"), Banner{Text: "The webhook is deleted."})
}

// webhooksInTrouble are the webhooks that an admin should look at: those that Hubline paused, and those that fail for a day.
func (p *Portal) webhooksInTrouble(r *Request) (list []webhook.Webhook, err error) {
	if !r.may(account.ViewWebhooks) {
		return nil, nil
	}
	all, err := p.Webhooks.List(r.Context(), r.Viewer.Actor)
	for _, w := range all {
		paused := w.PausedAt > 0 && w.PausedWhy != webhook.ByPerson
		if paused || w.PausedAt == 0 && w.FailingSince > 0 && p.Now().Sub(time.UnixMilli(w.FailingSince)) >= 24*time.Hour {
			list = append(list, w)
		}
	}
	return list, err
}
