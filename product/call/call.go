// Package call keeps the record of every call: while it goes on, when somebody answers, and how it ended; and the sums of them that charts
// read. It knows no SIP and no media; whoever runs the call tells it.
package call

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/seal"
	"hubline/base/tel"
	"hubline/product/account"
)

// Config is what a Room needs from the outside.
type Config struct {
	DB      *db.DB
	Keys    *seal.Ring
	Account *account.Room
	Plan    tel.Plan
	Log     *slog.Logger     // nil: discarded
	Now     func() time.Time // nil: time.Now
	Node    string           // names this process among those on the same store; the same after a restart

	// Operator ends calls. It may be set after New, as who runs calls is made later; nil: no call can be ended from here.
	Operator Operator

	// Closed hears of calls that have ended, each once, in the transaction that closes them. It may be set after New; nil: nobody listens.
	Closed func(ctx context.Context, q db.Q, list []Record) error

	Gather   time.Duration // how long what nobody waits for stays unwritten; 0: 200 ms. An answer waits for a twentieth of it, and not at all when it is alone
	Patience time.Duration // how long one page of a list searches what no index finds; 0: 60 ms
}

// Operator runs calls.
type Operator interface {
	// Hangup ends a call that this process runs, and reports whether there was one.
	Hangup(accountID, callID string) bool
}

// Room is the room "call". Its verbs are safe for use by many goroutines. Run does the writing.
type Room struct {
	Config
	queue chan entry
	over  chan struct{} // closed when Run has ended
}

const (
	queueLength = 4096 // what may wait for the store before callers do
	mostBatch   = 512  // entries of one commit
)

// New returns the room.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Node = cmp.Or(c.Node, "node")
	c.Gather = cmp.Or(c.Gather, 200*time.Millisecond)
	c.Patience = cmp.Or(c.Patience, 60*time.Millisecond)
	return &Room{Config: c, queue: make(chan entry, queueLength), over: make(chan struct{})}
}

// Direction tells where a call came from and went to.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"  // from outside to a number of the account
	Outbound Direction = "outbound" // from a phone user to the outside
	Internal Direction = "internal" // between phone users
)

// Directions lists the directions as filters show them.
var Directions = []Direction{Inbound, Outbound, Internal}

// Words names the direction as pages do.
func (d Direction) Words() string { return capital(string(d)) }

// Status is how a call ended. A call that goes on has none.
type Status string

// The statuses.
const (
	Answered    Status = "answered"    // somebody, or a machine out there, accepted it
	Unanswered  Status = "unanswered"  // it rang out
	Cancelled   Status = "cancelled"   // the caller gave up first
	Busy        Status = "busy"        // everybody who could take it was on a call, or declined
	Unavailable Status = "unavailable" // nobody could be reached
)

// Statuses lists the statuses as filters show them.
var Statuses = []Status{Answered, Unanswered, Cancelled, Busy, Unavailable}

// Words names the status as pages do.
func (s Status) Words() string { return capital(string(s)) }

func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// Record is one call. Times are Unix ms, 0 for not yet; numbers are E.164, or what was dialled when it is none; names are as they were
// at the time of the call.
type Record struct {
	AccountID string
	ID        string // begins with StartedAt
	Direction Direction
	Status    Status // "" while the call goes on

	FromNumber, FromName, FromUserID string
	ToNumber, ToName, ToUserID       string
	Hidden                           bool   // the caller's number was withheld
	ServiceNumber, ServiceName       string // the account's number: the one that was called, or the one shown
	AnsweringPoint, AnsweredByID     string // who or what answered, and its ID if it is a phone user
	Carrier                          string

	StartedAt, AnsweredAt, EndedAt int64
	RingMS, TalkMS                 int64
	Cause                          string // why it ended, in a word of the one who ran it: "rang-out", "interrupted"
	EndedBy                        string // "caller", "callee" or "system"
	SIPStatus                      int
	Steps                          []Step // what happened, in order; lists leave it out
	Node                           string // which process ran it
}

// Step is one thing that happened during a call.
type Step struct {
	At     int64  `json:"at"`               // Unix ms
	Kind   string `json:"kind"`             // "ring", "answer", "decline", …
	Party  string `json:"party,omitempty"`  // whom it is about, as named then
	Status int    `json:"status,omitempty"` // of SIP
	Text   string `json:"text,omitempty"`
}

