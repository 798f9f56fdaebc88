// Package webhook tells addresses of customers what happens in their account: signed after Standard Webhooks, tried again with growing
// pauses, and with a log of what was sent. It knows no pages, and nothing of how what it tells came about.
package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/outward"
	"hubline/base/seal"
	"hubline/product/account"
	"hubline/product/call"
)

// Bounds of an account's webhooks.
const (
	Most        = 10 // webhooks of one account
	urlMost     = 500
	wordsMost   = 100                 // characters of a description
	kept        = 30 * 24 * time.Hour // what was sent, and what waits
	askedMost   = 30                  // tests and repetitions that people of one account ask for in askedSpan
	askedSpan   = time.Minute
	secretBytes = 32
	// SignsAlong is how long a secret that was renewed signs along with the new one.
	SignsAlong = 24 * time.Hour
)

// Config is what a Room needs from the outside.
type Config struct {
	DB      *db.DB
	Jobs    *job.Queue
	Keys    *seal.Ring
	Account *account.Room
	Guard   *outward.Guard   // nil: public addresses only
	Log     *slog.Logger     // nil: discarded
	Now     func() time.Time // nil: time.Now
	Poll    time.Duration    // pause between two looks for what is to be sent; 0: half a second
	Limit   time.Duration    // how long one try may last; 0: 10 seconds
}

// Room is the room "webhook". Its verbs are safe for use by many goroutines. Run does the sending.
type Room struct {
	Config
	client *http.Client

	mu   sync.Mutex
	busy map[string]int // lanes that this process serves, by account
	all  int
}

// New returns the room and registers its jobs. Calls has to be told of it with Closed.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.Limit == 0 {
		c.Limit = 10 * time.Second
	}
	if c.Guard == nil {
		c.Guard = &outward.Guard{}
	}
	r := &Room{Config: c, client: c.Guard.Client(outward.Limits{Time: c.Limit, Body: answerMost}), busy: map[string]int{}}
	job.Handle(r.Jobs, letterMail, r.sendLetter, job.Attempts(12))
	job.Handle(r.Jobs, againJob, r.putBack)
	r.Jobs.Every("webhook.tidy", time.Hour, r.tidy)
	return r
}

func (r *Room) now() int64 { return r.Now().UnixMilli() }

// Reason says why a webhook is paused.
type Reason string

// The reasons.
const (
	ByPerson Reason = "person"
	Gone     Reason = "gone"    // it answered 410: it wants no more
	Failing  Reason = "failing" // nothing could be delivered for days
)

// Health says how sending to a webhook goes.
type Health string

// The healths.
const (
	Working    Health = "working"
	InTrouble  Health = "failing" // the last try failed; it is tried again
	PausedHere Health = "paused"
)

// Webhook is one address of an account. Its secret is nowhere to be read.
type Webhook struct {
	ID          string
	URL         string
	Description string
	Events      []string // types of Events
	OldUntil    int64    // until when the secret before signs along; 0: there is none
	PausedAt    int64    // 0: it is not paused
	PausedWhy   Reason
	CreatedAt   int64
	Version     int64

	FailingSince int64 // first failure since something was delivered; 0: the last try went well
	Failures     int64 // in a row
	Waiting      int64 // deliveries that wait for a try

	accountID   string
	secret, old string // sealed
}

// Health tells how sending goes.
func (w Webhook) Health() Health {
	switch {
	case w.PausedAt > 0:
		return PausedHere
	case w.FailingSince > 0:
		return InTrouble
	}
	return Working
}

// Name is what people call the webhook by: its description, or the host of its address. The rest of an address may hold a password.
func (w Webhook) Name() string {
	if w.Description != "" {
		return w.Description
	}
	return host(w.URL)
}

// State is where a delivery stands.
type State string

// The states of a delivery.
const (
	Waiting   State = "waiting" // for its next try
	Delivered State = "delivered"
	Failed    State = "failed" // given up
)

// States lists the states as filters show them.
var States = []State{Waiting, Delivered, Failed}

// Delivery is one thing that a webhook is told, and how the last try went. Its ID is the webhook-id of its requests.
type Delivery struct {
	ID         string
	WebhookID  string
	Event      string
	Body       string // JSON, exactly as sent
	State      State
	CreatedAt  int64
	AskedAt    int64 // when a person asked for it, by a test or by sending it again; 0: nobody did
	NextAt     int64 // of its next try; 0: there is none
	Tries      int64 // since it was made, or sent again
	TriedAt    int64 // the last one; 0: none yet
	Status     int   // of the last answer; 0: none
	DurationMS int64
	Error      string // why the last try failed, for people; "": it did not

	accountID string
}

// Attempt is one try to send a delivery.
type Attempt struct {
	ID         string
	At         int64
	Status     int // 0: no answer
	DurationMS int64
	Error      string // for people; "" when it was delivered
	Answer     string // the first bytes of the answer, as plain text
}

// Closed is what call.Room tells of calls that have ended: it notes them for the webhooks that want to know, in the same transaction.
func (r *Room) Closed(ctx context.Context, q db.Q, list []call.Record) error {
	seen := map[string]bool{}
	var ids []string
	for _, c := range list {
		if !seen[c.AccountID] {
			seen[c.AccountID] = true
			ids = append(ids, c.AccountID)
		}
	}
	hooks, err := r.listening(ctx, q, ids...)
	if err != nil || len(hooks) == 0 {
		return err
	}
	var out []Delivery
	for _, c := range list {
		for _, w := range hooks {
			if w.accountID == c.AccountID && w.wants(CallEnded) {
				out = append(out, Delivery{accountID: c.AccountID, WebhookID: w.ID, Event: CallEnded, Body: body(CallEnded, c.EndedAt, callOf(c))})
			}
		}
	}
	return r.insert(ctx, q, out)
}
