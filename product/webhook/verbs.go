package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/outward"
	"hubline/product/account"
)

// secretPrefix begins every secret (Standard Webhooks, "Signature scheme").
const secretPrefix = "whsec_"

// Wanted is what somebody wants a webhook to be. In Change, nil leaves a value as it is.
type Wanted struct {
	URL         *string
	Description *string
	Events      *[]string
}

// check validates what is there.
func (r *Room) check(in Wanted, w *Webhook) error {
	var address, name, events *fault.Fault
	if in.URL != nil {
		w.URL, address = r.checkURL(*in.URL)
	}
	if in.Description != nil {
		w.Description, name = account.CheckName("description", "Description", *in.Description, wordsMost)
	}
	if in.Events != nil {
		w.Events, events = checkEvents(*in.Events)
	}
	return fault.All(address, name, events)
}

func (r *Room) checkURL(text string) (string, *fault.Fault) {
	text = strings.TrimSpace(text)
	plain := !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
	_, err := r.Guard.URL(text)
	switch {
	case text == "":
		return text, fault.Field("url-empty", "url", "Enter the address that events are sent to, for example https://example.com/hooks")
	case len(text) > urlMost:
		return text, fault.Field("url-long", "url", "Address must be "+strconv.Itoa(urlMost)+" characters or fewer")
	case errors.Is(err, outward.ErrInner):
		return text, fault.Field("url-inner", "url", "Address must be on the public internet. This one leads to a private network or to nowhere")
	case err != nil || !plain:
		return text, fault.Field("url-form", "url", "Address must begin with https:// and hold no user name, password or #, for example https://example.com/hooks")
	}
	return text, nil
}

// host is what of an address may be shown everywhere.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "address"
	}
	return u.Host
}

// List lists the account's webhooks, the oldest first.
func (r *Room) List(ctx context.Context, actor account.Actor) (list []Webhook, err error) {
	defer fault.Wrap(&err, "webhook.List")
	if err := actor.Require(account.ViewWebhooks); err != nil {
		return nil, err
	}
	list, err = r.webhooks(ctx, r.DB, `WHERE w.account_id = $1 ORDER BY w.created_at, w.id LIMIT 100`, actor.Account.ID)
	if err == nil {
		err = r.count(ctx, actor.Account.ID, list)
	}
	return list, err
}

// ByID returns one webhook of the account.
func (r *Room) ByID(ctx context.Context, actor account.Actor, id string) (_ Webhook, err error) {
	defer fault.Wrap(&err, "webhook.ByID")
	if err := actor.Require(account.ViewWebhooks); err != nil {
		return Webhook{}, err
	}
	w, err := r.byID(ctx, r.DB, actor.Account.ID, id)
	if err != nil {
		return w, err
	}
	return r.counted(ctx, w)
}

