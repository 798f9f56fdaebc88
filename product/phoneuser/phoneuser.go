// Package phoneuser holds the seats of an account: who has an extension, the devices that sign in for them, how a device is set up, and
// where it can be reached. It knows no SIP message, no call and no page; numbers and their owners are told to it.
package phoneuser

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/seal"
	"hubline/base/tel"
	"hubline/product/account"
)

// Config is what a Room needs from the outside. The functions may be set after New and before the first verb, as the rooms behind them
// are made later.
type Config struct {
	DB      *db.DB
	Jobs    *job.Queue
	Keys    *seal.Ring
	Account *account.Room
	Feed    *change.Feed // nil: Run has nothing to hear, and what is kept in memory is read anew every second
	Plan    tel.Plan
	Log     *slog.Logger     // nil: discarded
	Now     func() time.Time // nil: time.Now
	BaseURL string           // origin of every link, without a slash at the end

	Domain    string // SIP domain and digest realm of the installation
	Server    string // host or host:port where phones sign in; empty: the domain
	Transport string // how apps sign in: udp, tcp or tls; empty: udp

	// Owns tells whether a number in E.164 belongs to the account, and its kind. nil: no account has numbers.
	Owns func(ctx context.Context, q db.Q, accountID, e164 string) (kind tel.Kind, ok bool, err error)
	// LeadsTo lists the numbers in E.164 that ring a phone user. nil: none.
	LeadsTo func(ctx context.Context, q db.Q, accountID, phoneUserID string) ([]string, error)
	// OnDelete ends what leads to a phone user, in the transaction that deletes them. nil: nothing.
	OnDelete func(ctx context.Context, q db.Q, actor account.Actor, phoneUserID string) error
	// Presence tells what a phone user's phones do right now. nil: nobody knows.
	Presence Presence
}

// Presence tells what the phones of a phone user do right now: "available", "on-a-call", or "" when none is signed in.
type Presence interface {
	State(accountID, phoneUserID string) string
}

// Room is the room "phoneuser". Its verbs are safe for use by many goroutines.
type Room struct {
	Config
	cache    *cache
	seats    *seats
	working  *change.Memory[bool] // by account: whether its phones may be used
	watching atomic.Bool
}

// New returns the room and registers its jobs. Run keeps its memory of credentials and seats right.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Server == "" {
		c.Server = c.Domain
	}
	if c.Transport == "" {
		c.Transport = "udp"
	}
	r := &Room{Config: c, cache: newCache(), seats: newSeats(c.Now), working: change.NewMemory[bool](cacheMost, c.Now)}
	r.registerJobs()
	return r
}

// Settings are the fields of the form of a phone user, and of the API. Numbers are accepted as people type them and kept in E.164.
type Settings struct {
	Extension    string `form:"extension" json:"extension"` // 2 to 6 digits, fixed once set
	DisplayName  string `form:"display_name" json:"display_name"`
	Email        string `form:"email" json:"email"`               // where set-up links go; needed while the app is on
	LocalPrefix  string `form:"local_prefix" json:"local_prefix"` // area code put in front of local numbers; empty: none
	CallerID     string `form:"caller_id" json:"caller_id"`       // a local or mobile number of the account; empty: none
	HideCallerID bool   `form:"hide_caller_id" json:"hide_caller_id"`
	SMSNumber    string `form:"sms_number" json:"sms_number"`   // a mobile number of the account; empty: none
	AppEnabled   bool   `form:"app_enabled" json:"app_enabled"` // whether devices may sign in
}

// Change is a partial change of Settings; nil fields stay as they are. Another extension than the one set is refused.
type Change struct {
	Extension    *string `json:"extension,omitempty"`
	DisplayName  *string `json:"display_name,omitempty"`
	Email        *string `json:"email,omitempty"`
	LocalPrefix  *string `json:"local_prefix,omitempty"`
	CallerID     *string `json:"caller_id,omitempty"`
	HideCallerID *bool   `json:"hide_caller_id,omitempty"`
	SMSNumber    *string `json:"sms_number,omitempty"`
	AppEnabled   *bool   `json:"app_enabled,omitempty"`
}

// Change returns the change that sets everything but the extension.
func (s Settings) Change() Change {
	return Change{DisplayName: &s.DisplayName, Email: &s.Email, LocalPrefix: &s.LocalPrefix, CallerID: &s.CallerID,
		HideCallerID: &s.HideCallerID, SMSNumber: &s.SMSNumber, AppEnabled: &s.AppEnabled}
}

