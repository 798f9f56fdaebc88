// Package accounttest gives tests a working room "account": on a store of the test's own, with a clock that the test moves, mails
// that the test reads, and people in it. It knows no doors and makes no assertions of its own.
package accounttest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/base/mail/mailbox"
	"hubline/base/seal"
	"hubline/product/account"
)

// BaseURL is the origin of every link in the mails of a Rig.
const BaseURL = "https://hubline.example"

// Start is the time on the clock of a new Rig: a Sunday morning in Sydney.
var Start = time.Date(2026, time.November, 22, 9, 0, 0, 0, time.FixedZone("", 11*60*60))

// Clock is a clock that stands still until a test moves it. It is safe for use by many goroutines.
type Clock struct{ ms atomic.Int64 }

// Now returns the time on the clock.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()).UTC() }

// Set puts the clock at a time, earlier or later.
func (c *Clock) Set(t time.Time) { c.ms.Store(t.UnixMilli()) }

// Advance moves the clock; a negative duration moves it back.
func (c *Clock) Advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// Rig is a room with everything around it. Its helpers end the test when they fail, so call them from the test's own goroutine.
type Rig struct {
	*account.Room
	DB    *db.DB
	Jobs  *job.Queue
	Keys  *seal.Ring
	Clock *Clock
	Mails *Mails       // what was mailed; empty when Box is used
	Box   *mailbox.Box // with the option Mailbox

	t      testing.TB
	people map[string]*login // by address
	queued map[string][]sealed
	noted  map[string]bool // IDs of jobs in queued
}

// login is how a person signs in, whatever accounts they belong to.
type login struct {
	session, device string
}

// sealed is one mail job as the room queued it.
type sealed struct {
	InvitationID, Email, Token, Code, To string
	Generation                           int64
}

// Option adjusts what a Rig is made from.
type Option func(*Rig, *account.Config)

// With changes the room's configuration.
func With(change func(*account.Config)) Option {
	return func(_ *Rig, c *account.Config) { change(c) }
}

// Mailbox sends the mails through SMTP to a real mailbox on loopback, which answers the addresses chosen by refuse with 550.
func Mailbox(refuse func(address string) bool) Option {
	return func(r *Rig, c *account.Config) {
		box, err := mailbox.Start(mailbox.Options{Dir: r.t.TempDir(), Refuse: refuse, Log: c.Log, Now: r.Clock.Now})
		if err != nil {
			r.t.Fatalf("start the mailbox: %v", err)
		}
		r.t.Cleanup(func() { box.Close() })
		r.Box = box
		c.Mail = &mail.SMTP{Addr: box.Addr(), From: "Southern Cross Voice <portal@hubline.example>", TLS: "none"}
	}
}

// New returns a Rig on the store, which must be migrated. Limits of invitations are high and hashing a password is cheap, as most tests
// are about something else.
func New(t testing.TB, d *db.DB, options ...Option) *Rig {
	t.Helper()
	key := make([]byte, seal.KeySize)
	rand.Read(key)
	r := &Rig{DB: d, Keys: seal.New(key), Clock: &Clock{}, Mails: &Mails{}, t: t,
		people: map[string]*login{}, queued: map[string][]sealed{}, noted: map[string]bool{}}
	r.Clock.Set(Start)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	r.Jobs = job.New(d, r.Keys, log)
	r.Jobs.Now, r.Jobs.Poll = r.Clock.Now, 5*time.Millisecond
	config := account.Config{DB: d, Jobs: r.Jobs, Keys: r.Keys, Mail: r.Mails, Log: log, Now: r.Clock.Now, BaseURL: BaseURL,
		Provider: mail.Provider{Name: "Southern Cross Voice", Phone: "1300 555 019", Address: "1 Example Street, Sydney",
			Support: "help@voice.example", From: "Southern Cross Voice <portal@hubline.example>"},
		DailyInvitations: 1_000_000, RecipientWeekly: 1_000_000, HashWorkers: 2, HashMemory: 64}
	for _, option := range options {
		option(r, &config)
	}
	r.Room = account.New(config)
	return r
}

// In returns the rig for a subtest, so that failures of helpers end that one.
func (r *Rig) In(t testing.TB) *Rig {
	inner := *r
	inner.t = t
	return &inner
}