// Add adds a webhook and returns the secret that signs what it is sent, which is shown once and stored sealed. What happens from now on is
// sent. It needs a fresh step-up check, as what is sent leaves the account.
func (r *Room) Add(ctx context.Context, actor account.Actor, in Wanted) (w Webhook, secret string, err error) {
	defer fault.Wrap(&err, "webhook.Add")
	if err := actor.Require(account.ChangeWebhooks); err != nil {
		return w, "", err
	}
	for _, text := range []**string{&in.URL, &in.Description} {
		if *text == nil {
			*text = new(string)
		}
	}
	if in.Events == nil {
		in.Events = &[]string{}
	}
	if err := r.check(in, &w); err != nil {
		return Webhook{}, "", err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.may(ctx, q, &actor, true); err != nil {
			return err
		}
		var many int64
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM webhooks WHERE account_id = $1`, actor.Account.ID).Scan(&many); err != nil {
			return err
		}
		if many >= Most {
			return fault.New(fault.Conflict, "webhook-limit", "An account can have "+strconv.Itoa(Most)+" webhooks. Delete one first")
		}
		w.ID, w.accountID, w.CreatedAt, w.Version = ident.New(), actor.Account.ID, r.now(), 1
		secret = w.renew(r)
		if err := r.insertWebhook(ctx, q, w); err != nil {
			return err
		}
		return r.record(ctx, q, actor, account.WebhookAdded, w, "", host(w.URL)+": "+strings.Join(w.Events, ", "))
	})
	return w, secret, err
}

// may reads the actor's rights again, and asks for a fresh check where one is needed.
func (r *Room) may(ctx context.Context, q db.Q, actor *account.Actor, check bool) error {
	if err := r.Account.Still(ctx, q, actor, account.ChangeWebhooks); err != nil || !check {
		return err
	}
	return r.Account.Confirmed(ctx, q, *actor)
}

// record writes the audit entry and tells open pages.
func (r *Room) record(ctx context.Context, q db.Q, actor account.Actor, action account.Action, w Webhook, before, after string) error {
	if err := r.Account.Record(ctx, q, actor, account.Entry{Action: action, SubjectID: w.ID, SubjectName: w.Name(), Before: before, After: after}); err != nil {
		return err
	}
	return r.Account.Notice(ctx, q, w.accountID)
}

// renew gives the webhook a new secret and returns it.
func (w *Webhook) renew(r *Room) string {
	raw := make([]byte, secretBytes)
	rand.Read(raw)
	w.secret = r.Keys.Seal(w.sealContext(), raw)
	return secretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// sealContext binds a sealed secret to its webhook.
func (w Webhook) sealContext() string { return "webhook " + w.accountID + " " + w.ID }

// Change changes address, description or events; version is that of the webhook that was seen, 0 skips that check. A new address needs a
// fresh step-up check. What waits goes to the new address.
func (r *Room) Change(ctx context.Context, actor account.Actor, id string, in Wanted, version int64) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Change")
	if err := actor.Require(account.ChangeWebhooks); err != nil {
		return w, err
	}
	if err := r.check(in, &Webhook{}); err != nil {
		return w, err
	}
	return r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		was := *w
		if version != 0 && version != w.Version {
			return fault.New(fault.Changed, "changed-meanwhile", "Somebody changed this since you opened it. Look at it again, then make your change")
		}
		if err := r.check(in, w); err != nil {
			return err
		}
		before, after := was.told(*w)
		if before == after {
			return nil
		}
		if was.URL != w.URL {
			if err := r.Account.Confirmed(ctx, q, actor); err != nil {
				return err
			}
		}
		if err := r.save(ctx, q, w); err != nil {
			return err
		}
		return r.record(ctx, q, actor, account.WebhookChanged, *w, before, after)
	})
}

// told says in the audit log what differs between two states of a webhook. Of an address it tells the host, or that the rest changed.
func (w Webhook) told(is Webhook) (before, after string) {
	var was, now []string
	add := func(differs bool, a, b string) {
		if differs {
			was, now = append(was, a), append(now, b)
		}
	}
	from, to := host(w.URL), host(is.URL)
	if from == to {
		from, to = "an address at "+from, "another address at "+to
	}
	add(w.URL != is.URL, from, to)
	add(w.Description != is.Description, "“"+w.Description+"”", "“"+is.Description+"”")
	add(words(w.Events) != words(is.Events), strings.Join(w.Events, ", "), strings.Join(is.Events, ", "))
	return strings.Join(was, "; "), strings.Join(now, "; ")
}

// turn runs do on a webhook in a transaction that has read the actor's rights again.
func (r *Room) turn(ctx context.Context, actor account.Actor, id string, do func(context.Context, db.Q, account.Actor, *Webhook) error) (w Webhook, err error) {
	if err := actor.Require(account.ChangeWebhooks); err != nil {
		return w, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.may(ctx, q, &actor, false); err != nil {
			return err
		}
		if w, err = r.byID(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		return do(ctx, q, actor, &w)
	})
	if err != nil {
		return Webhook{}, err
	}
	return r.counted(ctx, w)
}

// counted adds to a webhook how many deliveries wait.
func (r *Room) counted(ctx context.Context, w Webhook) (Webhook, error) {
	list := []Webhook{w}
	err := r.count(ctx, w.accountID, list)
	return list[0], err
}

// Rotate gives a webhook a new secret and returns it, which is shown once. The one before signs along for SignsAlong, so that the receiver
// can change over in that time. It needs a fresh step-up check.
func (r *Room) Rotate(ctx context.Context, actor account.Actor, id string) (w Webhook, secret string, err error) {
	defer fault.Wrap(&err, "webhook.Rotate")
	w, err = r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if err := r.Account.Confirmed(ctx, q, actor); err != nil {
			return err
		}
		w.old, w.OldUntil = w.secret, r.now()+SignsAlong.Milliseconds()
		secret = w.renew(r)
		if err := r.save(ctx, q, w); err != nil {
			return err
		}
		return r.record(ctx, q, actor, account.WebhookRotated, *w, "", "")
	})
	if err != nil {
		secret = ""
	}
	return w, secret, err
}

// Pause stops sending. What happens meanwhile is noted, and sent once somebody resumes, unless it is older than 30 days by then.
func (r *Room) Pause(ctx context.Context, actor account.Actor, id string) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Pause")
	return r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if w.PausedAt > 0 {
			return nil
		}
		w.PausedAt, w.PausedWhy = r.now(), ByPerson
		if err := r.save(ctx, q, w); err != nil {
			return err
		}
		return r.record(ctx, q, actor, account.WebhookPaused, *w, "", "")
	})
}

// Resume sends again, at once what waited.
func (r *Room) Resume(ctx context.Context, actor account.Actor, id string) (w Webhook, err error) {
	defer fault.Wrap(&err, "webhook.Resume")
	return r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if w.PausedAt == 0 {
			return nil
		}
		before := string(w.PausedWhy)
		w.PausedAt, w.PausedWhy, w.FailingSince, w.Failures = 0, "", 0, 0
		if err := r.save(ctx, q, w); err != nil {
			return err
		}
		if err := r.fresh(ctx, q, *w); err != nil {
			return err
		}
		return r.record(ctx, q, actor, account.WebhookResumed, *w, before, "")
	})
}

// Delete deletes a webhook with its secret. What waits is sent no more; its log is gone.
func (r *Room) Delete(ctx context.Context, actor account.Actor, id string) (err error) {
	defer fault.Wrap(&err, "webhook.Delete")
	_, err = r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if err := r.remove(ctx, q, *w); err != nil {
			return err
		}
		return r.record(ctx, q, actor, account.WebhookDeleted, *w, host(w.URL), "")
	})
	return err
}

// SendTest sends an event of the type Test to a webhook.
func (r *Room) SendTest(ctx context.Context, actor account.Actor, id string) (d Delivery, err error) {
	defer fault.Wrap(&err, "webhook.SendTest")
	_, err = r.turn(ctx, actor, id, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if err := r.mayAsk(ctx, q, *w); err != nil {
			return err
		}
		now := r.now()
		list := []Delivery{{accountID: w.accountID, WebhookID: w.ID, Event: Test, AskedAt: now,
			Body: body(Test, now, testData{w.ID, doer{string(actor.Kind), actor.Name}})}}
		if err := r.insert(ctx, q, list); err != nil {
			return err
		}
		d = list[0]
		return r.hurry(ctx, q, *w)
	})
	return d, err
}

// mayAsk refuses what a person asks to be sent to a paused webhook, and too much of it.
func (r *Room) mayAsk(ctx context.Context, q db.Q, w Webhook) error {
	if w.PausedAt > 0 {
		return paused()
	}
	var asked int64
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM webhook_deliveries WHERE account_id = $1 AND asked_at > 0 AND asked_at > $2`,
		w.accountID, r.now()-askedSpan.Milliseconds()).Scan(&asked)
	if err == nil && asked >= askedMost {
		return &fault.Fault{Kind: fault.TooMany, Code: "webhook-often", RetryAfter: askedSpan,
			Message: "Your account asked for " + strconv.Itoa(askedMost) + " tests and repetitions in a minute. Wait a minute"}
	}
	return err
}