// Peer is the number at the far end: who called in, or who was called.
func (c Record) Peer() string {
	if c.Direction == Inbound {
		return c.FromNumber
	}
	return c.ToNumber
}

// Live reports whether the call goes on.
func (c Record) Live() bool { return c.EndedAt == 0 }

// Limits of what is kept of texts that come from outside.
const (
	textMost  = 200 // bytes of a name or number
	stepsMost = 200
)

// clean makes the texts of a record fit for every store: what comes from networks may be anything. Its beginning is its ID's.
func (c *Record) clean() {
	c.StartedAt = timeOf(c.ID)
	for _, text := range []*string{&c.FromNumber, &c.FromName, &c.FromUserID, &c.ToNumber, &c.ToName, &c.ToUserID, &c.ServiceNumber, &c.ServiceName,
		&c.AnsweringPoint, &c.AnsweredByID, &c.Carrier, &c.Cause, &c.EndedBy} {
		*text = fit(*text)
	}
	if len(c.Steps) > stepsMost {
		c.Steps = c.Steps[:stepsMost:stepsMost]
	}
}

func fit(text string) string {
	if len(text) > textMost {
		text = text[:textMost]
	}
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// search is what lists are searched in.
func (c Record) search() string {
	return listing.Fold(c.FromName+" "+c.ToName+" "+c.ServiceName+" "+c.AnsweringPoint) + " " + c.FromNumber + " " + c.ToNumber + " " + c.ServiceNumber
}

func (c Record) stepsText() string {
	if len(c.Steps) == 0 {
		return ""
	}
	text, err := json.Marshal(c.Steps)
	if err != nil { // strings and numbers always can
		return ""
	}
	return string(text)
}

const columns = `account_id, id, direction, status, from_number, from_name, from_user_id, to_number, to_name, to_user_id, hidden, service_number, service_name,
	answering_point, answered_by_id, carrier, started_at, answered_at, ended_at, ring_ms, talk_ms, cause, ended_by, sip_status, node`

func (c *Record) fields() []any {
	return []any{&c.AccountID, &c.ID, &c.Direction, &c.Status, &c.FromNumber, &c.FromName, &c.FromUserID, &c.ToNumber, &c.ToName, &c.ToUserID, (*flag)(&c.Hidden),
		&c.ServiceNumber, &c.ServiceName, &c.AnsweringPoint, &c.AnsweredByID, &c.Carrier, &c.StartedAt, &c.AnsweredAt, &c.EndedAt, &c.RingMS, &c.TalkMS,
		&c.Cause, &c.EndedBy, &c.SIPStatus, &c.Node}
}

// flag is a bool as the store keeps it: 0 or 1.
type flag bool

// Scan implements sql.Scanner.
func (f *flag) Scan(v any) error {
	n, _ := v.(int64)
	*f = n != 0
	return nil
}

// End ends a call that goes on.
func (r *Room) End(ctx context.Context, actor account.Actor, id string) (err error) {
	defer fault.Wrap(&err, "call.End")
	if err := actor.Require(account.EndCalls); err != nil {
		return err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Account.Still(ctx, q, &actor, account.EndCalls); err != nil {
			return err
		}
		c, err := r.byID(ctx, q, actor.Account.ID, id)
		if err != nil {
			return err
		}
		if !c.Live() {
			return ended()
		}
		return r.Account.Record(ctx, q, actor, account.Entry{Action: account.CallEnded, SubjectID: c.ID, SubjectName: r.label(c)})
	})
	if err == nil && (r.Operator == nil || !r.Operator.Hangup(actor.Account.ID, id)) {
		err = ended()
	}
	return err
}

// label names a call in sentences: "from Mary Chen to 02 5550 0142".
func (r *Room) label(c Record) string {
	return "from " + cmp.Or(c.FromName, r.Plan.National(c.FromNumber), "a hidden number") + " to " + cmp.Or(c.ToName, r.Plan.National(c.ToNumber))
}

func ended() error {
	return fault.New(fault.Conflict, "call-over", "That call has ended already")
}

func notFound() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}