// Node returns another node of the same installation: a second room on the same store, with the same keys and clock.
func (r *Rig) Node() *account.Room {
	c := r.Room.Config
	jobs := job.New(r.DB, r.Keys, c.Log)
	jobs.Now, jobs.Poll = r.Clock.Now, 5*time.Millisecond
	c.Jobs = jobs
	return account.New(c)
}

// RunJobs works until no job and no hourly work is due at the time on the clock. Jobs that fail wait for their next try as in production.
func (r *Rig) RunJobs() {
	r.t.Helper()
	r.note()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Jobs.Run(ctx) }()
	deadline := time.Now().Add(time.Minute)
	for busy := 1; busy > 0; time.Sleep(time.Millisecond) {
		err := r.DB.QueryRowContext(ctx, `
			SELECT (SELECT COUNT(*) FROM jobs WHERE dead_at = 0 AND (run_at <= $1 OR lease <> ''))
			     + (SELECT COUNT(*) FROM job_schedule WHERE run_at <= $1 OR lease <> '')
			     + (SELECT CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END FROM job_schedule)`, r.Clock.Now().UnixMilli()).Scan(&busy)
		if err != nil || time.Now().After(deadline) {
			stop()
			r.t.Fatalf("%d jobs are not done: %v", busy, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		r.t.Fatal(err)
	}
}

// note reads the mail jobs that wait in the store, with the secrets that only their mails will hold.
func (r *Rig) note() {
	r.t.Helper()
	rows, err := r.DB.QueryContext(context.Background(), `SELECT id, kind, args FROM jobs WHERE dead_at = 0 ORDER BY created_at`)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, kind, args string
		if err := rows.Scan(&id, &kind, &args); err != nil {
			r.t.Fatal(err)
		}
		if r.noted[id] {
			continue
		}
		var s sealed
		raw, err := r.Keys.Open("job "+kind+" "+id, args)
		if err == nil {
			err = json.Unmarshal(raw, &s)
		}
		if err != nil {
			r.t.Fatalf("job %s: %v", kind, err)
		}
		r.noted[id] = true
		r.queued[kind] = append(r.queued[kind], s)
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// find returns the newest mail job of a kind that fits.
func (r *Rig) find(kind string, fits func(sealed) bool) sealed {
	r.t.Helper()
	r.note()
	var found sealed
	for _, s := range r.queued[kind] {
		if fits(s) && s.Generation >= found.Generation {
			found = s
		}
	}
	if found == (sealed{}) {
		r.t.Fatalf("no job %s of that kind was queued", kind)
	}
	return found
}

// Token returns the token of the newest link of an invitation.
func (r *Rig) Token(invitationID string) string {
	r.t.Helper()
	return r.find("account.invitation-mail", func(s sealed) bool { return s.InvitationID == invitationID }).Token
}

// Code returns the newest step-up code that was mailed to an address.
func (r *Rig) Code(email string) string {
	r.t.Helper()
	return r.find("account.code-mail", func(s sealed) bool { return s.Email == email }).Code
}

// ResetToken returns the token of the newest link for a new password that was asked for an address. The link works once RunJobs has
// mailed it.
func (r *Rig) ResetToken(email string) string {
	r.t.Helper()
	return r.find("account.reset-mail", func(s sealed) bool { return s.Email == email }).Token
}

// EmailToken returns the token of the newest link that went to an address about a change of address: to a new one, or to the old one
// that can take it back.
func (r *Rig) EmailToken(email string) string {
	r.t.Helper()
	return r.find("account.email-mail", func(s sealed) bool { return s.Email == email }).Token
}

// RecoveryToken returns the token of the newest link to stop a recovery that was mailed to an address.
func (r *Rig) RecoveryToken(email string) string {
	r.t.Helper()
	return r.find("account.recovery-mail", func(s sealed) bool { return s.To == email && s.Token != "" }).Token
}

// Forget deletes the jobs that wait, for tests that make very many.
func (r *Rig) Forget() {
	r.t.Helper()
	if _, err := r.DB.ExecContext(context.Background(), `DELETE FROM jobs`); err != nil {
		r.t.Fatal(err)
	}
	clear(r.queued)
	clear(r.noted)
}

// Recount brings every account's counts of hub users in line after a test has put some into the store by itself.
func Recount(t testing.TB, d *db.DB) {
	t.Helper()
	for _, query := range []string{`DELETE FROM people_counts`,
		`INSERT INTO people_counts (account_id, state, people) SELECT account_id, state, COUNT(*) FROM memberships GROUP BY account_id, state`} {
		if _, err := d.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
}