// hurry ends the rest of a webhook after a failure, as a person waits, and tells open pages.
func (r *Room) hurry(ctx context.Context, q db.Q, w Webhook) error {
	if _, err := q.ExecContext(ctx, `UPDATE webhook_lanes SET rest_until = 0 WHERE account_id = $1 AND webhook_id = $2`, w.accountID, w.ID); err != nil {
		return err
	}
	return r.Account.Notice(ctx, q, w.accountID)
}

// Replay sends a delivery again, with the same webhook-id and body, or one that waits at once.
func (r *Room) Replay(ctx context.Context, actor account.Actor, webhookID, id string) (d Delivery, err error) {
	defer fault.Wrap(&err, "webhook.Replay")
	_, err = r.turn(ctx, actor, webhookID, func(ctx context.Context, q db.Q, actor account.Actor, w *Webhook) error {
		if d, err = r.delivery(ctx, q, w.accountID, w.ID, id); err != nil {
			return err
		}
		if err := r.mayAsk(ctx, q, *w); err != nil {
			return err
		}
		now := r.now()
		if d.State != Waiting {
			d.State, d.Tries = Waiting, 0
		}
		d.AskedAt, d.NextAt = now, now
		if _, err := q.ExecContext(ctx, `UPDATE webhook_deliveries SET state = $3, tries = $4, asked_at = $5, next_at = $5 WHERE account_id = $1 AND id = $2`,
			d.accountID, d.ID, d.State, d.Tries, now); err != nil {
			return err
		}
		return r.hurry(ctx, q, *w)
	})
	if err != nil {
		return Delivery{}, err
	}
	return d, nil
}