func (s Settings) with(c Change) Settings {
	set(&s.Extension, c.Extension)
	set(&s.DisplayName, c.DisplayName)
	set(&s.Email, c.Email)
	set(&s.LocalPrefix, c.LocalPrefix)
	set(&s.CallerID, c.CallerID)
	set(&s.HideCallerID, c.HideCallerID)
	set(&s.SMSNumber, c.SMSNumber)
	set(&s.AppEnabled, c.AppEnabled)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Delivery is how far the mail with the newest set-up link got.
type Delivery string

// The states of delivery. None means that no link was sent.
const (
	None    Delivery = ""
	Queued  Delivery = "queued"
	Sent    Delivery = "sent"
	Refused Delivery = "refused" // the receiving server said no for good
)

// User is a phone user of an account.
type User struct {
	ID        string
	AccountID string
	Settings
	Devices       int   // living ones
	DetailsSentAt int64 // when the newest set-up link was made; 0: never
	Delivery      Delivery
	DeliveryNote  string // why it was refused
	RightNow      string // what Config.Presence says; only List and ByID ask it
	Stopped       bool   // the account does not work; only Seat tells
	CreatedAt     int64
	UpdatedAt     int64
	DeletedAt     int64 // 0: lives
	Version       int64
}

// State is what a list shows of the phone user right now.
type State string

// The states of a phone user.
const (
	AppOff    State = "app-off"
	NotSetUp  State = "not-set-up" // no device yet
	Available State = "available"
	OnACall   State = "on-a-call"
	Away      State = "away" // set up, but no device is signed in
)

// State tells what the phone user's phones do right now.
func (u User) State() State {
	switch {
	case !u.AppEnabled:
		return AppOff
	case u.Devices == 0:
		return NotSetUp
	case u.RightNow == "":
		return Away
	}
	return State(u.RightNow)
}

// Label names the phone user in sentences: "Mary Chen, extension 101".
func (u User) Label() string { return u.DisplayName + ", extension " + u.Extension }

const userColumns = `p.id, p.account_id, p.extension, p.display_name, p.email, p.local_prefix, p.caller_id, p.hide_caller_id, p.sms_number, p.app_enabled,
	p.details_sent_at, p.delivery, p.delivery_note, p.created_at, p.updated_at, p.deleted_at, p.version,
	(SELECT COUNT(*) FROM devices d WHERE d.account_id = p.account_id AND d.phone_user_id = p.id AND d.ended_at = 0)`

func (u *User) fields() []any {
	return []any{&u.ID, &u.AccountID, &u.Extension, &u.DisplayName, &u.Email, &u.LocalPrefix, &u.CallerID, (*flag)(&u.HideCallerID), &u.SMSNumber,
		(*flag)(&u.AppEnabled), &u.DetailsSentAt, &u.Delivery, &u.DeliveryNote, &u.CreatedAt, &u.UpdatedAt, &u.DeletedAt, &u.Version, &u.Devices}
}

// flag is a bool as the store keeps it: 0 or 1.
type flag bool

// Scan implements sql.Scanner.
func (f *flag) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a flag is %T", v)
	}
	*f = n != 0
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Installation fixes a value for the whole installation at its first start, and returns what was fixed then.
func Installation(ctx context.Context, d *db.DB, name, value string) (fixed string, err error) {
	defer fault.Wrap(&err, "phoneuser.Installation(%s)", name)
	err = d.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := q.ExecContext(ctx, `INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value); err != nil {
			return err
		}
		return q.QueryRowContext(ctx, `SELECT value FROM installation WHERE name = $1`, name).Scan(&fixed)
	})
	return fixed, err
}

func notFound() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}

func changedMeanwhile() error {
	return fault.New(fault.Changed, "changed-meanwhile", "Somebody changed this since you opened it. Look at it again, then make your change")
}

func (r *Room) now() int64 { return r.Now().UnixMilli() }

// tx is DB.Tx for verbs whose rules a unique index backs up: who loses the race for the same row runs again and then finds it there.
func (r *Room) tx(ctx context.Context, fn func(ctx context.Context, q db.Q) error) error {
	err := r.DB.Tx(ctx, fn)
	if db.IsUnique(err) {
		err = r.DB.Tx(ctx, fn)
	}
	return err
}

// within runs a change of the account's phone users, which needs the permission: rights are read again in its transaction, and pages and
// nodes are told.
func (r *Room) within(ctx context.Context, actor account.Actor, p account.Permission, fn func(ctx context.Context, q db.Q, actor account.Actor) error) error {
	if err := actor.Require(p); err != nil {
		return err
	}
	return r.tx(ctx, func(ctx context.Context, q db.Q) error {
		actor := actor
		if err := r.Account.Still(ctx, q, &actor, p); err != nil {
			return err
		}
		return fn(ctx, q, actor)
	})
}

// notice tells open pages of the account, and whoever keeps something of the phone users named.
func (r *Room) notice(ctx context.Context, q db.Q, accountID string, topics ...string) error {
	r.DB.Afterwards(ctx, func() { r.seats.drop(topics) })
	return change.Post(ctx, q, r.Now(), append(topics, account.PhoneTopic(accountID))...)
}

// DeviceTopic names a device that ended or may no longer sign in; whoever holds a registration or a call of it reads the store and acts.
func DeviceTopic(deviceID string) string { return devicePrefix + deviceID }

// userTopic names a phone user whose settings changed.
func userTopic(id string) string { return userPrefix + id }

const (
	devicePrefix = "device:"
	userPrefix   = "phone-user:"
)

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
